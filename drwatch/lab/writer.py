"""The application: commits small transactions on the primary and remembers each one it was told is safe."""

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import pymysql

from drwatch.lab.replication import APPLICATION, SCHEMA, drain
from drwatch.lab.server import Server

TABLE = f"{SCHEMA}.orders"
CREATE = f"CREATE TABLE {TABLE} (id BIGINT PRIMARY KEY, placed_at DATETIME(6) NOT NULL, note VARCHAR(200) NOT NULL)"
MARGIN = 1000
"""Ids up to here are the lab's own rows (see faults): the writer's come after."""


@dataclass(frozen=True)
class Commit:
    id: int
    acked_at: float  # time.monotonic(), seconds
    acked_wall: float  # time.time(), seconds


@dataclass(frozen=True)
class Loss:
    """What a death really cost: acknowledged commits missing on the standby, and the time since the first of them."""

    transactions: int
    seconds: float


class Writer:
    """Writes at `rate` transactions a second (0: as fast as it can); waits while the primary is dead, then goes on."""

    def __init__(self, primary: Server, rate: float = 20, after: int = MARGIN) -> None:
        """Its rows have the ids ``after`` that one."""
        self.primary, self.rate = primary, rate
        self.rows = 1
        """Rows of each transaction; a commit is known by the id of its last."""
        self.acked: list[Commit] = []
        self._next = after
        self._stopping = threading.Event()
        self._paused = threading.Event()
        self._writing = threading.Lock()
        self._session: pymysql.Connection[pymysql.cursors.DictCursor] | None = None
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Write no more; a statement that a frozen primary never answers is given up after a second."""
        self._stopping.set()
        self._thread.join(1)
        if self._thread.is_alive() and (session := self._session):
            with suppress(OSError):
                session._sock.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]  # wakes the thread that reads
        self._thread.join(5)

    def pause(self) -> None:
        """Write no more until `resume`; on return no statement is under way."""
        self._paused.set()
        with self._writing:
            pass

    def resume(self) -> None:
        self._paused.clear()

    def move(self, to: Server) -> None:
        """Write to another server from now on."""
        self.primary = to

    def _work(self) -> None:
        while not self._stopping.is_set():
            if self.primary.up.wait(0.1):  # never dials a dead server: failed dials are what drwatch is tested for
                with suppress(pymysql.err.MySQLError, OSError):
                    self._write()
                self._stopping.wait(0.1)  # a server that refuses each write is not asked as fast as it can refuse

    def _write(self) -> None:
        user, password = APPLICATION
        server = self.primary
        self._session = server.connect(user, password)
        with self._session as session, session.cursor() as cursor:
            due = time.monotonic()
            while not self._stopping.is_set() and self.primary is server and server.up.is_set():
                with self._writing:
                    if not self._paused.is_set():
                        first = self._next + 1
                        self._next += self.rows  # none used twice: a commit without an answer may or may not be there
                        rows = ", ".join(f"({id}, UTC_TIMESTAMP(6), %(note)s)" for id in range(first, self._next + 1))
                        cursor.execute(f"INSERT INTO {TABLE} VALUES {rows}", {"note": "x" * 100})
                        self.acked.append(Commit(self._next, time.monotonic(), time.time()))
                if self._paused.is_set():
                    self._stopping.wait(0.02)
                elif self.rate:
                    due = max(due + 1 / self.rate, time.monotonic() - 1)
                    self._stopping.wait(max(0.0, due - time.monotonic()))

    def missing_on(self, standby: Server) -> list[Commit]:
        """The acknowledged commits that the standby does not hold now."""
        held = {row["id"] for row in standby.sql(f"SELECT id FROM {TABLE}")}
        return [commit for commit in list(self.acked) if commit.id not in held]

    def loss_on(self, standby: Server, died_at: float) -> Loss:
        """The truth after the primary's death (monotonic seconds), once the standby has applied all it received."""
        drain(standby)
        missing = self.missing_on(standby)
        return Loss(len(missing), max(0.0, died_at - missing[0].acked_at) if missing else 0.0)
