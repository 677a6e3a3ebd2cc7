"""A look at a real host over a real sshd: its server's process, its disks, and what a hung mount may not stop."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from farnode import NODE, Clock, Far, argv, eventually, hung_mount, promised
from servers import Servers

from drwatch.core.binlog import Coordinate
from drwatch.core.sample import Blind, HostFact, Key, Probe, Process, Reason, Sample
from drwatch.lab.sandbox import Sandbox
from drwatch.probes.host import HostLook
from drwatch.probes.ssh import SshNode

LOADER = next((str(path) for path in Path("/lib64").glob("ld-linux*")), "")
SCRIPT = Path("drwatch/probes/ssh/node.sh")
Connect = Callable[..., SshNode]
Look = Callable[..., HostLook]


@pytest.fixture
def host(connect: Connect, clock: Clock, sandbox: Sandbox) -> Look:
    def host(far: Far, **settings: object) -> HostLook:
        node = connect(far, deadline=settings.pop("deadline", 5.0))
        return HostLook(node, clock=clock, **{"process": str(sandbox.path), **settings})  # type: ignore[arg-type]

    return host


def fact(sample: Sample) -> HostFact:
    assert isinstance(sample.found, HostFact), sample.found
    return sample.found


async def test_a_host_tells_its_time_its_disks_and_its_memory(any_far: Far, host: Look, clock: Clock) -> None:
    look = host(any_far, datadir="/")
    first = await look.look()
    assert first.key == Key(NODE, Probe.HOST)
    assert first.asked.loop < first.answered.loop
    assert abs((fact(first).clock - clock().wall).total_seconds()) < 0.5
    assert fact(first).io_wait is None
    assert (fact(first).memory_available_bytes or 0) > 1_000_000

    second = fact(await promised(look.look, lambda sample: fact(sample).filesystems != (), within=5))
    space = os.statvfs("/")
    assert second.filesystems[0].path == "/"
    assert second.filesystems[0].size_bytes == space.f_blocks * space.f_frsize
    assert second.filesystems[0].free_bytes == pytest.approx(space.f_bavail * space.f_frsize, rel=0.05)
    assert second.slow_age is not None
    third = fact(await promised(look.look, lambda sample: fact(sample).io_wait is not None, within=5))
    assert 0 <= (third.io_wait or 0) <= 1


async def test_the_clock_is_the_hosts_at_the_moment_of_the_look(any_far: Far, host: Look, clock: Clock) -> None:
    look = host(any_far)
    await look.look()
    for _ in range(5):
        sample = await look.look()
        assert (fact(sample).clock - sample.asked.wall).total_seconds() > -0.1
        assert (fact(sample).clock - sample.answered.wall).total_seconds() < 0.1


async def test_a_servers_process_is_seen_to_come_to_freeze_and_to_die(
    any_far: Far, host: Look, servers: Servers
) -> None:
    look = host(any_far)
    assert fact(await look.look()).processes == ()
    pid = servers.start()
    await promised(look.look, lambda sample: fact(sample).processes == (Process(pid, "S"),), within=5)
    os.kill(pid, signal.SIGSTOP)
    await promised(look.look, lambda sample: fact(sample).processes == (Process(pid, "T"),), within=5)
    os.kill(pid, signal.SIGKILL)
    await promised(look.look, lambda sample: fact(sample).processes == (), within=5)
    assert state(pid) == "Z", "a corpse that nobody has reaped is no server"


async def test_a_second_server_is_seen_at_the_next_walk(far: Far, host: Look, servers: Servers, clock: Clock) -> None:
    look = host(far)
    first = servers.start()
    await promised(look.look, lambda sample: [p.pid for p in fact(sample).processes] == [first], within=5)
    second = servers.start()
    clock.ahead += 5
    both = sorted([first, second])
    await promised(look.look, lambda sample: sorted(p.pid for p in fact(sample).processes) == both, within=5)


async def test_the_server_of_somebody_else_on_the_host_does_not_count(
    any_far: Far, host: Look, servers: Servers
) -> None:
    servers.start()
    assert fact(await host(any_far, process="/srv/another/my.cnf").look()).processes == ()


@pytest.mark.skipif(not LOADER, reason="no dynamic loader in /lib64")
async def test_a_server_started_through_the_dynamic_loader_counts(far: Far, host: Look, servers: Servers) -> None:
    pid = servers.start(LOADER)
    look = host(far)
    await promised(look.look, lambda sample: [p.pid for p in fact(sample).processes] == [pid], within=5)


async def test_a_program_that_only_mentions_a_server_does_not_count(far: Far, host: Look, servers: Servers) -> None:
    servers.start_as("vim")
    servers.start("bash", "-c", "sleep 1000; : $0")
    assert fact(await host(far).look()).processes == ()


async def test_no_process_of_ours_passes_for_a_server(far: Far, host: Look) -> None:
    """Others' watchdogs run `pgrep -f mysqld`."""
    await host(far, unit="mysqld").look()
    for pid in far.pids():
        assert not any(b"mysql" in word for word in argv(pid))


