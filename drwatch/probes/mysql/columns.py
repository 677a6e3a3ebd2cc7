"""Replica status by column name: both vocabularies, and what each flavour alone has.

Names before 8.0.22 and on every MariaDB say Master and Slave, later ones Source and Replica (MySQL manual, "SHOW
REPLICA STATUS"; MariaDB knowledge base, "SHOW REPLICA STATUS", whose columns keep the old names).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from drwatch.core.binlog import Coordinate, CoordinateError
from drwatch.core.gtid import GtidError, GtidPosition, Gtids, GtidSet, GtidState
from drwatch.core.sample import Channel, Flavour, IoState
from drwatch.probes.mysql.applier import failing_table

Row = Mapping[str, object]


class RowError(ValueError):
    """A row that should describe replication or a server and does not; the text names the column."""


NAMES: dict[str, tuple[str, ...]] = {
    "name": ("Channel_Name", "Connection_name"),
    "source_host": ("Source_Host", "Master_Host"),
    "source_port": ("Source_Port", "Master_Port"),
    "io": ("Replica_IO_Running", "Slave_IO_Running"),
    "sql": ("Replica_SQL_Running", "Slave_SQL_Running"),
    "io_errno": ("Last_IO_Errno",),
    "io_error": ("Last_IO_Error",),
    "sql_errno": ("Last_SQL_Errno",),
    "sql_error": ("Last_SQL_Error",),
    "seconds_behind": ("Seconds_Behind_Source", "Seconds_Behind_Master"),
    "sql_delay": ("SQL_Delay",),
    "relay_bytes": ("Relay_Log_Space",),
    "io_state": ("Replica_IO_State", "Slave_IO_State"),
    "sql_state": ("Replica_SQL_Running_State", "Slave_SQL_Running_State"),
    "read_file": ("Source_Log_File", "Master_Log_File"),
    "read_position": ("Read_Source_Log_Pos", "Read_Master_Log_Pos"),
    "executed_file": ("Relay_Source_Log_File", "Relay_Master_Log_File"),
    "executed_position": ("Exec_Source_Log_Pos", "Exec_Master_Log_Pos"),
    "retrieved": ("Retrieved_Gtid_Set",),
    "executed": ("Executed_Gtid_Set",),
    "auto_position": ("Auto_Position",),
    "using_gtid": ("Using_Gtid",),
    "gtid_io_position": ("Gtid_IO_Pos",),
    "heartbeats": ("Slave_received_heartbeats",),
    "heartbeat_period": ("Slave_heartbeat_period",),
    "source_server_id": ("Source_Server_Id", "Master_Server_Id"),
    "source_uuid": ("Source_UUID", "Master_UUID"),
}
"""What we call it → what servers call it, the newer name first. Compared without regard to case."""

_IO = {
    "Yes": IoState.YES,
    "No": IoState.NO,
    "Connecting": IoState.CONNECTING,
    "Preparing": IoState.CONNECTING,  # MariaDB, between the thread's start and its first dial
}


class Heartbeat(NamedTuple):
    """What performance_schema says of one channel; None where it may not be read."""

    received: int | None = None
    period: float | None = None
    """Seconds."""


class _Columns:
    def __init__(self, row: Row) -> None:
        self._row = {name.lower(): value for name, value in row.items()}

    def get(self, key: str) -> object:
        """The value under any of its names; None where the server has no such column, or it is NULL."""
        for name in NAMES[key]:
            if name.lower() in self._row:
                return self._row[name.lower()]
        return None

    def text(self, key: str) -> str:
        value = self.get(key)
        return "" if value is None else str(value)

    def required(self, key: str) -> str:
        value = self.get(key)
        if value is None:
            raise RowError(f"no column {NAMES[key][0]}")
        return str(value)

    def number(self, key: str) -> int | None:
        value = self.get(key)
        try:
            return None if value is None or value == "" else int(str(value))
        except ValueError as error:
            raise RowError(f"{NAMES[key][0]} is no number") from error

    def seconds(self, key: str) -> float | None:
        value = self.get(key)
        try:
            return None if value is None or value == "" else float(str(value))
        except ValueError as error:
            raise RowError(f"{NAMES[key][0]} is no number") from error

    def coordinate(self, file: str, position: str) -> Coordinate | None:
        return coordinate(self.text(file), self.number(position))


def coordinate(file: str, position: int | None) -> Coordinate | None:
    """The coordinate; None without a file name, as before the first event. Raises RowError."""
    if not file or position is None:
        return None
    try:
        return Coordinate(file, position)
    except CoordinateError as error:
        raise RowError(str(error)) from error


def gtids(flavour: Flavour, text: str) -> Gtids:
    """The text as this flavour writes it. Raises RowError."""
    try:
        return GtidPosition.parse(text) if flavour is Flavour.MARIADB else GtidSet.parse(text)
    except GtidError as error:
        raise RowError(str(error)) from error


def gtid_state(text: str) -> GtidState:
    """MariaDB's gtid_binlog_state. Raises RowError."""
    try:
        return GtidState.parse(text)
    except GtidError as error:
        raise RowError(str(error)) from error


