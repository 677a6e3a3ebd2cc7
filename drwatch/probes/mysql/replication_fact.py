"""The status look: replica status of every channel, and what else may hang."""

from __future__ import annotations

import asyncio

from drwatch.core.binlog import Coordinate
from drwatch.core.sample import Fact, Flavour, IoState, Reason, ReplicationFact
from drwatch.probes.mysql import columns, faults, statements
from drwatch.probes.mysql.faults import Rung
from drwatch.probes.mysql.pulse import Pulse
from drwatch.probes.mysql.server_fact import flavour_of, version_of
from drwatch.probes.mysql.wire import Row, Wire


async def read_replication(pulse: Pulse, wire: Wire, constants: dict[str, str]) -> tuple[Fact, tuple[str, ...]]:
    """Every channel, where nothing else tells it the server's own coordinate, and now and then its binary logs.

    Raises faults.WORLD and columns.RowError.
    """
    flavour = flavour_of(constants["version"], constants.get("version_comment", ""))
    rows = await _first(wire, "status", _status_order(flavour, version_of(constants["version"])))
    heard, notes = await _heartbeats(wire, constants, flavour, bool(rows))
    failed, whose = await _worker_errors(wire, constants, flavour, rows)
    channels = tuple(
        columns.channel(row, flavour, heard.get(name), failed.get(name, ""))
        for row in rows
        for name in [str(row.get("Channel_Name", ""))]
    )
    follows = any(channel.io is not IoState.NO for channel in channels) and constants.get("read_only") != "OFF"
    binlog, more = (None, ()) if follows else await _binlog(wire, constants, flavour)
    logs, rest = ((), ()) if follows else await _logs(wire, constants, pulse.flows or binlog is not None)
    return ReplicationFact(channels, binlog, logs), notes + whose + more + rest


async def _first(wire: Wire, name: str, order: tuple[str, ...]) -> list[Row]:
    """The rows of the first spelling that the server understands; it is kept for the connection."""
    if name in wire.working:
        return await wire.rows(wire.working[name])
    for statement in order:
        try:
            rows = await wire.rows(statement)
        except faults.WORLD as error:
            if statement == order[-1] or faults.blind(error, Rung.OPEN).errno != 1064:
                raise
        else:
            wire.working[name] = statement
            return rows
    raise AssertionError("unreachable")


async def _heartbeats(
    wire: Wire, constants: dict[str, str], flavour: Flavour, replicates: bool
) -> tuple[dict[str, columns.Heartbeat], tuple[str, ...]]:
    if not replicates or flavour is not Flavour.MYSQL or version_of(constants["version"]) < (5, 7):
        return {}, ()
    if constants.get("performance_schema") != "ON":
        return {}, ("no heartbeats: performance_schema is off",)
    if constants.get("slow_query_log") == constants.get("log_queries_not_using_indexes") == "ON":
        return {}, ("no heartbeats: reading them would fill the slow query log",)
    counts, notes = await _by_channel(wire, statements.HEARTBEATS, "no heartbeats")
    periods, more = await _by_channel(wire, statements.HEARTBEAT_PERIODS, "no heartbeats")
    return {
        name: columns.Heartbeat(
            int(counts[name]) if name in counts else None, float(periods[name]) if name in periods else None
        )
        for name in counts.keys() | periods.keys()
    }, notes + more


_IN_A_WORKER = "replication_applier_status_by_worker"
"""Stands in a coordinator's error text, of every version: which names no table itself."""


async def _worker_errors(
    wire: Wire, constants: dict[str, str], flavour: Flavour, rows: list[Row]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """What the failed worker of each channel's applier said, where the status only refers to it."""
    if flavour is Flavour.MARIADB or not any(_IN_A_WORKER in str(row.get("Last_SQL_Error", "")) for row in rows):
        return {}, ()
    if constants.get("performance_schema") != "ON":
        return {}, ("the failing table is not known: performance_schema is off",)
    return await _by_channel(wire, statements.WORKER_ERRORS, "the failing table is not known")


async def _by_channel(wire: Wire, statement: str, otherwise: str) -> tuple[dict[str, str], tuple[str, ...]]:
    try:
        rows = await wire.rows(statement)
    except faults.WORLD as error:
        found = faults.blind(error, Rung.OPEN)
        if found.reason is not Reason.NO_PRIVILEGE:
            raise
        return {}, (f"{otherwise}: {found.detail}",)
    return {str(row["channel"]): str(row["value"]) for row in rows}, ()


async def _binlog(wire: Wire, constants: dict[str, str], flavour: Flavour) -> tuple[Coordinate | None, tuple[str, ...]]:
    """The server's own coordinate, only where the fast look has neither GTIDs nor a coordinate.

    It hangs on a full disk, so it is not asked of a standby at work, whose status it would take along.
    """
    if flavour is Flavour.MARIADB or constants.get("log_bin") != "ON":
        return None, ()
    if constants.get("gtid_mode", "OFF").startswith("ON"):
        return None, ()
    try:
        rows = await _first(wire, "binlog", _binlog_order(version_of(constants["version"])))
    except faults.WORLD as error:
        found = faults.blind(error, Rung.OPEN)
        if found.reason is not Reason.NO_PRIVILEGE:
            raise
        return None, (f"no binary log coordinate: {found.detail}",)
    row = rows[0] if rows else {}
    return columns.coordinate(str(row.get("File", "")), int(str(row.get("Position", 0)))), ()


LOGS_EVERY = 60.0
"""Seconds. The server looks at each file's size and holds its lock meanwhile."""


async def _logs(wire: Wire, constants: dict[str, str], flows: bool) -> tuple[tuple[Coordinate, ...], tuple[str, ...]]:
    """Its binary logs, oldest first, each at its size; asked last, for it may hang, and only while commits flow."""
    now = asyncio.get_running_loop().time()
    if not flows or now < wire.logs_due or constants.get("log_bin") != "ON":
        return (), ()
    wire.logs_due = now + LOGS_EVERY
    try:
        rows = await wire.rows(statements.BINARY_LOGS)
    except faults.WORLD as error:
        found = faults.blind(error, Rung.OPEN)
        if found.reason is not Reason.NO_PRIVILEGE:
            raise
        return (), (f"no list of binary logs: {found.detail}",)
    listed = (columns.coordinate(str(row["Log_name"]), int(str(row["File_size"]))) for row in rows)
    return tuple(log for log in listed if log is not None), ()


def _status_order(flavour: Flavour, version: tuple[int, ...]) -> tuple[str, ...]:
    if flavour is Flavour.MARIADB:
        return (statements.ALL_SLAVES_STATUS, statements.SLAVE_STATUS)
    both = (statements.REPLICA_STATUS, statements.SLAVE_STATUS)
    return both if version >= (8, 0, 22) else both[::-1]


def _binlog_order(version: tuple[int, ...]) -> tuple[str, ...]:
    both = (statements.BINARY_LOG_STATUS, statements.MASTER_STATUS)
    return both if version >= (8, 2) else both[::-1]
