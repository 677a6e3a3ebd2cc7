"""Claims and estimates held against the business's objectives."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.ailing import waits_for_room
from drwatch.core.finding import Condition, Confidence, Finding
from drwatch.core.roles import feed
from drwatch.core.snapshot import Snapshot
from drwatch.core.symptoms.firing import CLEAR, Firing
from drwatch.core.view import ClusterView

RTO_PATIENCE = 600.0

STALL_PATIENCE = 3600.0
"""Seconds for which nobody may know how long an applier will take that reports no error: a backup that stops it, an
ALTER TABLE that it waits for."""


def findings(view: ClusterView, snapshot: Snapshot, firing: Firing) -> Iterator[Finding]:
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
        name, channel = estimate.node.name, feed(snapshot, estimate.node)
        stopped = channel is not None and (not channel.sql or waits_for_room(snapshot, estimate.node, channel))
        if estimate.unknown and stopped:
            # ReplicationStopped tells it, and gives a backup that stops the applier its hour.
            continue
        share = CLEAR if (cluster, Condition.RTO_BREACHED, name) in firing else 1.0
        patience = RTO_PATIENCE
        if estimate.unknown and estimate.node in snapshot.alive:
            patience = STALL_PATIENCE if channel is not None and not channel.sql_errno else RTO_PATIENCE
            summary = f"nobody knows how long recovery with {name} would take: {estimate.unknown}"
        elif estimate.unassumed > goal.rto * share:
            summary = (
                f"recovery with {name} would take at least {estimate.unassumed:.0f} s, "
                f"the objective is {goal.rto:.0f} s"
            )
        else:
            continue
        evidence = tuple(f"{term.component}: {term.note}" for term in estimate.terms)
        yield Finding(Condition.RTO_BREACHED, cluster, name, summary, evidence, confirm=patience)
