"""The look at a host: one fast block, and what is known by now of everything that may hang."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from drwatch.core.binlog import Coordinate
from drwatch.core.sample import Blind, Device, Filesystem, HostFact, Key, Moment, Probe, Reason, Sample
from drwatch.probes.host.proc import (
    Garbled,
    Mount,
    Proc,
    disks,
    io_wait,
    parse,
    parse_binlog,
    parse_mount,
    parse_space,
)
from drwatch.probes.host.unit import Unit
from drwatch.probes.ssh import VERSION, Answer, Request, Shell, SshNode, Unseen

SLOW_EVERY = 5.0
"""Seconds between two looks at what needs a process of its own: df, `date`, and a new walk through /proc."""
NEAR = 1 << 30
"""Bytes: of a disk with less than that free the space is asked with each look, for it may be full in a moment."""
GRACE = 0.25
"""Seconds that a look waits for the binary log's size beyond its fast block."""


class HostLook:
    """One look at a node through its shell; owns the node's connection and closes it.

    ``datadir``, ``binlog_dir`` and ``paths`` are absolute; the space of their file systems counts.
    ``process``: text that a server's command line must hold, where several servers share the host.
    ``binlog``: where its newest binary log's size is read with each look, a directory or a base path such as
    /var/log/mysql/mysql-bin; may be set at any time, to None for a server whose position is known from GTIDs.
    ``directories``: more places whose space counts; may be set at any time to what the server itself names.
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
        self.directories: tuple[str, ...] = ()
        node.wakes.append(self.wake)
        self._node, self._clock = node, clock
        self._process, self._paths = process or "", watched
        self._unit = Unit(unit, clock)
        self._shell: Shell | None = None
        self._before: Proc | None = None
        self._slow_at: Moment | None = None
        self._spaces: dict[str, tuple[Moment, Filesystem | None]] = {}
        self._mounts: dict[str, Mount] = {}

    async def look(self) -> Sample:
        """A HostFact, or why there is none. Never raises for a fault of the world."""
        asked = self._clock()
        try:
            shell = await self._node.shell()
            slow = shell is not self._shell or self._slow_at is None or asked - self._slow_at >= SLOW_EVERY
            shell.filter(self._process)
            shell.devices(" ".join(sorted({mount.device for mount in self._mounts.values()})))
            request = shell.post("look", "walk" if slow else "")
            size = shell.post("binlog", self.binlog) if self.binlog else None
            if slow:
                self._shell, self._slow_at = shell, asked
                self._look_slowly(shell)
            elif any(space is not None and space.free_bytes < NEAR for _, space in self._spaces.values()):
                self._look_at_space(shell)
            answer = await shell.wait(request, self._node.deadline)
            now = parse(answer.lines, shell.wall)
            binlog = await self._size(shell, size, answer.asked)
            unit = await self._unit.state(shell, now.processes or ())
        except Unseen as unseen:
            return Sample(self.key, asked, self._clock(), unseen.blind, unseen.notes)
        except Garbled as garbled:
            return Sample(self.key, asked, self._clock(), Blind(Reason.GARBLED, str(garbled)))
        before, self._before = self._before, now
        notes = () if shell.version == VERSION else (f"{self._node.address} runs another node.sh: do ssh-setup again",)
        return Sample(self.key, answer.asked, self._clock(), self._found(before, now, binlog, unit), notes)

    async def close(self) -> None:
        """Closes the node's connection, and so every probe that shares it."""
        await self._node.close()

    def _found(self, before: Proc | None, now: Proc, binlog: Coordinate | None, unit: str | None) -> HostFact | Blind:
        if now.processes is None:
            return Blind(Reason.NO_PRIVILEGE, "this account may not see other users' processes (/proc has hidepid)")
        if now.clock is None:
            return Blind(Reason.GARBLED, "the node's clock could not be read")
        at = self._clock()
        ages = [at - answered for answered, _ in self._spaces.values()]
        return HostFact(
            clock=now.clock,
            processes=now.processes,
            unit=unit,
            io_wait=io_wait(before.cpu if before else None, now.cpu),
            io_pressure=now.io_pressure,
            disks=disks(before.disks if before else {}, now.disks),
            memory_available_bytes=now.memory_available_bytes,
            filesystems=tuple(
                replace(space, age=at - answered)
                for answered, space in self._spaces.values()
                if space is not None and (space.path != "/" or "/" in self._watched)
            ),
            slow_age=max(ages) if ages and self._spaces.keys() >= set(self._paths) else None,
            binlog=binlog,
            devices=self._devices(now),
        )

    @property
    def _watched(self) -> tuple[str, ...]:
        """Whose space counts; the root's device is looked at besides, for what stands still there stops everything."""
        return tuple(dict.fromkeys((*self._paths, *self.directories)))

    def _devices(self, now: Proc) -> tuple[Device, ...]:
        by_mount: dict[Mount, list[str]] = {}
        for path, mount in self._mounts.items():
            by_mount.setdefault(mount, []).append(path)
        return tuple(
            Device(
                tuple(sorted(paths)),
                traffic.name if traffic else mount.device,
                mount.read_only,
                traffic.done if traffic else None,
                traffic.in_flight if traffic else 0,
            )
            for mount, paths in by_mount.items()
            for traffic in (now.traffic.get(mount.device),)
        )

    def _look_slowly(self, shell: Shell) -> None:
        """Ask what may hang, each in a process of its own on the node; the answers are for later looks."""
        if shell.needs_clock:
            shell.post("clock")
        self._look_at_space(shell)

    def _look_at_space(self, shell: Shell) -> None:
        for path in dict.fromkeys((*self._watched, "/")):
            shell.post("space", path).future.add_done_callback(partial(self._keep_space, path))

    def _keep_space(self, path: str, future: asyncio.Future[Answer]) -> None:
        if not future.cancelled() and not future.exception():
            answer = future.result()
            self._spaces[path] = (answer.answered, parse_space(path, answer))
            if (mount := parse_mount(answer)) is not None:
                self._mounts[path] = mount

    async def _size(self, shell: Shell, request: Request | None, asked: Moment) -> Coordinate | None:
        """The binary log's end, if it was read after ``asked``: an older one would promise too much."""
        if request is None or request.asked.loop < asked.loop:
            return None
        try:
            return parse_binlog(await shell.wait(request, GRACE))
        except Unseen:
            return None
