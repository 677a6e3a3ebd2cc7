"""What keeps a primary that lives from serving: no connection, a lock, a full disk; and what only looks like it."""

import signal
import threading
import time
from contextlib import suppress

import pymysql
from pymysql.cursors import DictCursor

from drwatch.lab import throttle
from drwatch.lab.deadline import until
from drwatch.lab.disk import Disk
from drwatch.lab.pair import Pair
from drwatch.lab.replication import APPLICATION
from drwatch.lab.writer import TABLE

CRAWL = 20
"""Writes a second that a slow disk takes: a commit needs two to five of them."""

STILL = 1.0
"""Seconds without a commit after which a writer of many a second is stuck."""


def saturate(pair: Pair) -> float:
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


def report(pair: Pair) -> float:
    pair.held.append(_Report(pair))
    return time.monotonic()


def pack(pair: Pair) -> float:
    """And an administrator takes the one that is kept for administrators: then there is not even a greeting."""
    at = saturate(pair)

    def administrator() -> "pymysql.Connection[DictCursor] | None":
        try:
            return pair.primary.connect()
        except pymysql.err.OperationalError as refusal:
            if refusal.args[0] != 1040:
                raise
            return None

    # Whoever was refused last stands in the administrator's place until the server has seen it off.
    pair.held.append(until(administrator, within=10, what="the administrator's own connection"))
    return at


def lock(pair: Pair) -> float:
    """What a backup does, and does not let go of."""
    backup = pair.primary.connect()
    pair.held.append(backup)
    backup.cursor().execute("FLUSH TABLES WITH READ LOCK")
    return time.monotonic()


def fill_disk(pair: Pair) -> float:
    """The moment of the last commit: InnoDB goes on for a while in what it has set aside."""
    if pair.disk is None:
        raise RuntimeError("this pair has no small disk to fill")
    # A page that was never written is a hole in its file, and MySQL 5.7 dies when a full disk has no room for one.
    pair.primary.sql(f"FLUSH TABLES {TABLE} FOR EXPORT")
    pair.disk.fill()

    def stands_still() -> bool:
        return time.monotonic() - pair.writer.acked[-1].acked_at > STILL

    until(stands_still, within=60, what="the end of all commits on a full disk")
    return pair.writer.acked[-1].acked_at


def _disk(pair: Pair) -> Disk:
    if pair.disk is None:
        raise RuntimeError("this pair has no disk of its own")
    return pair.disk


def stall_disk(pair: Pair) -> float:
    _disk(pair).stall()
    return time.monotonic()


def let_disk_go_on(pair: Pair) -> None:
    _disk(pair).go_on()
    until(pair.replicates, within=30, what="replication at work again")


def slow_disk(pair: Pair) -> float:
    throttle.slow(pair.sandbox.path, pair.primary.pid, _disk(pair).path, CRAWL)
    return time.monotonic()


def hurry_disk(pair: Pair) -> None:
    throttle.lift(pair.sandbox.path)
    until(pair.replicates, within=30, what="replication at work again")


def make_disk_read_only(pair: Pair) -> float:
    _disk(pair).close_for_writes()
    return time.monotonic()


def restart(pair: Pair) -> float:
    """It dies, and is up again before anybody looks twice."""
    at = pair.primary.kill()
    pair.primary.start()
    return at


def stop(pair: Pair) -> float:
    """SIGTERM, as systemctl stop sends it: on a full disk it closes the port and the process stays."""
    at = pair.primary.process.signal(signal.SIGTERM)
    until(lambda: not pair.primary.listens, within=10, what="the closed port")
    return at


def make_room(pair: Pair) -> None:
    """And a start: a server that waits for room looks again only each minute."""
    if pair.disk is not None:
        pair.disk.free()
    pair.primary.kill()
    pair.primary.start()
    until(pair.replicates, within=30, what="replication at work again")


def release(pair: Pair) -> None:
    pair.release()
