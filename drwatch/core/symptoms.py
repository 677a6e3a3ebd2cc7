"""What is wrong, read off a cluster's view: each function yields the findings of one part of the pair."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from drwatch.core import exposure
from drwatch.core.finding import Condition, Confidence, Finding
from drwatch.core.gtid import GtidPosition, GtidSet
from drwatch.core.policy import NodePolicy, Policy
from drwatch.core.sample import (
    NO_ANSWER,
    Blind,
    Channel,
    HostFact,
    IoState,
    Moment,
    Node,
    Probe,
    Reason,
    ReplicationFact,
    ServerFact,
)
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import ClusterView

Firing = frozenset[tuple[str, str, str]]
"""(cluster, topic, subject) of the incidents that are open: their thresholds clear lower than they raise."""

CLEAR = 0.8
"""A finding whose incident is open stays true down to this share of its limit."""

STOPPED_BY_BACKUP = 3600.0
"""Seconds that a nightly backup may hold the applier stopped without an error (traps.md 28)."""

STATUS_LOOKS = 2
"""Fast looks in the time of one status look."""

RTO_PATIENCE = 600.0
IO_WAIT_PATIENCE = 300.0


_SUMMARY = {
    Condition.PRIMARY_DOWN: "the database server on {name} is dead, its host is alive",
    Condition.PRIMARY_HOST_DOWN: "the host {name} is gone, its database with it",
    Condition.PRIMARY_HUNG: "the database server on {name} hangs: its process is there and answers nobody",
    Condition.PRIMARY_RESTARTING: "the database server on {name} is restarting or recovering and serves nobody",
    Condition.PRIMARY_SATURATED: "{name} has no free connection: the application gets 'Too many connections'",
    Condition.PRIMARY_UNSEEN: "only the witness cannot see {name}; its standby can",
    Condition.WITNESS_ISOLATED: "the WITNESS has lost its network: nothing is known of {name} or its standby",
}


def of_primary(view: ClusterView) -> Iterator[Finding]:
    verdict, name = view.verdict, view.cluster.primary.node.name
    if verdict.condition is None:
        return
    summary = _SUMMARY[verdict.condition].format(name=name)
    if verdict.condition is Condition.PRIMARY_HUNG and not verdict.host_answers:
        summary = f"the database server on {name} hangs: it answers nobody"
    if verdict.condition is Condition.PRIMARY_DOWN and not verdict.host_answers:
        summary = f"the database server on {name} is dead"
    yield Finding(
        condition=verdict.condition,
        cluster=view.cluster.name,
        subject=name,
        summary=summary,
        evidence=verdict.evidence,
        confidence=verdict.confidence,
    )


def of_standbys(
    view: ClusterView, policy: Policy, snapshot: Snapshot, firing: Firing, now: Moment
) -> Iterator[Finding]:
    for standby in view.cluster.standbys:
        down = _standby_down(view, standby, policy, snapshot)
        if down is not None:
            yield down
        yield from _writable(view, standby, snapshot)
        sight = snapshot.sight(standby.node, Probe.REPLICATION)
        if sight is None or not isinstance(sight.latest.found, ReplicationFact):
            continue
        channels = sight.latest.found.channels
        if not channels:
            yield _stopped(view, standby, "replicates from nobody", ())
        for channel in channels:
            yield from _channel(view, standby, channel)
            yield from _silent(view, standby, channel, policy, snapshot, firing, now)


def _standby_down(view: ClusterView, standby: NodePolicy, policy: Policy, snapshot: Snapshot) -> Finding | None:
    found = snapshot.latest(standby.node, Probe.SERVER)
    if not isinstance(found, Blind) or found.reason not in NO_ANSWER or standby.node not in snapshot.alive:
        return None
    host = snapshot.latest(standby.node, Probe.HOST)
    name = standby.node.name
    evidence = [f"witness: {standby.mysql} gives no answer ({found.reason})"]
    confidence, confirm = Confidence.LIKELY, None
    if isinstance(host, HostFact):
        gone = not host.processes and standby.node in snapshot.embodied
        if host.restarting or (host.processes and found.reason in (Reason.REFUSED, Reason.HUNG_UP)):
            confirm = policy.confirm.restarting
        elif gone:
            confidence = Confidence.CONCLUSIVE
        process = "is there" if host.processes else "is gone" if gone else "has never been seen from here"
        evidence.append(f"host: {name} is up, its server process {process}")
    elif isinstance(host, Blind):
        evidence.append(f"host: {name} cannot be asked ({host.reason})")
    summary = f"the standby {name} does not serve: there is nothing to take over with"
    return Finding(Condition.STANDBY_DOWN, view.cluster.name, name, summary, tuple(evidence), confidence, confirm)


def _stopped(
    view: ClusterView, standby: NodePolicy, what: str, evidence: tuple[str, ...], confirm: float | None = None
) -> Finding:
    name = standby.node.name
    return Finding(Condition.REPLICATION_STOPPED, view.cluster.name, name, f"{name} {what}", evidence, confirm=confirm)


def _channel(view: ClusterView, standby: NodePolicy, channel: Channel) -> Iterator[Finding]:
    if not channel.sql and channel.sql_errno:
        evidence = (f"errno {channel.sql_errno}: {channel.sql_error[:300]}",)
        yield _stopped(
            view, standby, f"no longer applies: its applier stopped with errno {channel.sql_errno}", evidence
        )
    elif channel.io is not IoState.YES:
        likely = channel.io is IoState.CONNECTING
        errno = f" with errno {channel.io_errno}" if channel.io_errno else ""
        what = f"cannot connect to its source{errno}" if likely else f"no longer receives: its receiver stopped{errno}"
        told = f"errno {channel.io_errno}: {channel.io_error[:300]}"
        finding = _stopped(view, standby, what, (told,) if channel.io_errno else ())
        yield replace(finding, confidence=Confidence.LIKELY) if likely else finding
    elif not channel.sql:
        yield _stopped(view, standby, "has its applier stopped without an error", (), STOPPED_BY_BACKUP)


def _silent(
    view: ClusterView,
    standby: NodePolicy,
    channel: Channel,
    policy: Policy,
    snapshot: Snapshot,
    firing: Firing,
    now: Moment,
) -> Iterator[Finding]:
    """The receiver believes it is connected, and hears nothing although there is something to hear."""
    receipt = snapshot.receipts.get((standby.node, channel.name))
    sight = snapshot.sight(standby.node, Probe.REPLICATION)
    have = exposure.arrived(snapshot, standby.node)
    line = snapshot.timelines.get(view.cluster.primary.node)
    if channel.io is not IoState.YES or receipt is None or sight is None or have is None or line is None:
        return
    name = standby.node.name
    # A status look that is late is no silence of the source: of the time after it only two looks count.
    unlooked = min(now - sight.latest.asked, 2 * STATUS_LOOKS * policy.look)
    silence = sight.latest.asked - receipt.heard_at + unlooked
    beyond = line.first_beyond(have)
    waiting = now - beyond.since if beyond else 0.0
    missed = min(silence, waiting) >= policy.limits.silence
    period = channel.heartbeat_period
    # An idle source sends a heartbeat each period; two that do not come are silence too (replication.md 3.3).
    lost = bool(period) and channel.heartbeats is not None and silence >= 2 * (period or 0.0) + policy.limits.silence
    told = (view.cluster.name, Condition.REPLICATION_SILENT, name) in firing
    if not (missed or lost or (told and not receipt.moved)):
        # What an earlier run told of is over when something is heard, not when this run has just begun to listen.
        return
    summary = f"{name} has heard nothing from its source for {silence:.0f} s and believes that it is connected"
    evidence = (
        f"standby: receiver Yes, Seconds_Behind {channel.seconds_behind}",
        *((f"primary: has committed since, first seen {waiting:.0f} s ago",) if beyond else ()),
    )
    yield Finding(Condition.REPLICATION_SILENT, view.cluster.name, name, summary, evidence, confirm=1.0)


def _own_writes(fact: ServerFact, source: ServerFact) -> bool:
    """Whether the server has written what its source does not have; an old primary's earlier writes, both have."""
    match fact.gtid:
        case GtidPosition():
            return bool(fact.gtid.written_by(fact.server_id).domains)
        case GtidSet():
            both = source.gtid if isinstance(source.gtid, GtidSet) else GtidSet()
            return fact.server_uuid is not None and not both.covers(fact.gtid.of_uuid(fact.server_uuid))
    return False


