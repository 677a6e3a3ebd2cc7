"""What outlives drwatch's own restart, and how a later run reads it: a claim must not shrink for having been asleep."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeVar

from drwatch.core.actuals import Outage
from drwatch.core.binlogs import Logs
from drwatch.core.drill import Drill
from drwatch.core.flap import Flap, IncidentKey
from drwatch.core.job import Heard
from drwatch.core.proof import Proof
from drwatch.core.receipt import Receipt
from drwatch.core.sample import Channel, HostFact, Key, Moment, Node, Probe, Sample, ServerFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.standing import Leader, Protection
from drwatch.core.timeline import Entry, Timeline

V = TypeVar("V")

ASLEEP = 60.0
"""Seconds without a look over which a remembered death is believed to have lasted; a server that came back, committed
and was gone again meanwhile would make a claim that stands still too small."""

KEPT = frozenset({Probe.SERVER, Probe.REPLICATION, Probe.HOST, Probe.MARKER})
"""Looks whose newest fact is worth having when the far side no longer answers."""


DEAF = 30.0
"""Seconds that a job goes on saying that it has run (``curl --retry 5``): while drwatch is away for longer, in vain."""


def _nothing() -> MappingProxyType[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Memory:
    """The part of a snapshot that is written down. A field that is added here is kept and recalled like the others."""

    at: Moment
    """The newest moment of the run that wrote it."""
    rebooted: bool = False
    """Whether the machine of drwatch has restarted since, so that the wall clock alone says how long ago that was."""
    sure: bool = True
    """Whether it is known how long ago that was: not after a reboot by whose end the wall clock had gone back."""
    timelines: Mapping[Node, Timeline] = field(default_factory=_nothing)
    deaths: Mapping[Node, Moment] = field(default_factory=_nothing)
    receipts: Mapping[tuple[Node, str], Receipt] = field(default_factory=_nothing)
    fed: Mapping[Node, Channel] = field(default_factory=_nothing)
    alive: frozenset[Node] = frozenset()
    embodied: frozenset[Node] = frozenset()
    outages: tuple[Outage, ...] = ()
    drills: tuple[Drill, ...] = ()
    leaders: Mapping[str, Leader] = field(default_factory=_nothing)
    protections: Mapping[str, Protection] = field(default_factory=_nothing)
    watched: Mapping[str, Moment] = field(default_factory=_nothing)
    logs: Mapping[Node, Logs] = field(default_factory=_nothing)
    starts: Mapping[Node, tuple[Moment, ...]] = field(default_factory=_nothing)
    flaps: Mapping[IncidentKey, Flap] = field(default_factory=_nothing)
    digested: str = ""
    away: frozenset[str] = frozenset()
    proofs: Mapping[str, Proof] = field(default_factory=_nothing)
    jobs: Mapping[tuple[str, str], Heard] = field(default_factory=_nothing)
    facts: Mapping[Key, Sample] = field(default_factory=_nothing)
    """The newest fact of each look that is ``KEPT``."""


def turns(seen: Snapshot) -> tuple[object, ...]:
    """What must not be lost with the last seconds: when this changes, the memory is written at once."""
    rewound = {node: line.rewound for node, line in seen.timelines.items() if line.rewound}
    led = seen.leaders, seen.protections, seen.watched
    told = seen.outages, seen.drills, seen.digested, {key: held.opened for key, held in seen.flaps.items()}
    return seen.alive, seen.embodied, seen.deaths, rewound, *led, *told, seen.proofs, seen.jobs


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
        drills=snapshot.drills,
        leaders=snapshot.leaders,
        protections=snapshot.protections,
        watched=snapshot.watched,
        logs=snapshot.logs,
        starts=snapshot.starts,
        flaps=snapshot.flaps,
        digested=snapshot.digested,
        away=snapshot.away,
        proofs=snapshot.proofs,
        jobs=snapshot.jobs,
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
    deaf = now - past.at > DEAF
    return Snapshot(
        timelines=MappingProxyType(timelines),
        deaths=ours(past.deaths) if slept else _nothing(),
        receipts=MappingProxyType({key: receipt for key, receipt in past.receipts.items() if key[0] in nodes}),
        fed=ours(past.fed),
        alive=past.alive,
        embodied=past.embodied,
        outages=past.outages,
        drills=past.drills,
        leaders=past.leaders,
        protections=past.protections,
        watched=past.watched,
        flaps=past.flaps,
        digested=past.digested,
        away=past.away,
        proofs=past.proofs,
        jobs=MappingProxyType({key: held.away(past.at, now) if deaf else held for key, held in past.jobs.items()}),
        woke=now if past.rebooted else None,
        logs=ours(past.logs) if past.sure else _nothing(),
        starts=ours(past.starts) if past.sure else _nothing(),
        recalled=MappingProxyType({key: sample for key, sample in past.facts.items() if key.node in nodes}),
    )


@dataclass(frozen=True, slots=True)
class Passage:
    """How an earlier run's moments are read on this run's clock: all are shifted alike, so their distances hold."""

    shift: float
    """Seconds, for the loop's hand; the wall's stays as it was written."""
    rebooted: bool
    sure: bool

    def of(self, moment: Moment) -> Moment:
        return Moment(moment.loop + self.shift, moment.wall)


def passage(written: Moment, same_boot: bool, now: Moment) -> Passage:
    """From the newest moment of an earlier run to now.

    In one boot of the machine the loop's hand runs on (asyncio's is CLOCK_MONOTONIC), whatever became of the wall
    clock. Across a reboot there is only the wall, and one that has gone back says nothing.
    """
    if same_boot and written.loop <= now.loop:
        return Passage(0.0, rebooted=False, sure=True)
    away = (now.wall - written.wall).total_seconds()
    return Passage(now.loop - max(0.0, away) - written.loop, rebooted=True, sure=away >= 0.0)


def catch_up(snapshot: Snapshot, sample: Sample) -> Snapshot:
    """The snapshot in which a reboot lasted as long as the clock of this look's node says, if that is longer.

    A machine whose clock has no battery comes up at about the time of its shutdown, until NTP sets it right. The clocks
    of the nodes ran on meanwhile, and each was read before. What was remembered only grows older by it, never younger.
    """
    before = snapshot.recalled.get(sample.key)
    if snapshot.woke is None or before is None or snapshot.newest(sample.key.node, sample.key.probe) is not before:
        return snapshot
    then, here = before.found, sample.found
    if not isinstance(then, HostFact | ServerFact) or not isinstance(here, HostFact | ServerFact):
        return snapshot
    kept_quiet = (here.clock - then.clock).total_seconds() - (sample.asked - before.asked)
    return _older(snapshot, snapshot.woke, kept_quiet) if kept_quiet > 0 else snapshot


def _older(snapshot: Snapshot, woke: Moment, seconds: float) -> Snapshot:
    def back(moment: Moment) -> Moment:
        return Moment(moment.loop - seconds, moment.wall) if moment.loop <= woke.loop else moment

    def aged(line: Timeline) -> Timeline:
        entries = (Entry(back(entry.asked), entry.position, back(entry.since)) for entry in line.entries)
        doubts = {node: doubt.moved(back) for node, doubt in line.doubts.items()}
        return replace(line, entries=tuple(entries), doubts=MappingProxyType(doubts))

    old = snapshot.recalled.items()
    return replace(
        snapshot,
        timelines=MappingProxyType({node: aged(line) for node, line in snapshot.timelines.items()}),
        recalled=MappingProxyType(
            {key: replace(sample, asked=back(sample.asked), answered=back(sample.answered)) for key, sample in old}
        ),
    )
