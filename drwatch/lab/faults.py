"""What can be broken in a pair, and how each is mended. The names are the scenarios'."""

import time

from drwatch.lab import ailing, ordinary, takeover
from drwatch.lab.deadline import until
from drwatch.lab.equipment import EQUIPMENT
from drwatch.lab.fault import Fault
from drwatch.lab.pair import Pair
from drwatch.lab.partition import PARTITIONS
from drwatch.lab.replication import MONITOR, running, status
from drwatch.lab.server import Server, unlogged
from drwatch.lab.stream import STREAMS, replicates, restore
from drwatch.lab.writer import MARGIN, TABLE


def kill_primary(pair: Pair) -> float:
    return pair.primary.kill()


def start_primary(pair: Pair) -> None:
    pair.primary.start()
    replicates(pair)


def freeze_primary(pair: Pair) -> float:
    return pair.primary.freeze()


def thaw_primary(pair: Pair) -> None:
    pair.primary.thaw()
    replicates(pair)


def power_off_primary(pair: Pair) -> float:
    return pair.power_off()


def power_on_primary(pair: Pair) -> None:
    pair.power_on()
    replicates(pair)


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
    replicates(pair)


def break_sql_thread(pair: Pair) -> float:
    """A row written on the standby first: the primary's row of the same id cannot be applied (errno 1062)."""
    row = pair.standby.sql(f"SELECT COALESCE(MAX(id), 0) + 1 AS id FROM {TABLE} WHERE id < {MARGIN}")[0]["id"]
    unlogged(pair.standby, f"INSERT INTO {TABLE} VALUES ({row}, UTC_TIMESTAMP(6), 'in the way')")
    pair.primary.sql(f"INSERT INTO {TABLE} VALUES ({row}, UTC_TIMESTAMP(6), 'comes too late')")
    # 3030: several workers, and another one stopped because of it.
    until(lambda: status(pair.standby)["Last_SQL_Errno"] in (1062, 3030), within=10, what="the applier's conflict")
    return time.monotonic()


def mend_sql_thread(pair: Pair) -> None:
    unlogged(pair.standby, f"DELETE FROM {TABLE} WHERE note = 'in the way'")
    pair.standby.sql(f"START {pair.standby.words.replica} SQL_THREAD")
    replicates(pair)


def reset_primary(pair: Pair) -> float:
    """Somebody makes room in a hurry: the data stays, and from now on the numbers are used a second time."""
    at = time.monotonic()
    pair.primary.sql(pair.primary.words.forget)
    return at


def remove_replication(pair: Pair) -> float:
    pair.standby.sql(f"STOP {pair.standby.words.replica}")
    pair.forgotten = status(pair.standby)
    pair.standby.sql(f"RESET {pair.standby.words.replica} ALL")
    return time.monotonic()


def restore_replication(pair: Pair) -> None:
    restore(pair)


def filter_standby(pair: Pair) -> float:
    return _filter(pair, "shop.nothing")


def unfilter_standby(pair: Pair) -> None:
    _filter(pair, "")
    replicates(pair)


def delay_standby(pair: Pair) -> float:
    return _delay(pair, 3600)


def hurry_standby(pair: Pair) -> None:
    _delay(pair, 0)
    replicates(pair)


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
    replicates(pair)


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


def _set_monitor_password(server: Server, password: str) -> None:
    for place in server.host.neighbours:
        unlogged(server, "ALTER USER %s@%s IDENTIFIED BY %s", MONITOR[0], place, password)


