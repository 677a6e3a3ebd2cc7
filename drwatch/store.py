"""What must survive a crash: the incidents, the ledger of pages, who was ever seen alive. SQLite, one writer.

A change and the pages that it causes are committed in one transaction, synced to the disk, before anything is sent.
Nothing is decided here. Moments are kept by their wall hand, as UTC text that sorts.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from drwatch.core.finding import Condition, Confidence, Severity
from drwatch.core.incident import ENDED, Incident, Phase
from drwatch.core.paging import Outcome, PageReason, Row, RowState
from drwatch.core.sample import Moment, Node

T = TypeVar("T")

APPLICATION: Final = 0x64727761
"""SQLite's application_id of our files: 'drwa'."""

BALLAST: Final = 2**20
"""Bytes kept in a file of their own, given up when the disk is full: on a full disk not even a DELETE works."""

PLENTY: Final = 4 * BALLAST
"""Free bytes that it takes to lay the ballast in, at the start or after it was given up."""

LIMIT: Final = 5.0
"""Seconds that the disk may take for one transaction."""

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE incidents (
            id TEXT NOT NULL, cluster TEXT NOT NULL, topic TEXT NOT NULL, subject TEXT NOT NULL,
            condition TEXT NOT NULL, severity TEXT NOT NULL, summary TEXT NOT NULL, evidence TEXT NOT NULL,
            confidence TEXT NOT NULL, phase TEXT NOT NULL, began TEXT NOT NULL, condition_began TEXT NOT NULL,
            last_true TEXT NOT NULL, confirmed TEXT, ended TEXT, suppressed_by TEXT, told_condition TEXT,
            told_at TEXT, told_steps INTEGER NOT NULL, pages INTEGER NOT NULL,
            PRIMARY KEY (id, began)) WITHOUT ROWID""",
        "CREATE INDEX incidents_by_began ON incidents (began)",
        """CREATE TABLE ledger (
            event TEXT NOT NULL, channel TEXT NOT NULL, incident TEXT NOT NULL, reason TEXT NOT NULL,
            severity TEXT NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL, created TEXT NOT NULL, due TEXT NOT NULL,
            attempts INTEGER NOT NULL, ambiguous INTEGER NOT NULL, state TEXT NOT NULL, detail TEXT NOT NULL,
            PRIMARY KEY (event, channel)) WITHOUT ROWID""",
        "CREATE INDEX ledger_by_state ON ledger (state)",
        "CREATE INDEX ledger_by_incident ON ledger (incident)",
        """CREATE TABLE attempts (
            event TEXT NOT NULL, channel TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, outcome TEXT,
            detail TEXT NOT NULL, PRIMARY KEY (event, channel, started)) WITHOUT ROWID""",
        """CREATE TABLE alive (
            cluster TEXT NOT NULL, node TEXT NOT NULL, seen TEXT NOT NULL,
            PRIMARY KEY (cluster, node)) WITHOUT ROWID""",
    ),
)
"""Statements that bring a file from one schema version to the next; the version is their count."""

INCIDENT: Final = (
    "id", "cluster", "topic", "subject", "condition", "severity", "summary", "evidence", "confidence", "phase", "began",
    "condition_began", "last_true", "confirmed", "ended", "suppressed_by", "told_condition", "told_at", "told_steps",
    "pages",
)  # fmt: skip
ROW: Final = (
    "event", "channel", "incident", "reason", "severity", "title", "body", "created", "due", "attempts", "ambiguous",
    "state", "detail",
)  # fmt: skip


class StoreError(Exception):
    """The database cannot be opened, read or written; the text says why and what to do, in one sentence."""


class StoreBusy(StoreError):
    """Another drwatch holds the database."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What an earlier run left behind, its moments on the present run's clock."""

    incidents: tuple[Incident, ...]
    """Those that have not ended."""
    rows: tuple[Row, ...]
    """Pages that nobody accepted yet, all due; one that was being sent counts as one that may have arrived."""
    alive: frozenset[Node]
    """Nodes that were ever seen alive."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to send a row: begun, and, once it is over, how it ended."""

    started: Moment
    ended: Moment | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """One line of the history; the times are aware UTC."""

    id: str
    cluster: str
    subject: str
    condition: Condition
    severity: Severity
    phase: Phase
    summary: str
    began: datetime
    confirmed: datetime | None
    ended: datetime | None
    pages: int
    """Events that were to be told."""
    told: int
    """Pages that a channel accepted: at most one for each event and channel."""


