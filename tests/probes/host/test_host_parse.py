"""What the fast block means, part by part; a part that is missing or strange takes no other with it."""

from datetime import UTC, datetime

import pytest

from drwatch.core.binlog import Coordinate
from drwatch.core.sample import Disk, Filesystem, Moment, Process
from drwatch.probes.host.proc import (
    Cpu,
    DiskCount,
    Garbled,
    disks,
    io_wait,
    parse,
    parse_binlog,
    parse_space,
    parse_unit,
)
from drwatch.probes.ssh import Answer

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BLOCK = b"""\
up 12345.67 98765.43
now 1795435200.5
cpu  100 2 30 4000 50 6 7 8 0 0
disk   8       0 sda 1000 20 8000 500 2000 30 16000 1500 3 900 2000 0 0 0 0 0 0
disk   8       1 sda1 900 20 7000 400 1900 30 15000 1400 0 800 1800 0 0 0 0 0 0
disk 259       0 nvme0n1 10 0 80 5 20 0 160 15 0 9 20
disk 259       1 nvme0n1p1 10 0 80 5 20 0 160 15 0 9 20
disk   7       0 loop0 5 0 10 1 0 0 0 0 0 1 1 0 0 0 0 0 0
disk   8      16 sdb 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
io some avg10=12.50 avg60=2.56 avg300=1.89 total=18613530
MemAvailable:   23696460 kB
process 42 S
process 43 T
process 44 Z
processes 3
"""


def wall(uptime: bytes, now: bytes) -> datetime | None:
    return NOON if (uptime, now) == (b"12345.67", b"1795435200.5") else None


def block(without: str = "", **changed: str) -> list[bytes]:
    lines = [line for line in BLOCK.decode().splitlines() if not without or not line.startswith(without)]
    return [changed.get(line.split()[0].rstrip(":"), line).encode() for line in lines]


def answer(*lines: bytes, status: int = 0) -> Answer:
    moment = Moment(0.0, NOON)
    return Answer(moment, moment, lines, status)


def test_a_whole_block_is_read() -> None:
    found = parse(block(), wall)
    assert found.clock == NOON
    assert found.processes == (Process(42, "S"), Process(43, "T"))
    assert found.cpu == Cpu(io_wait=50, total=4203)
    assert found.disks == {"sda": DiskCount(3000, 2000, 3, 1000, 8000, 500), "nvme0n1": DiskCount(30, 20, 0, 10, 80, 5)}
    assert found.io_pressure == 0.125
    assert found.memory_available_bytes == 23696460 * 1024


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ("cpu", "cpu"),
        ("io", "io_pressure"),
        ("MemAvailable", "memory_available_bytes"),
        ("up", "clock"),
        ("now", "clock"),
    ],
)
def test_a_part_that_the_kernel_lacks_is_none_and_takes_nothing_with_it(part: str, field: str) -> None:
    whole, found = parse(block(), wall), parse(block(without=part), wall)
    assert getattr(found, field) is None
    names = {"clock", "processes", "cpu", "disks", "io_pressure", "memory_available_bytes"} - {field}
    assert {name: getattr(found, name) for name in names} == {name: getattr(whole, name) for name in names}


@pytest.mark.parametrize("strange", ["cpu", "cpu a b c d e f g h", "cpu 1 2"])
def test_a_part_that_makes_no_sense_is_a_part_that_is_not_there(strange: str) -> None:
    found = parse(block(cpu=strange), wall)
    assert found.cpu is None
    assert found.memory_available_bytes is not None


def test_a_zombie_is_no_server() -> None:
    lines = [b"process 44 Z", b"process 45 X", b"processes 2"]
    assert parse(lines, wall).processes == ()


@pytest.mark.parametrize("lines", [[], [b"process 42 S"], [b"processes 1"], [b"process 42 S", b"processes 2"]])
def test_a_list_of_processes_that_was_cut_short_is_no_death(lines: list[bytes]) -> None:
    with pytest.raises(Garbled):
        parse(lines, wall)


def test_processes_that_the_account_may_not_see_are_unknown() -> None:
    assert parse([b"processes hidden"], wall).processes is None


def test_io_wait_is_the_share_of_the_time_between_two_looks() -> None:
    assert io_wait(Cpu(50, 1000), Cpu(75, 1100)) == 0.25
    assert io_wait(None, Cpu(75, 1100)) is None


