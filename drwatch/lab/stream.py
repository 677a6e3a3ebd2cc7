"""What befalls the stream between two healthy servers: its disk, its source, its binary logs, its acknowledgements."""

import time

from drwatch.lab import takeover
from drwatch.lab.deadline import until
from drwatch.lab.fault import Fault
from drwatch.lab.flavour import TABLE as FLAVOURS
from drwatch.lab.flavour import Need
from drwatch.lab.pair import Pair
from drwatch.lab.replication import REPLICATOR, caught_up, start_replication, status
from drwatch.lab.server import Server, unlogged
from drwatch.lab.writer import MARGIN, TABLE

SECOND = "crm"
"""The name of a channel from another server."""


def replicates(pair: Pair) -> None:
    """Wait until it does."""
    until(pair.replicates, within=30, what="replication at work again")


def restore(pair: Pair) -> None:
    """From where the standby stood when somebody made it forget that."""
    at = {"File": pair.forgotten["Relay_Master_Log_File"], "Position": pair.forgotten["Exec_Master_Log_Pos"]}
    start_replication(pair.primary, pair.standby, pair.link.address, pair.link.port, at)


def fill_relay_disk(pair: Pair) -> float:
    if pair.disk is None:
        raise RuntimeError("this pair has no small disk to fill")
    pair.disk.fill()
    return time.monotonic()


def make_room(pair: Pair) -> None:
    """And a start: a server that waits for room looks again only each minute."""
    if pair.disk is not None:
        pair.disk.free()
    restart_standby(pair)
    if not pair.flavour.by_gtid:
        # What was torn in its relay log it cannot read: by coordinate it has to be told to fetch that anew.
        pair.forgotten = status(pair.standby)
        pair.standby.sql(f"STOP {pair.standby.words.replica}")
        restore(pair)
    replicates(pair)


def restart_standby(pair: Pair) -> float:
    """SIGKILL and a start at once: shorter than anybody waits before he tells."""
    at = pair.standby.kill()
    pair.standby.start()
    return at


def remove_row(pair: Pair) -> float:
    """A row that is deleted on the standby alone: the primary's change of it cannot be applied (errno 1032)."""
    row = pair.primary.sql(f"SELECT COALESCE(MAX(id), 0) + 1 AS id FROM {TABLE} WHERE id < {MARGIN}")[0]["id"]
    pair.primary.sql(f"INSERT INTO {TABLE} VALUES ({row}, UTC_TIMESTAMP(6), 'soon gone')")
    until(lambda: caught_up(pair.primary, pair.standby), within=10, what="the row on the standby")
    unlogged(pair.standby, f"DELETE FROM {TABLE} WHERE id = {row}")
    pair.primary.sql(f"UPDATE {TABLE} SET note = 'changed' WHERE id = {row}")
    until(lambda: status(pair.standby)["Last_SQL_Errno"] in (1032, 3030), within=10, what="the applier's miss")
    return time.monotonic()


def restore_row(pair: Pair) -> None:
    for row in pair.primary.sql(f"SELECT * FROM {TABLE} WHERE note = 'changed'"):
        unlogged(pair.standby, f"INSERT INTO {TABLE} VALUES (%s, %s, 'soon gone')", row["id"], row["placed_at"])
    pair.standby.sql(f"START {pair.standby.words.replica} SQL_THREAD")
    replicates(pair)


def burst(pair: Pair) -> float:
    """Two megabytes in one transaction, below the ids that others use."""
    rows = ", ".join(f"({-row}, UTC_TIMESTAMP(6), REPEAT('x', 200))" for row in range(1, 10_001))
    pair.primary.sql(f"INSERT INTO {TABLE} VALUES {rows}")
    return time.monotonic()


def clear_burst(pair: Pair) -> None:
    pair.primary.sql(f"DELETE FROM {TABLE} WHERE id < 0")


def stop_acknowledging(pair: Pair) -> float:
    """The standby goes on receiving and no longer says so: the primary gives up waiting for it."""
    _acknowledge(pair, "OFF")
    until(lambda: _semi_sync(pair, "status") == "OFF", within=15, what="the primary's giving up")
    return time.monotonic()


def acknowledge(pair: Pair) -> None:
    _acknowledge(pair, "ON")
    until(lambda: _semi_sync(pair, "status") == "ON", within=15, what="the primary waiting for the standby again")


