"""The fast look: its two questions, and their answers read into a fact."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from drwatch.core.sample import Flavour, SemiSync, ServerFact
from drwatch.probes.mysql import statements
from drwatch.probes.mysql.columns import RowError, coordinate, gtid_state, gtids
from drwatch.probes.mysql.wire import Wire, values


async def read_server(wire: Wire, constants: dict[str, str]) -> tuple[ServerFact, tuple[str, ...]]:
    """Identity, writability, position, saturation, clock. Raises faults.WORLD and columns.RowError."""
    rows = await wire.rows(statements.fast(constants))
    status = values(await wire.rows(statements.STATUS))
    if len(rows) != 1:
        raise RowError("the SELECT of variables has no row")
    return server_fact(rows[0], status), ()


def flavour_of(version: str, comment: str) -> Flavour:
    return Flavour.MARIADB if "mariadb" in f"{version} {comment}".lower() else Flavour.MYSQL


def version_of(text: str) -> tuple[int, ...]:
    """``10.11.19-MariaDB-…`` → (10, 11, 19); the ``5.5.5-`` that old MariaDBs put before it is left out."""
    found = re.match(r"(?:5\.5\.5-)?(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def _boolean(value: object) -> bool:
    # Session and global variables come as 1 and 0, SHOW's as ON and OFF; read_only may be NO_LOCK_NO_ADMIN and kin.
    return str(value).upper() not in ("0", "OFF", "")


def server_fact(row: Mapping[str, object], status: Mapping[str, str]) -> ServerFact:
    """``row`` is the SELECT's, only with the variables that the server has; ``status`` by lower-case name.

    Raises RowError.
    """
    try:
        return _read(row, status)
    except (KeyError, ValueError) as error:
        if isinstance(error, RowError):
            raise
        raise RowError(f"the server's own account of itself lacks or garbles {str(error)[:80]}") from error


def _read(row: Mapping[str, object], status: Mapping[str, str]) -> ServerFact:
    version = str(row["version"])
    flavour = flavour_of(version, str(row.get("version_comment", "")))
    logs = _boolean(row.get("log_bin", 0))
    if flavour is Flavour.MARIADB:
        gtid = gtids(flavour, str(row["gtid_binlog_pos"])) if logs and "gtid_binlog_pos" in row else None
        applied = gtids(flavour, str(row["gtid_slave_pos"])) if "gtid_slave_pos" in row else None
    else:
        on = str(row.get("gtid_mode", "OFF")).upper() in ("ON", "ON_PERMISSIVE", "3", "2")
        gtid, applied = gtids(flavour, str(row["gtid_executed"])) if on else None, None
    state = row.get("gtid_binlog_state")
    clock = row["clock"]
    if not isinstance(clock, datetime):
        raise RowError("the server's clock is no time")
    basename = row.get("log_bin_basename")
    vital = _places(row.get("datadir"), str(basename).rpartition("/")[0] if logs and basename else None)
    # The first is a list, separated as in PATH.
    scratch = _places(
        *str(row.get("tmpdir") or "").split(":"), str(row.get("relay_log_basename") or "").rpartition("/")[0]
    )
    net_timeout = _optional(row, "replica_net_timeout", "slave_net_timeout")
    updates = _optional(row, "log_replica_updates", "log_slave_updates")
    appliers = _optional(row, "slave_parallel_threads", "replica_parallel_workers", "slave_parallel_workers")
    needs = row.get("slave_connections_needed_for_purge")
    position = status.get("binlog_snapshot_position")
    refused = status.get("connection_errors_max_connections")
    running = status.get("threads_running")
    data = status.get("innodb_buffer_pool_bytes_data")
    pool = row.get("innodb_buffer_pool_size")
    super_read_only = row.get("super_read_only")
    uuid = row.get("server_uuid")
    return ServerFact(
        flavour=flavour,
        version=version_of(version),
        server_id=int(str(row["server_id"])),
        server_uuid=None if not uuid else str(uuid),
        read_only=_boolean(row["read_only"]),
        super_read_only=None if super_read_only is None else _boolean(super_read_only),
        gtid=gtid,
        gtid_applied=applied,
        binlog=coordinate(status.get("binlog_snapshot_file", ""), None if position is None else int(position)),
        uptime=float(status["uptime"]),
        connections=int(status["threads_connected"]),
        max_connections=int(str(row["max_connections"])),
        connections_refused=None if refused is None else int(refused),
        threads_running=None if running is None else int(running),
        clock=clock.replace(tzinfo=UTC),
        net_timeout=None if net_timeout is None else float(str(net_timeout)),
        buffer_pool_bytes=None if pool is None else int(str(pool)),
        buffer_pool_data_bytes=None if data is None else int(data),
        log_replica_updates=None if updates is None else _boolean(updates),
        semi_sync=_semi_sync(row, status),
        appliers=None if appliers is None else int(str(appliers)),
        gtid_state=gtid_state(str(state)) if logs and state is not None else None,
        binlog_expires=_expires(row),
        binlog_limit=int(str(row.get("max_binlog_total_size") or 0)) or None,
        purge_needs_readers=None if needs is None else int(str(needs)),
        binlog_base=str(basename) if logs and basename else None,
        writes_begun=_sum(status, statements.WRITES),
        rows_written=_sum(status, statements.ROWS if flavour is Flavour.MYSQL else statements.HANDLED),
        rows_read=_sum(status, statements.READ if flavour is Flavour.MYSQL else statements.HANDLED_READ),
        directories=tuple(dict.fromkeys((*vital, *scratch))),
        scratch=tuple(path for path in scratch if path not in vital),
    )


def _sum(status: Mapping[str, str], names: Iterable[str]) -> int | None:
    """The counters together; None where the server has none of them."""
    found = [int(status[name]) for name in map(str.lower, names) if name in status]
    return sum(found) if found else None


def _places(*named: object) -> tuple[str, ...]:
    whole = (path for path in map(str, named) if path.startswith("/") and path.isprintable())
    return tuple(dict.fromkeys(path.rstrip("/") or "/" for path in whole))


def _optional(row: Mapping[str, object], *names: str) -> object:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _expires(row: Mapping[str, object]) -> float | None:
    """Whichever of the two is set; MariaDB gives the same in both. 0 is never."""
    if not _boolean(row.get("binlog_expire_logs_auto_purge", 1)):
        return None
    days = float(str(row.get("expire_logs_days") or 0)) * 86400
    return float(str(row.get("binlog_expire_logs_seconds") or 0)) or days or None


def _semi_sync(row: Mapping[str, object], status: Mapping[str, str]) -> SemiSync | None:
    for noun in ("source", "master"):
        on, start = row.get(f"rpl_semi_sync_{noun}_enabled"), f"rpl_semi_sync_{noun}_"
        if on is not None and _boolean(on) and f"{start}status" in status:
            return SemiSync(
                holds=_boolean(status[f"{start}status"]),
                readers=int(status[f"{start}clients"]),
                waiting=int(status[f"{start}wait_sessions"]),
                switch=f"{start}enabled",
            )
    return None