def test_io_wait_never_leaves_its_bounds() -> None:
    """The kernel's counter can run backwards, and after a reboot all do."""
    assert io_wait(Cpu(50, 1000), Cpu(40, 1100)) == 0.0
    assert io_wait(Cpu(50, 1000), Cpu(5, 100)) is None
    assert io_wait(Cpu(50, 1000), Cpu(50, 1000)) is None


def test_a_disks_wait_is_the_mean_of_the_ios_that_ended_between_two_looks() -> None:
    before, after = {"sda": DiskCount(1000, 500, 0)}, {"sda": DiskCount(1010, 700, 4)}
    assert disks(before, after) == (Disk("sda", 0.02, 4),)


def test_a_disks_reads_are_told_from_its_writes() -> None:
    """Ten reads of 16 KiB in 80 ms beside forty slow writes; seven reads would be too few to say."""
    before = {"sda": DiskCount(1000, 5000, 0, 500, 8000, 900)}
    (disk,) = disks(before, {"sda": DiskCount(1050, 9000, 0, 510, 8320, 980)})
    assert (disk.read_seconds, disk.read_bytes) == (0.008, 16384.0)
    (disk,) = disks(before, {"sda": DiskCount(1050, 9000, 0, 507, 8320, 980)})
    assert disk.read_seconds is None


def test_a_disk_that_hangs_shows_no_wait_but_what_is_pending() -> None:
    before, after = {"sda": DiskCount(1000, 500, 8)}, {"sda": DiskCount(1000, 500, 8)}
    assert disks(before, after) == (Disk("sda", None, 8),)


def test_a_disk_that_is_new_or_was_reset_has_no_wait_yet() -> None:
    assert disks({}, {"sda": DiskCount(1000, 500, 0)}) == (Disk("sda", None, 0),)
    assert disks({"sda": DiskCount(1000, 500, 0)}, {"sda": DiskCount(10, 5, 0)}) == (Disk("sda", None, 0),)


def test_free_space_is_what_ordinary_users_have() -> None:
    found = parse_space("/srv", answer(b"4096 1000 250 77 100"))
    assert found == Filesystem("/srv", size_bytes=4096000, free_bytes=1024000, free_inodes=77)


@pytest.mark.parametrize("inodes", [b"0 0", b"0"], ids=["btrfs has no limit", "the first node.sh gave no total"])
def test_no_free_inode_says_nothing_where_there_may_be_no_limit(inodes: bytes) -> None:
    found = parse_space("/srv", answer(b"4096 1000 250 " + inodes))
    assert found is not None
    assert found.free_inodes is None


@pytest.mark.parametrize("line", [b"", b"4096 1000", b"x y z 0"])
def test_a_path_without_a_file_system_is_none(line: bytes) -> None:
    assert parse_space("/srv", answer(line)) is None
    assert parse_space("/srv", answer(status=1)) is None


LOADED = (b"LoadState=loaded", b"ActiveState=active", b"SubState=running")
UNKNOWN = (b"LoadState=not-found", b"ActiveState=inactive", b"SubState=dead")


def test_the_first_unit_that_is_loaded_speaks() -> None:
    assert parse_unit(answer(*UNKNOWN, *LOADED, *UNKNOWN)) == "active/running"
    stopping = (b"LoadState=loaded", b"ActiveState=deactivating", b"SubState=stop-sigterm")
    assert parse_unit(answer(*stopping, *LOADED)) == "deactivating/stop-sigterm"


def test_no_unit_and_no_systemd_are_none() -> None:
    assert parse_unit(answer(*UNKNOWN)) is None
    assert parse_unit(answer(status=3)) is None


@pytest.mark.parametrize("lines", [(), LOADED[:2], (*UNKNOWN, *LOADED[:1]), (b"a", b"b", b"c")])
def test_half_an_answer_of_systemds_is_none_of_it(lines: tuple[bytes, ...]) -> None:
    with pytest.raises(Garbled):
        parse_unit(answer(*lines))
    with pytest.raises(Garbled):
        parse_unit(answer(*LOADED, status=1))


def test_the_newest_binary_log_is_a_coordinate() -> None:
    assert parse_binlog(answer(b"4711 mysql-bin.000012")) == Coordinate("mysql-bin.000012", 4711)


@pytest.mark.parametrize("line", [b"4711 core", b"x mysql-bin.000012", b"4711", b""])
def test_what_is_no_binary_log_is_no_coordinate(line: bytes) -> None:
    assert parse_binlog(answer(line)) is None
