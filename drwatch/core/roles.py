"""Who leads a cluster, by what its nodes say; the configuration only says who should.

A takeover is a human's doing, in steps: the standby is stopped, told to forget its source, opened, and written to.
Until it shows a write of its own the primary is the one that was; from then on everything is judged by the new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, pairwise
from types import MappingProxyType
from typing import NamedTuple

from drwatch.core import gtid
from drwatch.core.errant import is_source
from drwatch.core.policy import Cluster, Policy
from drwatch.core.sample import (
    NO_ANSWER,
    Blind,
    Channel,
    EndpointFact,
    IoState,
    LoginFact,
    Moment,
    Node,
    Probe,
    ReplicationFact,
    ServerFact,
)
from drwatch.core.snapshot import Snapshot
from drwatch.core.standing import Leader
from drwatch.core.timeline import Position, Timeline


def feed(snapshot: Snapshot, standby: Node) -> Channel | None:
    """The standby's replication channel; of several the one from a server of its cluster, else the first."""
    fact = snapshot.replication(standby)
    if fact is None or len(fact.channels) < 2:
        return fact.channels[0] if fact and fact.channels else None
    ours = (channel for channel in fact.channels if source(snapshot, standby, channel) is not None)
    return next(ours, fact.channels[0])


def source(snapshot: Snapshot, standby: Node, channel: Channel) -> Node | None:
    """The server of its cluster that the channel reads from; None for a stranger's, or while nobody can tell."""
    for node, probe, _ in chain(snapshot.sights, snapshot.recalled):
        if probe is Probe.SERVER and node.cluster == standby.cluster and node != standby:
            server = snapshot.server(node)
            if server is not None and is_source(server, channel):
                return node
    return None


def above(cluster: Cluster, snapshot: Snapshot, standby: Node) -> Node | None:
    """The node of the cluster that the standby's channel reads from, by identity or else by address."""
    channel = feed(snapshot, standby)
    return None if channel is None else _feeder(cluster, snapshot, standby, channel)


def _feeder(cluster: Cluster, snapshot: Snapshot, standby: Node, channel: Channel) -> Node | None:
    if (known := source(snapshot, standby, channel)) is not None:
        return known
    address = f"{channel.source_host}:{channel.source_port}"
    named = (node.node for node in cluster.nodes if node.mysql == address and snapshot.server(node.node) is None)
    return next(named, None)


class Path(NamedTuple):
    """How data comes to a standby."""

    through: tuple[Node, ...]
    """The standbys between it and the leader, the nearest first."""
    astray: str | None = None
    """Where the way ends that does not lead to the leader: a node's name, or an address outside the cluster."""


def path(cluster: Cluster, snapshot: Snapshot, standby: Node) -> Path:
    """The way from the leader to this standby; astray only where that is certain."""
    through: tuple[Node, ...] = ()
    at = standby
    while True:
        channel = feed(snapshot, at)
        if channel is None:
            alone = at != standby and snapshot.replication(at) is not None
            return Path(through, at.name if alone else None)
        feeder = _feeder(cluster, snapshot, at, channel)
        if feeder == cluster.primary.node:
            return Path(through)
        if feeder is None:
            others = (snapshot.server(other.node) for other in cluster.nodes if other.node != at)
            foreign = bool(channel.source_server_id) and all(others)
            return Path(through, f"{channel.source_host}:{channel.source_port}" if foreign else None)
        if feeder == standby or feeder in through:
            return Path(through, feeder.name)
        through, at = (*through, feeder), feeder


def led(cluster: Cluster, snapshot: Snapshot) -> Cluster:
    """The cluster as it is led now."""
    leader = snapshot.leaders.get(cluster.name)
    known = leader is not None and any(node.node == leader.node for node in cluster.nodes)
    return cluster.led_by(leader.node) if leader is not None and known else cluster


def former(cluster: Cluster, snapshot: Snapshot) -> Node | None:
    """Who led before a takeover, while nobody has made a standby of it."""
    leader = snapshot.leaders.get(cluster.name)
    return leader.former if leader is not None and leader.node == cluster.primary.node else None


def follow(snapshot: Snapshot, policy: Policy, now: Moment) -> Snapshot:
    """The snapshot with the leaders that its looks speak for."""
    for cluster in policy.clusters:
        cluster = led(cluster, snapshot)
        successor = _successor(cluster, snapshot, policy, now)
        if successor is not None:
            snapshot = _led_by(cluster, snapshot, successor, now)
        elif (old := former(cluster, snapshot)) is not None and feeds(cluster, snapshot, old):
            leader = snapshot.leaders[cluster.name]
            snapshot = _with(snapshot, cluster, replace(leader, former=None))
    return snapshot


def _with(snapshot: Snapshot, cluster: Cluster, leader: Leader) -> Snapshot:
    return replace(snapshot, leaders=MappingProxyType({**snapshot.leaders, cluster.name: leader}))


def _led_by(cluster: Cluster, snapshot: Snapshot, successor: Node, now: Moment) -> Snapshot:
    return _anew(_with(snapshot, cluster, Leader(successor, now, cluster.primary.node)), successor)


def _anew(snapshot: Snapshot, leader: Node) -> Snapshot:
    # A promotion may reset the logs: what the new leader had while it followed is no measure of what it has now.
    return replace(snapshot, timelines=MappingProxyType({**snapshot.timelines, leader: Timeline()}))


