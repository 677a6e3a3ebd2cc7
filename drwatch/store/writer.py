"""The one writer of the database, and what it gives back at a start."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from drwatch.core.blackbox import Death, Record
from drwatch.core.decision import Decided, Decision
from drwatch.core.delivery import Reach
from drwatch.core.incident import ENDED, Incident
from drwatch.core.memory import Memory
from drwatch.core.paging import Outcome, PageReason, Row
from drwatch.core.sample import Moment
from drwatch.core.silence import Silence
from drwatch.store import acks, aside, ballast, blackbox, decisions, memory, pages, retention, silences, votes
from drwatch.store.blackbox import Boxed
from drwatch.store.connection import check_version, connect, has_room, transaction
from drwatch.store.lock import release, sign, take_lock
from drwatch.store.memory import Written
from drwatch.store.past import Past, history, read
from drwatch.store.schema import INCIDENT, MIGRATIONS, ROW
from drwatch.store.thread import Thread
from drwatch.store.trouble import DiskAiling, StoreError, is_damaged, is_full, trouble
from drwatch.store.values import Reading, incident_of, incident_values, legible, row_values, text, upsert

T = TypeVar("T")

log = logging.getLogger("drwatch")

PROOFREAD: Final = 60.0
"""Seconds after which what is on the disk is read again, to see that it is still there and still ours."""

LIMIT: Final = 5.0
"""Seconds that the disk may take for one transaction."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What an earlier run left behind, its moments on the present run's clock."""

    incidents: tuple[Incident, ...]
    """Those that have not ended."""
    rows: tuple[Row, ...]
    """Of every event that has a page which is not settled all of them; one that was being sent is due again."""
    memory: Memory
    boxed: frozenset[Death] = frozenset()
    """Deaths that the black box has a record of."""
    silences: tuple[Silence, ...] = ()
    """Those whose time is not over, ended ones too."""
    digested: str = ""
    """The day whose digest was written last."""
    reach: Mapping[str, Mapping[str, Reach]] = field(default_factory=dict)
    """What came of the pages of those incidents and of those pages' incidents, by channel."""
    decided: Decided = field(default_factory=dict)
    """What was decided last of those incidents."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to send a row: begun, and, once it is over, how it ended; ``detail`` is without secrets."""

    started: Moment
    ended: Moment | None = None
    outcome: Outcome | None = None
    detail: str = ""


