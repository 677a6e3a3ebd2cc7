"""What is wrong, read off a cluster's view: one module for each part of the pair."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.finding import Finding
from drwatch.core.policy import Policy
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot
from drwatch.core.symptoms import (
    binlog,
    blindness,
    channel,
    endpoint,
    files,
    flapping,
    history,
    host,
    jobs,
    ledger,
    objectives,
    paging,
    primary,
    rehearsal,
    restarts,
    semisync,
    standby,
    standing,
    writers,
)
from drwatch.core.symptoms.firing import Firing
from drwatch.core.view import ClusterView


def of_cluster(view: ClusterView, policy: Policy, snapshot: Snapshot, firing: Firing, now: Moment) -> Iterator[Finding]:
    yield from primary.findings(view)
    yield from standby.findings(view, policy, snapshot)
    yield from history.findings(view, snapshot)
    yield from channel.findings(view, policy, snapshot, firing, now)
    yield from writers.findings(view, snapshot)
    yield from writers.replicating(view, snapshot)
    yield from restarts.findings(view, snapshot, now)
    yield from standing.findings(view, snapshot, now)
    yield from endpoint.findings(view, snapshot)
    yield from binlog.findings(view, policy, snapshot, firing, now)
    yield from semisync.findings(view, policy, snapshot)
    yield from objectives.findings(view, snapshot, firing)
    yield from rehearsal.findings(view, snapshot, now)
    yield from files.findings(view, policy, snapshot, firing)
    yield from jobs.findings(view, snapshot, now)
    yield from host.findings(view, policy, snapshot, firing)
    yield from blindness.findings(view, policy, snapshot, now)
    yield from flapping.findings(view, policy, snapshot, now)


def of_drwatch(snapshot: Snapshot, policy: Policy, now: Moment) -> Iterator[Finding]:
    """What is wrong with drwatch itself, whatever the cluster."""
    yield from paging.findings(snapshot, policy.paging, now)
    yield from ledger.findings(snapshot, now)
