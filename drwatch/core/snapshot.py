"""Everything that the looks have brought so far, as one immutable value: the only memory that assessing has."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from drwatch.core.actuals import Outage
from drwatch.core.binlog import Coordinate
from drwatch.core.capacity import ApplyRate, Progress, ReadTime, apply_rate, read_time
from drwatch.core.gtid import Gtids
from drwatch.core.sample import (
    PROOF_OF_LIFE,
    Blind,
    Channel,
    Fact,
    HostFact,
    IoState,
    Key,
    Moment,
    Node,
    Probe,
    ReplicationFact,
    Sample,
    ServerFact,
)
from drwatch.core.timeline import Entry, Position, Timeline


@dataclass(frozen=True, slots=True)
class Sight:
    """One probe's latest look, its newest fact, and since when it has been blind."""

    latest: Sample
    fact: Sample | None = None
    blind_since: Moment | None = None
    """When the look was asked that first came back blind; None while it sees."""
    lost_since: Moment | None = None
    """The same, for looks that brought not even an error packet: denied for days is not dead for days."""

    @property
    def blind(self) -> Blind | None:
        return self.latest.found if isinstance(self.latest.found, Blind) else None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A replication channel's movement: when its received and its applied position were last seen to change."""

    heard: tuple[Coordinate | None, Gtids | None, int | None]
    """Received coordinate, received GTIDs and heartbeats: whatever changes when something arrives."""
    heard_at: Moment
    applied: tuple[Coordinate | None, Gtids | None]
    applied_at: Moment
    """When the applier last moved, had nothing to do, or was stopped."""
    apply_rate: ApplyRate | None = None
    working_since: Moment | None = None
    """The look from which on the applier has had work and did not move; None while it has none or is stopped."""
    moved: bool = False
    """Whether anything was heard while we watched: the first look only says where it stands."""
    io: IoState = IoState.YES
    io_since: Moment | None = None
    """The look that first found the receiver in this state."""


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


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """What the last attempts on a paging channel came to."""

    accepted_at: Moment | None = None
    failing_since: Moment | None = None
    refused: bool = False
    detail: str = ""


