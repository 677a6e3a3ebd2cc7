"""Everything that the looks have brought so far, as one immutable value: the only memory that assessing has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from drwatch.core import binlogs
from drwatch.core.actuals import Outage
from drwatch.core.binlogs import Logs
from drwatch.core.doubt import REFUSED, RESTORING, Doubt
from drwatch.core.drill import Drill
from drwatch.core.errant import Strays, errant, foreign
from drwatch.core.flap import Flap, IncidentKey
from drwatch.core.job import Heard, Said
from drwatch.core.proof import Proof
from drwatch.core.receipt import Receipt, anew, handed_on, receipt
from drwatch.core.sample import (
    NOT_DIALLED,
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
    Reason,
    ReplicationFact,
    Sample,
    ServerFact,
)
from drwatch.core.standing import Leader, Protection
from drwatch.core.starts import started
from drwatch.core.strain import Strain
from drwatch.core.timeline import Entry, Position, Timeline
from drwatch.core.writes import Writes, first


@dataclass(frozen=True, slots=True)
class Sight:
    """One probe's latest look, its newest fact, and since when it has been blind."""

    latest: Sample
    fact: Sample | None = None
    blind_since: Moment | None = None
    """When the look was asked that first came back blind; None while it sees."""
    lost_since: Moment | None = None
    """The same, for looks that brought not even an error packet: denied for days is not dead for days."""
    failed: Sample | None = None
    """Its newest look that came back blind, whatever came after; of a dial, one that was made."""
    taken: Moment | None = None
    """When the last look was asked whose connection was taken and not greeted; None once it sees again."""

    @property
    def blind(self) -> Blind | None:
        return self.latest.found if isinstance(self.latest.found, Blind) else None


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """What the last attempts on a paging channel came to."""

    accepted_at: Moment | None = None
    failing_since: Moment | None = None
    failures: int = 0
    """How many attempts in a row it has not taken."""
    refused: bool = False
    detail: str = ""

    @property
    def broken(self) -> bool:
        """Whether it is known to take nothing: one attempt that failed, and no other made, says little."""
        return self.refused or self.failures > 1


def _failed(before: Sight | None, sample: Sample) -> Sample | None:
    match sample.found:
        case Blind(reason) if sample.key.probe is not Probe.REACH or reason not in NOT_DIALLED:
            return sample
    return before.failed if before else None


def _taken(before: Sight | None, sample: Sample) -> Moment | None:
    match sample.found:
        case Blind(Reason.NO_HANDSHAKE):
            return sample.asked
        case Blind():
            return before.taken if before else None
    return None


