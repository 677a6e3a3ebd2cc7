"""Everything the probe may ever say to a server: reads, and nothing that changes one (law 1).

No statement reads a table that a slow log with ``log_queries_not_using_indexes`` would note each second: SHOW is
exempt there, a SELECT from ``information_schema.GLOBAL_STATUS`` or its heir in performance_schema is not. So the status
counters come by ``SHOW GLOBAL STATUS``, which also needs no privilege and answers with performance_schema off.
"""

from __future__ import annotations

from collections.abc import Collection

VARIABLES = (
    "version",
    "version_comment",
    "server_id",
    "server_uuid",
    "read_only",
    "super_read_only",
    "gtid_mode",
    "gtid_executed",
    "gtid_binlog_pos",
    "gtid_slave_pos",
    "gtid_binlog_state",
    "log_bin",
    "log_bin_basename",
    "relay_log_basename",
    "expire_logs_days",
    "binlog_expire_logs_seconds",
    "binlog_expire_logs_auto_purge",
    "max_binlog_total_size",
    "slave_connections_needed_for_purge",
    "log_slave_updates",
    "log_replica_updates",
    "slave_parallel_workers",
    "replica_parallel_workers",
    "slave_parallel_threads",
    "rpl_semi_sync_master_enabled",
    "rpl_semi_sync_source_enabled",
    "max_connections",
    "slave_net_timeout",
    "replica_net_timeout",
    "innodb_buffer_pool_size",
    "datadir",
    "tmpdir",
)
"""The system variables that the fast look would know; which of them a server has is discovered on connect."""

_SUPERSEDED = {
    "slave_net_timeout": "replica_net_timeout",
    "log_slave_updates": "log_replica_updates",
    "slave_parallel_workers": "replica_parallel_workers",
}
"""Not asked each second where the newer one is: MySQL warns at each reading."""

CONSTANTS = ("performance_schema", "slow_query_log", "log_queries_not_using_indexes")
"""Asked with them on connect, for choosing statements."""

DISCOVER = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ({})".format(
    ", ".join(f"'{name}'" for name in (*VARIABLES, *CONSTANTS))
)
"""A missing variable in a SELECT is errno 1193; here it is a missing row."""

WRITES = (
    "Com_insert",
    "Com_insert_select",
    "Com_update",
    "Com_update_multi",
    "Com_delete",
    "Com_delete_multi",
    "Com_replace",
    "Com_replace_select",
    "Com_load",
)
"""Counted when the statement begins, and so also while it waits for a lock or a full disk."""

ROWS = ("Innodb_rows_inserted", "Innodb_rows_updated", "Innodb_rows_deleted")
"""Counted when done. MariaDB since 10.6 has none of them; there the handler's own counters stand in."""

HANDLED = ("Handler_write", "Handler_update", "Handler_delete")

READ, HANDLED_READ = ("Innodb_rows_read",), ("Handler_read_rnd_next", "Handler_read_next")
"""MariaDB counts some thirty for each of our own looks."""
SEMI_SYNC = tuple(
    f"Rpl_semi_sync_{noun}_{what}" for noun in ("source", "master") for what in ("status", "clients", "wait_sessions")
)
"""The newer plugin's words and the older one's, which MariaDB has built in; a server has the one or the other."""

STATUS = "SHOW GLOBAL STATUS WHERE Variable_name IN ({})".format(
    ", ".join(
        f"'{name}'"
        for name in (
            "Uptime",
            "Threads_connected",
            "Threads_running",
            "Connection_errors_max_connections",
            "Innodb_buffer_pool_bytes_data",
            "Binlog_snapshot_file",
            "Binlog_snapshot_position",
            *SEMI_SYNC,
            *WRITES,
            *ROWS,
            *HANDLED,
            *READ,
            *HANDLED_READ,
        )
    )
)
"""Binlog_snapshot_*: MariaDB's newest coordinate, without the lock that SHOW MASTER STATUS waits for."""

REPLICA_STATUS = "SHOW REPLICA STATUS"
SLAVE_STATUS = "SHOW SLAVE STATUS"
ALL_SLAVES_STATUS = "SHOW ALL SLAVES STATUS"
BINARY_LOG_STATUS = "SHOW BINARY LOG STATUS"
MASTER_STATUS = "SHOW MASTER STATUS"
BINARY_LOGS = "SHOW BINARY LOGS"
"""Takes the lock that a full disk holds: asked rarely, and not while commits stand still."""

HEARTBEATS = (
    "SELECT CHANNEL_NAME AS channel, COUNT_RECEIVED_HEARTBEATS AS value"
    " FROM performance_schema.replication_connection_status"
)
HEARTBEAT_PERIODS = (
    "SELECT CHANNEL_NAME AS channel, HEARTBEAT_INTERVAL AS value"
    " FROM performance_schema.replication_connection_configuration"
)
"""MySQL from 5.7. One table each, since an account may read the one and not the other."""

WORKER_ERRORS = (
    "SELECT CHANNEL_NAME AS channel, CONCAT(LAST_ERROR_NUMBER, ' ', LAST_ERROR_MESSAGE) AS value"
    " FROM performance_schema.replication_applier_status_by_worker WHERE LAST_ERROR_NUMBER NOT IN (0, 3030)"
)
"""MySQL from 5.7, and only while an applier with several workers stands: its status does not name the table, and has
the error of whichever worker stopped last. 3030 is said by those that stopped because another one had failed."""

AUTOCOMMIT = "SET AUTOCOMMIT = 1"
"""Only where the server's default is off, and for our session only: no look may hold a snapshot open."""

_IDLE = "SET SESSION wait_timeout = "


def idle(seconds: int) -> str:
    """Have the server end our session when it has heard nothing for so long.

    A session whose network was cut is never told so: by the default it would stay for eight hours, and with each cut
    one more, until the account's limit of connections locks drwatch out.
    """
    return f"{_IDLE}{seconds}"


_FIXED = frozenset(
    {
        DISCOVER,
        STATUS,
        REPLICA_STATUS,
        SLAVE_STATUS,
        ALL_SLAVES_STATUS,
        BINARY_LOG_STATUS,
        MASTER_STATUS,
        BINARY_LOGS,
        HEARTBEATS,
        HEARTBEAT_PERIODS,
        WORKER_ERRORS,
        AUTOCOMMIT,
    }
)

_CLOCK = "UTC_TIMESTAMP(6) AS clock"
_COLUMNS = {f"@@GLOBAL.{name} AS {name}": name for name in VARIABLES}


def fast(names: Collection[str]) -> str:
    """The one SELECT of the fast look, over those of VARIABLES that this server has, with its clock in UTC.

    UTC_TIMESTAMP and not NOW: an hour that comes twice in October moves nothing.
    """
    have = {name for name in names if _SUPERSEDED.get(name) not in names}
    return "SELECT " + ", ".join([_CLOCK, *(column for column, name in _COLUMNS.items() if name in have)])


def allowed(text: str) -> bool:
    """Whether the text is one of the statements above, to the letter."""
    if text in _FIXED or (text.startswith(_IDLE) and text.removeprefix(_IDLE).isdecimal()):
        return True
    head, _, rest = text.partition(_CLOCK)
    return head == "SELECT " and all(column in _COLUMNS for column in filter(None, rest.split(", ")))
