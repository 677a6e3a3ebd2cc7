"""A server's binary logs as it listed them, and how long it keeps them: by its settings and by what it did."""

from __future__ import annotations

from dataclasses import dataclass

from drwatch.core.binlog import Coordinate
from drwatch.core.sample import Moment

LISTED = 60.0
"""Seconds between two lists: so far is a moment known at which a file was closed or purged."""

FRESH = 0.2
"""Weight of the newest rate beside the earlier ones."""


@dataclass(frozen=True, slots=True)
class Gap:
    """How long a server will yet keep what somebody has still to read of it."""

    seconds: float | None
    """At least so long; None while nothing says."""
    purged: bool = False
    """It is gone already."""


@dataclass(frozen=True, slots=True)
class Logs:
    """The files that a server has, and what was seen of it closing and purging them."""

    asked: Moment
    files: tuple[Coordinate, ...]
    """Oldest first, each at its size in bytes."""
    written: tuple[tuple[int, Moment], ...] = ()
    """A file's number, and the newest look that found it still written to."""
    kept: float | None = None
    """Seconds: the age, at least, of the file that was purged last; None while none was seen to go."""
    rate: float | None = None
    """Bytes a second."""

    def after(self, files: tuple[Coordinate, ...], asked: Moment) -> Logs:
        """With one list more. One that does not go on from here (RESET MASTER, another name) begins anew."""
        oldest, newest = files[0], files[-1]
        if newest.base != self.files[-1].base or newest.number < self.files[-1].number:
            return first(files, asked)
        rate = self.rate
        if asked.loop > self.asked.loop:
            now = (_bytes_from(files, self.files[-1].number) - self.files[-1].position) / (asked - self.asked)
            rate = now if rate is None else rate + FRESH * (now - rate)
        written = dict(self.written)
        last = max((number for number in written if number < oldest.number), default=None)
        kept = self.kept if last is None else max(0.0, self.asked - written[last] - LISTED)
        written = {number: at for number, at in written.items() if number >= oldest.number}
        return Logs(asked, files, tuple({**written, newest.number: asked}.items()), kept, rate)

    def gap(self, need: Coordinate, expires: float | None, limit: int | None, now: Moment) -> Gap | None:
        """How long the file of ``need`` will yet be there; None for another server's, or one that is still written to.

        ``expires``: seconds after which the server purges, ``limit``: bytes that it keeps; None where it does not.
        """
        if need.base != self.files[-1].base or need.number >= self.files[-1].number:
            return None
        if need.number < self.files[0].number:
            return Gap(0.0, purged=True)
        left = []
        keeps = min((age for age in (expires, self.kept) if age is not None), default=None)
        age = self._age(need.number, now)
        if keeps is not None and age is not None:
            left.append(max(0.0, keeps - age))
        if limit is not None and self.rate:
            left.append(max(0.0, (limit - _bytes_from(self.files, need.number)) / self.rate))
        return Gap(min(left, default=None))

    def _age(self, number: int, now: Moment) -> float | None:
        """Seconds since a file was closed, at most; for one that no look saw open, by what was written after it."""
        at = dict(self.written).get(number)
        if at is not None:
            return now - at
        return _bytes_from(self.files, number + 1) / self.rate + (now - self.asked) if self.rate else None


def first(files: tuple[Coordinate, ...], asked: Moment) -> Logs:
    return Logs(asked, files, ((files[-1].number, asked),))


def _bytes_from(files: tuple[Coordinate, ...], number: int) -> int:
    return sum(file.position for file in files if file.number >= number)
