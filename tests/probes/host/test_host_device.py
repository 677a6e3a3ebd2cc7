"""The disk under a server, as its host sees it: which one, how much it has done, and whether it takes anything."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from farnode import Clock, Far, promised

from drwatch.core.sample import Device, HostFact, Sample
from drwatch.lab.disk import Disk, NotPermitted
from drwatch.lab.sandbox import Sandbox
from drwatch.probes.host import HostLook
from drwatch.probes.host.proc import Mount, Traffic, parse, parse_mount
from drwatch.probes.ssh import Answer, SshNode

Connect = Callable[..., SshNode]


@pytest.fixture
def disk(sandbox: Sandbox) -> Iterator[Disk]:
    try:
        yield Disk(sandbox.path)
    except NotPermitted as refused:
        pytest.skip(str(refused))


def device(sample: Sample, path: Path) -> Device | None:
    assert isinstance(sample.found, HostFact), sample.found
    return next((each for each in sample.found.devices if str(path) in each.paths), None)


def make_read_only(disk: Disk) -> None:
    subprocess.run(["mount", "-o", "remount,ro", disk.path], check=True)


async def test_every_shell_tells_the_disk_under_the_data_and_what_it_does(
    any_far: Far, connect: Connect, clock: Clock, disk: Disk
) -> None:
    data = disk.path / "mysql"
    data.mkdir()
    look = HostLook(connect(any_far, deadline=5.0), clock=clock, datadir=str(data))
    first = device(
        await promised(look.look, lambda sample: getattr(device(sample, data), "done", None), within=9), data
    )
    assert first is not None
    assert first.name.startswith("loop")
    assert not first.read_only
    file = os.open(data / "written", os.O_CREAT | os.O_WRONLY)
    os.write(file, b"x")
    os.fsync(file)
    os.close(file)
    later = await promised(look.look, lambda sample: device(sample, data) != first, within=5)
    assert (device(later, data) or first).done > first.done


async def test_a_disk_that_is_mounted_read_only_is_seen_at_the_next_slow_look(
    far: Far, connect: Connect, clock: Clock, disk: Disk
) -> None:
    look = HostLook(connect(far, deadline=5.0), clock=clock, datadir=str(disk.path))
    await promised(look.look, lambda sample: device(sample, disk.path) is not None, within=9)
    make_read_only(disk)
    clock.ahead += 5
    seen = await promised(look.look, lambda sample: getattr(device(sample, disk.path), "read_only", False), within=9)
    assert device(seen, disk.path) is not None


def test_a_file_system_that_made_itself_read_only_counts_as_one(clock: Clock) -> None:
    def mount(line: bytes) -> Mount | None:
        return parse_mount(Answer(clock(), clock(), (b"4096 10 5 3 9", line), 0))

    assert mount(b"8:1 rw,relatime ro,errors=remount-ro") == Mount("8:1", True)
    assert mount(b"7:1 rw,relatime rw,abort,emergency_ro") == Mount("7:1", True)  # Linux 6.18
    assert mount(b"8:1 ro,relatime rw") == Mount("8:1", True)
    assert mount(b"8:1 rw,relatime rw,errors=remount-ro") == Mount("8:1", False)
    assert parse_mount(Answer(clock(), clock(), (b"4096 10 5 3 9",), 0)) is None


def test_what_a_disk_has_finished_is_of_every_kind_that_its_kernel_counts() -> None:
    lines = [
        b"disk 253 0 dm-0 10 0 80 5 20 0 160 15 4 9 20 3 0 24 1 2 1",
        b"disk 8 1 sda1 10 0 80 5 20 0 160 15 0 9 20",
        b"disk 8 2 sda2 not numbers",
        b"processes 0",
    ]
    found = parse(lines, lambda uptime, now: None)
    assert found.traffic == {"253:0": Traffic("dm-0", 35, 4), "8:1": Traffic("sda1", 30, 0)}
