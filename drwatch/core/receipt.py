"""What came through a replication channel, and when: how far it ever got, and whether that may be lost again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from drwatch.core import binlog
from drwatch.core.binlog import Coordinate
from drwatch.core.capacity import ApplyRate, Progress, apply_rate
from drwatch.core.gtid import Gtids, GtidSet
from drwatch.core.sample import Channel, IoState, Moment
from drwatch.core.timeline import Entry, Position, Timeline

WHOLE_GROUPS = (5, 7)
"""MySQL from here on counts a transaction as received when its last event is in the relay log; 5.6 at its first.

5.7.44 was tried: 400 KB of a transaction of 3 MB in the relay log, wire cut, and Retrieved_Gtid_Set lacked it.
"""


class Feed(NamedTuple):
    """Where a channel's receiver was told to ask, and by what."""

    host: str
    port: int
    by_gtid: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """A replication channel's movement: when its received and its applied position were last seen to change."""

    heard: tuple[Coordinate | None, Gtids | None, int | None]
    """Received coordinate, received GTIDs and heartbeats: whatever changes when something arrives."""
    heard_at: Moment
    applied: tuple[Coordinate | None, Gtids | None]
    applied_at: Moment
    """When the applier last moved, had nothing to do, or was stopped."""
    advanced_at: Moment | None = None
    """The look that last found more applied than the one before; None while that never happened."""
    apply_rate: ApplyRate | None = None
    working_since: Moment | None = None
    """The look from which on the applier has had work and did not move; None while it has none or is stopped."""
    moved: bool = False
    """Whether anything was heard while we watched: the first look only says where it stands."""
    io: IoState = IoState.YES
    io_since: Moment | None = None
    """The look that first found the receiver in this state."""
    feed: Feed | None = None
    source_server_id: int | None = None
    """Of the server that it last was connected to."""
    furthest: Position | None = None
    """The most that it was ever known to have received from this feed, whatever has become of it since."""
    furthest_at: Moment | None = None
    """By when it had: the answer of the look that first saw it."""
    void: bool = False
    """The server has restarted since that look: what was received and not applied may be gone."""

    @property
    def deaf_since(self) -> Moment:
        """When something came last, or when the receiver connected since: only from then on is it silence."""
        if self.io_since is None or self.io_since.loop < self.heard_at.loop:
            return self.heard_at
        return self.io_since


def whole(channel: Channel, executed: Gtids | None, version: tuple[int, ...]) -> Gtids | None:
    """The received GTIDs without a transaction that may have arrived in part only."""
    received = channel.retrieved_gtid
    if not isinstance(received, GtidSet) or version >= WHOLE_GROUPS:
        return received
    done = executed if isinstance(executed, GtidSet) else GtidSet()
    return received - (received.newest() - done)


def _came(channel: Channel, version: tuple[int, ...]) -> Position:
    """All that this look shows of what its source ever sent, whole transactions only."""
    received = whole(channel, channel.executed_gtid, version)
    if isinstance(received, GtidSet) and isinstance(channel.executed_gtid, GtidSet) and channel.source_uuid:
        received |= channel.executed_gtid.of_uuid(channel.source_uuid)
    return Position(received, channel.read, by_coordinate=not channel.uses_gtid)


def receipt(
    before: Receipt | None, channel: Channel, version: tuple[int, ...], asked: Moment, answered: Moment
) -> Receipt:
    """The channel's movement with one look more; ``version`` is the server's, empty while unknown."""
    heard = (channel.read, channel.retrieved_gtid, channel.heartbeats)
    applied = (channel.executed, channel.executed_gtid)
    came = _came(channel, version)
    feed = Feed(channel.source_host, channel.source_port, channel.uses_gtid)
    if before is None:
        return Receipt(
            heard,
            asked,
            applied,
            asked,
            io=channel.io,
            io_since=asked,
            feed=feed,
            source_server_id=channel.source_server_id,
            furthest=came,
            furthest_at=answered,
        )
    moved = before.applied != applied
    working = channel.sql and channel.executed != channel.read
    same = before.furthest is not None and before.feed == feed
    furthest = before.furthest.joined(came) if before.furthest is not None and same else came
    return Receipt(
        heard=heard,
        heard_at=asked if before.heard != heard else before.heard_at,
        applied=applied,
        applied_at=asked if moved or not working else before.applied_at,
        advanced_at=asked if moved else before.advanced_at,
        apply_rate=_rate(before, channel, asked) if moved else before.apply_rate,
        working_since=None if not working else asked if moved else before.working_since or asked,
        moved=before.moved or before.heard != heard,
        io=channel.io,
        io_since=before.io_since if before.io is channel.io else asked,
        feed=feed,
        source_server_id=channel.source_server_id or (before.source_server_id if same else None),
        furthest=furthest,
        furthest_at=before.furthest_at if same and furthest == before.furthest else answered,
    )


def handed_on(line: Timeline | None, before: Receipt | None, channel: Channel, answered: Moment) -> Timeline | None:
    """What a channel's standby has applied of its source, by when it had; begun anew where it went back or elsewhere.

    None where there is nothing to tell: by GTID a place is the same in every log.
    """
    if channel.uses_gtid or channel.executed is None:
        return None
    stood = line.newest.position.binlog if line is not None and line.newest is not None else None
    feed = Feed(channel.source_host, channel.source_port, channel.uses_gtid)
    same = before is not None and before.feed == feed and before.source_server_id == channel.source_server_id
    if line is None or stood is None or not same or binlog.covers(channel.executed, stood) is not True:
        line = Timeline()
    return line.add(Entry(answered, Position(None, channel.executed)))


def anew(before: Receipt) -> Receipt:
    """As if nothing had come before: its standby was rebuilt."""
    return replace(before, furthest=None, furthest_at=None)


def _rate(before: Receipt, channel: Channel, asked: Moment) -> ApplyRate | None:
    """The applier's rate, measured from the look that found work waiting to this one that finds some of it done."""
    (stood, *_), (waiting, *_) = before.applied, before.heard
    if before.working_since is None or stood is None or waiting is None or channel.executed is None:
        return before.apply_rate
    progress = Progress(stood, waiting, channel.executed, asked - before.working_since)
    return apply_rate(before.apply_rate, progress, asked)
