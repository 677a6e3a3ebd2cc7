"""What the answers of node.sh mean: pure, and tolerant of whatever a kernel lacks or words otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from drwatch.core.binlog import Coordinate, CoordinateError
from drwatch.core.sample import Disk, Filesystem, Process
from drwatch.probes.ssh import Answer

SECTOR = 512
"""Bytes: the unit of /proc/diskstats, whatever the disk's own is (Documentation/admin-guide/iostats.rst)."""
ENOUGH_READS = 8
"""So many reads between two looks say how long one takes; the counter has whole milliseconds only."""

_TOY_DISKS = (b"loop", b"ram", b"zram", b"sr", b"fd")


@dataclass(frozen=True, slots=True)
class Cpu:
    """Jiffies since boot."""

    io_wait: int
    total: int


@dataclass(frozen=True, slots=True)
class DiskCount:
    """Since boot: I/Os that were finished, milliseconds they took; those now pending; and of the reads alone."""

    done: int
    milliseconds: int
    in_flight: int
    reads: int = 0
    read_sectors: int = 0
    read_milliseconds: int = 0


@dataclass(frozen=True, slots=True)
class Traffic:
    """A block device by its numbers: its name, the I/Os of any kind that it has finished since boot, and those now
    under way."""

    name: str
    done: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class Proc:
    """One fast block, parsed; what the host does not have is None. ``processes`` None: others' are hidden."""

    clock: datetime | None
    processes: tuple[Process, ...] | None
    cpu: Cpu | None
    disks: dict[str, DiskCount] = field(default_factory=dict)
    io_pressure: float | None = None
    memory_available_bytes: int | None = None
    traffic: dict[str, Traffic] = field(default_factory=dict)
    """By MAJOR:MINOR, of partitions and the like too."""


class Garbled(ValueError):
    """An answer is not whole."""


def parse(lines: Iterable[bytes], wall: Callable[[bytes, bytes], datetime | None]) -> Proc:
    """The fast block of node.sh; ``wall`` makes a time of its uptime and its own clock. Garbled without its count
    of processes, since a list cut short would read as a death."""
    uptime, now = b"", b"-"
    cpu: Cpu | None = None
    pressure: float | None = None
    memory: int | None = None
    disks: dict[str, DiskCount] = {}
    traffic: dict[str, Traffic] = {}
    processes: list[Process] = []
    count: bytes | None = None
    for line in lines:
        name, *word = line.split()
        try:
            if name == b"disk":
                _traffic(word, traffic)
                _disk(word, disks)
            elif name == b"process":
                processes.append(Process(int(word[0]), word[1].decode()))
            elif name == b"processes":
                count = word[0]
            elif name == b"up":
                uptime = word[0]
            elif name == b"now":
                now = word[0]
            elif name == b"cpu":
                ticks = [int(j) for j in word[:8]]
                cpu = Cpu(ticks[4], sum(ticks))
            elif name == b"io":
                pressure = float(word[1].partition(b"avg10=")[2]) / 100
            elif name == b"MemAvailable:":
                memory = int(word[0]) * 1024
        except (ValueError, IndexError):
            continue  # A part that this kernel words otherwise is a part that is not there.
    if count is None or (count != b"hidden" and int(count) != len(processes)):
        raise Garbled("the node's answer is not whole")
    living = None if count == b"hidden" else tuple(p for p in processes if p.state not in "ZXx")
    return Proc(wall(uptime, now), living, cpu, _whole(disks), pressure, memory, traffic)


def _disk(word: list[bytes], found: dict[str, DiskCount]) -> None:
    """A line of /proc/diskstats: numbers of the device, name, then the counts. Idle since boot: no disk of interest."""
    if (word[3], word[7], word[11]) != (b"0", b"0", b"0") and not word[2].startswith(_TOY_DISKS):
        reads, _, sectors, read_ms, writes, _, _, write_ms, in_flight = map(int, word[3:12])
        found[word[2].decode()] = DiskCount(reads + writes, read_ms + write_ms, in_flight, reads, sectors, read_ms)


def _traffic(word: list[bytes], found: dict[str, Traffic]) -> None:
    """The same line: reads, writes and, on newer kernels, discards and flushes that it has finished."""
    counts = [int(each) for each in word[3:]]
    done = sum(counts[place] for place in (0, 4, 11, 15) if place < len(counts))
    found[f"{int(word[0])}:{int(word[1])}"] = Traffic(word[2].decode(), done, counts[8])


