"""What a standby has still to read of its source's binary logs, and how long the source will yet keep it."""

from __future__ import annotations

from drwatch.core.binlogs import Gap
from drwatch.core.policy import Cluster
from drwatch.core.roles import feed, source
from drwatch.core.sample import IoState, Moment, Node, ServerFact
from drwatch.core.snapshot import Snapshot


def of_standby(cluster: Cluster, snapshot: Snapshot, standby: Node, now: Moment) -> Gap | None:
    """The gap of the standby's channel, by its newest word however old; None while it keeps up, or nobody can say."""
    channel = feed(snapshot, standby)
    if channel is None or channel.read is None:
        return None
    node = source(snapshot, standby, channel)
    server = snapshot.server(node) if node else None
    logs = snapshot.logs.get(node) if node else None
    if server is None or logs is None:
        return None
    waits = _readers(cluster, snapshot, server) < (server.purge_needs_readers or 0)
    expires = None if waits else server.binlog_expires
    return logs.gap(channel.read, expires, None if waits else server.binlog_limit, now)


def _readers(cluster: Cluster, snapshot: Snapshot, server: ServerFact) -> int:
    """Standbys that are connected to that server, as far as anybody knows."""
    channels = (feed(snapshot, standby.node) for standby in cluster.standbys)
    return sum(
        channel is not None and channel.io is IoState.YES and channel.source_server_id == server.server_id
        for channel in channels
    )