def lock_semi_sync(pair: Pair) -> float:
    """A primary that is told never to give up, and a standby that stops receiving: each writer waits."""
    _patience(pair, 3_600_000)
    # A writer that began to wait before has its old second, and would have the primary give up after all.
    acknowledged = int(_semi_sync(pair, "yes_tx"))
    until(lambda: int(_semi_sync(pair, "yes_tx")) > acknowledged + 1, within=15, what="commits with the new patience")
    pair.standby.sql(f"STOP {pair.standby.words.replica} IO_THREAD")
    until(lambda: int(_semi_sync(pair, "wait_sessions")) > 0, within=15, what="a writer that waits")
    return time.monotonic()


def unlock_semi_sync(pair: Pair) -> None:
    _patience(pair, 1000)
    pair.standby.sql(f"START {pair.standby.words.replica} IO_THREAD")
    replicates(pair)


def rotate(pair: Pair) -> float:
    """The primary begins a new binary log, and keeps the old ones for no more than a day."""
    pair.primary.sql(FLAVOURS[pair.flavour].build.keep.format(days=1))
    pair.primary.sql("FLUSH BINARY LOGS")
    return time.monotonic()


def keep_all(pair: Pair) -> None:
    pair.primary.sql(FLAVOURS[pair.flavour].build.keep.format(days=0))


def purge(pair: Pair) -> float:
    """While its standby is away, somebody makes room on the primary."""
    words = pair.standby.words
    pair.standby.sql(f"STOP {words.replica} IO_THREAD")
    written = len(pair.writer.acked)
    until(lambda: len(pair.writer.acked) > written, within=10, what="a commit that the standby lacks")
    pair.primary.sql("FLUSH BINARY LOGS")
    until(lambda: _purged(pair.primary), within=15, what="the purge of all but the newest binary log")
    pair.standby.sql(f"START {words.replica} IO_THREAD")
    until(lambda: status(pair.standby)["Last_IO_Errno"] in (1236, 13114), within=15, what="the source's refusal")
    return time.monotonic()


def _purged(server: Server) -> bool:
    """Purge, and say whether only the newest is left: none goes that is still being sent to who has hung up."""
    server.sql("PURGE BINARY LOGS TO %s", server.sql("SHOW BINARY LOGS")[-1]["Log_name"])
    return len(server.sql("SHOW BINARY LOGS")) == 1


def mistake_source(pair: Pair) -> float:
    """Somebody mixes up two hosts."""
    stranger = _stranger(pair)
    words = pair.standby.words
    pair.standby.sql(f"STOP {words.replica}")
    pair.forgotten = status(pair.standby)
    pair.standby.sql(f"{words.change} {words.source}_HOST=%s, {words.source}_PORT={stranger.port}", stranger.address)
    pair.standby.sql(f"START {words.replica}")
    return time.monotonic()


def restore_source(pair: Pair) -> None:
    pair.standby.sql(f"STOP {pair.standby.words.replica}")
    restore(pair)


def follow_second(pair: Pair) -> float:
    """Another server's data comes to the standby too, by a channel of its own."""
    stranger, words = _stranger(pair), pair.standby.words
    user, password = REPLICATOR
    follow = FLAVOURS[pair.flavour].follow.format(source=words.source, **stranger.sql(words.coordinate)[0])
    source = words.source
    pair.standby.sql(
        _of_second(
            pair,
            words.change.removesuffix(" TO"),
            f"TO {source}_HOST=%s, {source}_PORT={stranger.port}, {source}_USER=%s, {source}_PASSWORD=%s, "
            f"{source}_CONNECT_RETRY=1, {follow}",
        ),
        stranger.address,
        user,
        password,
    )
    pair.standby.sql(_of_second(pair, f"START {words.replica}"))
    stranger.sql("CREATE DATABASE IF NOT EXISTS crm")
    until(
        lambda: pair.standby.sql("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'crm'"),
        within=15,
        what="the other server's data on the standby",
    )
    return time.monotonic()


def forget_second(pair: Pair) -> None:
    pair.standby.sql(_of_second(pair, f"STOP {pair.standby.words.replica}"))
    pair.standby.sql(_of_second(pair, f"RESET {pair.standby.words.replica}", "ALL"))


def kill_second(pair: Pair) -> float:
    return _stranger(pair).kill()


def start_second(pair: Pair) -> None:
    _stranger(pair).start()


def stray(pair: Pair) -> float:
    """Somebody with SUPER repairs something on the standby, and it goes into its binary log."""
    pair.standby.sql("CREATE DATABASE stray")
    return time.monotonic()