def learn(snapshot: Snapshot, judged: Snapshot) -> Snapshot:
    """A snapshot with what the judgement of an earlier one found out about who leads and how the clusters stand."""
    for name, leader in judged.leaders.items():
        before = snapshot.leaders.get(name)
        if before is None or before.node != leader.node:
            snapshot = _anew(snapshot, leader.node)
    found, known = ((each.leaders, each.protections, each.watched) for each in (judged, snapshot))
    if found == known and judged.jobs.keys() == snapshot.jobs.keys():
        return snapshot
    # A job may have spoken since, and then its word counts.
    jobs = MappingProxyType({name: snapshot.jobs.get(name, heard) for name, heard in judged.jobs.items()})
    return replace(snapshot, leaders=judged.leaders, protections=judged.protections, watched=judged.watched, jobs=jobs)


def feeds(cluster: Cluster, snapshot: Snapshot, standby: Node) -> bool:
    """Whether the leader is seen to feed this node, directly."""
    fact, channel = snapshot.latest(standby, Probe.REPLICATION), feed(snapshot, standby)
    fed = isinstance(fact, ReplicationFact) and channel is not None and channel.io is IoState.YES
    return fed and above(cluster, snapshot, standby) == cluster.primary.node


def open_alone(snapshot: Snapshot, node: Node) -> bool:
    """Whether the node takes writes and follows nobody, by its own word now."""
    server, status = snapshot.latest(node, Probe.SERVER), snapshot.latest(node, Probe.REPLICATION)
    writable = isinstance(server, ServerFact) and not server.read_only
    return writable and isinstance(status, ReplicationFact) and node in snapshot.unfed


def opening(cluster: Cluster, snapshot: Snapshot) -> frozenset[Node]:
    """The standbys that a human is making the primary: open, following nobody, and the old one takes no writes."""
    found = snapshot.latest(cluster.primary.node, Probe.SERVER)
    gone = isinstance(found, Blind) and found.reason in NO_ANSWER
    if not gone and not (isinstance(found, ServerFact) and found.read_only):
        return frozenset()
    return frozenset(standby.node for standby in cluster.standbys if open_alone(snapshot, standby.node))


def _successor(cluster: Cluster, snapshot: Snapshot, policy: Policy, now: Moment) -> Node | None:
    promoted = [standby.node for standby in cluster.standbys if _promoted(cluster, snapshot, standby.node, policy, now)]
    # Of two that were opened at once nobody can say which is meant.
    return promoted[0] if len(promoted) == 1 else None


def _promoted(cluster: Cluster, snapshot: Snapshot, node: Node, policy: Policy, now: Moment) -> bool:
    if not open_alone(snapshot, node):
        return False
    old = cluster.primary.node
    was = snapshot.latest(old, Probe.SERVER)
    if isinstance(was, ServerFact) and was.read_only and above(cluster, snapshot, old) == node:
        return True
    if not _given_up(snapshot, old, policy, now):
        return False
    wrote = wrote_alone(snapshot, node)
    # Where its logs can show no write, that it has forgotten its source must do.
    return wrote if wrote is not None else feed(snapshot, node) is None


def _given_up(snapshot: Snapshot, old: Node, policy: Policy, now: Moment) -> bool:
    """Whether the node no longer takes writes: it is read-only, or has been gone for as long as a death takes."""
    sight = snapshot.sight(old, Probe.SERVER)
    if sight is None:
        return False
    found = sight.latest.found
    if isinstance(found, ServerFact):
        return found.read_only
    gone = isinstance(found, Blind) and found.reason in NO_ANSWER and sight.lost_since is not None
    return gone and (old in snapshot.deaths or now - (sight.lost_since or now) >= policy.confirm.conclusive)


def wrote_alone(snapshot: Snapshot, node: Node) -> bool | None:
    """Whether the node's position was seen to grow while it followed nobody; None where it shows no position.

    What it wrote when it led is another matter.
    """
    since, line = snapshot.unfed.get(node), snapshot.timelines.get(node)
    if since is None or line is None or not line.entries:
        return None
    leader = snapshot.leaders.get(node.cluster)
    begun = max(since.loop, leader.since.loop) if leader is not None else since.loop
    alone = [entry.position for entry in line.entries if entry.asked.loop >= begun]
    return any(_grew(first, then) for first, then in pairwise(alone))


def _grew(first: Position, then: Position) -> bool:
    if first.gtid is not None and then.gtid is not None:
        return gtid.covers(first.gtid, then.gtid) is False
    if first.binlog is not None and then.binlog is not None:
        # A new file alone is a restart or FLUSH LOGS.
        return first.binlog.file == then.binlog.file and first.binlog.position < then.binlog.position
    return False


def writers(cluster: Cluster, snapshot: Snapshot) -> Iterator[Node]:
    """The nodes that say now that they take writes."""
    for node in cluster.nodes:
        fact = snapshot.latest(node.node, Probe.SERVER)
        if isinstance(fact, ServerFact) and not fact.read_only:
            yield node.node


class Application(NamedTuple):
    """Where the application is sent, and when that was asked."""

    fact: EndpointFact
    asked: Moment


def application(cluster: Cluster, snapshot: Snapshot) -> Application | None:
    """By the address that the endpoint's name has; where that is no node's, by the server that answers there.

    None where no endpoint is configured or it cannot be seen.
    """
    if cluster.endpoint is None:
        return None
    host = cluster.endpoint.host
    sight = snapshot.sight(cluster.endpoint_node, Probe.ENDPOINT, host)
    found = sight.latest.found if sight else None
    named = Application(found, sight.latest.asked) if sight and isinstance(found, EndpointFact) else None
    behind = snapshot.sight(cluster.endpoint_node, Probe.LOGIN, host)
    if behind is None or not isinstance(login := behind.latest.found, LoginFact) or (named and named.fact.leads_to):
        return named
    servers = ((node.node, snapshot.server(node.node)) for node in cluster.nodes)
    names = tuple(node.name for node, server in servers if server and server.server_id == login.server_id)
    return Application(EndpointFact(named.fact.addresses if named else (), None, False, names), behind.latest.asked)