class Store:
    """The one writer. Every call is one whole transaction, in a thread of its own, and raises StoreError.

    After an error the next call tries again, on a fresh connection where the old one may be spoilt.
    """

    def __init__(self, path: Path, limit: float, thread: Executor | None) -> None:
        """Use ``open``."""
        self._path = path
        self._limit = limit
        self._thread = thread or ThreadPoolExecutor(max_workers=1, thread_name_prefix="drwatch-store")
        self._db: sqlite3.Connection | None = None
        self._lock: int | None = None
        self._late: Future[Any] | None = None
        """The transaction that the disk still owes an answer."""

    @classmethod
    async def open(cls, path: Path, limit: float = LIMIT, thread: Executor | None = None) -> Store:
        """Open or create the file, and lock it for as long as this process lives.

        ``limit`` is what the disk may take for one transaction, in seconds. ``thread`` replaces the store's own, one
        worker wide: under virtual time a real one would always come too late. Raises StoreBusy when another process has
        the lock, StoreError for everything else that stands in the way.
        """
        store = cls(path, limit, thread)
        try:
            await store._run(store._open)
        except BaseException:
            await store.close()
            raise
        return store

    async def load(self, now: Moment) -> Loaded:
        """What an earlier run left behind."""
        return await self._run(lambda: self._load(now))

    async def commit(self, incidents: Sequence[Incident], rows: Sequence[Row]) -> None:
        """Write changed incidents, ended ones too, and the pages they cause: all of it, on the disk, or nothing."""
        await self._run(lambda: self._commit(incidents, rows))

    async def mark(self, row: Row, attempt: Attempt | None = None) -> None:
        """Write how far a page has come and, with ``attempt``, a line in the record of attempts."""
        await self._run(lambda: self._mark(row, attempt))

    async def remember_alive(self, node: Node, moment: Moment) -> None:
        """Note that a node was seen alive."""
        await self._run(lambda: self._remember_alive(node, moment))

    async def history(self, limit: int = 50, cluster: str | None = None) -> tuple[Past, ...]:
        """The latest incidents, newest first, healed ones too."""
        return await self._run(lambda: _history(self._connection(), limit, cluster))

    async def close(self) -> None:
        """Close the file and release the lock. May be called again."""
        # RuntimeError: the thread is gone, so this is the second time.
        with suppress(StoreError, RuntimeError):
            await self._run(self._close)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        stuck = f"{self._path}: the disk did not answer within {self._limit:g} s: look into the kernel's log"
        if self._late is not None and not self._late.done():
            # One wait for a dead disk is enough: pages must not queue behind it.
            raise StoreError(stuck)
        job = self._thread.submit(self._guarded, work)
        try:
            async with asyncio.timeout(self._limit):
                return await asyncio.wrap_future(job)
        except TimeoutError:
            self._late = job
            raise StoreError(stuck) from None

    def _guarded(self, work: Callable[[], T]) -> T:
        """Run in the store's thread. A full disk is met by giving up the ballast, once."""
        try:
            return work()
        except (sqlite3.Error, OSError) as error:
            if not (_is_full(error) and self._give_up_ballast()):
                self._drop_spoilt(error)
                raise StoreError(_sentence(self._path, error)) from error
        try:
            return work()
        except (sqlite3.Error, OSError) as error:
            self._drop_spoilt(error)
            raise StoreError(_sentence(self._path, error)) from error

    def _drop_spoilt(self, error: Exception) -> None:
        if self._db is not None and not _is_full(error):
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    def _open(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._take_lock()
        self._connection()
        self._lay_in_ballast()

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        # SQLite would let a second daemon in without a word, and every page would be sent twice.
        name = _beside(self._path, "lock")
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            who = f"another drwatch (process {holder})" if holder else "another drwatch"
            raise StoreBusy(
                f"{self._path}: {who} is running on this database: stop it first, or give this one its own state"
            ) from None
        self._lock = descriptor
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def _connection(self) -> sqlite3.Connection:
        if self._db is not None:
            return self._db
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        db = sqlite3.connect(self._path, timeout=2.0, isolation_level=None)
        try:
            db.row_factory = sqlite3.Row
            # Before anything is changed: the file may be somebody else's.
            version = _check_version(db, self._path)
            self._path.chmod(0o600)
            # A short log: on a full disk it is the log that needs the room, 24 kB a page.
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-512", "wal_autocheckpoint=64"):
                db.execute(f"PRAGMA {pragma}")
            _migrate(db, version)
        except BaseException:
            db.close()
            raise
        self._db = db
        return db

    def _lay_in_ballast(self) -> None:
        """Best effort: without it a full disk is only met sooner."""
        name = _beside(self._path, "ballast")
        with suppress(OSError):
            disk = os.statvfs(self._path.parent)
            if name.exists() or disk.f_bavail * disk.f_frsize < PLENTY:
                return
            # Random, so that no file system compresses it away.
            name.touch(0o600)
            name.write_bytes(os.urandom(BALLAST))

    def _give_up_ballast(self) -> bool:
        try:
            _beside(self._path, "ballast").unlink()
        except OSError:
            return False
        return True

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _load(self, now: Moment) -> Loaded:
        with _transaction(self._connection()) as db:
            ended = sorted(ENDED)
            marks = ", ".join("?" * len(ended))
            incidents = db.execute(f"SELECT * FROM incidents WHERE phase NOT IN ({marks}) ORDER BY began", ended)
            living = tuple(_incident(line, now) for line in incidents)
            waiting = (RowState.DUE, RowState.SENDING)
            rows = db.execute("SELECT * FROM ledger WHERE state IN (?, ?) ORDER BY created, event, channel", waiting)
            due = tuple(_row(line, now) for line in rows)
            alive = db.execute("SELECT cluster, node FROM alive")
            return Loaded(living, due, frozenset(Node(*line) for line in alive))

    def _commit(self, incidents: Sequence[Incident], rows: Sequence[Row]) -> None:
        with _transaction(self._connection()) as db:
            db.executemany(_upsert("incidents", INCIDENT), [_incident_values(incident) for incident in incidents])
            db.executemany(_upsert("ledger", ROW), [_row_values(row) for row in rows])
        self._lay_in_ballast()

    def _mark(self, row: Row, attempt: Attempt | None) -> None:
        with _transaction(self._connection()) as db:
            db.execute(_upsert("ledger", ROW), _row_values(row))
            if attempt is not None:
                ended = None if attempt.ended is None else _text(attempt.ended)
                db.execute(
                    "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?, ?)",
                    (row.event, row.channel, _text(attempt.started), ended, attempt.outcome, row.detail),
                )

    def _remember_alive(self, node: Node, moment: Moment) -> None:
        with _transaction(self._connection()) as db:
            db.execute("INSERT OR REPLACE INTO alive VALUES (?, ?, ?)", (node.cluster, node.name, _text(moment)))


def read_history(path: Path, limit: int = 50, cluster: str | None = None) -> tuple[Past, ...]:
    """The latest incidents, newest first, read without a daemon and without leaving a trace. Raises StoreError."""
    # Without a write-ahead log there is nothing to join, and a read-only file system is no obstacle.
    wal = _beside_wal(path)
    mode = "mode=ro" if wal.exists() and wal.stat().st_size else "immutable=1"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?{mode}", timeout=1.0, uri=True)) as db:
            db.row_factory = sqlite3.Row
            _check_version(db, path)
            return _history(db, limit, cluster)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(_sentence(path, error)) from error


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f"{path.name}.{what}")


