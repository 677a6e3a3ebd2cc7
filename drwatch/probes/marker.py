"""Freshness of a synced directory: the marker that the sync script leaves on the standby when a sync has finished.

The marker is one line, ``drwatch-marker 1 EPOCH HOST``: EPOCH the start of the last sync that finished, seconds UTC
by the clock of the HOST that ran it, with or without a fraction.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from drwatch.core.sample import Blind, Key, MarkerFact, Moment, Probe, Reason, Sample
from drwatch.probes.ssh import Answer, SshNode, Unseen

TOLERANCE = 2.0
"""Seconds that a marker may lie ahead of the reader's clock."""
PATIENCE = 30.0
"""Seconds for which a marker that was read is good though the file system does not answer: its age only grows."""
_LINE = re.compile(rb"drwatch-marker 1 (\d{9,11}(?:\.\d{1,9})?)(?: ([\x21-\x7e]{1,255}))?\s*")


def parse(answer: Answer, wall: Callable[[bytes, bytes], datetime | None]) -> tuple[datetime, str, datetime] | Blind:
    """When the sync started by the writer's clock, its host, and the reader's clock; or why there is no such thing."""
    match answer.lines[0].split(b" ", 3) if answer.lines else []:
        case [b"missing", *_]:
            return Blind(Reason.MISSING, "there is no marker")
        case [b"denied", *_]:
            return Blind(Reason.NO_PRIVILEGE, "the marker cannot be read by this account")
        case [b"other", *_]:
            return Blind(Reason.GARBLED, "the file is no marker of drwatch's sync script")
        case [b"read", uptime, now, line]:
            word, clock = _LINE.fullmatch(line), wall(uptime, now)
            if clock is None:
                return Blind(Reason.GARBLED, "the node's clock could not be read")
            if word is None:
                return Blind(Reason.GARBLED, "the marker's line is malformed")
            return datetime.fromtimestamp(float(word[1]), UTC), (word[2] or b"").decode(), clock
        case _:
            return Blind(Reason.GARBLED, "the node's answer is not whole")


def judge(started: datetime, source: str, clock: datetime, offset: float) -> MarkerFact | Blind:
    """``offset``: seconds by which the writer's clock is ahead of the reader's ``clock``."""
    started -= timedelta(seconds=offset)
    age = (clock - started).total_seconds()
    if age < -TOLERANCE:
        return Blind(Reason.FUTURE, f"the marker is {-age:.0f} s ahead of the node's clock")
    return MarkerFact(started, max(0.0, age), source)


class MarkerLook:
    """One look at the marker of the file set ``name``, ``path`` on the node. The node's connection is not its to close.

    ``offset`` tells the seconds by which the clock of the host that writes the marker is ahead of the node's.
    """

    def __init__(
        self,
        node: SshNode,
        *,
        name: str,
        path: str,
        clock: Callable[[], Moment],
        every: float = 5.0,
        offset: Callable[[], float] = lambda: 0.0,
    ) -> None:
        if not path.startswith("/") or set(path) & {"\n", "\r", "\0"}:
            raise ValueError(f"not an absolute path: {path!r}")
        self.key = Key(node.node, Probe.MARKER, name)
        self.every = every
        self.wake = asyncio.Event()
        self._node, self._path, self._clock, self._offset = node, path, clock, offset
        self._read: tuple[Moment, datetime, str, datetime] | None = None

    async def look(self) -> Sample:
        """A MarkerFact, or why there is none. Never raises for a fault of the world."""
        asked = self._clock()
        try:
            shell = await self._node.shell()
        except Unseen as unseen:
            detail = f"no ssh to {self._node.address}: {unseen.blind.detail}"
            return Sample(self.key, asked, self._clock(), Blind(Reason.CHANNEL_LOST, detail), unseen.notes)
        try:
            request = shell.post("marker", self._path)
            answer = await shell.wait(request, self._node.deadline)
        except Unseen as unseen:
            return self._unread(asked, unseen.blind)
        found = parse(answer, shell.wall)
        if isinstance(found, Blind):
            self._read = None
            return Sample(self.key, answer.asked, answer.answered, found)
        self._read = (answer.answered, *found)
        return Sample(self.key, answer.asked, answer.answered, judge(*found, self._offset()))

    async def close(self) -> None:
        """Nothing is held here."""

    def _unread(self, asked: Moment, blind: Blind) -> Sample:
        """The marker that was read before, aged, for as long as that is honest."""
        at = self._clock()
        if self._read is None or at - self._read[0] > PATIENCE or blind.reason is not Reason.QUERY_TIMEOUT:
            if blind.reason is Reason.QUERY_TIMEOUT:
                blind = Blind(blind.reason, f"the file system has not answered: {blind.detail}")
            return Sample(self.key, asked, at, blind)
        read, started, source, clock = self._read
        now = clock + timedelta(seconds=at - read)
        notes = (f"the file system is slow: the marker as it was read {at - read:.0f} s ago",)
        return Sample(self.key, asked, at, judge(started, source, now, self._offset()), notes)
