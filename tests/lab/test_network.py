"""Hosts with a network of their own: who reaches whom, and that nothing of them outlives a run."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pymysql
import pytest

from drwatch.lab.binaries import Binaries
from drwatch.lab.deadline import until
from drwatch.lab.disk import NotPermitted
from drwatch.lab.faults import FAULTS
from drwatch.lab.harm import harm
from drwatch.lab.host import Host
from drwatch.lab.hosts import OUTSIDE, PRIMARY, STANDBY, WITNESS, Hosts
from drwatch.lab.network import Network
from drwatch.lab.replication import MONITOR, create_accounts
from drwatch.lab.sandbox import Sandbox, inside, sweep
from drwatch.lab.server import Flavour, Server


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    try:
        with Hosts() as hosts:
            yield hosts
    except NotPermitted as reason:
        pytest.skip(str(reason))


def reaches(origin: Host, address: str, port: int = 22) -> str:
    """What comes of a dial from there: "open", or the error."""

    def dial() -> str:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError as error:
            return type(error).__name__
        return "open"

    return origin.call(dial)


def pings(origin: Host, target: str, count: int = 1) -> int:
    """How many of so many echo requests from there are answered (by the kernel, whatever else is frozen)."""

    def ask() -> int:
        answered = 0
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as wire:
            wire.settimeout(1)
            wire.connect((target, 0))
            for _ in range(count):
                wire.send(bytes.fromhex("0800f7fd00010001"))
            with suppress(TimeoutError):
                while answered < count:
                    answered += wire.recv(64)[20] == 0
        return answered

    return origin.call(ask)


def test_every_host_reaches_every_other_one_by_both_kinds_of_address(hosts: Hosts) -> None:
    primary = hosts.places.primary
    for origin in (hosts.places.standby, hosts.places.witness, hosts.places.outside):
        assert [reaches(origin, address) for address in (primary.address, primary.address6)] == ["open", "open"]


def test_nothing_of_it_is_on_the_machine_itself(hosts: Hosts) -> None:
    links = subprocess.run(["ip", "-o", "address"], check=True, capture_output=True, text=True).stdout
    assert "10.77." not in links
    assert "fd77:" not in links
    assert "to-" not in links


@pytest.mark.parametrize(
    ("fault", "origin", "comes"),
    [
        ("witness-primary-cut", WITNESS, "TimeoutError"),
        ("witness-primary-deaf", WITNESS, "TimeoutError"),
        ("witness-primary-mute", WITNESS, "TimeoutError"),
        ("witness-cut-off", WITNESS, "TimeoutError"),
        ("witness-primary-cut", OUTSIDE, "open"),
        ("witness-cut-off", OUTSIDE, "open"),
        ("primary-standby-cut", WITNESS, "open"),
        ("primary-standby-cut", STANDBY, "TimeoutError"),
    ],
)
def test_a_cut_is_where_it_should_be_and_nowhere_else(hosts: Hosts, fault: str, origin: str, comes: str) -> None:
    FAULTS[fault].strike(hosts)
    try:
        assert reaches(hosts.network.hosts[origin], hosts.places.primary.address) == comes
    finally:
        FAULTS[fault].mend(hosts)
    assert reaches(hosts.network.hosts[origin], hosts.places.primary.address) == "open"


@pytest.mark.parametrize(
    ("fault", "witness", "standby"),
    [
        ("wall-drops", "TimeoutError", "TimeoutError"),
        ("wall-rejects", "ConnectionRefusedError", "ConnectionRefusedError"),
        ("witness-walled-drops", "TimeoutError", "open"),
        ("witness-walled-rejects", "ConnectionRefusedError", "open"),
    ],
)
def test_a_wall_stands_before_the_servers_port_and_not_before_ssh(
    hosts: Hosts, fault: str, witness: str, standby: str
) -> None:
    FAULTS[fault].strike(hosts)
    try:
        address = hosts.places.primary.address
        assert reaches(hosts.places.witness, address, 3306) == witness
        assert reaches(hosts.places.witness, address) == "open"
        if standby != "open":  # a dial that is let in and goes no further would be a handshake error
            assert reaches(hosts.places.standby, address, 3306) == standby
    finally:
        FAULTS[fault].mend(hosts)


def test_a_fifth_of_the_packets_is_lost_and_not_all(hosts: Hosts) -> None:
    FAULTS["network-loses"].strike(hosts)
    try:
        came = pings(hosts.places.outside, hosts.places.witness.address, 100)
    finally:
        FAULTS["network-loses"].mend(hosts)
    assert 40 <= came <= 85  # 64 are to be expected: each way loses a fifth


def states_on(hosts: Hosts, host: str) -> set[str]:
    """The states of all processes there, as proc(5) writes them."""
    found = set()
    for pid in hosts.network.processes(host):
        with suppress(FileNotFoundError):
            found.add(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0])
    return found


def test_a_frozen_host_answers_a_ping_and_nothing_else(hosts: Hosts) -> None:
    FAULTS["host-frozen"].strike(hosts)
    try:
        assert pings(hosts.places.witness, hosts.places.primary.address)
        # A process that waits for a disk stops when it has what it waits for.
        until(lambda: states_on(hosts, PRIMARY) == {"T"}, within=10, what="every process stopped")
    finally:
        FAULTS["host-frozen"].mend(hosts)


def rude(origin: Host, address: str) -> None:
    """Dial a server, and do not log in."""

    def dial() -> None:
        with socket.create_connection((address, 3306), timeout=5) as wire:
            wire.recv(4)

    origin.call(dial)


def test_a_dial_that_does_not_log_in_is_counted_and_written_down(hosts: Hosts) -> None:
    """So that a count of nought, after a scenario, means something."""
    before = harm(hosts.standby)
    rude(hosts.places.witness, hosts.standby.address)
    until(lambda: harm(hosts.standby).handshakes == before.handshakes + 1, within=5, what="the error counted")
    assert harm(hosts.standby).log_lines["unauthenticated"] == before.log_lines.get("unauthenticated", 0) + 1


def test_the_address_of_a_host_is_charged_as_loopback_never_is(sandbox: Sandbox, binaries: Binaries) -> None:
    try:
        network = Network(sandbox, binaries, (STANDBY, WITNESS))
    except NotPermitted as reason:
        pytest.skip(str(reason))
    with network:
        place, witness = network.hosts.values()
        server = Server(
            sandbox,
            binaries,
            Flavour.MYSQL_57,
            STANDBY,
            place.address,
            "--server-id=1",
            "--max-connect-errors=3",
            host=place,
        )
        server.start()
        create_accounts(server)
        for charged in (1, 2, 3):
            rude(witness, place.address)
            until(lambda: harm(server).blocked_soon == charged, within=5, what="the error charged")  # noqa: B023
        with pytest.raises(pymysql.err.OperationalError) as refused:
            server.connect(*MONITOR, origin=witness)
        assert refused.value.args[0] == 1129


def test_a_line_that_is_slow_is_slow_for_the_stream_alone(hosts: Hosts) -> None:
    FAULTS["stream-slow"].strike(hosts)
    try:
        assert hosts.replicates()
        hosts.primary.sql("CREATE TABLE shop.slow (id INT)")
        assert not arrived(hosts)
        until(lambda: arrived(hosts), within=5, what="the table on the standby")
    finally:
        FAULTS["stream-slow"].mend(hosts)


def arrived(hosts: Hosts) -> bool:
    return bool(hosts.standby.sql("SHOW TABLES FROM shop LIKE 'slow'"))


def test_a_name_server_that_is_silent_says_nothing_to_the_witness(hosts: Hosts) -> None:
    command = hosts.places.witness.inside(["getent", "hosts", f"{PRIMARY}.shop.test"])
    assert b"10.77.0.1" in subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
    FAULTS["names-silent"].strike(hosts)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run(command, capture_output=True, timeout=2)
    finally:
        FAULTS["names-silent"].mend(hosts)


RUN = """
import sys
from drwatch.lab.disk import NotPermitted
from drwatch.lab.hosts import Hosts
try:
    with Hosts() as hosts:
        print(hosts.sandbox.path, flush=True)
        sys.stdin.read()
