"""What a look brought back: a fact, or the reason why there is none. Unknown is a type, never a number."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from drwatch.core.binlog import Coordinate
from drwatch.core.gtid import Gtids, GtidState
from drwatch.core.machine import Device as Device
from drwatch.core.machine import Disk as Disk
from drwatch.core.machine import Filesystem as Filesystem
from drwatch.core.machine import HostFact as HostFact
from drwatch.core.machine import PortFact as PortFact
from drwatch.core.machine import Process as Process


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on the clock's two hands: ``loop`` in monotonic seconds, ``wall`` in aware UTC.

    Ages and deadlines use the loop's hand, so that a stepped wall clock moves nothing; people read the wall's.
    """

    loop: float
    wall: datetime

    def __sub__(self, earlier: Moment) -> float:
        """Seconds since ``earlier``, by the loop's hand."""
        return self.loop - earlier.loop

    def plus(self, seconds: float) -> Moment:
        return Moment(self.loop + seconds, self.wall + timedelta(seconds=seconds))


class Node(NamedTuple):
    """A host that the configuration names, within its cluster."""

    cluster: str
    name: str


class Probe(StrEnum):
    """The kinds of look; the value is the ``probe`` label of the metrics."""

    SERVER = "mysql"
    """The fast look on the held connection."""
    REPLICATION = "replication"
    """The status look on the slow connection."""
    LOGIN = "login"
    """A fresh login beside the held connection."""
    HOST = "host"
    """/proc and kin over the held SSH channel."""
    REACH = "reach"
    """A TCP dial: from the witness to an anchor, or from the standby to the primary's port 22."""
    MARKER = "marker"
    """The rsync freshness markers on the node."""
    PORT = "port"
    """The server's port as its own host's kernel sees it, asked while there is trouble."""
    ENDPOINT = "endpoint"
    """Where the application is sent."""


class Key(NamedTuple):
    """Whose look: a node's probe. Anchors are looked at as nodes of the cluster named ''."""

    node: Node
    probe: Probe
    target: str = ""
    """What is looked at from the node where one probe has several targets: a file set's or an address's name."""


class Reason(StrEnum):
    """Why there is no fact. One per rung of the ladder, so that the rung that failed is the diagnosis."""

    DNS = "dns"
    REFUSED = "refused"
    NO_ROUTE = "no_route"
    CONNECT_TIMEOUT = "connect_timeout"
    NO_HANDSHAKE = "no_handshake"
    """Connected, and not a byte came: a hung server, or one that is frozen."""
    HUNG_UP = "hung_up"
    """The peer closed a connection that was in use."""
    QUERY_TIMEOUT = "query_timeout"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    HOST_BLOCKED = "host_blocked"
    HOST_NOT_ALLOWED = "host_not_allowed"
    USER_LIMIT = "user_limit"
    ACCESS_DENIED = "access_denied"
    TLS_REFUSED = "tls_refused"
    """The server offers no TLS, or one that does not verify, and the configuration demands it."""
    SERVER_ERROR = "server_error"
    """Any other error packet; ``errno`` says which."""
    NO_PRIVILEGE = "no_privilege"
    HOST_KEY_CHANGED = "host_key_changed"
    HOST_KEY_UNKNOWN = "host_key_unknown"
    CHANNEL_LOST = "channel_lost"
    """The SSH channel that the look would use is not there."""
    NO_DIALLER = "no_dialler"
    """The far shell has nothing that could dial (dash without nc or bash)."""
    MISSING = "missing"
    """A file that should be there is not."""
    GARBLED = "garbled"
    FUTURE = "future"
    """A time stamp ahead of the clock that wrote it, the measured offset applied."""
    BUG = "bug"
    """Our own fault; the log has the traceback."""


PROOF_OF_LIFE = frozenset(
    {
        Reason.TOO_MANY_CONNECTIONS,
        Reason.HOST_BLOCKED,
        Reason.HOST_NOT_ALLOWED,
        Reason.USER_LIMIT,
        Reason.ACCESS_DENIED,
        Reason.TLS_REFUSED,
        Reason.SERVER_ERROR,
        Reason.NO_PRIVILEGE,
    }
)
"""Blind, and yet the server itself spoke."""