@dataclass(frozen=True, slots=True)
class LedgerHealth:
    """Whether drwatch can keep what it sees and tells."""

    failing_since: Moment | None = None
    """Since when the disk takes nothing."""
    detail: str = ""
    begun: Moment | None = None
    """When a new file was last begun in place of one that was damaged or gone."""
    lost: str = ""
    """What became of that one, in words."""
    unread: bool = False
    """Whether nothing was known of what was in it: who was told of a trouble may not be told of its end."""


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
    passed: Mapping[tuple[Node, str], Timeline] = field(default_factory=_nothing)
    """Per channel that asks by coordinate, what its standby had applied of its source, and by when."""
    errant: Mapping[tuple[Node, Node], Strays | None] = field(default_factory=_nothing)
    """What the first node has and the second, asked later, had not; None where neither can be told."""
    fed: Mapping[Node, Channel] = field(default_factory=_nothing)
    """How each node was last seen to be fed: a takeover removes the channel, and with it where its source stood."""
    alive: frozenset[Node] = frozenset()
    """Nodes whose server has ever answered, this run or an earlier one: only these can be said to have died."""
    strains: Mapping[Node, Strain] = field(default_factory=_nothing)
    embodied: frozenset[Node] = frozenset()
    """Nodes whose server process the host look has found before; elsewhere its absence proves nothing."""
    channels: Mapping[str, ChannelHealth] = field(default_factory=_nothing)
    jobs: Mapping[tuple[str, str], Heard] = field(default_factory=_nothing)
    """Per cluster and job, over every run."""
    proofs: Mapping[str, Proof] = field(default_factory=_nothing)
    """Per channel, over every run."""
    woke: Moment | None = None
    """When this run began, if the machine of drwatch had been restarted since the one that it remembers."""
    logs: Mapping[Node, Logs] = field(default_factory=_nothing)
    """The binary logs of each server that was asked for them."""
    recalled: Mapping[Key, Sample] = field(default_factory=_nothing)
    """Facts of an earlier run, each until this run's look brings a newer one."""
    outages: tuple[Outage, ...] = ()
    """Losses of a primary and how they were recovered from, this run's and earlier ones'."""
    drills: tuple[Drill, ...] = ()
    """Takeovers that humans announced, the oldest first."""
    writes: Mapping[Node, Writes] = field(default_factory=_nothing)
    """Whether each server's writes get anywhere."""
    unfed: Mapping[Node, Moment] = field(default_factory=_nothing)
    """Since which status look a node has neither received nor applied anything from anybody."""
    leaders: Mapping[str, Leader] = field(default_factory=_nothing)
    """Per cluster, who was seen to take it over; none while it is led by the node that should."""
    protections: Mapping[str, Protection] = field(default_factory=_nothing)
    """Per cluster, as last judged."""
    watched: Mapping[str, Moment] = field(default_factory=_nothing)
    """Per cluster, since when it has been watched at all, over every run."""
    starts: Mapping[Node, tuple[Moment, ...]] = field(default_factory=_nothing)
    """When each server was lately started anew, oldest first."""
    flaps: Mapping[IncidentKey, Flap] = field(default_factory=_nothing)
    """The troubles that have come lately, and how often."""
    digested: str = ""
    """The day whose digest was told last; empty before the first."""
    away: frozenset[str] = frozenset()
    """The ids of open incidents that were not so as last judged."""
    ledger: LedgerHealth = LedgerHealth()

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
            failed=_failed(before, sample),
            taken=_taken(before, sample),
        )
        after = replace(
            self,
            sights=MappingProxyType({**self.sights, sample.key: sight}),
            strains=self._strained(sample),
            writes=self._wrote(sample),
        )
        match sample.found:
            case ServerFact() as fact:
                return after._answered(sample, fact, self.newest(*sample.key[:2]))
            case HostFact() as fact:
                return after._examined(sample, fact)
            case ReplicationFact() as fact:
                return after._moved(sample, fact)._stood(sample, fact)._listed(sample, fact)
        return after

    def told(self, channel: str, accepted: bool, refused: bool, detail: str, now: Moment) -> Snapshot:
        """The snapshot after an attempt on a paging channel."""
        before = self.channels.get(channel, ChannelHealth())
        if accepted:
            health = ChannelHealth(accepted_at=now)
            proof = replace(self.proofs.get(channel) or Proof(since=now), accepted=now)
            proofs = MappingProxyType({**self.proofs, channel: proof})
            return replace(self, channels=MappingProxyType({**self.channels, channel: health}), proofs=proofs)
        since, failures = before.failing_since or now, before.failures + 1
        health = replace(before, failing_since=since, failures=failures, refused=refused, detail=detail)
        return replace(self, channels=MappingProxyType({**self.channels, channel: health}))

    def unwritten(self, detail: str, now: Moment) -> Snapshot:
        """The snapshot after something that the disk did not take."""
        since = self.ledger.failing_since or now
        return replace(self, ledger=replace(self.ledger, failing_since=since, detail=detail))

    def written(self) -> Snapshot:
        """The snapshot after something that it took."""
        if self.ledger.failing_since is None:
            return self
        return replace(self, ledger=replace(self.ledger, failing_since=None, detail=""))

    def begun_anew(self, lost: str, now: Moment, unread: bool = False) -> Snapshot:
        """The snapshot after a new file was begun; ``lost`` is what became of the old one, ``unread`` as it is kept."""
        return replace(self, ledger=replace(self.ledger, begun=now, lost=lost, unread=unread))

    def heard(self, cluster: str, job: str, said: Said, now: Moment) -> Snapshot:
        """The snapshot after a word of a job."""
        before = self.jobs.get((cluster, job)) or Heard(since=now)
        return replace(self, jobs=MappingProxyType({**self.jobs, (cluster, job): before.hear(said, now)}))

    def sight(self, node: Node, probe: Probe, target: str = "") -> Sight | None:
        return self.sights.get(Key(node, probe, target))

    def latest(self, node: Node, probe: Probe, target: str = "") -> Fact | Blind | None:
        """What the last look found; None when there was none yet."""
        sight = self.sights.get(Key(node, probe, target))
        return sight.latest.found if sight else None

    def newest(self, node: Node, probe: Probe) -> Sample | None:
        """The look that brought the newest fact, however old, of an earlier run too."""
        key = Key(node, probe)
        sight = self.sights.get(key)
        return sight.fact if sight else self.recalled.get(key)

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

    def _had(self, sample: Sample, position: Position, measured: bool = False) -> Snapshot:
        """With what a node had; if that is less than it had before, its history begins anew."""
        node = sample.key.node
        if position.gtid is None and position.binlog is None:
            return self
        entry = Entry(sample.asked, position, sample.answered, measured)
        line = self.timelines.get(node, Timeline())
        if line.undone_by(entry):
            line = Timeline(rewound=line.rewound | self._fed_by(node))
        elif ahead := self._ahead_of(node, position) - line.rewound:
            line = Timeline(rewound=line.rewound | ahead)
        else:
            line = self._doubted(node, line, entry)
        return replace(self, timelines=MappingProxyType({**self.timelines, node: line.add(entry)}))

    def _doubted(self, node: Node, line: Timeline, entry: Entry) -> Timeline:
        """With what this look says of the standbys' places, or new doubts of all if the server may have been started.

        A start opens a new file; one that is opened without a start is no more than a rotation.
        """
        place = entry.position.binlog
        if place is None:
            return line
        doubts = dict(line.doubts)
        if line.newest is not None and line.in_later_file(entry) and self._may_be_new(node, line.newest.asked, entry):
            for standby in self._fed_by(node):
                old = doubts.get(standby)
                doubts[standby] = old.again(entry.since) if old else Doubt(line.newest.asked, place, entry.since)
        elif not entry.measured:
            asked = {standby: doubt.said(place, entry.asked) for standby, doubt in doubts.items()}
            doubts = {standby: doubt for standby, doubt in asked.items() if doubt is not None}
        return _judged(line, doubts) if doubts or line.doubts else line

    def _may_be_new(self, node: Node, since: Moment, entry: Entry) -> bool:
        """Whether the server may have been started since that look."""
        sample = self.newest(node, Probe.SERVER)
        if sample is None or not isinstance(fact := sample.found, ServerFact):
            return True
        return entry.asked - sample.asked >= RESTORING or sample.answered.plus(-fact.uptime).loop > since.loop

    def _stood(self, sample: Sample, fact: ReplicationFact) -> Snapshot:
        """With what a standby's place says to the doubts in it."""
        node = sample.key.node
        lines: dict[Node, Timeline] = {}
        for source, line in self.timelines.items():
            if (doubt := line.doubts.get(node)) is None:
                continue
            server = self.server(source)
            ids = (None, server.server_id if server else None)
            channel = next((each for each in fact.channels if each.source_server_id in ids), None)
            if channel is None or channel.read is None:
                continue
            after = doubt.held(channel.read, channel.io_errno in REFUSED, sample.asked, sample.answered)
            left = {standby: held for standby, held in line.doubts.items() if standby != node}
            lines[source] = _judged(line, {**left, node: after} if after else left)
        return replace(self, timelines=MappingProxyType({**self.timelines, **lines})) if lines else self

    def _fed_by(self, source: Node) -> frozenset[Node]:
        """The other nodes of its cluster but for those that are known to take their data from elsewhere, or nowhere."""
        fact = self.server(source)
        nodes = {key.node for key in self.sights} | self.alive
        others = {node for node in nodes if node.cluster == source.cluster and node != source}

        def may_be_fed(node: Node) -> bool:
            replication = self.replication(node)
            if replication is None or fact is None:
                return True
            return any(channel.source_server_id in (None, fact.server_id) for channel in replication.channels)

        return frozenset(node for node in others if may_be_fed(node))

    def _ahead_of(self, source: Node, position: Position) -> frozenset[Node]:
        """The standbys that had more from this server, before it was started, than it now has itself.

        Only of what came before: a transaction is sent before it shows in the source's own position.
        """
        sample = self.newest(source, Probe.SERVER)
        if sample is None or not isinstance(fact := sample.found, ServerFact):
            return frozenset()
        started = sample.asked.plus(-fact.uptime - 1.0)
        return frozenset(
            node
            for (node, _), held in self.receipts.items()
            if node.cluster == source.cluster
            and node != source
            and held.source_server_id == fact.server_id
            and held.furthest is not None
            and held.furthest_at is not None
            and held.furthest_at.loop <= started.loop
            and held.furthest.beyond(position)
        )

    def _answered(self, sample: Sample, fact: ServerFact, before: Sample | None) -> Snapshot:
        node = sample.key.node
        after = (
            self._had(sample, Position(fact.gtid, fact.binlog))._strayed(sample, fact)._restarted(sample, fact, before)
        )
        if node not in after.alive:
            after = replace(after, alive=after.alive | {node})
        begun = started(self.starts.get(node, ()), before, sample)
        after = replace(after, starts=MappingProxyType({**self.starts, node: begun})) if begun else after
        died = after.deaths.get(node)
        return after._risen(node) if died is not None and sample.asked.loop > died.loop else after

    def _restarted(self, sample: Sample, fact: ServerFact, before: Sample | None) -> Snapshot:
        """What was received counts until the server restarts, and from its next status look on again."""
        earlier = before.found if before else None
        fell = isinstance(earlier, ServerFact) and fact.uptime < earlier.uptime
        started = sample.answered.plus(-fact.uptime)
        status = self.newest(sample.key.node, Probe.REPLICATION)
        if status is None or not (fell or started.loop > status.asked.loop):
            return self
        node = sample.key.node
        void = {key: replace(held, void=True) for key, held in self.receipts.items() if key[0] == node}
        return replace(self, receipts=MappingProxyType({**self.receipts, **void}))

    def _strayed(self, sample: Sample, fact: ServerFact) -> Snapshot:
        """With what the other nodes, looked at before this one, were seen to have and it has not."""
        node, found = sample.key.node, dict(self.errant)
        nodes = {key.node for key in self.sights if key.node.cluster == node.cluster}
        servers = [server for each in nodes if (server := self.server(each)) is not None]
        for key, sight in self.sights.items():
            if key.probe is not Probe.SERVER or key.node == node or key.node.cluster != node.cluster:
                continue
            look = sight.fact
            if look is None or not isinstance(look.found, ServerFact) or look.answered.loop > sample.asked.loop:
                continue
            status = self.replication(key.node)
            found[key.node, node] = errant(look.found, fact, foreign(status, servers) if status else ())
        return self if found == self.errant else replace(self, errant=MappingProxyType(found))

    def _wrote(self, sample: Sample) -> Mapping[Node, Writes]:
        if not isinstance(fact := sample.found, ServerFact):
            return self.writes
        node, at = sample.key.node, sample.asked
        before = self.writes.get(node)
        now = before.after(fact, at) if before else first(fact, at)
        return MappingProxyType({**self.writes, node: now})

    def _strained(self, sample: Sample) -> Mapping[Node, Strain]:
        if not isinstance(fact := sample.found, HostFact):
            return self.strains
        node, at = sample.key.node, sample.answered
        return MappingProxyType({**self.strains, node: self.strains.get(node, Strain(at, at)).after(fact, at)})

    def _risen(self, node: Node) -> Snapshot:
        left = {other: at for other, at in self.deaths.items() if other != node}
        return replace(self, deaths=MappingProxyType(left))

    def _examined(self, sample: Sample, fact: HostFact) -> Snapshot:
        node = sample.key.node
        after = self if fact.binlog is None else self._had(sample, Position(None, fact.binlog), measured=True)
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
        server = after.server(node)
        version = server.version if server else ()
        moved = {
            (node, channel.name): receipt(
                after.receipts.get((node, channel.name)), channel, version, sample.asked, sample.answered
            )
            for channel in fact.channels
        }
        others = {key: held for key, held in after.receipts.items() if key[0] != node}
        passed = {key: line for key, line in after.passed.items() if key[0] != node}
        for channel in fact.channels:
            key = node, channel.name
            if (
                line := handed_on(after.passed.get(key), after.receipts.get(key), channel, sample.answered)
            ) is not None:
                passed[key] = line
        unfed = {other: at for other, at in after.unfed.items() if other != node}
        if all(channel.io is IoState.NO and not channel.sql for channel in fact.channels):
            unfed[node] = after.unfed.get(node, sample.asked)
        fed = {node: fact.channels[0]} if fact.channels else {}
        return replace(
            after,
            receipts=MappingProxyType({**others, **moved}),
            passed=MappingProxyType(passed),
            unfed=MappingProxyType(unfed),
            fed=MappingProxyType({**after.fed, **fed}) if fed else after.fed,
        )

    def _listed(self, sample: Sample, fact: ReplicationFact) -> Snapshot:
        if not fact.logs:
            return self
        node = sample.key.node
        before = self.logs.get(node)
        logs = before.after(fact.logs, sample.asked) if before else binlogs.first(fact.logs, sample.asked)
        return replace(self, logs=MappingProxyType({**self.logs, node: logs}))

    def rebuilt(self, standby: Node) -> Snapshot:
        """A human says that this standby was made anew: neither what it had nor what was undone counts any more."""
        lines = {node: line.cleared(standby) for node, line in self.timelines.items()}
        receipts = {key: anew(held) if key[0] == standby else held for key, held in self.receipts.items()}
        old = (Key(standby, Probe.SERVER), Key(standby, Probe.REPLICATION))
        sights = {key: replace(sight, fact=None) if key in old else sight for key, sight in self.sights.items()}
        return replace(
            self,
            sights=MappingProxyType(sights),
            recalled=MappingProxyType({key: sample for key, sample in self.recalled.items() if key not in old}),
            timelines=MappingProxyType(lines),
            receipts=MappingProxyType(receipts),
        )


def _judged(line: Timeline, doubts: Mapping[Node, Doubt]) -> Timeline:
    rewound = {standby for standby, doubt in doubts.items() if doubt.proved}
    left = {standby: doubt for standby, doubt in doubts.items() if standby not in rewound}
    return replace(line, rewound=line.rewound | rewound, doubts=MappingProxyType(left))


def snapshot(samples: Iterable[Sample], alive: Iterable[Node] = ()) -> Snapshot:
    """A snapshot from looks in the order in which they were settled."""
    made = Snapshot(alive=frozenset(alive))
    for sample in samples:
        made = made.keep(sample)
    return made