async def test_the_newest_binary_logs_size_comes_with_the_same_look(any_far: Far, host: Look, sandbox: Sandbox) -> None:
    logs = sandbox.directory("log")
    for name, size in [
        ("mysql-bin.index", 9),
        ("mysql-bin.000009", 9),
        ("mysql-bin.000010", 7),
        ("mysql-relay-bin.000044", 5),
    ]:
        (logs / name).write_bytes(b"x" * size)
    look = host(any_far, binlog_dir=str(logs))
    assert fact(await look.look()).binlog == Coordinate("mysql-bin.000010", 7)
    (logs / "mysql-bin.000010").write_bytes(b"x" * 11)
    assert fact(await look.look()).binlog == Coordinate("mysql-bin.000010", 11)
    (logs / "mysql-bin.1000000").write_bytes(b"x")
    assert fact(await look.look()).binlog == Coordinate("mysql-bin.1000000", 1)
    look.binlog = str(logs / "mysql-relay-bin")
    assert fact(await look.look()).binlog is None
    look.binlog = None
    assert fact(await look.look()).binlog is None


async def test_two_logs_in_one_directory_are_not_confounded(far: Far, host: Look, sandbox: Sandbox) -> None:
    logs = sandbox.directory("log")
    (logs / "mysql-bin.000001").write_bytes(b"x")
    (logs / "other-bin.000002").write_bytes(b"xx")
    look = host(far, binlog_dir=str(logs))
    assert fact(await look.look()).binlog is None
    look.binlog = str(logs / "mysql-bin")
    assert fact(await look.look()).binlog == Coordinate("mysql-bin.000001", 1)


async def test_a_hung_mount_stops_neither_the_fast_part_nor_the_other_file_systems(
    any_far: Far, host: Look, sandbox: Sandbox, clock: Clock
) -> None:
    """0 s: the uploads' mount hangs. Each look still answers at once; 60 s later one process hangs there, no more."""
    with hung_mount(sandbox.directory("uploads")) as mount:
        look = host(any_far, datadir="/", paths=(str(mount),), deadline=1.0)
        sample = await promised(look.look, lambda sample: fact(sample).filesystems != (), within=5)
        assert [space.path for space in fact(sample).filesystems] == ["/"]
        assert fact(sample).slow_age is None
        for _ in range(6):
            clock.ahead += 10
            assert fact(await look.look()).memory_available_bytes
        await eventually(lambda: len(any_far.pids()) <= 3, within=5, what="only the shell, and the request that hangs")
    await promised(look.look, lambda sample: True, within=5)


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def test_a_hung_mount_leaves_nothing_behind_after_close(any_far: Far, clock: Clock, sandbox: Sandbox) -> None:
    with hung_mount(sandbox.directory("uploads")) as mount:
        look = HostLook(any_far.node(clock, deadline=1.0), clock=clock, datadir=str(mount))
        fact(await look.look())
        await eventually(lambda: len(any_far.pids()) > 1, within=5, what="a process at the mount")
        await look.close()
        await eventually(lambda: any_far.pids() == [], within=5, what="no process below sshd")


