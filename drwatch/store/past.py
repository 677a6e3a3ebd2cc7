"""The history: read by the writer for the web, and by the CLI where no daemon runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from drwatch.core.actuals import Outage
from drwatch.core.drill import Drill
from drwatch.core.finding import Condition, Severity
from drwatch.core.incident import Phase
from drwatch.core.paging import RowState
from drwatch.store.acks import Acked
from drwatch.store.acks import of_incident as acked
from drwatch.store.blackbox import Boxed, of_incident
from drwatch.store.connection import check_version
from drwatch.store.memory import rehearsed
from drwatch.store.trouble import StoreError, sentence
from drwatch.store.values import legible, wall

T = TypeVar("T")


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
    suppressed_by: Condition | None = None
    """The greater trouble that explained it, as far as it was last seen."""
    silence: str = ""
    """The silence that covered it then."""
    acks: tuple[Acked, ...] = ()
    """Who had it in hand, in the order in which they said so."""


def read_history(path: Path, limit: int = 50, cluster: str | None = None) -> tuple[Past, ...]:
    """The latest incidents, newest first, read without a daemon and without leaving a trace. Raises StoreError."""
    return read(path, lambda db: history(db, limit, cluster))


def read_blackbox(path: Path, incident: str) -> tuple[Boxed, ...]:
    """What the black box holds of an incident, read likewise. Raises StoreError."""
    return read(path, lambda db: of_incident(db, incident))


def read_drills(path: Path) -> tuple[tuple[Drill, ...], tuple[Outage, ...]]:
    """The drills that were announced, and the outages of every kind, read likewise. Raises StoreError."""
    return read(path, rehearsed)


def read(path: Path, look: Callable[[sqlite3.Connection], T], alone: bool = False, beside: bool = False) -> T:
    """What ``look`` finds in the file, read without a daemon and without leaving a trace. Raises StoreError.

    ``alone`` keeps others out, and so needs no room on the disk; ``beside`` is for a file that is being written.
    """
    # Without a write-ahead log there is nothing to join, and a read-only file system is no obstacle.
    wal = path.with_name(f"{path.name}-wal")
    logged = beside or (wal.exists() and wal.stat().st_size > 0)
    mode = "immutable=1" if not logged else "mode=rw" if alone else "mode=ro"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?{mode}", timeout=1.0, uri=True)) as db:
            db.row_factory = sqlite3.Row
            if alone:
                db.execute("PRAGMA locking_mode=EXCLUSIVE")
            check_version(db, path)
            return look(db)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(sentence(path, error)) from error


def history(db: sqlite3.Connection, limit: int, cluster: str | None) -> tuple[Past, ...]:
    lines = db.execute(
        """SELECT i.*, (SELECT count(*) FROM ledger WHERE incident = i.id AND state = ? AND created >= i.began) AS told
           FROM incidents AS i WHERE ? IS NULL OR cluster = ? ORDER BY began DESC, id LIMIT ?""",
        (RowState.ACCEPTED, cluster, cluster, limit),
    )
    return tuple(
        legible(lines.fetchall(), lambda line: past_of(line, line["told"], acked(db, line["id"], line["began"])))
    )


def past_of(line: sqlite3.Row, told: int, acks: tuple[Acked, ...]) -> Past:
    return Past(
        id=line["id"],
        cluster=line["cluster"],
        subject=line["subject"],
        condition=Condition(line["condition"]),
        severity=Severity(line["severity"]),
        phase=Phase(line["phase"]),
        summary=line["summary"],
        began=wall(line["began"]),
        confirmed=maybe(line["confirmed"]),
        ended=maybe(line["ended"]),
        pages=line["pages"],
        told=told,
        suppressed_by=None if line["suppressed_by"] is None else Condition(line["suppressed_by"]),
        # Read without a daemon, from a file that an earlier drwatch wrote, there is none.
        silence=line["silence"] if "silence" in line.keys() else "",  # noqa: SIM118 - a Row has no other way
        acks=acks,
    )


def maybe(text: str | None) -> datetime | None:
    return None if text is None else wall(text)
