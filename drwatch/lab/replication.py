"""The stream from primary to standby: set up as the guide does, looked at, drained."""

from drwatch.lab.deadline import until
from drwatch.lab.server import Flavour, Row, Server

REPLICATOR = ("replicator", "StrongPass_2016!")
MONITOR = ("drwatch", "p' æ\"w")
"""A password with a quote, a space and a letter outside ASCII: drwatch must be able to log in with it."""
APPLICATION = ("app", "app")
SCHEMA = "shop"

PRIVILEGES = {
    # SLAVE MONITOR shows the replica's state, BINLOG MONITOR the binlog's; neither can change anything.
    True: [("SLAVE MONITOR, BINLOG MONITOR", "*.*")],
    False: [("REPLICATION CLIENT", "*.*"), ("SELECT", "performance_schema.replication_connection_status")],
}


def create_accounts(server: Server) -> None:
    """The three accounts, on each server for itself.

    With sql_log_bin=0 they are nobody's errant transactions, and the binlog is as empty as the template's was: so there
    is no need of RESET MASTER, which takes a second on MariaDB.
    """
    with server.connect() as session, session.cursor() as cursor:
        cursor.execute("SET sql_log_bin=0")
        for user, password in (REPLICATOR, MONITOR, APPLICATION):
            cursor.execute("CREATE USER %s@'127.0.0.%%' IDENTIFIED BY %s", (user, password))
        cursor.execute("GRANT REPLICATION SLAVE ON *.* TO 'replicator'@'127.0.0.%'")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {SCHEMA}.* TO 'app'@'127.0.0.%'")
        for privileges, on in PRIVILEGES[server.flavour.is_mariadb]:
            cursor.execute(f"GRANT {privileges} ON {on} TO 'drwatch'@'127.0.0.%'")
        # Two held connections, a fresh login, and the same again for a second witness or `drwatch check`.
        cursor.execute("GRANT USAGE ON *.* TO 'drwatch'@'127.0.0.%' WITH MAX_USER_CONNECTIONS 6")


def start_replication(primary: Server, standby: Server, host: str, port: int, at: Row | None = None) -> None:
    """Point the standby at the primary through host:port and wait until both its threads run.

    Without GTID from the place ``at`` (File, Position) on, else from where the primary is.
    """
    user, password = REPLICATOR
    if standby.flavour is Flavour.MARIADB:
        where = "MASTER_USE_GTID=slave_pos"
    elif standby.flavour is Flavour.MYSQL_57_GTID:
        where = "MASTER_AUTO_POSITION=1"
    else:
        at = at or primary.sql("SHOW MASTER STATUS")[0]
        where = f"MASTER_LOG_FILE='{at['File']}', MASTER_LOG_POS={at['Position']}"
    standby.sql(
        # The default of MASTER_CONNECT_RETRY, 60 s, would hide a restarted primary from the standby for a minute.
        f"CHANGE MASTER TO MASTER_HOST=%s, MASTER_PORT={port}, MASTER_USER=%s, MASTER_PASSWORD=%s, "
        f"MASTER_CONNECT_RETRY=1, {where}",
        host,
        user,
        password,
    )
    standby.sql("START SLAVE")
    until(lambda: running(standby), within=15, what="both replication threads running")


def status(standby: Server) -> Row:
    """SHOW SLAVE STATUS by column name; empty where nothing replicates."""
    return next(iter(standby.sql("SHOW SLAVE STATUS")), {})


def running(standby: Server) -> bool:
    state = status(standby)
    return state.get("Slave_IO_Running") == "Yes" and state.get("Slave_SQL_Running") == "Yes"


def caught_up(primary: Server, standby: Server) -> bool:
    """Whether the standby has applied all that the primary has in its binlog now (the primary must answer)."""
    at = primary.sql("SHOW MASTER STATUS")[0]
    state = status(standby)
    return (state["Relay_Master_Log_File"], state["Exec_Master_Log_Pos"]) >= (at["File"], at["Position"])


def drain(standby: Server, within: float = 30) -> None:
    """Wait until the standby has applied all that it received from a primary that is dead or cut off.

    Not Read = Exec: after a torn last transaction that never comes true. The applier says that it has read all of its
    relay log, and between two looks nothing more was executed.
    """
    before: object = None

    def still() -> bool:
        nonlocal before
        state = status(standby)
        applied = (state["Relay_Master_Log_File"], state["Exec_Master_Log_Pos"], state.get("Gtid_Slave_Pos"))
        idle = "has read all relay log" in state["Slave_SQL_Running_State"].lower()
        before, same = applied, applied == before
        return idle and same

    until(still, within=within, what="the standby's applier drained", every=0.1)
