"""How fast a standby can go, measured while it had work: its applier, and its disk when it reads at random."""

from __future__ import annotations

import math
from dataclasses import dataclass

from drwatch.core.binlog import Coordinate
from drwatch.core.sample import HostFact, Moment

PACE = 6.0
"""Seconds over which an applier's rate is averaged: long enough for its fits and starts, and soon rid of the time when
the source was alive and its receiver wrote to the same disk."""

FRESH = 0.3
"""Weight of a new reading of a disk beside the earlier ones."""

RANDOM_READ = 65536
"""Bytes: greater reads on average are a scan or a read-ahead."""


@dataclass(frozen=True, slots=True)
class ApplyRate:
    """Bytes of its source's binary log that an applier gets through in a second."""

    bytes_per_second: float
    at: Moment
    """When it was last measured."""
    busy: bool
    """It had work all the time it was measured. If not it may have idled, and this is the least that it can do."""


@dataclass(frozen=True, slots=True)
class Progress:
    """An applier between two looks: where it stood, what it had to do by then, and where it is ``seconds`` later."""

    before: Coordinate
    waiting: Coordinate
    """The end of what had been received by the earlier look."""
    after: Coordinate
    seconds: float


def apply_rate(known: ApplyRate | None, progress: Progress, at: Moment) -> ApplyRate | None:
    """The rate with one measurement more; unchanged across a rotation of the log, whose length nobody has said."""
    before, after = progress.before, progress.after
    if before.file != after.file or after.position <= before.position or progress.seconds <= 0:
        return known
    rate = (after.position - before.position) / progress.seconds
    # What was received later cannot have kept it waiting: up to there it never stood without work.
    busy = progress.waiting.file != after.file or after.position <= progress.waiting.position
    if known is None or (busy and not known.busy):
        return ApplyRate(rate, at, busy)
    if not busy and rate <= known.bytes_per_second:
        return known
    if not known.busy:
        return ApplyRate(rate, at, busy=False)
    weight = 1 - math.exp(-progress.seconds / PACE)
    return ApplyRate(known.bytes_per_second + weight * (rate - known.bytes_per_second), at, busy=True)


@dataclass(frozen=True, slots=True)
class ReadTime:
    """Seconds that one random read takes on the slowest disk of a host."""

    seconds: float
    at: Moment
    """When it was last measured: a disk that reads nothing says nothing."""


def read_time(known: ReadTime | None, fact: HostFact, at: Moment) -> ReadTime | None:
    """The time with one look more; unchanged where the disks read too little, or long stretches."""
    waits = [
        disk.read_seconds
        for disk in fact.disks
        if disk.read_seconds is not None and disk.read_bytes is not None and disk.read_bytes <= RANDOM_READ
    ]
    if not waits:
        return known
    slowest = max(waits)
    return ReadTime(slowest if known is None else known.seconds + FRESH * (slowest - known.seconds), at)