def idle(pair: Pair) -> float:
    pair.writer.pause()
    return time.monotonic()


def resume(pair: Pair) -> None:
    pair.writer.resume()


def beat_each_second(pair: Pair) -> float:
    return _heartbeat(pair, 1)


def beat_seldom(pair: Pair) -> None:
    _heartbeat(pair, 30)
    replicates(pair)


def deny(pair: Pair) -> float:
    """The replication account's password is changed on the primary, and the receiver must log in anew."""
    _set_password(pair, "changed by somebody")
    pair.link.refuses()
    pair.link.passes()
    return time.monotonic()


def let_in(pair: Pair) -> None:
    _set_password(pair, REPLICATOR[1])
    replicates(pair)


def _set_password(pair: Pair, password: str) -> None:
    for place in pair.primary.host.neighbours:
        unlogged(pair.primary, "ALTER USER %s@%s IDENTIFIED BY %s", REPLICATOR[0], place, password)


def _heartbeat(pair: Pair, seconds: int) -> float:
    words = pair.standby.words
    pair.standby.sql(f"STOP {words.replica}")
    pair.standby.sql(f"{words.change} {words.source}_HEARTBEAT_PERIOD={seconds}")
    pair.standby.sql(f"START {words.replica}")
    return time.monotonic()


def _acknowledge(pair: Pair, switch: str) -> None:
    words = pair.standby.words
    pair.standby.sql(f"SET GLOBAL rpl_semi_sync_{words.replica.lower()}_enabled = {switch}")
    for verb in ("STOP", "START"):
        pair.standby.sql(f"{verb} {words.replica} IO_THREAD")
    replicates(pair)


def _patience(pair: Pair, milliseconds: int) -> None:
    pair.primary.sql(f"SET GLOBAL rpl_semi_sync_{pair.primary.words.source.lower()}_timeout = {milliseconds}")


def _semi_sync(pair: Pair, what: str) -> str:
    (row,) = pair.primary.sql(f"SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_{pair.primary.words.source.lower()}_{what}'")
    return str(row["Value"])


def _of_second(pair: Pair, verb: str, rest: str = "") -> str:
    return FLAVOURS[pair.flavour].build.channel.format(verb=verb, name=SECOND, rest=rest)


def _stranger(pair: Pair) -> Server:
    if pair.stranger is None:
        raise RuntimeError("this pair was brought up without a third server")
    return pair.stranger


STREAMS = (
    Fault(
        "relay-disk-full",
        "the disk under the standby's relay logs is full",
        fill_relay_disk,
        make_room,
        needs_small_disk=True,
    ),
    Fault(
        "standby-restarted",
        "the standby's server is killed and is back at once",
        restart_standby,
        takeover.leave,
        needs=(Need.RECOVERY,),
    ),
    Fault("primary-bursts", "the application writes two megabytes at once", burst, clear_burst, circumstance=True),
    Fault("row-missing", "a row is missing on the standby", remove_row, restore_row),
    Fault(
        "semi-sync-unacknowledged",
        "the standby no longer acknowledges what it receives",
        stop_acknowledging,
        acknowledge,
        needs=(Need.SEMI_SYNC,),
    ),
    Fault(
        "semi-sync-locked",
        "writers wait for a standby that is away",
        lock_semi_sync,
        unlock_semi_sync,
        needs=(Need.SEMI_SYNC,),
    ),
    Fault("binlogs-rotated", "a new binary log, and the old ones for a day", rotate, keep_all, circumstance=True),
    Fault("binlogs-purged", "the primary purges what its standby still needs", purge, takeover.leave),
    Fault(
        "source-mistaken",
        "the standby is pointed at another server",
        mistake_source,
        restore_source,
        needs=(Need.STRANGER,),
    ),
    Fault(
        "second-source",
        "another server's data comes to the standby too",
        follow_second,
        forget_second,
        needs=(Need.STRANGER,),
    ),
    Fault("second-source-dead", "… and that server dies", kill_second, start_second, needs=(Need.STRANGER,)),
    Fault("standby-strayed", "somebody writes on the standby", stray, takeover.leave, needs=(Need.GTIDS,)),
    Fault("primary-idle", "the application writes nothing", idle, resume, circumstance=True),
    Fault(
        "heartbeats-each-second",
        "the standby wants a heartbeat a second",
        beat_each_second,
        beat_seldom,
        circumstance=True,
    ),
    Fault("replication-denied", "the replication account's password is changed", deny, let_in),
)