class Store:
    """The one writer. Every call is one whole transaction, in a thread of its own, and raises StoreError. What is only
    read for people is read beside it.

    After an error the next call tries again, on a fresh connection where the old one may be spoilt.
    """

    def __init__(self, path: Path, limit: float, thread: Executor | None, boot: str) -> None:
        """Use ``open``."""
        self._path = path
        self._boot = boot
        self._thread = Thread(path, limit, thread, "drwatch-store")
        self._beside = Thread(path, limit, thread, "drwatch-read")
        self._reading = asyncio.Lock()
        self._db: sqlite3.Connection | None = None
        self._lock: int | None = None
        self._written = Written()
        self._proofread: Moment | None = None
        self._inode = 0
        self.lost: tuple[str, ...] = ()
        """What became of each file that another was begun in place of, in words, the last one last."""

    @classmethod
    async def open(cls, path: Path, limit: float = LIMIT, thread: Executor | None = None, boot: str = "") -> Store:
        """Open or create the file, and lock it for as long as this process lives.

        ``limit`` is what the disk may take for one transaction, in seconds. ``thread`` replaces the store's own, one
        worker wide: under virtual time a real one would always come too late. ``boot`` tells one boot of the machine
        from another, and so whether loop seconds can be compared; empty where that is not known.

        A file that is damaged is moved aside for a new one. A disk that is full, read-only or mute is no reason to
        watch nothing: each call says so until it is mended. Raises StoreBusy when another process has the lock,
        StoreError for everything else that stands in the way.
        """
        store = cls(path, limit, thread, boot)
        try:
            with suppress(DiskAiling):
                await store._run(store._open)
        except BaseException:
            await store.close()
            raise
        return store

    async def load(self, now: Moment) -> Loaded:
        """What an earlier run left behind."""
        try:
            return await self._run(lambda: self._load(now))
        except DiskAiling as ailing:
            # What cannot be written can often still be read.
            try:
                return await self._run(
                    lambda: read(self._path, lambda db: self._seen(db, now), not has_room(self._path))
                )
            except StoreError as unread:
                log.error("%s", unread, extra={"event": "ledger"})
                raise ailing from None

    async def commit(
        self, incidents: Sequence[Incident], rows: Sequence[Row], decided: Sequence[Decision] = ()
    ) -> None:
        """Write changed incidents, ended ones too, their pages and what was decided: on the disk, all or nothing."""
        await self._run(lambda: self._commit(incidents, rows, decided))

    async def mark(self, row: Row, attempt: Attempt | None = None) -> None:
        """Write how far a page has come and, with ``attempt``, its line in the record: from its begin on, and once."""
        await self._run(lambda: self._mark(row, attempt))

    async def remember(self, held: Memory, synced: bool, records: Sequence[Record] = ()) -> None:
        """Write what changed in the memory, and what the black box is to keep for good.

        ``synced`` waits until the disk has it, which costs an fsync.
        """
        await self._run(lambda: self._remember(held, synced, records))

    async def silence(self, changed: Sequence[Silence]) -> None:
        """Write silences that were asked for, or ended."""
        await self._run(lambda: self._silence(changed))

    async def silences(self, now: Moment, limit: int = 50) -> tuple[Silence, ...]:
        """The latest silences, newest first, past ones too."""
        return await self.read(lambda db: silences.past(db, limit, now))

    async def standing(self, channels: Collection[str], now: Moment) -> tuple[Row, ...]:
        """The latest page that each of these channels took of an incident that is open or whose end is yet untold."""
        return await self._run(lambda: self._standing(channels, now))

    async def ended_since(self, since: datetime, now: Moment) -> tuple[Incident, ...]:
        """The incidents that ended since, in the order of their end."""
        return await self._run(lambda: self._ended_since(since, now))

    async def blackbox(self, incident: str) -> tuple[Boxed, ...]:
        """What the black box holds of an incident."""
        return await self.read(lambda db: blackbox.of_incident(db, incident))

    async def history(self, limit: int = 50, cluster: str | None = None) -> tuple[Past, ...]:
        """The latest incidents, newest first, healed ones too."""
        return await self.read(lambda db: history(db, limit, cluster))

    async def read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """What ``look`` finds, beside the writer and one at a time: whoever asks for history holds up no page."""
        async with self._reading:
            return await self._beside.run(lambda: read(self._path, look, beside=True))

    async def prune(self, before: datetime) -> tuple[int, int]:
        """Forget some of what ended before; how many lines went, and how much is left to do: no more at 0."""
        return await self._run(lambda: self._prune(before))

    async def close(self) -> None:
        """Close the file and release the lock. May be called again."""
        # RuntimeError: the thread is gone, so this is the second time.
        with suppress(StoreError, RuntimeError):
            await self._run(self._close)
        self._thread.end()
        self._beside.end()
        # Where the disk still holds the thread: the next watch of this process must not meet our lock.
        lock, self._lock = self._lock, None
        if lock is not None:
            release(lock)

    async def _run(self, work: Callable[[], T]) -> T:
        return await self._thread.run(lambda: self._guarded(work))

    def _guarded(self, work: Callable[[], T]) -> T:
        """Run in the store's thread. What can be helped at once is, once: a full disk, a damaged file."""
        try:
            try:
                return work()
            except (sqlite3.Error, OSError) as error:
                if not self._helped(error):
                    raise
                return work()
        except (sqlite3.Error, OSError) as error:
            if not is_full(error):
                self._drop()
            raise trouble(self._path, error) from error

    def _helped(self, error: Exception) -> bool:
        """A full disk is met by giving up the ballast, a damaged or vanished file by beginning a new one."""
        if is_full(error):
            return ballast.give_up(self._path)
        if isinstance(error, aside.Gone):
            self._drop()
            became = aside.gone(self._path)
        elif is_damaged(error):
            # Moved first: a close would write the log into what is damaged.
            became = aside.move(self._path)
            self._drop()
        else:
            return False
        self._connection()
        self.lost += (became,)
        log.error("%s %s: a new one is begun", self._path, became, extra={"event": "ledger"})
        return True

    def _drop(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db, self._written = None, Written()

    def _open(self) -> None:
        self._connection()
        ballast.lay_in(self._path)

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._lock is None:
                self._lock = take_lock(self._path)
                sign(self._lock)
            self._db = connect(self._path)
            self._inode = self._path.stat().st_ino
        return self._db

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def _load(self, now: Moment) -> Loaded:
        with transaction(self._connection()) as db:
            return self._loaded(db, now)

    def _seen(self, db: sqlite3.Connection, now: Moment) -> Loaded:
        if check_version(db, self._path) < len(MIGRATIONS):
            raise DiskAiling(f"{self._path}: an earlier drwatch wrote it, and this disk lets nobody bring it forward")
        return self._loaded(db, now)

    def _loaded(self, db: sqlite3.Connection, now: Moment) -> Loaded:
        ended = sorted(ENDED)
        marks = ", ".join("?" * len(ended))
        incidents = db.execute(f"SELECT * FROM incidents WHERE phase NOT IN ({marks}) ORDER BY began", ended)
        reading = Reading(self._boot, now)
        living = tuple(legible(incidents, lambda line: incident_of(line, reading)))
        rows, reach = pages.load(db, [incident.id for incident in living], reading)
        told = db.execute("SELECT max(event) FROM ledger WHERE reason = ?", (PageReason.DIGEST,)).fetchone()[0] or ""
        digested = told.partition(".")[2]
        return Loaded(
            incidents=living,
            rows=rows,
            memory=memory.load(db, self._boot, now),
            boxed=blackbox.deaths(db),
            silences=silences.living(db, reading),
            digested=digested,
            reach=reach,
            decided=decisions.last(db, living),
        )

    def _commit(self, incidents: Sequence[Incident], rows: Sequence[Row], decided: Sequence[Decision]) -> None:
        with transaction(self._connection()) as db:
            db.executemany(
                upsert("incidents", INCIDENT), [incident_values(incident, self._boot) for incident in incidents]
            )
            db.executemany(upsert("ledger", ROW), [row_values(row, self._boot) for row in rows])
            votes.keep(db, incidents)
            acks.keep(db, incidents)
            decisions.keep(db, decided)
        ballast.lay_in(self._path)

    def _ended_since(self, since: datetime, now: Moment) -> tuple[Incident, ...]:
        wall = since.astimezone(UTC).isoformat(timespec="microseconds")
        lines = self._connection().execute("SELECT * FROM incidents WHERE ended >= ? ORDER BY ended, id", (wall,))
        return tuple(legible(lines, lambda line: incident_of(line, Reading(self._boot, now))))

    def _prune(self, before: datetime) -> tuple[int, int]:
        wall = before.astimezone(UTC).isoformat(timespec="microseconds")
        with transaction(self._connection()) as db:
            deleted = retention.prune(db, wall)
        return deleted, deleted + retention.shrink(db)

    def _standing(self, channels: Collection[str], now: Moment) -> tuple[Row, ...]:
        return pages.standing(self._connection(), channels, Reading(self._boot, now))

    def _silence(self, changed: Sequence[Silence]) -> None:
        with transaction(self._connection()) as db:
            silences.save(db, changed, self._boot)

    def _mark(self, row: Row, attempt: Attempt | None) -> None:
        with transaction(self._connection()) as db:
            db.execute(upsert("ledger", ROW), row_values(row, self._boot))
            if attempt is not None:
                ended = None if attempt.ended is None else text(attempt.ended)
                # One that has an end is never changed: what a mute disk took late comes again.
                db.execute(
                    """INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
                       SET ended = excluded.ended, outcome = excluded.outcome, detail = excluded.detail
                       WHERE ended IS NULL""",
                    (row.event, row.channel, text(attempt.started), ended, attempt.outcome, attempt.detail),
                )

    def _remember(self, held: Memory, synced: bool, records: Sequence[Record]) -> None:
        db = self._connection()
        if self._proofread is None or held.at - self._proofread >= PROOFREAD:
            self._proofread = held.at
            aside.proofread(self._path, self._inode)
        before, self._written = self._written, Written()
        # Unsynced, the write-ahead log is still whole after a SIGKILL; a power cut may take the last entries, and the
        # claim is then a little larger.
        db.execute(f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}")
        try:
            with transaction(db):
                after = memory.save(db, held, self._boot, before)
                blackbox.append(db, records)
        finally:
            db.execute("PRAGMA synchronous=FULL")
        self._written = after
