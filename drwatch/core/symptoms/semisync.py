"""Semi-synchronous replication that is switched on, and does not hold."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.finding import Condition, Finding
from drwatch.core.policy import Policy
from drwatch.core.roles import feed
from drwatch.core.sample import IoState, Probe, ServerFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import ClusterView


def findings(view: ClusterView, policy: Policy, snapshot: Snapshot) -> Iterator[Finding]:
    """A primary that has fallen back to asynchronous commits, although a standby is there to acknowledge them.

    Where none is connected, that is what is told, and this follows.
    """
    primary = view.cluster.primary.node
    fact = snapshot.latest(primary, Probe.SERVER)
    if not isinstance(fact, ServerFact) or fact.semi_sync is None or fact.semi_sync.holds:
        return
    channels = (feed(snapshot, standby.node) for standby in view.cluster.standbys)
    if not any(channel is not None and channel.io is IoState.YES for channel in channels):
        return
    summary = (
        f"{primary.name} no longer waits for a standby before it answers a commit: "
        "semi-synchronous replication is switched on and has fallen back"
    )
    evidence = (f"{primary.name}: {fact.semi_sync.readers} standbys are connected that acknowledge",)
    name = view.cluster.name
    confirm = policy.confirm.likely
    yield Finding(Condition.SEMI_SYNC_DEGRADED, name, primary.name, summary, evidence, confirm=confirm)
