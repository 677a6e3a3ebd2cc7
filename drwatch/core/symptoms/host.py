"""What a host's kernel says of its disks."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.finding import Condition, Finding
from drwatch.core.policy import Policy
from drwatch.core.sample import HostFact, Probe
from drwatch.core.snapshot import Snapshot
from drwatch.core.symptoms.firing import CLEAR, Firing
from drwatch.core.view import ClusterView

IO_WAIT_PATIENCE = 300.0


def findings(view: ClusterView, policy: Policy, snapshot: Snapshot, firing: Firing) -> Iterator[Finding]:
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
