"""The metrics: the current assessment rendered afresh at each scrape, beside a few instruments of the process's life.

Nothing of the watched world is kept between scrapes. What is unknown is an absent series, and ``..._known 0`` where
somebody relies on the figure; there are no sentinel numbers. Every age is read off ``Assessment.at``, so the module
needs no clock: whoever wants to know that the judging stands still compares ``drwatch_assessment_timestamp_seconds``
with his own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder

from drwatch import __version__
from drwatch.core.assessment import Assessment
from drwatch.core.exposure import Exposure, feed
from drwatch.core.finding import SEVERITY, Condition
from drwatch.core.incident import Incident, Phase
from drwatch.core.paging import Outcome, Row
from drwatch.core.policy import NodePolicy, Role
from drwatch.core.recovery import backlog
from drwatch.core.sample import (
    Blind,
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
from drwatch.core.snapshot import Sight, Snapshot
from drwatch.core.view import ClusterView


class Family(NamedTuple):
    """One metric: its labels, and what the figure means."""

    labels: tuple[str, ...]
    help: str


_CLAIM = ("cluster", "node", "data")
_NODE = ("cluster", "node")

FAMILIES = {
    "drwatch_rpo_seconds": Family(
        _CLAIM,
        "Data-loss exposure, an upper bound: at most so many seconds of acknowledged commits would be lost now, "
        "counted from the last one that the standby is known to hold. data is mysql, files/NAME, or all for the worst "
        "of them. Absent while unknown.",
    ),
    "drwatch_rpo_transactions_seen": Family(
        _CLAIM, "Data-loss exposure, a lower bound: transactions seen on the primary that the standby lacks."
    ),
    "drwatch_rpo_unseen_seconds": Family(
        _CLAIM,
        "Length of the window up to now, or up to the proven death of the primary, in which nobody looked at the "
        "primary: what it committed then is in no count.",
    ),
    "drwatch_rpo_bytes_seen": Family(
        _CLAIM, "Data-loss exposure, a lower bound: bytes of binary log seen on the primary that the standby lacks."
    ),
    "drwatch_rpo_known": Family(
        _CLAIM, "1 while the data-loss exposure is known, 0 while it is not and its series is absent."
    ),
    "drwatch_rpo_datum_timestamp_seconds": Family(
        _CLAIM, "When the proof behind the data-loss exposure was made, in seconds since 1970."
    ),
    "drwatch_rpo_frozen": Family(
        _CLAIM, "1 while the data-loss exposure stands still because the primary is proved dead."
    ),
    "drwatch_rpo_objective_seconds": Family(
        ("cluster",), "Objective for the data-loss exposure of the database, from the configuration."
    ),
    "drwatch_files_objective_seconds": Family(
        ("cluster", "data"), "Age at which a file set counts as stale, from the configuration."
    ),
    "drwatch_files_measured": Family(
        _CLAIM,
        "1 once the file set had a marker, 0 while it never had one: then nobody can say how old its copy is, and "
        "nobody is paged for it.",
    ),
    "drwatch_rto_seconds": Family(
        _NODE,
        "Estimated recovery time by taking over with this standby: from the first failed application write to the "
        "first good one through the endpoint, detection and decision inside. Absent while any part is unknown.",
    ),
    "drwatch_rto_component_seconds": Family(
        ("cluster", "node", "component", "basis"),
        "One part of the estimated recovery time. basis is measured, derived or assumed; an assumed part never pages.",
    ),
    "drwatch_rto_known": Family(
        _NODE, "1 while every part of the estimated recovery time is known, 0 while one is not."
    ),
    "drwatch_rto_objective_seconds": Family(
        ("cluster",), "Objective for the estimated recovery time, from the configuration."
    ),
    "drwatch_node_role": Family(
        ("cluster", "node", "role"),
        "1 for the role that the node is seen to have: primary takes writes and replicates from nobody, standby "
        "replicates. Absent while it cannot be seen.",
    ),
    "drwatch_node_role_configured": Family(
        ("cluster", "node", "role"), "1 for the role that the configuration gives the node."
    ),
    "drwatch_node_writable": Family(_NODE, "1 while read_only is off. Absent while it cannot be seen."),
    "drwatch_probe_up": Family(
        ("cluster", "node", "probe"),
        "1 while the last look of this kind brought back a fact, 0 while one did not. The cluster of a look at the "
        "outside anchors is empty.",
    ),
    "drwatch_sample_age_seconds": Family(
        ("cluster", "node", "probe"),
        "Seconds since the question was sent that brought back the newest fact of this kind; the oldest of several "
        "targets. Absent when there was never one.",
    ),
    "drwatch_replication_io_running": Family(_NODE, "1 while the receiver says Yes. Connecting is 0."),
    "drwatch_replication_sql_running": Family(_NODE, "1 while the applier runs."),
    "drwatch_replication_seconds_behind": Family(
        _NODE,
        "Seconds_Behind as the server gives it; absent while it is NULL. Not a data-loss exposure: it reads 0 while "
        "the primary is frozen.",
    ),
    "drwatch_replication_silence_seconds": Family(
        _NODE, "Seconds since the receiver was last seen to receive anything, a heartbeat included."
    ),
    "drwatch_relay_backlog_bytes": Family(
        _NODE, "Bytes received and not yet applied; an upper bound across a rotation of the log."
    ),
    "drwatch_marker_age_seconds": Family(
        ("cluster", "node", "files"),
        "Seconds since the start of the last sync of this file set that finished, an upper bound.",
    ),
    "drwatch_io_wait_ratio": Family(
        _NODE, "Share of CPU time spent waiting for I/O between the last two looks, 0 to 1."
    ),
    "drwatch_io_pressure_ratio": Family(
        _NODE, "Share of the last ten seconds in which some task waited for I/O (PSI some avg10), 0 to 1."
    ),
    "drwatch_disk_await_seconds": Family(
        ("cluster", "node", "device"), "Mean time of one I/O between the last two looks; absent without I/O."
    ),
    "drwatch_disk_free_bytes": Family(("cluster", "node", "mountpoint"), "Free bytes for an ordinary user."),
    "drwatch_disk_size_bytes": Family(("cluster", "node", "mountpoint"), "Size of the file system."),
    "drwatch_clock_offset_seconds": Family(
        _NODE,
        "The node's clock less that of the witness in the middle of the look: positive is ahead. Uncertain by half "
        "the look's duration.",
    ),
    "drwatch_incident_firing": Family(
        ("cluster", "condition", "severity"),
        "1 while an incident of this condition is open and not explained by a greater one, else 0. Conditions of the "
        "witness itself have an empty cluster.",
    ),
    "drwatch_page_ledger_pending": Family((), "Pages written to the ledger that no channel has accepted yet."),
    "drwatch_page_oldest_due_seconds": Family(
        (), "Seconds since the oldest page that is still due was written; 0 while none is due."
    ),
    "drwatch_channel_last_proven_timestamp_seconds": Family(
        ("channel",), "When the paging channel last accepted a page, in seconds since 1970. Absent while it never did."
    ),
    "drwatch_assessment_timestamp_seconds": Family(
        (), "When drwatch last judged what it saw, in seconds since 1970: one that stands still is a drwatch that does."
    ),
    "drwatch_build_info": Family(("version",), "Always 1; the version is in the label."),
}
"""Every gauge that is read off the assessment."""

LOOKS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Buckets of a look's duration in seconds: a held connection on a LAN answers in under 1 ms, deadlines are near 5 s."""