def _beside_wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        # A full disk has ended the transaction already, and a ROLLBACK without one is an error of its own.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _check_version(db: sqlite3.Connection, path: Path) -> int:
    """The file's schema version; raises StoreError for a file that is not ours, or newer than this program."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    application = int(db.execute("PRAGMA application_id").fetchone()[0])
    tables = int(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if application != APPLICATION and (application or version or tables):
        raise StoreError(f"{path}: this is another program's database: give drwatch a file of its own")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path}: written by a newer drwatch (schema {version}, this one knows {len(MIGRATIONS)}): "
            "start the newer one, or move the file aside"
        )
    return version


def _migrate(db: sqlite3.Connection, version: int) -> None:
    for number in range(version, len(MIGRATIONS)):
        with _transaction(db):
            for statement in MIGRATIONS[number]:
                db.execute(statement)
            db.execute(f"PRAGMA application_id={APPLICATION}")
            db.execute(f"PRAGMA user_version={number + 1}")


def _upsert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _text(moment: Moment) -> str:
    return moment.wall.astimezone(UTC).isoformat(timespec="microseconds")


def _wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _moment(text: str, now: Moment) -> Moment:
    """A moment of an earlier run on this run's clock; never in the future, whatever the wall clock did meanwhile."""
    wall = _wall(text)
    return Moment(now.loop - max(0.0, (now.wall - wall).total_seconds()), wall)


