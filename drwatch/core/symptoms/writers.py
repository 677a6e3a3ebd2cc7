"""Who takes writes: the one that should, two at once, a standby, nobody, or an old primary that is back."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.finding import Condition, Finding
from drwatch.core.gtid import GtidPosition, GtidSet
from drwatch.core.roles import application, former, opening, writers, wrote_alone
from drwatch.core.sample import Node, Probe, ReplicationFact, ServerFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import ClusterView

SWITCHOVER = 60.0
"""Seconds that a planned switchover may leave the application without a server that takes writes."""


def findings(view: ClusterView, snapshot: Snapshot) -> Iterator[Finding]:
    cluster, leader, old = view.cluster.name, view.cluster.primary.node, former(view.cluster, snapshot)
    found = snapshot.latest(leader, Probe.SERVER)
    writing = list(writers(view.cluster, snapshot))
    if isinstance(found, ServerFact) and not writing:
        summary = f"nobody takes writes: {leader.name} is read-only, and no other node is open"
        evidence = tuple(_access(snapshot, node.node) for node in view.cluster.nodes)
        yield Finding(Condition.NOBODY_WRITABLE, cluster, leader.name, summary, evidence, confirm=SWITCHOVER)
    for node in writing:
        if node == leader:
            continue
        if node == old:
            yield _zombie(view, snapshot, node)
        elif leader in writing and (proof := _own_writes(snapshot, node, leader)):
            summary = f"SPLIT BRAIN: {leader.name} and {node.name} both take writes"
            yield Finding(Condition.SPLIT_BRAIN, cluster, node.name, summary, proof)
        elif node not in opening(view.cluster, snapshot):
            summary = f"the standby {node.name} is writable: a stray write there breaks replication or splits the data"
            yield Finding(Condition.STANDBY_WRITABLE, cluster, node.name, summary, (f"{node.name}: read_only is off",))


def replicating(view: ClusterView, snapshot: Snapshot) -> Iterator[Finding]:
    """The node that leads follows somebody, or would again after a restart, which starts its channels."""
    leader = view.cluster.primary.node
    found = snapshot.latest(leader, Probe.REPLICATION)
    if not isinstance(found, ReplicationFact) or not found.channels:
        return
    channels = [f"{each.source_host}:{each.source_port} (receiver {each.io})" for each in found.channels]
    summary = f"{leader.name} leads and also replicates from {' and '.join(channels)}"
    evidence = (f"{leader.name}: SHOW REPLICA STATUS is not empty; a restart of it starts what is stopped",)
    cluster = view.cluster.name
    yield Finding(Condition.PRIMARY_REPLICATING, cluster, leader.name, summary, evidence, confirm=SWITCHOVER)


def _access(snapshot: Snapshot, node: Node) -> str:
    found = snapshot.latest(node, Probe.SERVER)
    return f"{node.name}: {'read_only is on' if isinstance(found, ServerFact) else 'cannot be asked'}"


def _zombie(view: ClusterView, snapshot: Snapshot, old: Node) -> Finding:
    cluster, leader = view.cluster, view.cluster.primary.node
    since = snapshot.leaders[cluster.name].since
    writes = "takes writes beside it" if wrote_alone(snapshot, old) else "is open for writes"
    summary = f"the OLD PRIMARY {old.name} is back and {writes}: {leader.name} has taken over from it"
    at = f"{since.wall:%H:%M:%S%z}"
    own = _own_writes(snapshot, old, leader) or (f"{old.name}: read_only is off",)
    sent = application(cluster, snapshot)
    led = (f"endpoint: it leads to {old.name}, so the application may write there",)
    evidence = (*own, f"{leader.name}: leads since {at}", *(led if sent and old.name in sent.fact.leads_to else ()))
    return Finding(Condition.ZOMBIE_PRIMARY, cluster.name, old.name, summary, evidence, confirm=0.0)


def _own_writes(snapshot: Snapshot, node: Node, leader: Node) -> tuple[str, ...]:
    """What shows that the node has writes of its own, a sentence a side; empty where nothing does."""
    mine, theirs = snapshot.server(node), snapshot.server(leader)
    if mine is None or theirs is None:
        return ()
    match mine.gtid, theirs.gtid:
        case GtidSet() as here, GtidSet() as there if mine.server_uuid is not None:
            # An old primary's earlier writes, both have.
            if not there.covers(here.of_uuid(mine.server_uuid)) or wrote_alone(snapshot, node):
                return _diverged(node, here - there, leader, there - here)
        case GtidPosition() as here, GtidPosition() as there:
            led = snapshot.leaders.get(node.cluster)
            # What an old primary wrote while it led is no sign of anything.
            own = here.written_by(mine.server_id).domains and (led is None or led.former != node)
            if own or wrote_alone(snapshot, node):
                return (
                    f"{node.name}: read_only is off, and its binary log holds writes of its own, up to {here}",
                    f"{leader.name}: has written up to {there}",
                )
    if wrote_alone(snapshot, node):
        return (f"{node.name}: read_only is off, it follows nobody, and its binary log grows",)
    return ()


def _diverged(node: Node, here: GtidSet, leader: Node, there: GtidSet) -> tuple[str, ...]:
    return (
        f"{node.name}: read_only is off, and {here.count} transactions are its own, from {here.oldest()}",
        f"{leader.name}: {there.count} that {node.name} lacks" + (f", from {there.oldest()}" if there.count else ""),
    )
