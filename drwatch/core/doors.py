"""The dials between a primary and its standby, each from the one's shell at the other's port 22.

They tell a path that fails from a server that does. Where port 22 is kept from the other node for good they tell
nothing: so each is dialled once a day while all is well.
"""

from __future__ import annotations

from drwatch.core.policy import Cluster, NodePolicy
from drwatch.core.sample import Blind, Key, Moment, Node, Probe, Reason
from drwatch.core.snapshot import Sight, Snapshot

DAILY = 86400.0
"""Seconds between two dials of a way that is well."""

LATELY = DAILY + 3600.0
"""Seconds for which such a dial proves that the way is there to pass."""

HOLDS = 330.0
"""Seconds for which a dial that failed holds: the slowest pace of dialling, and the wait for the next one. A receiver
needs no longer to connect again along a path that passes again."""


def door_key(cluster: Cluster, standby: Node) -> Key:
    """The look from a standby's shell at the primary's port 22."""
    return Key(standby, Probe.REACH, f"{cluster.primary.ssh_host}:{cluster.primary.ssh_port}")


def back_key(cluster: Cluster, standby: NodePolicy) -> Key:
    """The look from the primary's shell at a standby's port 22."""
    return Key(cluster.primary.node, Probe.REACH, f"{standby.ssh_host}:{standby.ssh_port}")


def severed(cluster: Cluster, snapshot: Snapshot, standby: NodePolicy, broke: Moment, now: Moment) -> bool:
    """Whether it was the path that broke then: neither node reached the other of late, and each did before."""
    ways = [snapshot.sights.get(key) for key in (door_key(cluster, standby.node), back_key(cluster, standby))]
    return all(sight is not None and _closed(sight, broke, now) for sight in ways)


def _closed(sight: Sight, broke: Moment, now: Moment) -> bool:
    if (failed := sight.failed) is None or sight.fact is None:
        return False
    nothing = isinstance(failed.found, Blind) and failed.found.reason in (Reason.CONNECT_TIMEOUT, Reason.NO_ROUTE)
    return nothing and now - failed.asked <= HOLDS and broke - sight.fact.asked <= LATELY
