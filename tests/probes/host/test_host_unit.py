"""What systemd says of the server's unit: with the look that needs it, and not oftener than that."""

import os
import signal
from collections.abc import Callable

import pytest
from farnode import Clock, Far, promised
from servers import Servers

from drwatch.core.sample import HostFact, Sample
from drwatch.lab.sandbox import Sandbox
from drwatch.probes.host import HostLook
from drwatch.probes.ssh import SshNode
from drwatch.probes.ssh.shell import SCRIPT

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a session its own /run")

# As systemd 252 answered; this machine need not be run by it.
UNKNOWN = "LoadState=not-found\nActiveState=inactive\nSubState=dead\n"
SYSTEMCTL = '#!/bin/sh\necho "$*" >>"$HOME/asked"\ncat "$HOME/unit"\n'


class Unit:
    """A node where systemd says what the test tells it to."""

    def __init__(self, far: Far, look: HostLook) -> None:
        self.far, self.look = far, look

    def says(self, active: str, sub: str, load: str = "loaded") -> None:
        (self.far.home / "unit").write_text(
            f"{UNKNOWN}\nLoadState={load}\nActiveState={active}\nSubState={sub}\n\n{UNKNOWN}"
        )

    @property
    def asked(self) -> int:
        path = self.far.home / "asked"
        return len(path.read_text().splitlines()) if path.exists() else 0

    async def state(self) -> str | None:
        return fact(await self.look.look()).unit


def fact(sample: Sample) -> HostFact:
    assert isinstance(sample.found, HostFact), sample.found
    return sample.found


@pytest.fixture
def unit(make_far: Callable[..., Far], connect: Callable[..., SshNode], clock: Clock, sandbox: Sandbox) -> Unit:
    script = sandbox.path / "node.sh"
    script.write_bytes(SCRIPT)
    forced = sandbox.path / "own-run.sh"
    forced.write_text(
        "exec unshare --mount --propagation private sh -c"
        f" 'mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && exec sh {script}'\n"
    )
    far = make_far(forced=f"exec /bin/sh {forced}", programs={"systemctl": SYSTEMCTL})
    look = HostLook(connect(far, deadline=5.0), clock=clock, process=str(sandbox.path), unit="mysql@shop")
    made = Unit(far, look)
    made.says("active", "running")
    return made


async def test_the_look_that_finds_the_process_gone_brings_systemds_word_on_it(unit: Unit, servers: Servers) -> None:
    """SIGKILL, and systemd starts it again in a while: the first look without a process says so."""
    pid = servers.start()
    await promised(unit.look.look, lambda sample: fact(sample).unit == "active/running", within=5)
    unit.says("activating", "auto-restart")
    os.kill(pid, signal.SIGKILL)
    first = await promised(unit.look.look, lambda sample: fact(sample).processes == (), within=5)
    assert fact(first).unit == "activating/auto-restart"


async def test_a_server_that_runs_is_asked_after_twice_a_minute(unit: Unit, servers: Servers, clock: Clock) -> None:
    servers.start()
    await promised(unit.look.look, lambda sample: fact(sample).unit == "active/running", within=5)
    before = unit.asked
    for _ in range(60):
        clock.ahead += 1
        assert await unit.state() == "active/running"
    assert unit.asked - before <= 2


async def test_a_server_that_is_gone_is_asked_after_with_each_look(unit: Unit) -> None:
    await promised(unit.look.look, lambda sample: fact(sample).unit == "active/running", within=5)
    for active, sub in [("deactivating", "stop-sigterm"), ("failed", "failed"), ("activating", "start")]:
        unit.says(active, sub)
        await promised(unit.look.look, lambda sample, w=f"{active}/{sub}": fact(sample).unit == w, within=5)


async def test_an_answer_about_a_server_that_is_gone_is_soon_too_old(unit: Unit, clock: Clock) -> None:
    await promised(unit.look.look, lambda sample: fact(sample).unit == "active/running", within=5)
    (unit.far.sandbox / "dash/bin/systemctl").write_text("#!/bin/sh\nexec sleep 1000\n")
    clock.ahead += 5
    await unit.state()
    assert await unit.state() is None
    assert len(unit.far.pids("sleep")) == 1


async def test_an_answer_that_failed_is_no_answer_and_asked_again(unit: Unit) -> None:
    """systemctl fails while systemd restarts itself."""
    (unit.far.home / "unit").write_text("")
    for _ in range(3):
        assert await unit.state() is None
    unit.says("failed", "failed")
    await promised(unit.look.look, lambda sample: fact(sample).unit == "failed/failed", within=5)


async def test_a_node_where_no_unit_is_loaded_is_left_in_peace(unit: Unit, clock: Clock) -> None:
    unit.says("inactive", "dead", load="not-found")
    await promised(unit.look.look, lambda sample: unit.asked > 0, within=5)
    before = unit.asked
    for _ in range(20):
        clock.ahead += 1
        assert await unit.state() is None
    assert unit.asked - before <= 1


async def test_the_configured_unit_is_asked_first_and_then_the_usual_ones(unit: Unit) -> None:
    await unit.state()
    assert (unit.far.home / "asked").read_text().splitlines()[0].endswith("-- mysql@shop mariadb mysql mysqld")
