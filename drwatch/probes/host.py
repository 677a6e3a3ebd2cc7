"""What a host says of itself: /proc, systemd and its file systems, over the node's one shell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from drwatch.core.binlog import Coordinate, CoordinateError
from drwatch.core.sample import Blind, Disk, Filesystem, HostFact, Key, Moment, Probe, Process, Reason, Sample
from drwatch.probes.ssh import VERSION, Answer, Request, Shell, SshNode, Unseen

UNITS = ("mariadb", "mysql", "mysqld")
"""systemd's units for the server, beside the one that the configuration names; the first that is loaded counts."""
SLOW_EVERY = 5.0
"""Seconds between two looks at what needs a process of its own: df, systemd, `date`, a new walk through /proc."""
GRACE = 0.25
"""Seconds that a look waits for the binary log's size beyond its fast block."""
_TOY_DISKS = (b"loop", b"ram", b"zram", b"sr", b"fd")


@dataclass(frozen=True, slots=True)
class Cpu:
    """Jiffies since boot."""

    io_wait: int
    total: int


@dataclass(frozen=True, slots=True)
class DiskCount:
    """Since boot: I/Os that were finished, milliseconds they took; and those now pending."""

    done: int
    milliseconds: int
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


class Garbled(ValueError):
    """The fast block is not whole."""


def parse(lines: Iterable[bytes], wall: Callable[[bytes, bytes], datetime | None]) -> Proc:
    """The fast block of node.sh; ``wall`` makes a time of its uptime and its own clock. Garbled without its count
    of processes, since a list cut short would read as a death."""
    uptime, now = b"", b"-"
    cpu: Cpu | None = None
    pressure: float | None = None
    memory: int | None = None
    disks: dict[str, DiskCount] = {}
    processes: list[Process] = []
    count: bytes | None = None
    for line in lines:
        name, *word = line.split()
        try:
            if name == b"disk":
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
    return Proc(wall(uptime, now), living, cpu, _whole(disks), pressure, memory)


def _disk(word: list[bytes], found: dict[str, DiskCount]) -> None:
    """A line of /proc/diskstats: numbers of the device, name, then the counts. Idle since boot: no disk of interest."""
    if (word[3], word[7], word[11]) != (b"0", b"0", b"0") and not word[2].startswith(_TOY_DISKS):
        reads, _, _, read_ms, writes, _, _, write_ms, in_flight = map(int, word[3:12])
        found[word[2].decode()] = DiskCount(reads + writes, read_ms + write_ms, in_flight)


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

    return tuple(Disk(name, wait(name, now), now.in_flight) for name, now in sorted(after.items()))


def parse_space(path: str, answer: Answer) -> Filesystem | None:
    """`stat -f`: block size, blocks, blocks free for ordinary users, free inodes. None if there is no such path."""
    try:
        block, blocks, free, inodes = (int(n) for n in answer.lines[0].split())
    except (ValueError, IndexError):
        return None
    return Filesystem(path, block * blocks, block * free, inodes)


def parse_unit(answer: Answer) -> str | None:
    """ActiveState/SubState of the first unit that is loaded, in the order asked."""
    unit: dict[str, str] = {}
    for line in answer.lines:
        name, _, value = line.decode("utf-8", "replace").partition("=")
        unit[name] = value
        if len(unit) == 3:
            if unit.get("LoadState") == "loaded":
                return f"{unit.get('ActiveState', '')}/{unit.get('SubState', '')}"
            unit = {}
    return None


def parse_binlog(answer: Answer) -> Coordinate | None:
    """Newest binary log file and its size."""
    try:
        size, _, name = answer.lines[0].partition(b" ")
        return Coordinate(name.decode(), int(size))
    except (ValueError, IndexError, CoordinateError):
        return None


