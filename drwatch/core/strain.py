"""How hard a host's disks are used, as moving means, and whether they finish anything at all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from drwatch.core.capacity import ReadTime, read_time
from drwatch.core.sample import HostFact, Moment
from drwatch.core.stall import Still, still

STRAIN = 60.0
"""Seconds over which a disk's strain is averaged: one busy second says nothing, and one quiet second neither."""


@dataclass(frozen=True, slots=True)
class Strain:
    """Moving means of a host's I/O wait and I/O pressure, shares of one, and its random reads; None where unsaid."""

    since: Moment
    """The first look."""
    at: Moment
    io_wait: float | None = None
    io_pressure: float | None = None
    read: ReadTime | None = None
    still: Mapping[str, Still] = field(default_factory=lambda: MappingProxyType({}))
    """By device, since when it finishes nothing."""

    def after(self, fact: HostFact, at: Moment) -> Strain:
        passed, whole = max(0.0, at - self.at), at - self.since
        # At first the plain mean of all that was seen: a first look alone would count for a minute.
        weight = max(1 - math.exp(-passed / STRAIN), passed / whole if whole > 0 else 0.0)
        return Strain(
            self.since,
            at,
            _mean(self.io_wait, fact.io_wait, weight),
            _mean(self.io_pressure, fact.io_pressure, weight),
            read_time(self.read, fact, at),
            MappingProxyType({name: held for name, held in self._stalls(fact, at) if held is not None}),
        )

    def _stalls(self, fact: HostFact, at: Moment) -> Iterator[tuple[str, Still | None]]:
        return ((each.name, still(self.still.get(each.name), each, at)) for each in fact.devices)


def _mean(before: float | None, now: float | None, weight: float) -> float | None:
    return now if before is None or now is None else before + weight * (now - before)