def _maybe(text: str | None) -> datetime | None:
    return None if text is None else _wall(text)


def _incident_values(incident: Incident) -> tuple[object, ...]:
    def value(name: str) -> object:
        held = getattr(incident, name)
        if isinstance(held, Moment):
            return _text(held)
        return json.dumps(held) if name == "evidence" else held

    return tuple(value(name) for name in INCIDENT)


def _incident(line: sqlite3.Row, now: Moment) -> Incident:
    def moment(name: str) -> Moment | None:
        return None if line[name] is None else _moment(line[name], now)

    def condition(name: str) -> Condition | None:
        return None if line[name] is None else Condition(line[name])

    return Incident(
        id=line["id"],
        cluster=line["cluster"],
        topic=line["topic"],
        subject=line["subject"],
        condition=Condition(line["condition"]),
        severity=Severity(line["severity"]),
        summary=line["summary"],
        evidence=tuple(json.loads(line["evidence"])),
        confidence=Confidence(line["confidence"]),
        phase=Phase(line["phase"]),
        began=_moment(line["began"], now),
        condition_began=_moment(line["condition_began"], now),
        last_true=_moment(line["last_true"], now),
        confirmed=moment("confirmed"),
        ended=moment("ended"),
        suppressed_by=condition("suppressed_by"),
        told_condition=condition("told_condition"),
        told_at=moment("told_at"),
        told_steps=line["told_steps"],
        pages=line["pages"],
    )


def _row_values(row: Row) -> tuple[object, ...]:
    held = (getattr(row, name) for name in ROW)
    return tuple(_text(value) if isinstance(value, Moment) else value for value in held)


def _row(line: sqlite3.Row, now: Moment) -> Row:
    row = Row(
        event=line["event"],
        channel=line["channel"],
        incident=line["incident"],
        reason=PageReason(line["reason"]),
        severity=Severity(line["severity"]),
        title=line["title"],
        body=line["body"],
        created=_moment(line["created"], now),
        due=_moment(line["due"], now),
        attempts=line["attempts"],
        ambiguous=line["ambiguous"],
        state=RowState(line["state"]),
        detail=line["detail"],
    )
    if row.state is not RowState.SENDING:
        return row
    return replace(
        row,
        state=RowState.DUE,
        due=now,
        ambiguous=row.ambiguous + 1,
        detail="drwatch ended during the attempt: it may have arrived",
    )


def _history(db: sqlite3.Connection, limit: int, cluster: str | None) -> tuple[Past, ...]:
    lines = db.execute(
        """SELECT i.*, (SELECT count(*) FROM ledger WHERE incident = i.id AND state = ? AND created >= i.began) AS told
           FROM incidents AS i WHERE ? IS NULL OR cluster = ? ORDER BY began DESC, id LIMIT ?""",
        (RowState.ACCEPTED, cluster, cluster, limit),
    )
    return tuple(
        Past(
            id=line["id"],
            cluster=line["cluster"],
            subject=line["subject"],
            condition=Condition(line["condition"]),
            severity=Severity(line["severity"]),
            phase=Phase(line["phase"]),
            summary=line["summary"],
            began=_wall(line["began"]),
            confirmed=_maybe(line["confirmed"]),
            ended=_maybe(line["ended"]),
            pages=line["pages"],
            told=line["told"],
        )
        for line in lines.fetchall()
    )


def _is_full(error: Exception) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _sentence(path: Path, error: Exception) -> str:
    """What is wrong and what to do about it."""
    if _is_full(error):
        return f"{path}: the disk is full: free some space there"
    if isinstance(error, OSError):
        return f"{path}: {error.strerror}: check that drwatch may write there"
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    what = {
        sqlite3.SQLITE_READONLY: "it cannot be written: check its owner, its mode and whether the disk is read-only",
        sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that it exists and that drwatch may read and write there",
        sqlite3.SQLITE_PERM: "no permission: check its owner and mode",
        sqlite3.SQLITE_CORRUPT: "it is damaged: move it aside and restore a copy, or let drwatch begin a new one",
        sqlite3.SQLITE_NOTADB: "it is no SQLite database: move it aside",
        sqlite3.SQLITE_BUSY: "another program holds it: close whatever has it open",
        sqlite3.SQLITE_IOERR: "the disk fails: look into the kernel's log",
    }.get(code, str(error))
    return f"{path}: {what}"