def _whole(disks: dict[str, DiskCount]) -> dict[str, DiskCount]:
    """Without partitions, which count again what their disk counts."""

    def partition(name: str) -> bool:
        stem = name.rstrip("0123456789")
        return stem != name and (stem in disks or (stem.endswith("p") and stem[:-1] in disks))

    return {name: count for name, count in disks.items() if not partition(name)}


def io_wait(before: Cpu | None, after: Cpu | None) -> float | None:
    """Share of CPU time, 0 to 1; None without two readings of one boot."""
    if before is None or after is None or after.total <= before.total:
        return None
    return min(1.0, max(0, after.io_wait - before.io_wait) / (after.total - before.total))


def disks(before: dict[str, DiskCount], after: dict[str, DiskCount]) -> tuple[Disk, ...]:
    """The mean wait between two readings, per device."""

    def wait(name: str, now: DiskCount) -> float | None:
        then = before.get(name)
        if then is None or now.done <= then.done or now.milliseconds < then.milliseconds:
            return None
        return (now.milliseconds - then.milliseconds) / (now.done - then.done) / 1000

    def disk(name: str, now: DiskCount) -> Disk:
        then = before.get(name, now)
        reads, milliseconds = now.reads - then.reads, now.read_milliseconds - then.read_milliseconds
        if reads < ENOUGH_READS or milliseconds < 0:
            return Disk(name, wait(name, now), now.in_flight)
        size = (now.read_sectors - then.read_sectors) * SECTOR / reads
        return Disk(name, wait(name, now), now.in_flight, milliseconds / reads / 1000, size)

    return tuple(disk(name, now) for name, now in sorted(after.items()))


_CLOSED = frozenset({"ro", "emergency_ro", "shutdown"})


@dataclass(frozen=True, slots=True)
class Mount:
    """What a path is on: the device's MAJOR:MINOR, and whether nothing can be written there."""

    device: str
    read_only: bool


def parse_mount(answer: Answer) -> Mount | None:
    """From `space`: options of the mount and of its file system, which makes itself read-only after an error of its
    disk (proc_pid_mountinfo(5)): ext4 then says `ro`, on Linux 6.18 `emergency_ro`. None where node.sh is older than
    version 3 or found nothing."""
    try:
        device, *options = answer.lines[1].decode().split()
    except (IndexError, ValueError):
        return None
    return Mount(device, any(_CLOSED & set(each.split(",")) for each in options))


def parse_space(path: str, answer: Answer) -> Filesystem | None:
    """`stat -f`: block size, blocks, blocks free for ordinary users, inodes free and in all. None without such a path.

    A file system that has no limit of inodes says 0 of both; the first node.sh does not give the last.
    """
    try:
        block, blocks, free, *inodes = (int(n) for n in answer.lines[0].split())
    except (ValueError, IndexError):
        return None
    limited = len(inodes) == 2 and inodes[1] > 0
    return Filesystem(path, block * blocks, block * free, inodes[0] if limited else None)


NO_SYSTEMD = 3
"""The status with which node.sh answers `unit` on such a host."""


def parse_unit(answer: Answer) -> str | None:
    """ActiveState/SubState of the first unit that is loaded, in the order asked; None where none is. Garbled without
    three states for each unit, as when systemd is just being restarted."""
    if answer.status == NO_SYSTEMD:
        return None
    if answer.status or not answer.lines or len(answer.lines) % 3:
        raise Garbled("systemd's answer is not whole")
    for number in range(0, len(answer.lines), 3):
        words = (line.decode("utf-8", "replace").partition("=") for line in answer.lines[number : number + 3])
        unit = {name: value for name, _, value in words}
        if not unit.keys() >= {"LoadState", "ActiveState", "SubState"}:
            raise Garbled("systemd's answer is not whole")
        if unit["LoadState"] == "loaded":
            return f"{unit['ActiveState']}/{unit['SubState']}"
    return None


def parse_binlog(answer: Answer) -> Coordinate | None:
    """Newest binary log file and its size."""
    try:
        size, _, name = answer.lines[0].partition(b" ")
        return Coordinate(name.decode(), int(size))
    except (ValueError, IndexError, CoordinateError):
        return None