async def test_the_slow_parts_age_grows_while_a_file_system_hangs(
    make_far: Callable[..., Far], host: Look, clock: Clock
) -> None:
    """0 s: all answer. From then on the disk hangs. 40 s: the age is 40 s, and the fast part as good as ever."""
    far = make_far(programs={"stat": '#!/bin/sh\n[ ! -e "$HOME/hang" ] || exec sleep 1000\nexec /usr/bin/stat "$@"\n'})
    look = host(far, datadir="/")
    await promised(look.look, lambda sample: fact(sample).slow_age is not None, within=5)
    (far.home / "hang").touch()
    for _ in range(4):
        clock.ahead += 10
        last = fact(await look.look())
    assert 40 <= (last.slow_age or 0) < 45
    assert last.memory_available_bytes


async def test_a_watched_path_that_is_not_there_is_left_out(far: Far, host: Look) -> None:
    look = host(far, datadir="/", paths=("/no/such/place",))
    sample = await promised(look.look, lambda sample: fact(sample).slow_age is not None, within=5)
    assert [space.path for space in fact(sample).filesystems] == ["/"]


async def test_a_lost_channel_wakes_the_look(far: Far, host: Look) -> None:
    look = host(far)
    await look.look()
    assert not look.wake.is_set()
    far.sshd.kill()
    async with asyncio.timeout(0.5):
        await look.wake.wait()
    sample = await look.look()
    assert isinstance(sample.found, Blind)
    assert sample.found.reason is Reason.REFUSED


async def test_a_cancelled_look_hurts_no_later_one(far: Far, host: Look) -> None:
    look = host(far)
    for delay in (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3):
        task = asyncio.create_task(look.look())
        await asyncio.wait([task], timeout=delay)
        task.cancel()
        await asyncio.wait([task])
    fact(await look.look())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount /proc anew")
async def test_an_account_that_may_not_see_processes_says_so_and_claims_no_death(
    make_far: Callable[..., Far], host: Look, sandbox: Sandbox, servers: Servers
) -> None:
    servers.start()
    hidden = sandbox.path / "hidden.sh"
    shutil.copy(SCRIPT, sandbox.path)
    hidden.write_text(
        "exec unshare --mount --propagation private sh -c 'mount -t proc -o hidepid=invisible proc /proc &&"
        f" exec setpriv --reuid 65534 --regid 65534 --clear-groups sh /dev/fd/3' 3<{sandbox.path}/node.sh\n"
    )
    sample = await host(make_far(forced=f"exec /bin/sh {hidden}")).look()
    assert isinstance(sample.found, Blind)
    assert sample.found.reason is Reason.NO_PRIVILEGE


@pytest.mark.skipif(not Path("/run/systemd/system").is_dir(), reason="systemd does not run this machine")
async def test_systemd_says_what_it_thinks_of_a_unit(far: Far, host: Look) -> None:
    look = host(far, unit="systemd-journald")
    sample = await promised(look.look, lambda sample: fact(sample).unit is not None, within=10)
    assert fact(sample).unit == "active/running"


@pytest.mark.parametrize("bad", [{"datadir": "var/lib/mysql"}, {"process": "a\nlook 1"}, {"paths": ("/a\0b",)}])
def test_a_setting_that_could_break_a_line_is_refused(bad: dict[str, object], clock: Clock) -> None:
    node = SshNode(NODE, host="h", user="u", key_file="k", known_hosts_file="f", clock=clock)
    with pytest.raises(ValueError, match=r"absolute path|line break"):
        HostLook(node, clock=clock, **bad)  # type: ignore[arg-type]
