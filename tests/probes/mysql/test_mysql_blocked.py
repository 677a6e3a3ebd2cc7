"""An address that the server blocks (errno 1129), for real: loopback is exempt, so in a network of the test's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from drwatch.lab.server import Flavour

ADDRESS = "10.99.0.1"

INSIDE = """
import asyncio, json, socket, sys
from datetime import UTC, datetime

from drwatch.core.sample import Moment, Node
from drwatch.lab.binaries import find
from drwatch.lab.deadline import until
from drwatch.lab.sandbox import Sandbox
from drwatch.lab.server import Flavour, Server
from drwatch.probes.mysql import MysqlServer

ADDRESS, flavour = sys.argv[1], Flavour(sys.argv[2])


async def main(server):
    def clock():
        return Moment(asyncio.get_running_loop().time(), datetime.now(UTC))

    def watching():
        return MysqlServer(
            Node("shop", "oslo-a"), ADDRESS, server.port, "watch", "secret", None, deadline=5.0, clock=clock
        )

    async def seen(watch):
        found = (await watch.server_look.look()).found
        await watch.close()
        return getattr(found, "reason", "seen"), getattr(found, "errno", None)

    said = [await seen(watching())]
    for _ in range(4):
        with socket.create_connection((ADDRESS, server.port)) as vain:
            vain.recv(1)
    until(lambda: int(server.sql("SHOW GLOBAL STATUS LIKE 'Aborted_connects'")[0]["Value"]) >= 4, within=5, what="it")
    said.append(await seen(watching()))
    server.sql(REMEDY[flavour])
    said.append(await seen(watching()))
    print(json.dumps(said))


REMEDY = {
    Flavour.MYSQL_97: "TRUNCATE TABLE performance_schema.host_cache",
    Flavour.MYSQL_57: "FLUSH HOSTS",
    Flavour.MARIADB: "FLUSH HOSTS",
}
with Sandbox() as sandbox:
    # The server counts only addresses whose name it looks up.
    options = "--server-id=1", "--max-connect-errors=3", "--host-cache-size=16"
    server = Server(sandbox, find(), flavour, "oslo-a", ADDRESS, *options, without=("--skip-name-resolve",))
    server.start()
    server.sql("CREATE USER watch@'%%' IDENTIFIED BY 'secret'".replace("%%", "%"))
    asyncio.run(main(server))
    server.kill()
"""

OUTSIDE = f"""
ip link set lo up && ip address add {ADDRESS}/32 dev lo && mount --bind "$1" /etc/hosts && shift && exec "$@"
"""


@pytest.mark.parametrize("flavour", [Flavour.MARIADB, Flavour.MYSQL_57, Flavour.MYSQL_97], ids=str)
def test_a_blocked_address_is_told_as_such_and_let_in_again_by_the_runbooks_command(
    flavour: Flavour, tmp_path: Path
) -> None:
    if os.getuid() != 0:
        pytest.skip("a network of its own needs root")
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{ADDRESS} witness\n")
    inside = [sys.executable, "-c", INSIDE, ADDRESS, flavour]
    run = subprocess.run(
        ["unshare", "--net", "--mount", "--", "sh", "-c", OUTSIDE, "sh", str(hosts), *inside],
        capture_output=True,
        text=True,
        timeout=60,
    )
    if "Operation not permitted" in run.stderr:
        pytest.skip(f"a network of its own cannot be made here: {run.stderr.strip()}")
    assert run.stdout.strip() == '[["seen", null], ["host_blocked", 1129], ["seen", null]]', run.stderr[-2000:]