def _writable(view: ClusterView, standby: NodePolicy, snapshot: Snapshot) -> Iterator[Finding]:
    fact = snapshot.latest(standby.node, Probe.SERVER)
    if not isinstance(fact, ServerFact) or fact.read_only:
        return
    name, primary = standby.node.name, view.cluster.primary
    source = snapshot.latest(primary.node, Probe.SERVER)
    if isinstance(source, ServerFact) and not source.read_only and _own_writes(fact, source):
        summary = f"SPLIT BRAIN: {primary.node.name} and {name} both take writes"
        evidence = (f"{name}: read_only is off, and its binary log holds writes of its own",)
        yield Finding(Condition.SPLIT_BRAIN, view.cluster.name, name, summary, evidence)
        return
    summary = f"the standby {name} is writable: a stray write there breaks replication or splits the data"
    yield Finding(Condition.STANDBY_WRITABLE, view.cluster.name, name, summary, (f"{name}: read_only is off",))


def of_objectives(view: ClusterView, snapshot: Snapshot, firing: Firing) -> Iterator[Finding]:
    """Claims and estimates beyond the objective, or unknown. Of a node never seen alive ProbeBlind says enough."""
    cluster, goal = view.cluster.name, view.cluster.objectives
    seen = view.cluster.primary.node in snapshot.alive
    for claim in view.database:
        name = claim.node.name
        share = CLEAR if (cluster, Condition.RPO_BREACHED, name) in firing else 1.0
        if claim.seconds is None:
            if not seen or claim.node not in snapshot.alive:
                continue
            summary = f"nobody knows how much data would be lost with {name}: {claim.unknown}"
            yield Finding(
                Condition.RPO_BREACHED, cluster, name, summary, confidence=Confidence.LIKELY, confirm=goal.rpo
            )
        elif claim.seconds > goal.rpo * share:
            summary = (
                f"losing the primary now would lose up to {claim.seconds:.0f} s of data, "
                f"the objective is {goal.rpo:.0f} s"
            )
            yield Finding(Condition.RPO_BREACHED, cluster, name, summary)
    for estimate in view.recovery:
        name = estimate.node.name
        share = CLEAR if (cluster, Condition.RTO_BREACHED, name) in firing else 1.0
        if estimate.unknown and estimate.node in snapshot.alive:
            summary = f"nobody knows how long recovery with {name} would take: {estimate.unknown}"
        elif estimate.unassumed > goal.rto * share:
            summary = (
                f"recovery with {name} would take at least {estimate.unassumed:.0f} s, "
                f"the objective is {goal.rto:.0f} s"
            )
        else:
            continue
        evidence = tuple(f"{term.component}: {term.note}" for term in estimate.terms)
        yield Finding(Condition.RTO_BREACHED, cluster, name, summary, evidence, confirm=RTO_PATIENCE)