def _filters(row: Row) -> tuple[str, ...]:
    return tuple(
        f"{name}={str(value)[:200]}"
        for name, value in row.items()
        if name.lower().startswith("replicate_") and value not in (None, "")
    )


def channel(row: Row, flavour: Flavour, heartbeat: Heartbeat | None = None, worker: str = "") -> Channel:
    """One row of the replica status. MariaDB's has the heartbeats itself; MySQL's come beside it. Raises RowError.

    ``worker`` is the errno of a parallel applier's own thread and, after a space, what it said, where the row only says
    that one of them failed.
    """
    errno, _, error = worker.partition(" ")
    columns = _Columns(row)
    io = columns.required("io")
    if io not in _IO:
        raise RowError(f"the receiver is in an unknown state: {io[:40]!r}")
    if flavour is Flavour.MARIADB:
        uses_gtid = columns.text("using_gtid") not in ("", "No")
        retrieved, executed = columns.text("gtid_io_position"), None
    else:
        uses_gtid = columns.number("auto_position") == 1
        retrieved, executed = columns.text("retrieved"), columns.text("executed")
    if heartbeat is None:
        heartbeat = Heartbeat(columns.number("heartbeats"), columns.seconds("heartbeat_period"))
    return Channel(
        name=columns.text("name"),
        source_host=columns.required("source_host"),
        source_port=columns.number("source_port") or 0,
        io=_IO[io],
        sql=columns.required("sql") == "Yes",
        io_errno=columns.number("io_errno") or 0,
        io_error=columns.text("io_error"),
        sql_errno=int(errno) if errno else columns.number("sql_errno") or 0,
        sql_error=error or columns.text("sql_error"),
        seconds_behind=columns.number("seconds_behind"),
        sql_delay=columns.number("sql_delay") or 0,
        relay_bytes=columns.number("relay_bytes"),
        sql_state=columns.text("sql_state"),
        read=columns.coordinate("read_file", "read_position"),
        executed=columns.coordinate("executed_file", "executed_position"),
        retrieved_gtid=_gtids_in_use(flavour, retrieved, uses_gtid),
        executed_gtid=_gtids_in_use(flavour, executed, uses_gtid),
        heartbeats=heartbeat.received,
        heartbeat_period=heartbeat.period,
        source_server_id=columns.number("source_server_id") or None,
        source_uuid=columns.text("source_uuid") or None,
        uses_gtid=uses_gtid,
        filters=_filters(row),
        io_state=columns.text("io_state"),
        sql_table=failing_table(error or columns.text("sql_error")),
    )


def _gtids_in_use(flavour: Flavour, text: str | None, uses_gtid: bool) -> Gtids | None:
    """Empty without GTIDs in use says nothing; empty with them says that nothing came yet."""
    return gtids(flavour, text) if text or (uses_gtid and text is not None) else None
