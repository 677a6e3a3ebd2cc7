"""What the witness reaches besides the primary: whether it is the witness itself that has lost its network."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.evidence import World
from drwatch.core.policy import Cluster, Policy
from drwatch.core.sample import Blind, Key, Moment, Node, Probe, Reason
from drwatch.core.snapshot import Sight, Snapshot

WITNESS = Node("", "witness")
"""Whose probes the anchors are looked at with."""

OUT_OF_REACH = frozenset({Reason.CONNECT_TIMEOUT, Reason.NO_ROUTE, Reason.QUERY_TIMEOUT, Reason.CHANNEL_LOST})

_SILENCE = OUT_OF_REACH | {Reason.DNS}


def anchors(policy: Policy) -> list[Key]:
    """The witness's looks at the world outside."""
    return [Key(WITNESS, Probe.REACH, anchor) for anchor in policy.anchors]


def fresh(sight: Sight | None, since: Moment) -> bool:
    """Whether the probe was asked after the trouble began: an older answer says nothing of it."""
    return sight is not None and sight.latest.asked.loop >= since.loop


def world(policy: Policy, cluster: Cluster, snapshot: Snapshot, since: Moment) -> World:
    """What the witness reaches.

    A refusal, a hang-up or an accepted connection comes from the other side, so it speaks against a lost network, and
    so does whatever another cluster's server has said since. Without anchors, or until each has been asked since the
    trouble began, silence all round is only likely to be the witness's own.
    """
    probes = (Probe.SERVER, Probe.HOST, Probe.REPLICATION)
    nodes = [snapshot.latest(node.node, probe) for node in cluster.nodes for probe in probes]
    looked = [found for found in nodes if found is not None]
    if not looked or not all(isinstance(found, Blind) and found.reason in _SILENCE for found in looked):
        return World.REACHED
    if any(fresh(sight, since) and not _silent(sight) for sight in _others(policy, cluster, snapshot)):
        return World.REACHED
    asked = [sight for key in anchors(policy) if (sight := snapshot.sights.get(key)) and fresh(sight, since)]
    if any(sight.blind is None or sight.blind.reason is Reason.REFUSED for sight in asked):
        return World.REACHED
    return World.SILENT if asked and len(asked) == len(policy.anchors) else World.DARK


def _others(policy: Policy, cluster: Cluster, snapshot: Snapshot) -> Iterator[Sight]:
    """The fast looks at the other clusters' servers."""
    for node in (node.node for other in policy.clusters if other.name != cluster.name for node in other.nodes):
        if (sight := snapshot.sight(node, Probe.SERVER)) is not None:
            yield sight


def _silent(sight: Sight) -> bool:
    return sight.blind is not None and sight.blind.reason in _SILENCE | {Reason.BUG}
