"""What could be set better on a server while all is well. Shown, and never paged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from drwatch.core.duration import span
from drwatch.core.policy import Cluster
from drwatch.core.roles import feed
from drwatch.core.sample import Channel, Flavour, ServerFact
from drwatch.core.snapshot import Snapshot

NOTICES = 30.0
"""Seconds after which a receiver should notice by itself that its source has fallen silent."""

TIMEOUT, HEARTBEAT = 10, 2
"""What to set instead, seconds: several heartbeats must be lost, and on an idle wire each costs a hundred bytes."""


class Advice(NamedTuple):
    subject: str
    sentence: str
    statement: str
    """What mends it, for a human to run and to put into my.cnf."""


def advice(cluster: Cluster, snapshot: Snapshot) -> Iterator[Advice]:
    for standby in cluster.standbys:
        server, channel = snapshot.server(standby.node), feed(snapshot, standby.node)
        if server is not None and channel is not None:
            yield from _silence(standby.node.name, server, channel)


def _silence(name: str, server: ServerFact, channel: Channel) -> Iterator[Advice]:
    """The server's own meter of silence: the receiver gives up a wire after net_timeout without a word on it."""
    timeout, period = server.net_timeout, channel.heartbeat_period
    if timeout is not None and period is not None and (period == 0 or period >= timeout):
        beat = "no heartbeat is set" if period == 0 else f"a heartbeat comes every {span(period)}"
        words = f"{name} takes an idle source for a dead one and reconnects every {span(timeout)}: {beat}"
        yield Advice(name, words, _mend(server))
    elif timeout is not None and timeout > NOTICES:
        words = f"{name} itself notices a source that has fallen silent only after {span(timeout)}, and reconnects then"
        yield Advice(name, words, _mend(server))


def _mend(server: ServerFact) -> str:
    if server.flavour is Flavour.MYSQL and server.version >= (8, 0, 26):
        return (
            f"SET PERSIST replica_net_timeout = {TIMEOUT}; STOP REPLICA IO_THREAD; "
            f"CHANGE REPLICATION SOURCE TO SOURCE_HEARTBEAT_PERIOD = {HEARTBEAT}; START REPLICA IO_THREAD"
        )
    # MariaDB takes it with both threads stopped only, and then fetches again what is not applied: not while the
    # primary is down.
    thread = "" if server.flavour is Flavour.MARIADB else " IO_THREAD"
    return (
        f"SET GLOBAL slave_net_timeout = {TIMEOUT}; STOP SLAVE{thread}; "
        f"CHANGE MASTER TO MASTER_HEARTBEAT_PERIOD = {HEARTBEAT}; START SLAVE{thread}"
    )