FAULTS = {
    fault.name: fault
    for fault in (
        *PARTITIONS,
        Fault("primary-killed", "SIGKILL to the primary's server", kill_primary, start_primary),
        Fault("primary-hung", "the primary's server hangs (SIGSTOP)", freeze_primary, thaw_primary),
        Fault("primary-host-gone", "the primary's host loses its power", power_off_primary, power_on_primary),
        Fault("primary-saturated", "the application takes every connection", ailing.saturate, ailing.release),
        Fault("primary-packed", "… and the administrator's connection too", ailing.pack, ailing.release),
        Fault("primary-locked", "a backup keeps the global read lock", ailing.lock, ailing.release),
        Fault(
            "primary-binlog-full",
            "the disk under the primary's binary logs is full",
            ailing.fill_disk,
            ailing.make_room,
            needs_small_disk=True,
        ),
        Fault(
            "primary-data-full",
            "the disk under the primary's data is full",
            ailing.fill_disk,
            ailing.make_room,
            needs_small_disk=True,
        ),
        Fault(
            "primary-disk-stalled",
            "the disk under the primary's data finishes nothing",
            ailing.stall_disk,
            ailing.let_disk_go_on,
            needs_small_disk=True,
        ),
        Fault(
            "primary-disk-slow",
            "the disk under the primary's data takes twenty writes a second",
            ailing.slow_disk,
            ailing.hurry_disk,
            needs_small_disk=True,
        ),
        Fault(
            "primary-disk-read-only",
            "the disk under the primary's data has an error and closes itself",
            ailing.make_disk_read_only,
            takeover.leave,
            needs_small_disk=True,
        ),
        Fault("primary-restarted", "the primary crashes and is up again at once", ailing.restart, takeover.leave),
        Fault(
            "primary-replicates",
            "somebody points the primary at a stranger",
            takeover.follow_a_stranger,
            takeover.follow_nobody,
        ),
        Fault(
            "primary-killed-whole", "the primary dies, its standby has everything", takeover.kill_whole, start_primary
        ),
        Fault("primary-read-only", "somebody closes the primary", takeover.close_primary, takeover.open_primary),
        Fault("taken-over", "a human takes over with the standby", takeover.take_over, takeover.leave),
        Fault("old-primary-back", "the old primary boots again", takeover.bring_back, takeover.leave),
        Fault("old-primary-rebuilt", "the old primary is made the standby", takeover.rebuild, takeover.leave),
        Fault("switched-over", "the two exchange their roles as planned", takeover.switch_over, takeover.leave),
        Fault("split-brain", "the standby is opened and written to", takeover.split, takeover.leave),
        Fault("primary-told-to-stop", "somebody stops the primary's server", ailing.stop, takeover.leave),
        Fault("primary-reads-only", "a long report, and nothing written", ailing.report, ailing.release),
        Fault("standby-killed", "SIGKILL to the standby's server", kill_standby, start_standby),
        Fault("io-thread-stopped", "the standby stops receiving", stop_io_thread, start_io_thread),
        Fault("sql-thread-broken", "a conflicting row stops the applier", break_sql_thread, mend_sql_thread),
        Fault("primary-reset", "somebody resets the primary's binary logs", reset_primary, takeover.leave),
        Fault("replication-removed", "somebody removes replication", remove_replication, restore_replication),
        Fault("standby-filtered", "somebody filters what the standby applies", filter_standby, unfilter_standby),
        Fault("standby-delayed", "the standby is told to apply an hour late", delay_standby, hurry_standby),
        Fault("applier-blocked", "a lock holds the applier up", block_applier, unblock_applier),
        Fault("logs-rotated", "logrotate begins new logs on both hosts", ordinary.rotate_logs, takeover.leave),
        Fault("mysqld-upgraded", "an upgrade restarts the primary", ordinary.stop_primary, ordinary.start_primary),
        Fault("applier-stopped", "a backup stops the applier", ordinary.stop_applier, ordinary.start_applier),
        Fault("sync-overlaps", "a sync takes longer than cron waits", ordinary.slow_sync, ordinary.plain_sync),
        Fault("sync-loses-files", "files vanish under the sync", ordinary.lossy_sync, ordinary.plain_sync),
        Fault("replication-silent", "the wire to the standby falls silent", cut_wire, mend_wire),
        Fault("replication-refused", "the wire to the standby is cut", refuse_on_wire, mend_wire),
        Fault("standby-writable", "somebody clears read_only", make_standby_writable, make_standby_read_only),
        Fault("files-stale", "the file sync stops", pause_files, resume_files),
        Fault("host-key-changed", "the standby's ssh key is another", change_host_key, restore_host_key),
        Fault("access-denied", "the monitor's password is changed", change_password, restore_password),
        *STREAMS,
        *EQUIPMENT,
    )
}