_BROKEN_MARKER = {
    Reason.MISSING: "is gone",
    Reason.GARBLED: "is malformed",
    Reason.FUTURE: "is dated in the future",
}


def of_files(view: ClusterView, policy: Policy, snapshot: Snapshot, firing: Firing) -> Iterator[Finding]:
    cluster = view.cluster.name
    for node, files, claim in view.copies:
        sight, host = snapshot.sight(node, Probe.MARKER, files.name), snapshot.sight(node, Probe.HOST)
        blind = sight.blind if sight else None
        # One that was never there is unmeasured; one that an earlier run told of is still gone (traps.md 27).
        known = claim is not None or (cluster, Condition.FILES_MARKER_MISSING, files.name) in firing
        if blind is not None and (known or blind.reason in (Reason.GARBLED, Reason.FUTURE)):
            what, confirm = _BROKEN_MARKER.get(blind.reason, ""), None
            if not what and host is not None and host.blind is None:
                # The host answers and its marker does not: nothing else would tell of it.
                what, confirm = f"cannot be read ({blind.reason})", policy.limits.probe_blind
            if what:
                summary = f"the marker of the file set {files.name} on {node.name} {what}: its age is unknown"
                evidence = (blind.detail,) if blind.detail else ()
                yield Finding(Condition.FILES_MARKER_MISSING, cluster, files.name, summary, evidence, confirm=confirm)
        if claim is not None and claim.seconds is not None and claim.seconds > files.stale_after:
            summary = (
                f"the copy of {files.name} on {node.name} is {claim.seconds:.0f} s old, "
                f"its limit is {files.stale_after:.0f} s"
            )
            yield Finding(Condition.FILES_STALE, cluster, files.name, summary)


