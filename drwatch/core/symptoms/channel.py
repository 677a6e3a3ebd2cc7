"""Replication as a standby itself tells of it: stopped, missing, or silent although it believes in its connection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from drwatch.core import exposure
from drwatch.core.finding import Condition, Confidence, Finding
from drwatch.core.policy import NodePolicy, Policy
from drwatch.core.sample import Channel, IoState, Moment, Probe, ReplicationFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.symptoms.firing import Firing
from drwatch.core.view import ClusterView

STOPPED_BY_BACKUP = 3600.0
"""Seconds that a nightly backup may hold the applier stopped without an error (traps.md 28)."""

STATUS_LOOKS = 2
"""Fast looks in the time of one status look."""


def findings(view: ClusterView, policy: Policy, snapshot: Snapshot, firing: Firing, now: Moment) -> Iterator[Finding]:
    for standby in view.cluster.standbys:
        sight = snapshot.sight(standby.node, Probe.REPLICATION)
        if sight is None or not isinstance(sight.latest.found, ReplicationFact):
            continue
        channels = sight.latest.found.channels
        if not channels:
            yield _stopped(view, standby, "replicates from nobody", ())
        for channel in channels:
            yield from _channel(view, standby, channel)
            yield from _silent(view, standby, channel, policy, snapshot, firing, now)


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
