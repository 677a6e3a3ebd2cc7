"""What drwatch itself cannot see."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.finding import Condition, Finding
from drwatch.core.policy import Policy
from drwatch.core.sample import Moment, Node, Probe, Reason
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import ClusterView

_KEY = frozenset({Reason.HOST_KEY_CHANGED, Reason.HOST_KEY_UNKNOWN})
_DENIED = frozenset({Reason.ACCESS_DENIED, Reason.HOST_NOT_ALLOWED, Reason.NO_PRIVILEGE})


def findings(view: ClusterView, policy: Policy, snapshot: Snapshot, now: Moment) -> Iterator[Finding]:
    """One finding a node and condition, so that one cause is told once."""
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