except NotPermitted:
    print("not permitted")
"""


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder for temporary files with a short name: a server's socket is in it (108 bytes, unix(7))."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def killed(elsewhere: Path) -> Path:
    """The sandbox of a run that was killed while its hosts were up."""
    run = subprocess.Popen(
        [sys.executable, "-c", RUN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(elsewhere)},
    )
    assert run.stdout is not None
    with run:
        said = run.stdout.readline().strip()
        run.kill()
    if said == "not permitted":
        pytest.skip("hosts with a network of their own cannot be made here")
    return Path(said)


def test_hosts_that_a_killed_run_left_are_gone_after_the_next_start(killed: Path, elsewhere: Path) -> None:
    namespaces = [path for path in (killed / "network").iterdir() if path.is_file()]
    assert len(namespaces) == 5
    assert str(killed) in Path("/proc/self/mounts").read_text()
    left = {pid for path in namespaces for pid in inside(path)}
    # Whoever is on a host belongs to it, though it be neither recorded nor marked.
    stray = subprocess.Popen(
        ["nsenter", f"--net={killed / 'network' / PRIMARY}", "sleep", "1000"], env={"PATH": os.environ["PATH"]}
    )
    with stray:
        assert sweep(elsewhere) == [killed]
        assert stray.wait(5) == -signal.SIGKILL
    assert not killed.exists()
    assert str(killed) not in Path("/proc/self/mounts").read_text()
    until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in left), within=5, what="the end of all that ran there"
    )


def test_without_root_it_says_why_there_are_no_hosts(
    sandbox: Sandbox, binaries: Binaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drwatch.lab.network.os.getuid", lambda: 1000)
    with pytest.raises(NotPermitted, match="only root may make them"):
        Network(sandbox, binaries, (PRIMARY,))
