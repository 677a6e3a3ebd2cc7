"""Whether a standby that fell behind can still catch up from its source's binary logs."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core import gap
from drwatch.core.duration import span
from drwatch.core.finding import Condition, Finding
from drwatch.core.policy import Policy
from drwatch.core.roles import feed
from drwatch.core.sample import IoState, Moment, Probe, ReplicationFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.symptoms import errno
from drwatch.core.symptoms.firing import CLEAR, Firing
from drwatch.core.view import ClusterView

SOON = 86400.0
"""Seconds: a standby that receives nothing is worth a word so long before it must be rebuilt."""


def findings(view: ClusterView, policy: Policy, snapshot: Snapshot, firing: Firing, now: Moment) -> Iterator[Finding]:
    for standby in view.cluster.standbys:
        channel = feed(snapshot, standby.node)
        left = gap.of_standby(view.cluster, snapshot, standby.node, now)
        if channel is None or left is None or errno.purged(channel.io_errno, channel.io_error):
            # Its receiver has been told so: ReplicationStopped says it.
            continue
        looked = isinstance(snapshot.latest(standby.node, Probe.REPLICATION), ReplicationFact)
        name, source = standby.node.name, channel.source_host
        place = f"{name} has read up to {channel.read}"
        if left.purged:
            summary = f"the binary logs that {name} has still to read are purged from its source: REBUILD {name}"
            yield Finding(Condition.BINLOG_GAP_CLOSING, view.cluster.name, name, summary, (place,), urgent=True)
            continue
        receives = looked and channel.io is IoState.YES
        told = (view.cluster.name, Condition.BINLOG_GAP_CLOSING, name) in firing
        # Once told it is over with a quarter more time than it was told at.
        limit = policy.limits.binlog_gap / (CLEAR if told and receives else 1.0)
        urgent = left.seconds is not None and left.seconds < limit
        soon = SOON / (CLEAR if told else 1.0)
        if left.seconds is None or ((left.seconds >= soon or receives) and not urgent):
            continue
        summary = (
            f"{source} may purge in {span(left.seconds)} what {name} has still to read: then {name} must be rebuilt"
        )
        yield Finding(Condition.BINLOG_GAP_CLOSING, view.cluster.name, name, summary, (place,), urgent=urgent)
