"""What outlives drwatch's own restart, and how a later run reads it: a claim must not shrink for having been asleep."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeVar

from drwatch.core.actuals import Outage
from drwatch.core.receipt import Receipt
from drwatch.core.sample import Channel, Key, Moment, Node, Probe, Sample
from drwatch.core.snapshot import Snapshot
from drwatch.core.standing import Leader, Protection
from drwatch.core.timeline import Timeline

V = TypeVar("V")

ASLEEP = 60.0
"""Seconds without a look over which a remembered death is believed to have lasted; a server that came back, committed
and was gone again meanwhile would make a claim that stands still too small."""

KEPT = frozenset({Probe.SERVER, Probe.REPLICATION, Probe.HOST, Probe.MARKER})
"""Looks whose newest fact is worth having when the far side no longer answers."""


def _nothing() -> MappingProxyType[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Memory:
    """The part of a snapshot that is written down. A field that is added here is kept and recalled like the others."""

    at: Moment
    """The newest moment of the run that wrote it."""
    sure: bool = True
    """Whether it is known how long ago that was: not after a reboot by whose end the wall clock had gone back."""
    timelines: Mapping[Node, Timeline] = field(default_factory=_nothing)
    deaths: Mapping[Node, Moment] = field(default_factory=_nothing)
    receipts: Mapping[tuple[Node, str], Receipt] = field(default_factory=_nothing)
    fed: Mapping[Node, Channel] = field(default_factory=_nothing)
    alive: frozenset[Node] = frozenset()
    embodied: frozenset[Node] = frozenset()
    outages: tuple[Outage, ...] = ()
    leaders: Mapping[str, Leader] = field(default_factory=_nothing)
    protections: Mapping[str, Protection] = field(default_factory=_nothing)
    facts: Mapping[Key, Sample] = field(default_factory=_nothing)
    """The newest fact of each look that is ``KEPT``."""


def turns(seen: Snapshot) -> tuple[object, ...]:
    """What must not be lost with the last seconds: when this changes, the memory is written at once."""
    rewound = frozenset((node, line.rewound) for node, line in seen.timelines.items() if line.rewound)
    led = frozenset(seen.leaders.items()), frozenset(seen.protections.items())
    return seen.alive, seen.embodied, frozenset(seen.deaths.items()), rewound, led, seen.outages


def memory(snapshot: Snapshot, now: Moment) -> Memory:
    """What is to be kept of a snapshot."""
    seen = {key: sight.fact for key, sight in snapshot.sights.items() if key.probe in KEPT and sight.fact}
    return Memory(
        at=now,
        timelines=snapshot.timelines,
        deaths=snapshot.deaths,
        receipts=snapshot.receipts,
        fed=snapshot.fed,
        alive=snapshot.alive,
        embodied=snapshot.embodied,
        outages=snapshot.outages,
        leaders=snapshot.leaders,
        protections=snapshot.protections,
        facts=MappingProxyType({**snapshot.recalled, **seen}),
    )


def recall(past: Memory, nodes: Collection[Node], now: Moment) -> Snapshot:
    """The snapshot to begin with: what an earlier run remembered of those nodes."""

    def ours(held: Mapping[Node, V]) -> Mapping[Node, V]:
        return MappingProxyType({node: value for node, value in held.items() if node in nodes})

    timelines = ours(past.timelines)
    if not past.sure:
        timelines = {node: replace(line, sure_from=now) for node, line in timelines.items()}
    slept = past.sure and now - past.at <= ASLEEP
    return Snapshot(
        timelines=MappingProxyType(timelines),
        deaths=ours(past.deaths) if slept else _nothing(),
        receipts=MappingProxyType({key: receipt for key, receipt in past.receipts.items() if key[0] in nodes}),
        fed=ours(past.fed),
        alive=past.alive,
        embodied=past.embodied,
        outages=past.outages,
        leaders=past.leaders,
        protections=past.protections,
        recalled=MappingProxyType({key: sample for key, sample in past.facts.items() if key.node in nodes}),
    )


@dataclass(frozen=True, slots=True)
class Passage:
    """How an earlier run's moments are read on this run's clock: all are shifted alike, so their distances hold."""

    shift: float
    """Seconds, for the loop's hand; the wall's stays as it was written."""
    sure: bool

    def of(self, moment: Moment) -> Moment:
        return Moment(moment.loop + self.shift, moment.wall)


def passage(written: Moment, same_boot: bool, now: Moment) -> Passage:
    """From the newest moment of an earlier run to now.

    In one boot of the machine the loop's hand runs on (asyncio's is CLOCK_MONOTONIC), whatever became of the wall
    clock. Across a reboot there is only the wall, and one that has gone back says nothing.
    """
    if same_boot and written.loop <= now.loop:
        return Passage(0.0, True)
    away = (now.wall - written.wall).total_seconds()
    return Passage(now.loop - max(0.0, away) - written.loop, away >= 0.0)