TICKS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Buckets of a judging tick's duration in seconds."""

WITNESS_CONDITIONS = frozenset({Condition.PAGING_BROKEN})
"""Those that are about drwatch itself and no cluster."""


class Instruments:
    """What only the process's own life can measure: how long looks and ticks took, what became of pages."""

    def __init__(self, channels: Iterable[str] = ()) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._looks = Histogram(
            "drwatch_probe_duration_seconds",
            "Duration of a look, whether it brought back a fact or not.",
            ("cluster", "node", "probe"),
            buckets=LOOKS,
            registry=registry,
        )
        self._ticks = Histogram(
            "drwatch_tick_duration_seconds", "Duration of one judging tick.", buckets=TICKS, registry=registry
        )
        self._pages = Counter(
            "drwatch_pages",
            "Attempts to deliver a page, by what came of them: accepted, refused, failed, ambiguous.",
            ("channel", "outcome"),
            registry=registry,
        )
        self.expect(channels)

    def expect(self, channels: Iterable[str]) -> None:
        """Show these channels from now on, with 0 attempts: the first failure is then an increase and not a birth."""
        for channel, outcome in product(channels, Outcome):
            self._pages.labels(channel, outcome)

    def looked(self, key: Key, seconds: float) -> None:
        """A look took so many seconds."""
        self._looks.labels(key.node.cluster, key.node.name, key.probe).observe(seconds)

    def ticked(self, seconds: float) -> None:
        """A judging tick took so many seconds."""
        self._ticks.observe(seconds)

    def paged(self, channel: str, outcome: Outcome) -> None:
        """One attempt on a paging channel ended so."""
        self._pages.labels(channel, outcome).inc()

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            # The library adds each child's birth as a series of its own: half as many again, and nobody asks.
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class Exporter:
    """What the callables give at the moment of a scrape, as an exposition."""

    def __init__(
        self,
        assessment: Callable[[], Assessment | None],
        incidents: Callable[[], Sequence[Incident]],
        rows: Callable[[], Sequence[Row]],
        instruments: Instruments,
    ) -> None:
        """``assessment`` gives None until the first tick, ``rows`` the ledger's rows that are not settled."""
        self._assessment, self._incidents, self._rows = assessment, incidents, rows
        self._instruments = instruments

    async def render(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition and its content type, in the format that the HTTP header ``accept`` asks for."""
        seen = _Collector(self._assessment(), tuple(self._incidents()), tuple(self._rows()), self._instruments)
        encode, content_type = choose_encoder(accept)
        # Fifty pairs take a fifth of a second, and the loop that hears a server hang up must not wait for them.
        return await asyncio.to_thread(encode, seen), content_type


class _Collector(NamedTuple):
    """One scrape: what was seen at its moment."""

    assessment: Assessment | None
    incidents: Sequence[Incident]
    rows: Sequence[Row]
    instruments: Instruments

    def collect(self) -> Iterator[Metric]:
        """The families that have a series now."""
        sheet = _Sheet()
        sheet.put("drwatch_build_info", (__version__,), 1.0)
        if self.assessment is not None:
            _witness(sheet, self.assessment, self.rows)
            _incidents(sheet, self.assessment, self.incidents)
            for view in self.assessment.clusters:
                _cluster(sheet, self.assessment, view)
        yield from sheet.families()
        yield from self.instruments.collect()


class _Sheet:
    """One scrape's families, filled series by series."""

    def __init__(self) -> None:
        self._families: dict[str, GaugeMetricFamily] = {}

    def put(self, name: str, labels: Sequence[str], value: float | bool | None) -> None:
        """Add a series; None is unknown, so none."""
        if value is None:
            return
        family = self._families.get(name)
        if family is None:
            family = GaugeMetricFamily(name, FAMILIES[name].help, labels=FAMILIES[name].labels)
            self._families[name] = family
        family.add_metric(labels, float(value))

    def families(self) -> Iterator[Metric]:
        return (self._families[name] for name in FAMILIES if name in self._families)


def _cluster(sheet: _Sheet, assessment: Assessment, view: ClusterView) -> None:
    _objectives(sheet, view)
    for standby in view.cluster.standbys:
        _claims(sheet, view, standby.node)
        _replication(sheet, assessment, standby.node)
    for node in view.cluster.nodes:
        _node(sheet, assessment.snapshot, node)
        _host(sheet, assessment.snapshot, node.node)


def _witness(sheet: _Sheet, assessment: Assessment, rows: Sequence[Row]) -> None:
    now = assessment.at
    sheet.put("drwatch_assessment_timestamp_seconds", (), now.wall.timestamp())
    sheet.put("drwatch_page_ledger_pending", (), len(rows))
    sheet.put("drwatch_page_oldest_due_seconds", (), max((now - row.created for row in rows), default=0.0))
    for channel, health in assessment.snapshot.channels.items():
        if health.accepted_at is not None:
            proven = health.accepted_at.wall.timestamp()
            sheet.put("drwatch_channel_last_proven_timestamp_seconds", (channel,), proven)
    _sights(sheet, assessment)


def _sights(sheet: _Sheet, assessment: Assessment) -> None:
    """Whether each kind of look sees, and how old its newest fact is: the worst of its targets."""
    kinds: dict[tuple[Node, Probe], list[Sight]] = {}
    for key, sight in assessment.snapshot.sights.items():
        if key.probe is Probe.REACH and key.node.cluster:
            # A standby dials the primary only in trouble: in between, the last such look says nothing of today.
            continue
        kinds.setdefault((key.node, key.probe), []).append(sight)
    for (node, probe), sights in kinds.items():
        labels = (node.cluster, node.name, probe)
        sheet.put("drwatch_probe_up", labels, all(sight.blind is None for sight in sights))
        facts = [sight.fact for sight in sights if sight.fact is not None]
        age = max((assessment.at - fact.asked for fact in facts), default=None)
        sheet.put("drwatch_sample_age_seconds", labels, age)


def _incidents(sheet: _Sheet, assessment: Assessment, incidents: Sequence[Incident]) -> None:
    firing = {
        (incident.cluster, incident.condition)
        for incident in incidents
        if incident.phase is Phase.OPEN and incident.suppressed_by is None
    }
    of_clusters = product((view.cluster.name for view in assessment.clusters), set(Condition) - WITNESS_CONDITIONS)
    every = {*of_clusters, *product(("",), WITNESS_CONDITIONS), *firing}
    for cluster, condition in sorted(every):
        labels = (cluster, condition, SEVERITY[condition])
        sheet.put("drwatch_incident_firing", labels, (cluster, condition) in firing)


def _objectives(sheet: _Sheet, view: ClusterView) -> None:
    cluster = view.cluster
    sheet.put("drwatch_rpo_objective_seconds", (cluster.name,), cluster.objectives.rpo)
    sheet.put("drwatch_rto_objective_seconds", (cluster.name,), cluster.objectives.rto)
    for files in cluster.files:
        sheet.put("drwatch_files_objective_seconds", (cluster.name, f"files/{files.name}"), files.stale_after)


def _claims(sheet: _Sheet, view: ClusterView, standby: Node) -> None:
    """Exposure and recovery of one standby."""
    claims = [claim for claim in view.database if claim.node == standby]
    nodes = product(view.cluster.standbys, view.cluster.files)
    for (of, files), (_, claim) in zip(nodes, view.files, strict=True):
        if of.node != standby:
            continue
        sheet.put("drwatch_files_measured", (*standby, f"files/{files.name}"), claim is not None)
        sheet.put("drwatch_marker_age_seconds", (*standby, files.name), claim.seconds if claim else None)
        claims.append(claim or Exposure(standby, f"files/{files.name}", None, "no marker was ever seen"))
    for claim in (*claims, worst(standby, claims)):
        _claim(sheet, claim)
    for estimate in view.recovery:
        if estimate.node != standby:
            continue
        sheet.put("drwatch_rto_known", standby, estimate.seconds is not None)
        sheet.put("drwatch_rto_seconds", standby, estimate.seconds)
        for term in estimate.terms:
            labels = (*standby, term.component, term.basis)
            sheet.put("drwatch_rto_component_seconds", labels, term.seconds)


def worst(standby: Node, claims: Sequence[Exposure]) -> Exposure:
    """The claim for all data together: the greatest; unknown as soon as one is, since that one may be greater."""
    unknown = "; ".join(claim.unknown for claim in claims if claim.seconds is None)
    if unknown or not claims:
        return Exposure(standby, "all", None, unknown or "nothing is replicated")
    greatest = max(claims, key=lambda claim: claim.seconds or 0.0)
    return Exposure(standby, "all", greatest.seconds, datum=greatest.datum, frozen=greatest.frozen)


def _claim(sheet: _Sheet, claim: Exposure) -> None:
    labels = (*claim.node, claim.data)
    sheet.put("drwatch_rpo_known", labels, claim.known)
    if not claim.known:
        return
    sheet.put("drwatch_rpo_seconds", labels, claim.seconds)
    sheet.put("drwatch_rpo_frozen", labels, claim.frozen)
    sheet.put("drwatch_rpo_datum_timestamp_seconds", labels, claim.datum.wall.timestamp() if claim.datum else None)
    sheet.put("drwatch_rpo_transactions_seen", labels, claim.transactions_seen)
    sheet.put("drwatch_rpo_bytes_seen", labels, claim.bytes_seen)
    sheet.put("drwatch_rpo_unseen_seconds", labels, claim.unseen_seconds)


def roles_seen(snapshot: Snapshot, node: NodePolicy) -> tuple[Role, ...] | None:
    """The role that the node's own words give it now, none when it neither takes writes nor replicates; None unseen."""
    server = snapshot.latest(node.node, Probe.SERVER)
    replication = snapshot.latest(node.node, Probe.REPLICATION)
    if isinstance(replication, ReplicationFact) and replication.channels:
        return (Role.STANDBY,)
    # The status look is for standbys: one that nobody sends to the primary does not hide its role.
    unasked = replication is None and node.role is Role.PRIMARY
    if not isinstance(server, ServerFact) or not (unasked or isinstance(replication, ReplicationFact)):
        return None
    return () if server.read_only else (Role.PRIMARY,)


def _node(sheet: _Sheet, snapshot: Snapshot, node: NodePolicy) -> None:
    seen = roles_seen(snapshot, node)
    for role in Role:
        sheet.put("drwatch_node_role_configured", (*node.node, role), node.role is role)
        sheet.put("drwatch_node_role", (*node.node, role), role in seen if seen is not None else None)
    server = snapshot.latest(node.node, Probe.SERVER)
    if isinstance(server, ServerFact):
        sheet.put("drwatch_node_writable", node.node, not server.read_only)


def _replication(sheet: _Sheet, assessment: Assessment, node: Node) -> None:
    snapshot = assessment.snapshot
    channel = feed(snapshot, node)
    if channel is None or isinstance(snapshot.latest(node, Probe.REPLICATION), Blind):
        return
    sheet.put("drwatch_replication_io_running", node, channel.io is IoState.YES)
    sheet.put("drwatch_replication_sql_running", node, channel.sql)
    sheet.put("drwatch_replication_seconds_behind", node, channel.seconds_behind)
    sheet.put("drwatch_relay_backlog_bytes", node, backlog(channel))
    receipt = snapshot.receipts.get((node, channel.name))
    if receipt is not None:
        sheet.put("drwatch_replication_silence_seconds", node, assessment.at - receipt.heard_at)


def _host(sheet: _Sheet, snapshot: Snapshot, node: Node) -> None:
    sheet.put("drwatch_clock_offset_seconds", node, clock_offset(snapshot, node))
    host = snapshot.latest(node, Probe.HOST)
    if not isinstance(host, HostFact):
        return
    sheet.put("drwatch_io_wait_ratio", node, host.io_wait)
    sheet.put("drwatch_io_pressure_ratio", node, host.io_pressure)
    for disk in host.disks:
        sheet.put("drwatch_disk_await_seconds", (*node, disk.name), disk.await_seconds)
    # Two watched paths may lie on one file system under the same name: a series appears once.
    for filesystem in {each.path: each for each in host.filesystems}.values():
        sheet.put("drwatch_disk_free_bytes", (*node, filesystem.path), filesystem.free_bytes)
        sheet.put("drwatch_disk_size_bytes", (*node, filesystem.path), filesystem.size_bytes)


def clock_offset(snapshot: Snapshot, node: Node) -> float | None:
    """Seconds by which the node's clock is ahead of the witness's; None while it cannot be read.

    The host's word, else its server's. Both ends of the look bound the moment at which the clock was read.
    """
    for probe in (Probe.HOST, Probe.SERVER):
        sight = snapshot.sight(node, probe)
        if sight is not None and isinstance(fact := sight.latest.found, HostFact | ServerFact):
            middle = _middle(sight.latest)
            return (fact.clock - middle.wall).total_seconds()
    return None


def _middle(sample: Sample) -> Moment:
    return sample.asked.plus((sample.answered - sample.asked) / 2)
