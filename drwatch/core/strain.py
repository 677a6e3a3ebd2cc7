"""How hard a host's disks are used, as moving means."""

from __future__ import annotations

import math
from dataclasses import dataclass

from drwatch.core.capacity import ReadTime, read_time
from drwatch.core.sample import HostFact, Moment

STRAIN = 60.0
"""Seconds over which a disk's strain is averaged: one busy second says nothing, and one quiet second neither."""


@dataclass(frozen=True, slots=True)
class Strain:
    """Moving means of a host's I/O wait and I/O pressure, shares of one, and its random reads; None where unsaid."""

    at: Moment
    io_wait: float | None = None
    io_pressure: float | None = None
    read: ReadTime | None = None

    def after(self, fact: HostFact, at: Moment) -> Strain:
        weight = 1 - math.exp(-max(0.0, at - self.at) / STRAIN)
        return Strain(
            at,
            _mean(self.io_wait, fact.io_wait, weight),
            _mean(self.io_pressure, fact.io_pressure, weight),
            read_time(self.read, fact, at),
        )


def _mean(before: float | None, now: float | None, weight: float) -> float | None:
    return now if before is None or now is None else before + weight * (now - before)