def _nothing() -> MappingProxyType[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The world as seen. ``keep`` gives the next one; nothing is ever changed in place."""

    sights: Mapping[Key, Sight] = field(default_factory=_nothing)
    timelines: Mapping[Node, Timeline] = field(default_factory=_nothing)
    """What each node had written, for those that have ever been the source of data."""
    deaths: Mapping[Node, Moment] = field(default_factory=_nothing)
    """When a node's server process was first proved gone; until the server answers again."""
    receipts: Mapping[tuple[Node, str], Receipt] = field(default_factory=_nothing)
    """Per standby and replication channel."""
    alive: frozenset[Node] = frozenset()
    """Nodes whose server has ever answered, this run or an earlier one: only these can be said to have died."""
    strains: Mapping[Node, Strain] = field(default_factory=_nothing)
    embodied: frozenset[Node] = frozenset()
    """Nodes whose server process the host look has found before; elsewhere its absence proves nothing."""
    channels: Mapping[str, ChannelHealth] = field(default_factory=_nothing)
    recalled: Mapping[Key, Sample] = field(default_factory=_nothing)
    """Facts of an earlier run, each until this run's look brings a newer one."""
    outages: tuple[Outage, ...] = ()
    """Losses of a primary and how they were recovered from, this run's and earlier ones'."""

    def keep(self, sample: Sample) -> Snapshot:
        """The snapshot with one look more."""
        before = self.sights.get(sample.key)
        blind = isinstance(sample.found, Blind)
        lost = isinstance(sample.found, Blind) and sample.found.reason not in PROOF_OF_LIFE
        sight = Sight(
            latest=sample,
            fact=(before.fact if before else self.recalled.get(sample.key)) if blind else sample,
            blind_since=((before and before.blind_since) or sample.asked) if blind else None,
            lost_since=((before and before.lost_since) or sample.asked) if lost else None,
        )
        after = replace(self, sights=MappingProxyType({**self.sights, sample.key: sight}))
        match sample.found:
            case ServerFact() as fact:
                return after._answered(sample, fact)
            case HostFact() as fact:
                return after._examined(sample, fact)
            case ReplicationFact() as fact:
                return after._moved(sample, fact)
        return after

    def told(self, channel: str, accepted: bool, refused: bool, detail: str, now: Moment) -> Snapshot:
        """The snapshot after an attempt on a paging channel."""
        before = self.channels.get(channel, ChannelHealth())
        if accepted:
            health = ChannelHealth(accepted_at=now)
        else:
            health = replace(before, failing_since=before.failing_since or now, refused=refused, detail=detail)
        return replace(self, channels=MappingProxyType({**self.channels, channel: health}))

    def sight(self, node: Node, probe: Probe, target: str = "") -> Sight | None:
        return self.sights.get(Key(node, probe, target))

    def latest(self, node: Node, probe: Probe, target: str = "") -> Fact | Blind | None:
        """What the last look found; None when there was none yet."""
        sight = self.sight(node, probe, target)
        return sight.latest.found if sight else None

    def newest(self, node: Node, probe: Probe) -> Sample | None:
        """The look that brought the newest fact, however old, of an earlier run too."""
        sight = self.sight(node, probe)
        return sight.fact if sight else self.recalled.get(Key(node, probe))

    def server(self, node: Node) -> ServerFact | None:
        """The newest fact of the fast look, however old."""
        sample = self.newest(node, Probe.SERVER)
        found = sample and sample.found
        return found if isinstance(found, ServerFact) else None

    def replication(self, node: Node) -> ReplicationFact | None:
        """The newest fact of the status look, however old."""
        sample = self.newest(node, Probe.REPLICATION)
        found = sample and sample.found
        return found if isinstance(found, ReplicationFact) else None

    def host(self, node: Node) -> HostFact | None:
        """The newest fact of the host, however old."""
        sample = self.newest(node, Probe.HOST)
        found = sample and sample.found
        return found if isinstance(found, HostFact) else None

    def lost_since(self, node: Node) -> Moment | None:
        """The first of the fast looks that have brought not even an error packet since; None while it speaks."""
        sight = self.sight(node, Probe.SERVER)
        return sight.lost_since if sight else None

    def clock_offset(self, node: Node, however_old: bool = False) -> float | None:
        """Seconds by which the node's clock is ahead of the witness's; None while it cannot be read.

        The host's word, else its server's. Both ends of the look bound the moment at which the clock was read.
        """
        for probe in (Probe.HOST, Probe.SERVER):
            sight = self.sight(node, probe)
            sample = sight and (sight.fact if however_old else sight.latest)
            if sample and isinstance(fact := sample.found, HostFact | ServerFact):
                middle = sample.asked.plus((sample.answered - sample.asked) / 2)
                return (fact.clock - middle.wall).total_seconds()
        return None

    def clock_lead(self, writer: Node, reader: Node) -> float:
        """Seconds by which one node's clock is ahead of another's, by the newest word of each; 0 while unheard of."""
        ahead, behind = (self.clock_offset(node, however_old=True) for node in (writer, reader))
        return 0.0 if ahead is None or behind is None else ahead - behind

    def _had(self, sample: Sample, position: Position) -> Snapshot:
        node = sample.key.node
        if position.gtid is None and position.binlog is None:
            return self
        line = self.timelines.get(node, Timeline()).add(Entry(sample.asked, position, sample.answered))
        return replace(self, timelines=MappingProxyType({**self.timelines, node: line}))

    def _answered(self, sample: Sample, fact: ServerFact) -> Snapshot:
        node = sample.key.node
        after = self._had(sample, Position(fact.gtid, fact.binlog))
        if node not in after.alive:
            after = replace(after, alive=after.alive | {node})
        died = after.deaths.get(node)
        return after._risen(node) if died is not None and sample.asked.loop > died.loop else after

    def _risen(self, node: Node) -> Snapshot:
        left = {other: at for other, at in self.deaths.items() if other != node}
        return replace(self, deaths=MappingProxyType(left))

    def _examined(self, sample: Sample, fact: HostFact) -> Snapshot:
        node = sample.key.node
        after = self if fact.binlog is None else self._had(sample, Position(None, fact.binlog))
        strain = after.strains.get(node, Strain(sample.answered)).after(fact, sample.answered)
        after = replace(after, strains=MappingProxyType({**after.strains, node: strain}))
        died = after.deaths.get(node)
        if fact.processes:
            if died is not None and sample.asked.loop >= died.loop:
                # Back, and perhaps committing, before it has answered the witness: no claim may stand still.
                after = after._risen(node)
            return after if node in after.embodied else replace(after, embodied=after.embodied | {node})
        server = after.sight(node, Probe.SERVER)
        if server is None or server.blind is None or node in after.deaths or node not in after.embodied:
            return after
        # Gone by the time of the answer at the latest; an earlier moment would not be an upper bound.
        return replace(after, deaths=MappingProxyType({**after.deaths, node: sample.answered}))

    def _moved(self, sample: Sample, fact: ReplicationFact) -> Snapshot:
        node = sample.key.node
        after = self if fact.binlog is None else self._had(sample, Position(None, fact.binlog))
        moved = {(node, channel.name): self._receipt(node, channel, sample.asked) for channel in fact.channels}
        others = {key: receipt for key, receipt in after.receipts.items() if key[0] != node}
        return replace(after, receipts=MappingProxyType({**others, **moved}))

    def _receipt(self, node: Node, channel: Channel, asked: Moment) -> Receipt:
        heard = (channel.read, channel.retrieved_gtid, channel.heartbeats)
        applied = (channel.executed, channel.executed_gtid)
        before = self.receipts.get((node, channel.name))
        if before is None:
            return Receipt(heard, asked, applied, asked, io=channel.io, io_since=asked)
        moved = before.applied != applied
        working = channel.sql and channel.executed != channel.read
        return Receipt(
            heard=heard,
            heard_at=asked if before.heard != heard else before.heard_at,
            applied=applied,
            applied_at=asked if moved or not working else before.applied_at,
            apply_rate=_rate(before, channel, asked) if moved else before.apply_rate,
            working_since=None if not working else asked if moved else before.working_since or asked,
            moved=before.moved or before.heard != heard,
            io=channel.io,
            io_since=before.io_since if before.io is channel.io else asked,
        )


def _rate(before: Receipt, channel: Channel, asked: Moment) -> ApplyRate | None:
    """The applier's rate, measured from the look that found work waiting to this one that finds some of it done."""
    (stood, *_), (waiting, *_) = before.applied, before.heard
    if before.working_since is None or stood is None or waiting is None or channel.executed is None:
        return before.apply_rate
    progress = Progress(stood, waiting, channel.executed, asked - before.working_since)
    return apply_rate(before.apply_rate, progress, asked)


def snapshot(samples: Iterable[Sample], alive: Iterable[Node] = ()) -> Snapshot:
    """A snapshot from looks in the order in which they were settled."""
    made = Snapshot(alive=frozenset(alive))
    for sample in samples:
        made = made.keep(sample)
    return made
