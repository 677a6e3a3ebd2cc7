"""What can be broken in a pair, and how each is mended. The names are the scenarios'."""

import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pymysql

from drwatch.lab import takeover
from drwatch.lab.deadline import until
from drwatch.lab.pair import Pair
from drwatch.lab.replication import APPLICATION, MONITOR, running, start_replication, status
from drwatch.lab.server import Server
from drwatch.lab.writer import MARGIN, TABLE

STILL = 1.0
"""Seconds without a commit after which a writer of many a second is stuck."""


@dataclass(frozen=True)
class Fault:
    """`strike` returns the monotonic time at which the fault began; after `mend` the pair is healthy again."""

    name: str
    sentence: str
    strike: Callable[[Pair], float]
    mend: Callable[[Pair], None]


def kill_primary(pair: Pair) -> float:
    return pair.primary.kill()


def start_primary(pair: Pair) -> None:
    pair.primary.start()
    _replicates(pair)


def freeze_primary(pair: Pair) -> float:
    return pair.primary.freeze()


def thaw_primary(pair: Pair) -> None:
    pair.primary.thaw()
    _replicates(pair)


def power_off_primary(pair: Pair) -> float:
    """As when the power fails: nothing is closed, nothing answers, and a new dial gets not even a refusal."""
    pair.files.paused.set()  # its cron is gone with it
    pair.link.silent()  # and so is what it had sent: the kernel of a frozen process would deliver that yet
    at = pair.primary.freeze()
    pair.primary_ssh.freeze()
    for address, port in ((pair.primary.address, pair.primary.port), (pair.primary_ssh.address, pair.primary_ssh.port)):
        pair.held += _fill_backlog(address, port)
    return at


def power_on_primary(pair: Pair) -> None:
    pair.primary.kill()
    pair.primary_ssh.kill()
    pair.release()
    pair.link.refuses()
    pair.link.passes()
    pair.primary_ssh.start()
    pair.primary.start()
    pair.files.paused.clear()
    _replicates(pair)


def kill_standby(pair: Pair) -> float:
    return pair.standby.kill()


def start_standby(pair: Pair) -> None:
    pair.standby.start()
    until(lambda: _resumed(pair.standby), within=30, what="replication at work again")


def stop_io_thread(pair: Pair) -> float:
    pair.standby.sql(f"STOP {pair.standby.words.replica} IO_THREAD")
    return time.monotonic()


def start_io_thread(pair: Pair) -> None:
    pair.standby.sql(f"START {pair.standby.words.replica} IO_THREAD")
    _replicates(pair)


def break_sql_thread(pair: Pair) -> float:
    """A row written on the standby first: the primary's row of the same id cannot be applied (errno 1062)."""
    row = pair.standby.sql(f"SELECT COALESCE(MAX(id), 0) + 1 AS id FROM {TABLE} WHERE id < {MARGIN}")[0]["id"]
    _unlogged(pair.standby, f"INSERT INTO {TABLE} VALUES ({row}, UTC_TIMESTAMP(6), 'in the way')")
    pair.primary.sql(f"INSERT INTO {TABLE} VALUES ({row}, UTC_TIMESTAMP(6), 'comes too late')")
    # 3030: several workers, and another one stopped because of it.
    until(lambda: status(pair.standby)["Last_SQL_Errno"] in (1062, 3030), within=10, what="the applier's conflict")
    return time.monotonic()


def mend_sql_thread(pair: Pair) -> None:
    _unlogged(pair.standby, f"DELETE FROM {TABLE} WHERE note = 'in the way'")
    pair.standby.sql(f"START {pair.standby.words.replica} SQL_THREAD")
    _replicates(pair)


def remove_replication(pair: Pair) -> float:
    pair.standby.sql(f"STOP {pair.standby.words.replica}")
    pair.forgotten = status(pair.standby)
    pair.standby.sql(f"RESET {pair.standby.words.replica} ALL")
    return time.monotonic()


def restore_replication(pair: Pair) -> None:
    at = {"File": pair.forgotten["Relay_Master_Log_File"], "Position": pair.forgotten["Exec_Master_Log_Pos"]}
    start_replication(pair.primary, pair.standby, pair.link.address, pair.link.port, at)


def filter_standby(pair: Pair) -> float:
    return _filter(pair, "shop.nothing")


def unfilter_standby(pair: Pair) -> None:
    _filter(pair, "")
    _replicates(pair)


def delay_standby(pair: Pair) -> float:
    return _delay(pair, 3600)


def hurry_standby(pair: Pair) -> None:
    _delay(pair, 0)
    _replicates(pair)


def block_applier(pair: Pair) -> float:
    """What a long report on the standby does: it holds a lock that the applier needs."""
    reader = pair.standby.connect()
    reader.cursor().execute(f"LOCK TABLES {TABLE} READ")
    pair.held.append(reader)
    return time.monotonic()


