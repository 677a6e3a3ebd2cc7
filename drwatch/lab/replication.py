"""The stream from primary to standby: set up as the guide does, looked at, drained."""

from drwatch.lab.deadline import until
from drwatch.lab.flavour import TABLE
from drwatch.lab.server import Row, Server
from drwatch.probes.mysql import grants
from drwatch.probes.mysql.server_fact import flavour_of, version_of

REPLICATOR = ("replicator", "StrongPass_2016!")
MONITOR = ("drwatch", "p' æ\"w")
"""A password with a quote, a space and a letter outside ASCII: drwatch must be able to log in with it."""
APPLICATION = ("app", "app")
SCHEMA = "shop"


def create_accounts(server: Server) -> None:
    """The three accounts, on each server for itself, for whoever comes from its neighbourhood.

    With sql_log_bin=0 they are nobody's errant transactions, and the binlog is as empty as the template's was: so there
    is no need of RESET MASTER, which takes a second on MariaDB.
    """
    with server.connect() as session, session.cursor() as cursor:
        cursor.execute("SET sql_log_bin=0")
        user, password = MONITOR
        version = str(server.sql("SELECT VERSION() AS version")[0]["version"])
        for place in server.host.neighbours:
            for name, secret in (REPLICATOR, APPLICATION):
                cursor.execute("CREATE USER %s@%s IDENTIFIED BY %s", (name, place, secret))
            cursor.execute(f"GRANT REPLICATION SLAVE ON *.* TO 'replicator'@'{place}'")
            cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {SCHEMA}.* TO 'app'@'{place}'")
            # The very statements that `drwatch grants` prints.
            for statement in grants(flavour_of(version, ""), version_of(version), user, place, password=password):
                cursor.execute(statement)


def start_replication(primary: Server, standby: Server, host: str, port: int, at: Row | None = None) -> None:
    """Point the standby at the primary through host:port and wait until both its threads run.

    Without GTID from the place ``at`` (File, Position) on, else from where the primary is.
    """
    user, password = REPLICATOR
    words = standby.words
    source = words.source
    follow = TABLE[standby.flavour].follow.format(source=source, **(at or primary.sql(words.coordinate)[0]))
    standby.sql(
        # The default of MASTER_CONNECT_RETRY, 60 s, would hide a restarted primary from the standby for a minute.
        f"{words.change} {source}_HOST=%s, {source}_PORT={port}, {source}_USER=%s, {source}_PASSWORD=%s, "
        f"{source}_CONNECT_RETRY=1, {follow}",
        host,
        user,
        password,
    )
    standby.sql(f"START {words.replica}")
    until(lambda: running(standby), within=15, what="both replication threads running")


def status(standby: Server) -> Row:
    """SHOW SLAVE STATUS by column name, on every server by the old ones; empty where nothing replicates."""
    row = next(iter(standby.sql(f"SHOW {standby.words.replica} STATUS")), {})
    return {name.replace("Source", "Master").replace("Replica_", "Slave_"): value for name, value in row.items()}


def running(standby: Server) -> bool:
    state = status(standby)
    return state.get("Slave_IO_Running") == "Yes" and state.get("Slave_SQL_Running") == "Yes"


def caught_up(primary: Server, standby: Server) -> bool:
    """Whether the standby has applied all that the primary has in its binlog now (the primary must answer)."""
    at = primary.sql(primary.words.coordinate)[0]
    if gtids := at.get("Executed_Gtid_Set"):  # several workers: the coordinate is noted a third of a second later
        return bool(standby.sql("SELECT GTID_SUBSET(%s, @@GLOBAL.gtid_executed) AS all_of_it", gtids)[0]["all_of_it"])
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
        gtids = state.get("Gtid_Slave_Pos"), state.get("Executed_Gtid_Set")
        applied = (state["Relay_Master_Log_File"], state["Exec_Master_Log_Pos"], *gtids)
        idle = "has read all relay log" in (state["Slave_SQL_Running_State"] or "").lower()
        before, same = applied, applied == before
        return idle and same

    until(still, within=within, what="the standby's applier drained", every=0.1)
