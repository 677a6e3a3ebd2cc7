"""Could anybody take over? Per standby why not, and what that makes of the cluster, with a clock."""

from __future__ import annotations

from collections.abc import Sequence

from drwatch.core.doubt import REFUSED
from drwatch.core.exposure import Exposure
from drwatch.core.policy import Cluster
from drwatch.core.roles import feed, former, path
from drwatch.core.sample import NO_ANSWER, Blind, Channel, Moment, Node, Probe
from drwatch.core.snapshot import Snapshot
from drwatch.core.standing import Protection, State

MENDABLE = ("max_allowed_packet", "same server_uuid/server_id")
"""What a source's refusal to read its binary log may be about without anything being lost there."""


def source_lost(channel: Channel) -> bool:
    """Whether its source no longer has what it asks for, or never had it."""
    return channel.io_errno in REFUSED and not any(words in channel.io_error for words in MENDABLE)


def unfit(cluster: Cluster, snapshot: Snapshot, standby: Node) -> str | None:
    """Why this standby could not take over, as a sentence; None while nothing speaks against it."""
    name, server = standby.name, snapshot.latest(standby, Probe.SERVER)
    if isinstance(server, Blind) and server.reason in NO_ANSWER:
        return f"{name} does not answer ({server.reason})"
    if standby == former(cluster, snapshot):
        return f"{name} led before {cluster.primary.node.name} took over, and is no standby yet"
    if snapshot.replication(standby) is None:
        return None
    channel = feed(snapshot, standby)
    if channel is None:
        return f"{name} replicates from nobody"
    if source_lost(channel):
        return f"{name} asks its source for what that no longer has (errno {channel.io_errno})"
    if channel.sql_errno:
        return f"{name} no longer applies what it receives (errno {channel.sql_errno})"
    if (stray := path(cluster, snapshot, standby).astray) is not None:
        return f"{name} replicates from {stray}, which is not fed by {cluster.primary.node.name}"
    return None


def judge(
    cluster: Cluster, snapshot: Snapshot, claims: Sequence[Exposure], settled: bool, now: Moment
) -> tuple[Protection, tuple[str, ...]]:
    """The cluster's state, and why no standby could take over, a sentence for each; empty while one could."""
    why = {standby.node: unfit(cluster, snapshot, standby.node) for standby in cluster.standbys}
    unprotected = tuple(filter(None, why.values())) if all(why.values()) else ()
    fit = [claim for claim in claims if why[claim.node] is None]
    return _standing(cluster, snapshot, bool(unprotected), fit, settled, now), unprotected


def _standing(
    cluster: Cluster, snapshot: Snapshot, alone: bool, fit: Sequence[Exposure], settled: bool, now: Moment
) -> Protection:
    """Its clock goes on while the state stays the same."""
    before = snapshot.protections.get(cluster.name)
    if before is not None and not settled:
        # Just started: what an earlier run knew holds until the nodes have been looked at.
        return before
    state = _state(cluster, snapshot, alone, fit) if settled else State.UNKNOWN
    return before if before is not None and before.state is state else Protection(state, now)


def _state(cluster: Cluster, snapshot: Snapshot, alone: bool, fit: Sequence[Exposure]) -> State:
    if not cluster.standbys or alone:
        return State.TAKEN_OVER if former(cluster, snapshot) is not None else State.UNPROTECTED
    known = [claim.seconds for claim in fit if claim.seconds is not None]
    if not known:
        return State.UNKNOWN
    return State.PROTECTED if min(known) <= cluster.objectives.rpo else State.OVER_OBJECTIVE