def unblock_applier(pair: Pair) -> None:
    pair.release()


def cut_wire(pair: Pair) -> float:
    pair.link.silent()
    return time.monotonic()


def refuse_on_wire(pair: Pair) -> float:
    pair.link.refuses()
    return time.monotonic()


def mend_wire(pair: Pair) -> None:
    pair.link.passes()
    _replicates(pair)


def make_standby_writable(pair: Pair) -> float:
    pair.standby.sql("SET GLOBAL read_only = 0")
    return time.monotonic()


def make_standby_read_only(pair: Pair) -> None:
    pair.standby.sql("SET GLOBAL read_only = 1")


def pause_files(pair: Pair) -> float:
    pair.files.paused.set()
    return time.monotonic()


def resume_files(pair: Pair) -> None:
    pair.files.paused.clear()


def change_host_key(pair: Pair) -> float:
    pair.standby_ssh.change_host_key()
    return time.monotonic()


def restore_host_key(pair: Pair) -> None:
    pair.standby_ssh.restore_host_key()


def change_password(pair: Pair) -> float:
    _set_monitor_password(pair.standby, "changed by somebody")
    return time.monotonic()


def restore_password(pair: Pair) -> None:
    _set_monitor_password(pair.standby, MONITOR[1])


def saturate_primary(pair: Pair) -> float:
    """The application takes every connection there is: newcomers get errno 1040."""
    user, password = APPLICATION
    while True:
        try:
            pair.held.append(pair.primary.connect(user, password))
        except pymysql.err.OperationalError as refusal:
            if refusal.args[0] != 1040:
                raise
            return time.monotonic()


class _Report:
    """A long SELECT on a primary that is idle but for an UPDATE each second which changes nothing."""

    def __init__(self, pair: Pair) -> None:
        self._pair, self._over = pair, threading.Event()
        user, password = APPLICATION
        self._reader = pair.primary.connect(user, password)
        self._id: int = self._reader.thread_id()  # type: ignore[no-untyped-call]
        pair.writer.pause()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._touch)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        with suppress(pymysql.err.MySQLError, OSError):
            self._reader.cursor().execute("SELECT SLEEP(120)")

    def _touch(self) -> None:
        while not self._over.wait(1.0):
            self._pair.primary.sql(f"UPDATE {TABLE} SET note = 'nothing' WHERE id = 0")

    def close(self) -> None:
        self._over.set()
        self._pair.primary.sql(f"KILL {self._id}")
        for thread in self._threads:
            thread.join(5)
        self._pair.writer.resume()


def report_on_primary(pair: Pair) -> float:
    pair.held.append(_Report(pair))
    return time.monotonic()


def pack_primary(pair: Pair) -> float:
    """And an administrator takes the one that is kept for administrators: then there is not even a greeting."""
    at = saturate_primary(pair)
    pair.held.append(pair.primary.connect())
    return at


def lock_primary(pair: Pair) -> float:
    """What a backup does, and does not let go of."""
    backup = pair.primary.connect()
    pair.held.append(backup)
    backup.cursor().execute("FLUSH TABLES WITH READ LOCK")
    return time.monotonic()


def fill_disk(pair: Pair) -> float:
    """The moment of the last commit: InnoDB goes on for a while in what it has set aside."""
    if pair.disk is None:
        raise RuntimeError("this pair has no small disk to fill")
    pair.disk.fill()

    def stands_still() -> bool:
        return time.monotonic() - pair.writer.acked[-1].acked_at > STILL

    until(stands_still, within=60, what="the end of all commits on a full disk")
    return pair.writer.acked[-1].acked_at


def stop_primary(pair: Pair) -> float:
    """SIGTERM, as systemctl stop sends it: on a full disk it closes the port and the process stays (traps.md 14)."""
    at = pair.primary.process.signal(signal.SIGTERM)
    until(lambda: not pair.primary.listens, within=10, what="the closed port")
    return at


def leave(pair: Pair) -> None:
    """What mends the fault before it mends this one too."""


def make_room(pair: Pair) -> None:
    """And a start: a server that waits for room looks again only each minute."""
    if pair.disk is not None:
        pair.disk.free()
    pair.primary.kill()
    start_primary(pair)


def release_primary(pair: Pair) -> None:
    pair.release()


def _filter(pair: Pair, table: str) -> float:
    pair.standby.sql(f"STOP {pair.standby.words.replica}")
    pair.standby.sql(
        f"SET GLOBAL replicate_ignore_table='{table}'"
        if pair.flavour.is_mariadb
        else f"CHANGE REPLICATION FILTER REPLICATE_IGNORE_TABLE=({table})"
    )
    pair.standby.sql(f"START {pair.standby.words.replica}")
    return time.monotonic()


