"""The replication of a simulated pair: what its receiver and its applier do, and what can befall them.

It says what MariaDB standbys with GTIDs were seen to say in each state.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from enum import Enum, auto

from drwatch.core.binlog import Coordinate
from drwatch.core.gtid import GtidPosition
from drwatch.core.sample import Channel, IoState, SemiSync
from drwatch.lab.flavour import Need

Place = tuple[int, float]
"""Who wrote a transaction, and its number."""

TRANSACTION = 200
"""Bytes of binary log."""

NET_TIMEOUT = 60.0
"""slave_net_timeout: how long a receiver believes in a silent connection, seconds."""

RELAY_LIMIT = 1 << 20
"""Bytes of relay log, where it is a small one."""

DAY = 86400.0

STRANGER = 7
"""The server id of one outside the cluster."""

IO_ERRORS = {
    1045: "Access denied for user 'replicator'@'10.0.0.2'",
    1236: "Got fatal error 1236 from master when reading data from binary log: 'Could not find first log file name'",
    2003: "error connecting to master",
}
SQL_ERRORS = {1062: "Duplicate entry '7' for key 'PRIMARY'", 1032: "Can't find record in 'orders'"}


class Source(Enum):
    """What the leader is to the receiver, whatever the causes."""

    OPEN = auto()
    SHUT = auto()
    """It has ended the connection, and refuses another."""
    MUTE = auto()
    """Nothing comes from there: neither a byte, nor the end of a connection."""


class Stream:
    """From the leader's binary log to the follower's tables; all times are the loop's."""

    def __init__(self, needs: Collection[Need], received: Place, now: float) -> None:
        self.received = received
        self.disk_full = False
        """Under the relay logs."""
        self.removed = False
        self._silenced = False
        self._silent_since: float | None = None
        self._connected = True
        self.semi_sync = SemiSync(True, 1, 0) if Need.SEMI_SYNC in needs else None
        self.binlog_expires: float | None = None
        self.cuts: tuple[float, ...] = ()
        """The transactions after which the leader began a new binary log."""
        self.strayed = False
        self.io_errno = 0
        self.receiver = True
        self._needs = needs
        self._applier, self._sql_errno, self._blocked, self._delay = True, 0, False, 0
        self.refused = 0
        """The errno with which the receiver cannot connect; 0 when it can."""
        self._filtered = self._astray = False
        self._second: IoState | None = None
        """The receiver of a second channel, from a stranger; None without one."""
        self._heartbeats, self._heard_at, self._period = 0, now, NET_TIMEOUT / 2

    @property
    def io(self) -> IoState:
        if not self.receiver or self.removed:
            return IoState.NO
        return IoState.YES if self._connected else IoState.CONNECTING

    def joins(self, source: Source, now: float) -> None:
        """A connection that falls silent is believed in for a while; one that has ended needs a source that is open."""
        if source is not Source.MUTE and not self._silenced:
            self._silent_since = None
            self._connected = source is Source.OPEN and not self.refused
            return
        if self._silent_since is None:
            self._silent_since = now
        if now - self._silent_since > NET_TIMEOUT or not self.receiver or self.removed:
            self._connected = False

    def hear(self, committed: Place, executed: Place, now: float) -> None:
        """What a source sends to who is connected: its commits, or a heartbeat when a period goes by without one."""
        if self._silent_since is not None or self.disk_full or self._astray or self._relay_full(executed):
            return
        if int(committed[1]) > int(self.received[1]):
            self._heard_at = now
        while now - self._heard_at >= self._period:
            self._heartbeats, self._heard_at = self._heartbeats + 1, self._heard_at + self._period
        self.received = committed

    def _relay_full(self, executed: Place) -> bool:
        waiting = (self.received[1] - executed[1]) * TRANSACTION
        return Need.SMALL_RELAY_LOG in self._needs and waiting >= RELAY_LIMIT

    @property
    def applies(self) -> bool:
        return not (self._blocked or self._sql_errno or self._delay or self.removed) and self._applier

    def channels(self, leader: int, executed: Place) -> tuple[Channel, ...]:
        """As its status has them, with the leader's server id."""
        io, errno = self.io, self.io_errno
        if io is IoState.CONNECTING:
            errno = self.refused or 2003
        source = STRANGER if self._astray else leader
        full = "Waiting for the slave SQL thread to free enough relay log space"
        ours = Channel(
            name="",
            source_host=f"10.0.0.{source}",
            source_port=3306,
            io=io,
            sql=self._applier and not self._sql_errno,
            io_errno=errno,
            io_error=IO_ERRORS.get(errno, ""),
            sql_errno=self._sql_errno,
            sql_error=SQL_ERRORS.get(self._sql_errno, ""),
            seconds_behind=0 if io is IoState.YES and self._applier and not self._sql_errno else None,
            sql_delay=self._delay,
            relay_bytes=int(self.received[1] - executed[1]) * TRANSACTION,
            sql_state="",
            read=self.coordinate(self.received),
            executed=self.coordinate(executed),
            retrieved_gtid=gtid(self.received),
            executed_gtid=None,
            heartbeats=self._heartbeats,
            heartbeat_period=self._period,
            source_server_id=source,
            source_uuid=None,
            uses_gtid=True,
            filters=("Replicate_Ignore_Table=shop.nothing",) if self._filtered else (),
            io_state=full if self._relay_full(executed) else "Waiting for master to send event",
            sql_table="shop.orders" if self._sql_errno else "",
        )
        if self._second is None:
            return (ours,)
        errno = 2003 if self._second is IoState.CONNECTING else 0
        theirs = replace(ours, name="crm", source_host=f"10.0.0.{STRANGER}", source_server_id=STRANGER)
        return ours, replace(theirs, io=self._second, io_errno=errno, io_error=IO_ERRORS.get(errno, ""))

    def coordinate(self, place: Place) -> Coordinate:
        """Where the leader's binary logs have it."""
        before = [cut for cut in self.cuts if cut < place[1]]
        return Coordinate(f"mysql-bin.{len(before) + 1:06d}", int(place[1] - max(before, default=0)) * TRANSACTION)

    def logs(self, end: Place) -> tuple[Coordinate, ...]:
        """The leader's binary logs, each at its size; none of them was purged."""
        return tuple(self.coordinate((end[0], number)) for number in (*self.cuts, end[1]))

    @property
    def faults(self) -> dict[str, Callable[[bool], None]]:
        """By their names: broken, or mended."""

        def sets(name: str, broken: object = True, mended: object = False) -> Callable[[bool], None]:
            return lambda breaks: setattr(self, name, broken if breaks else mended)

        return {
            "io-thread-stopped": sets("receiver", False, True),
            "applier-stopped": sets("_applier", False, True),
            "sql-thread-broken": sets("_sql_errno", 1062, 0),
            "row-missing": sets("_sql_errno", 1032, 0),
            "replication-removed": sets("removed"),
            "standby-filtered": sets("_filtered"),
            "standby-delayed": sets("_delay", 3600, 0),
            "applier-blocked": sets("_blocked"),
            "replication-silent": sets("_silenced"),
            "replication-refused": sets("refused", 2003, 0),
            "replication-denied": sets("refused", 1045, 0),
            "relay-disk-full": sets("disk_full"),
            "semi-sync-unacknowledged": sets("semi_sync", SemiSync(False, 0, 0), self.semi_sync),
            "source-mistaken": sets("_astray"),
            "second-source": sets("_second", IoState.YES, None),
            "second-source-dead": sets("_second", IoState.CONNECTING, IoState.YES),
            "heartbeats-each-second": sets("_period", 1.0, NET_TIMEOUT / 2),
            "standby-strayed": sets("strayed"),
            "binlogs-purged": self._purge,
        }

    def refuse_purged(self) -> None:
        """What the receiver asks for next is nowhere any more."""
        self.receiver, self.io_errno = False, 1236

    def _purge(self, broken: bool) -> None:
        self.refuse_purged()


def gtid(place: Place) -> GtidPosition:
    return GtidPosition(((0, place[0], int(place[1])),))


def stranger() -> Channel:
    """A channel from outside the pair, whose receiver finds nobody there."""
    return Channel(
        name="",
        source_host="10.9.9.9",
        source_port=3306,
        io=IoState.CONNECTING,
        sql=True,
        io_errno=2003,
        io_error="error connecting to master",
        sql_errno=0,
        sql_error="",
        seconds_behind=None,
        sql_delay=0,
        relay_bytes=0,
        sql_state="",
        read=None,
        executed=None,
        retrieved_gtid=None,
        executed_gtid=None,
        heartbeats=None,
        heartbeat_period=None,
        source_server_id=None,
        source_uuid=None,
        uses_gtid=True,
    )