NO_ANSWER = frozenset(
    {
        Reason.REFUSED,
        Reason.HUNG_UP,
        Reason.NO_HANDSHAKE,
        Reason.QUERY_TIMEOUT,
        Reason.CONNECT_TIMEOUT,
        Reason.NO_ROUTE,
    }
)
"""What the far side did not do. A name that does not resolve, or a bug, is on ours."""

NOT_DIALLED = frozenset({Reason.CHANNEL_LOST, Reason.NO_DIALLER, Reason.DNS, Reason.GARBLED})
"""A dial that was asked of a node's shell and not made, for all that is known: that says nothing of the path."""


@dataclass(frozen=True, slots=True)
class Blind:
    """No fact, and why. ``detail`` is one short sentence without secrets; ``errno`` the server's or the system's."""

    reason: Reason
    detail: str = ""
    errno: int | None = None


class Flavour(StrEnum):
    MYSQL = "mysql"
    MARIADB = "mariadb"


@dataclass(frozen=True, slots=True)
class SemiSync:
    """A source that is told to wait for a standby before it answers a commit."""

    holds: bool
    """False once it has given up waiting: it goes on without, and loses what an asynchronous one loses."""
    readers: int
    """Connected standbys that acknowledge."""
    waiting: int
    """Sessions that wait for an acknowledgement now."""
    switch: str = "rpl_semi_sync_master_enabled"
    """The variable that turns it on and off."""


@dataclass(frozen=True, slots=True)
class ServerFact:
    """What one SELECT on the held connection said. Optional fields are None where the server has no such thing."""

    flavour: Flavour
    version: tuple[int, ...]
    """Such as (10, 11, 19)."""
    server_id: int
    server_uuid: str | None
    read_only: bool
    super_read_only: bool | None
    gtid: Gtids | None
    """What its binary log holds: gtid_executed, or gtid_binlog_pos. None with GTIDs off or binary logging off."""
    gtid_applied: Gtids | None
    """MariaDB's gtid_slave_pos; None on MySQL, where gtid_executed says it."""
    binlog: Coordinate | None
    """Its newest binary log coordinate, where it can be had without a lock."""
    uptime: float
    """Seconds."""
    connections: int
    max_connections: int
    connections_refused: int | None
    """Connection_errors_max_connections since start."""
    threads_running: int | None
    clock: datetime
    """The server's own clock in UTC, read in the same statement."""
    net_timeout: float | None
    """slave_net_timeout or replica_net_timeout, seconds."""
    buffer_pool_bytes: int | None
    """innodb_buffer_pool_size."""
    buffer_pool_data_bytes: int | None
    """Innodb_buffer_pool_bytes_data: what a cold standby would have to read again."""
    log_replica_updates: bool | None = None
    semi_sync: SemiSync | None = None
    """None where it is not switched on, or not installed."""
    appliers: int | None = None
    """Parallel workers of its applier; with them it says "has read all relay log" while one is still at work."""
    gtid_state: GtidState | None = None
    """MariaDB's gtid_binlog_state: every writer that its binary log holds."""
    binlog_expires: float | None = None
    """Seconds after which it purges a binary log by itself; None where it never does."""
    binlog_limit: int | None = None
    """Bytes of binary logs that it keeps (MariaDB's max_binlog_total_size); None without a limit."""
    purge_needs_readers: int | None = None
    """Connected standbys without which it purges nothing by itself (MariaDB's slave_connections_needed_for_purge)."""
    binlog_base: str | None = None
    """Path of its binary logs without their numbers (log_bin_basename); None with binary logging off."""
    writes_begun: int | None = None
    """INSERT, UPDATE, DELETE and kin since start, counted as they begin: one that hangs is among them."""
    rows_written: int | None = None
    """Rows written since start: what moves while a long statement has not committed yet."""
    rows_read: int | None = None
    """Rows read since start."""
    directories: tuple[str, ...] = ()
    """Where it writes: datadir, tmpdir, its binary and its relay logs; without a slash at the end."""
    scratch: tuple[str, ...] = ()
    """Those of them that a commit needs nothing of: where it sorts, and where its relay logs are."""

    @property
    def binlog_dir(self) -> str | None:
        return self.binlog_base.rpartition("/")[0] or None if self.binlog_base else None

    @property
    def binlog_to_measure(self) -> str | None:
        """Where the host can read the position that the server does not say without a lock."""
        return self.binlog_base if self.gtid is None and self.binlog is None else None