def _delay(pair: Pair, seconds: int) -> float:
    pair.standby.sql(f"STOP {pair.standby.words.replica}")
    words = pair.standby.words
    pair.standby.sql(f"{words.change} {words.source}_DELAY={seconds}")
    pair.standby.sql(f"START {pair.standby.words.replica}")
    return time.monotonic()


def _replicates(pair: Pair) -> None:
    until(pair.replicates, within=30, what="replication at work again")


def _resumed(standby: Server) -> bool:
    """As `running`, past what a standby applied just before its death and forgot.

    Without GTID, and with the guide's settings (relay_log_info_repository=FILE), a server notes its position after the
    commit, so that a SIGKILL in between has it apply the last transactions twice: errno 1062, nearly always where the
    applier was busy.
    """
    state = status(standby)
    if not standby.flavour.by_gtid and state["Last_SQL_Errno"] == 1062:
        standby.sql("SET GLOBAL sql_slave_skip_counter = 1")
        standby.sql(f"START {standby.words.replica} SQL_THREAD")
    return running(standby)


def _unlogged(server: Server, statement: str, *arguments: object) -> None:
    """Run it past the binlog, so that it is this fault and not an errant transaction too."""
    with server.connect() as session, session.cursor() as cursor:
        cursor.execute("SET sql_log_bin=0")
        cursor.execute(statement, arguments or None)


def _set_monitor_password(server: Server, password: str) -> None:
    _unlogged(server, f"ALTER USER '{MONITOR[0]}'@'127.0.0.%%' IDENTIFIED BY %s", password)


def _fill_backlog(address: str, port: int) -> list[socket.socket]:
    """Dial a frozen listener until its queue is full: then the kernel drops what comes, like a host that is off."""
    dials: list[socket.socket] = []
    while True:
        dial = socket.socket()
        dial.settimeout(0.2)
        dials.append(dial)
        try:
            dial.connect((address, port))
        except TimeoutError:
            return dials


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("primary-killed", "SIGKILL to the primary's server", kill_primary, start_primary),
        Fault("primary-hung", "the primary's server hangs (SIGSTOP)", freeze_primary, thaw_primary),
        Fault("primary-host-gone", "the primary's host loses its power", power_off_primary, power_on_primary),
        Fault("primary-saturated", "the application takes every connection", saturate_primary, release_primary),
        Fault("primary-packed", "… and the administrator's connection too", pack_primary, release_primary),
        Fault("primary-locked", "a backup keeps the global read lock", lock_primary, release_primary),
        Fault("primary-binlog-full", "the disk under the primary's binary logs is full", fill_disk, make_room),
        Fault("primary-data-full", "the disk under the primary's data is full", fill_disk, make_room),
        Fault(
            "primary-killed-whole", "the primary dies, its standby has everything", takeover.kill_whole, start_primary
        ),
        Fault("primary-read-only", "somebody closes the primary", takeover.close_primary, takeover.open_primary),
        Fault("taken-over", "a human takes over with the standby", takeover.take_over, takeover.leave),
        Fault("old-primary-back", "the old primary boots again", takeover.bring_back, takeover.leave),
        Fault("old-primary-rebuilt", "the old primary is made the standby", takeover.rebuild, takeover.leave),
        Fault("switched-over", "the two exchange their roles as planned", takeover.switch_over, takeover.leave),
        Fault("split-brain", "the standby is opened and written to", takeover.split, takeover.leave),
        Fault("primary-told-to-stop", "somebody stops the primary's server", stop_primary, leave),
        Fault("primary-reads-only", "a long report, and nothing written", report_on_primary, release_primary),
        Fault("standby-killed", "SIGKILL to the standby's server", kill_standby, start_standby),
        Fault("io-thread-stopped", "the standby stops receiving", stop_io_thread, start_io_thread),
        Fault("sql-thread-broken", "a conflicting row stops the applier", break_sql_thread, mend_sql_thread),
        Fault("replication-removed", "somebody removes replication", remove_replication, restore_replication),
        Fault("standby-filtered", "somebody filters what the standby applies", filter_standby, unfilter_standby),
        Fault("standby-delayed", "the standby is told to apply an hour late", delay_standby, hurry_standby),
        Fault("applier-blocked", "a lock holds the applier up", block_applier, unblock_applier),
        Fault("replication-silent", "the wire to the standby falls silent", cut_wire, mend_wire),
        Fault("replication-refused", "the wire to the standby is cut", refuse_on_wire, mend_wire),
        Fault("standby-writable", "somebody clears read_only", make_standby_writable, make_standby_read_only),
        Fault("files-stale", "the file sync stops", pause_files, resume_files),
        Fault("host-key-changed", "the standby's ssh key is another", change_host_key, restore_host_key),
        Fault("access-denied", "the monitor's password is changed", change_password, restore_password),
    )
}
