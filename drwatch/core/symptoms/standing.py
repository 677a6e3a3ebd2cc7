"""Whether anybody could take over: whom the standbys follow, and what must be rebuilt first."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.duration import span
from drwatch.core.finding import Condition, Finding
from drwatch.core.gtid import GtidPosition, GtidSet
from drwatch.core.protection import source_lost
from drwatch.core.roles import feed, former, path
from drwatch.core.sample import Moment, Node, Probe, ReplicationFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.standing import State
from drwatch.core.view import ClusterView

ASTRAY = 60.0
"""Seconds for which a standby may follow another source, as while somebody repoints it."""

ALONE = 600.0
"""Seconds without a standby that could take over, after which that is told: a restart or a rebuild under way is not."""

LEFT = 60.0
"""Seconds that somebody is given who has just started the old primary."""


def findings(view: ClusterView, snapshot: Snapshot, now: Moment) -> Iterator[Finding]:
    yield from _of_sources(view, snapshot)
    yield from _of_protection(view, now)
    yield from _of_rebuilding(view, snapshot)


def _of_sources(view: ClusterView, snapshot: Snapshot) -> Iterator[Finding]:
    cluster, leader = view.cluster, view.cluster.primary.node
    for standby in cluster.standbys:
        if not isinstance(snapshot.latest(standby.node, Probe.REPLICATION), ReplicationFact):
            continue
        way, name = path(cluster, snapshot, standby.node), standby.node.name
        if way.astray is None or feed(snapshot, standby.node) is None:
            continue
        # Who replicates through another that has gone astray has the same trouble, and the other's name stands there.
        summary = f"{name} replicates from {way.astray}, not from {leader.name}: it would take over with other data"
        old = former(cluster, snapshot)
        just_taken = old is not None and way.astray == old.name
        if just_taken:
            summary = f"{name} still follows the old primary {way.astray}: point it at {leader.name}"
        yield Finding(Condition.WRONG_SOURCE, cluster.name, name, summary, confirm=ALONE if just_taken else ASTRAY)


def _of_protection(view: ClusterView, now: Moment) -> Iterator[Finding]:
    state, since = view.protection.state, view.protection.since
    if state not in (State.UNPROTECTED, State.TAKEN_OVER) or not view.unprotected:
        return
    leader = view.cluster.primary.node.name
    after = " since the takeover" if state is State.TAKEN_OVER else ""
    summary = f"NO STANDBY could take over from {leader}{after}, for {span(now - since)}: one more failure is an outage"
    yield Finding(Condition.UNPROTECTED, view.cluster.name, leader, summary, view.unprotected, confirm=ALONE)


def _of_rebuilding(view: ClusterView, snapshot: Snapshot) -> Iterator[Finding]:
    cluster, leader = view.cluster, view.cluster.primary.node
    for standby in cluster.standbys:
        status = snapshot.latest(standby.node, Probe.REPLICATION)
        if not isinstance(status, ReplicationFact):
            continue
        name, channel = standby.node.name, feed(snapshot, standby.node)
        lost = channel if channel is not None and source_lost(channel) else None
        alone = () if lost else _left_behind(snapshot, standby.node, leader)
        if lost:
            summary = f"{name} must be rebuilt: its source no longer has what it asks for (errno {lost.io_errno})"
            alone = (lost.io_error[:300],)
        elif alone and standby.node == former(cluster, snapshot):
            summary = f"{name} must be rebuilt: it holds transactions that {leader.name} never received"
        else:
            continue
        yield Finding(Condition.REBUILD_REQUIRED, cluster.name, name, summary, alone, confirm=None if lost else LEFT)


def _left_behind(snapshot: Snapshot, old: Node, leader: Node) -> tuple[str, ...]:
    """What the old primary committed and the new one never got; empty where none is seen, or none can be."""
    mine, theirs = snapshot.server(old), snapshot.server(leader)
    if mine is None or theirs is None:
        return ()
    match mine.gtid, theirs.gtid:
        case GtidSet() as here, GtidSet() as there if not there.covers(here):
            return (f"{old.name}: {(here - there).count} transactions, from {(here - there).oldest()}",)
        case GtidPosition() as here, _ if theirs.gtid_applied is not None:
            # What the new leader applied as a standby; its own later writes have the same numbers.
            applied = theirs.gtid_applied if isinstance(theirs.gtid_applied, GtidPosition) else GtidPosition()
            alone = here.written_by(mine.server_id).ahead_of(applied)
            return (f"{old.name}: {alone} transactions after {applied}",) if alone else ()
    return ()
