"""Whether a standby serves."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.ailing import waits_for_room
from drwatch.core.finding import Condition, Confidence, Finding
from drwatch.core.policy import NodePolicy, Policy
from drwatch.core.roles import feed
from drwatch.core.sample import NO_ANSWER, Blind, HostFact, Probe, Reason
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import ClusterView


def findings(view: ClusterView, policy: Policy, snapshot: Snapshot) -> Iterator[Finding]:
    for standby in view.cluster.standbys:
        if (down := _down(view, standby, policy, snapshot)) is not None:
            yield down


def _down(view: ClusterView, standby: NodePolicy, policy: Policy, snapshot: Snapshot) -> Finding | None:
    found = snapshot.latest(standby.node, Probe.SERVER)
    if not isinstance(found, Blind) or found.reason not in NO_ANSWER or standby.node not in snapshot.alive:
        return None
    channel = feed(snapshot, standby.node)
    if channel is not None and waits_for_room(snapshot, standby.node, channel):
        # It serves: what is asked of its replication waits for room on its disk, and ReplicationStopped says so.
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