class IoState(StrEnum):
    YES = "Yes"
    NO = "No"
    CONNECTING = "Connecting"


@dataclass(frozen=True, slots=True)
class Channel:
    """One replication connection as its receiver and its applier say it is (columns read by name)."""

    name: str
    source_host: str
    source_port: int
    io: IoState
    sql: bool
    io_errno: int
    io_error: str
    sql_errno: int
    sql_error: str
    seconds_behind: int | None
    """The server's own figure; NULL is None. Never used as data at risk."""
    sql_delay: int
    """Seconds that the applier waits on purpose before each transaction (MASTER_DELAY): no lag, and nothing at risk."""
    relay_bytes: int | None
    """Relay_Log_Space."""
    sql_state: str
    """The applier's state text, such as 'has read all relay log'."""
    read: Coordinate | None
    """How far the receiver is in the source's binary log; may end inside a transaction."""
    executed: Coordinate | None
    retrieved_gtid: Gtids | None
    """Retrieved_Gtid_Set, or Gtid_IO_Pos."""
    executed_gtid: Gtids | None
    """Executed_Gtid_Set; None on MariaDB."""
    heartbeats: int | None
    """Heartbeats received, a counter."""
    heartbeat_period: float | None
    """Seconds."""
    source_server_id: int | None
    source_uuid: str | None
    uses_gtid: bool
    """Whether the receiver asks its source by GTID."""
    filters: tuple[str, ...] = ()
    """The Replicate_* columns that are not empty."""
    io_state: str = ""
    """The receiver's state text, such as 'Waiting for master to send event'."""
    sql_table: str = ""
    """The table that the applier stopped at, where the server names one."""

    @property
    def relay_full(self) -> bool:
        """The receiver waits, connected, until the applier has made room (relay_log_space_limit)."""
        return self.io is IoState.YES and "relay log space" in self.io_state


@dataclass(frozen=True, slots=True)
class ReplicationFact:
    """Replica status: every channel, none where the server replicates from nobody; and its own coordinate."""

    channels: tuple[Channel, ...]
    binlog: Coordinate | None = None
    """SHOW MASTER STATUS or its heir, asked only where the fast look cannot tell."""
    logs: tuple[Coordinate, ...] = ()
    """Its binary logs, oldest first, each at its size; asked once a minute and only while commits flow."""


@dataclass(frozen=True, slots=True)
class LoginFact:
    """A fresh login went through."""

    seconds: float
    server_id: int | None = None
    """Which server answered; asked at an endpoint only, where that is not known before."""


@dataclass(frozen=True, slots=True)
class MarkerFact:
    """A sync that finished: when it started, by the clock of the host that ran it, offset applied."""

    started_at: datetime
    age: float
    """Seconds from that start until the look, by the host's own clock."""
    source: str = ""


@dataclass(frozen=True, slots=True)
class ReachFact:
    """A TCP dial was answered."""

    seconds: float
    greets: bool | None = None
    """Whether the program behind the port said anything, where that was waited for: a kernel alone says nothing."""


@dataclass(frozen=True, slots=True)
class EndpointFact:
    """Where the application is sent by the name that it uses."""

    addresses: tuple[str, ...]
    ttl: float | None
    """Seconds for which resolvers may go on giving these addresses; None where the endpoint is itself an address."""
    authoritative: bool
    """The zone's own servers said so; else a caching resolver, and ``ttl`` is the greatest that it gave."""
    leads_to: tuple[str, ...]
    """Names of the cluster's nodes that have one of the addresses."""


Fact = ServerFact | ReplicationFact | LoginFact | HostFact | PortFact | MarkerFact | ReachFact | EndpointFact


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. ``asked`` is the moment before the question was sent, ``answered`` when it was settled."""

    key: Key
    asked: Moment
    answered: Moment
    found: Fact | Blind
    notes: tuple[str, ...] = field(default=())
    """Remarks for the log, such as 'login took 2.1 s'; never secrets."""