def of_hosts(view: ClusterView, policy: Policy, snapshot: Snapshot, firing: Firing) -> Iterator[Finding]:
    limits = policy.limits
    for node in view.cluster.nodes:
        strain = snapshot.strains.get(node.node)
        if strain is None or not isinstance(snapshot.latest(node.node, Probe.HOST), HostFact):
            continue
        name = node.node.name
        share = CLEAR if (view.cluster.name, Condition.IO_WAIT_HIGH, name) in firing else 1.0
        measures = (
            (strain.io_wait, limits.io_wait, "of its time"),
            (strain.io_pressure, limits.io_pressure, "of the time (PSI)"),
        )
        over = [(value, words) for value, limit, words in measures if value is not None and value > limit * share]
        if over:
            value, words = over[0]
            summary = f"{name} waits for its disk {value:.0%} {words}: a takeover there would crawl"
            yield Finding(Condition.IO_WAIT_HIGH, view.cluster.name, name, summary, confirm=IO_WAIT_PATIENCE)


_KEY = frozenset({Reason.HOST_KEY_CHANGED, Reason.HOST_KEY_UNKNOWN})
_DENIED = frozenset({Reason.ACCESS_DENIED, Reason.HOST_NOT_ALLOWED, Reason.NO_PRIVILEGE})


def of_blindness(view: ClusterView, policy: Policy, snapshot: Snapshot, now: Moment) -> Iterator[Finding]:
    """What drwatch itself cannot see; one finding a node and condition, so that one cause is told once."""
    told: set[tuple[Node, Condition]] = set()
    for key, sight in snapshot.sights.items():
        if key.node.cluster != view.cluster.name or sight.blind is None or sight.blind_since is None:
            continue
        if key.probe in (Probe.REACH, Probe.MARKER):
            continue
        reason, confirm = sight.blind.reason, policy.limits.probe_blind
        condition = Condition.PROBE_BLIND
        if reason in _KEY:
            condition, confirm = Condition.HOST_KEY_CHANGED, policy.confirm.conclusive
        elif reason in _DENIED:
            condition, confirm = Condition.ACCESS_DENIED, policy.confirm.likely
        if (key.node, condition) in told:
            continue
        told.add((key.node, condition))
        detail = f": {sight.blind.detail}" if sight.blind.detail else ""
        summary = f"drwatch cannot see {key.node.name} ({key.probe}, {reason}){detail}"
        evidence = (f"blind for {now - sight.blind_since:.0f} s",)
        yield Finding(condition, view.cluster.name, key.node.name, summary, evidence, confirm=confirm)


def of_paging(snapshot: Snapshot) -> Iterator[Finding]:
    for channel, health in snapshot.channels.items():
        if health.failing_since is None:
            continue
        what = "refuses for good" if health.refused else "does not accept"
        summary = f"the paging channel {channel} {what}: {health.detail}"
        yield Finding(Condition.PAGING_BROKEN, "", channel, summary, confirm=0.0 if health.refused else 60.0)
