"""A standby of a standby, by coordinate: its place is one in the log between, and is led back to the leader's log.

What the standby between had applied before its own log was looked at stands in that log by then. So whoever has
received that place has all that was applied, whatever the two logs look like.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from drwatch.core.binlog import Coordinate
from drwatch.core.roles import feed
from drwatch.core.sample import Node
from drwatch.core.snapshot import Snapshot
from drwatch.core.timeline import Position


class Upstream(NamedTuple):
    """A place in the leader's log, and the standby next to the leader whose word it is."""

    place: Coordinate
    standby: Node


def upstream(snapshot: Snapshot, standby: Node, place: Coordinate, through: Iterable[Node]) -> Upstream | None:
    """What a place of ``standby``'s stands for in the leader's log; ``through`` are those between, the nearest first.

    None where it could not be placed, or one of those between was started anew or undone meanwhile.
    """
    for between in through:
        line, channel, server = snapshot.timelines.get(between), feed(snapshot, between), snapshot.server(between)
        if line is None or channel is None or standby in line.rewound or standby in line.doubts:
            return None
        if server is None or not server.log_replica_updates:
            # What it applies is not in its log (the default before MySQL 8.0): nothing is handed on by it.
            return None
        reached = line.newest_within(Position(None, place, by_coordinate=True))
        passed = snapshot.passed.get((between, channel.name))
        if reached is None or passed is None:
            return None
        applied = next(passed.known_by(reached.asked), None)
        if applied is None or applied.position.binlog is None:
            return None
        standby, place = between, applied.position.binlog
    return Upstream(place, standby)