class HostLook:
    """One look at a node through its shell; owns the node's connection and closes it.

    ``datadir``, ``binlog_dir`` and ``paths`` are absolute; the space of their file systems counts.
    ``process``: text that a server's command line must hold, where several servers share the host.
    ``binlog``: where its newest binary log's size is read with each look, a directory or a base path such as
    /var/log/mysql/mysql-bin; may be set at any time, to None for a server whose position is known from GTIDs.
    """

    def __init__(
        self,
        node: SshNode,
        *,
        clock: Callable[[], Moment],
        every: float = 1.0,
        datadir: str | None = None,
        binlog_dir: str | None = None,
        process: str | None = None,
        unit: str | None = None,
        paths: Sequence[str] = (),
    ) -> None:
        watched = tuple(dict.fromkeys(path for path in (datadir, binlog_dir, *paths) if path)) or ("/",)
        for text in (process or "", unit or "", *watched):
            if set(text) & {"\n", "\r", "\0"}:
                raise ValueError(f"a line break or NUL in {text!r}")
        for path in watched:
            if not path.startswith("/"):
                raise ValueError(f"not an absolute path: {path!r}")
        self.key = Key(node.node, Probe.HOST)
        self.every = every
        self.wake = asyncio.Event()
        self.binlog = binlog_dir
        node.wakes.append(self.wake)
        self._node, self._clock = node, clock
        self._process, self._paths = process or "", watched
        self._units = " ".join(dict.fromkeys((unit, *UNITS) if unit else UNITS))
        self._shell: Shell | None = None
        self._before: Proc | None = None
        self._slow_at: Moment | None = None
        self._spaces: dict[str, tuple[Moment, Filesystem | None]] = {}
        self._unit: tuple[Moment, str | None] | None = None

    async def look(self) -> Sample:
        """A HostFact, or why there is none. Never raises for a fault of the world."""
        asked = self._clock()
        try:
            shell = await self._node.shell()
            slow = shell is not self._shell or self._slow_at is None or asked - self._slow_at >= SLOW_EVERY
            shell.filter(self._process)
            request = shell.post("look", "walk" if slow else "")
            size = shell.post("binlog", self.binlog) if self.binlog else None
            if slow:
                self._shell, self._slow_at = shell, asked
                self._look_slowly(shell)
            answer = await shell.wait(request, self._node.deadline)
            now = parse(answer.lines, shell.wall)
            binlog = await self._size(shell, size, answer.asked)
        except Unseen as unseen:
            return Sample(self.key, asked, self._clock(), unseen.blind, unseen.notes)
        except Garbled as garbled:
            return Sample(self.key, asked, self._clock(), Blind(Reason.GARBLED, str(garbled)))
        before, self._before = self._before, now
        if before is None or before.processes != now.processes:
            self._ask_unit(shell)
        notes = () if shell.version == VERSION else (f"{self._node.address} runs another node.sh: do ssh-setup again",)
        return Sample(self.key, answer.asked, self._clock(), self._found(before, now, binlog), notes)

    async def close(self) -> None:
        """Closes the node's connection, and so every probe that shares it."""
        await self._node.close()

    def _found(self, before: Proc | None, now: Proc, binlog: Coordinate | None) -> HostFact | Blind:
        if now.processes is None:
            return Blind(Reason.NO_PRIVILEGE, "this account may not see other users' processes (/proc has hidepid)")
        if now.clock is None:
            return Blind(Reason.GARBLED, "the node's clock could not be read")
        at = self._clock()
        ages = [at - answered for answered, _ in self._spaces.values()]
        unit = self._unit[1] if self._unit and at - self._unit[0] < 3 * SLOW_EVERY else None
        return HostFact(
            clock=now.clock,
            processes=now.processes,
            unit=unit,
            io_wait=io_wait(before.cpu if before else None, now.cpu),
            io_pressure=now.io_pressure,
            disks=disks(before.disks if before else {}, now.disks),
            memory_available_bytes=now.memory_available_bytes,
            filesystems=tuple(space for _, space in self._spaces.values() if space),
            slow_age=max(ages) if ages and len(ages) == len(self._paths) else None,
            binlog=binlog,
        )

    def _look_slowly(self, shell: Shell) -> None:
        """Ask what may hang, each in a process of its own on the node; the answers are for later looks."""
        if shell.needs_clock:
            shell.post("clock")
        self._ask_unit(shell)
        for path in self._paths:
            shell.post("space", path).future.add_done_callback(partial(self._keep_space, path))

    def _ask_unit(self, shell: Shell) -> None:
        if shell.alive:
            shell.post("unit", self._units).future.add_done_callback(self._keep_unit)

    def _keep_space(self, path: str, future: asyncio.Future[Answer]) -> None:
        if not future.cancelled() and not future.exception():
            answer = future.result()
            self._spaces[path] = (answer.answered, parse_space(path, answer))

    def _keep_unit(self, future: asyncio.Future[Answer]) -> None:
        if not future.cancelled() and not future.exception():
            answer = future.result()
            self._unit = (answer.answered, parse_unit(answer))

    async def _size(self, shell: Shell, request: Request | None, asked: Moment) -> Coordinate | None:
        """The binary log's end, if it was read after ``asked``: an older one would promise too much."""
        if request is None or request.asked.loop < asked.loop:
            return None
        try:
            return parse_binlog(await shell.wait(request, GRACE))
        except Unseen:
            return None
