"""All that the ledger has of one incident, to be explained to a human."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from drwatch.core.decision import Decision
from drwatch.core.finding import Confidence
from drwatch.core.paging import RowState
from drwatch.core.silence import NEVER
from drwatch.store.acks import of_incident as acked
from drwatch.store.blackbox import Boxed
from drwatch.store.blackbox import of_incident as boxed
from drwatch.store.decisions import of_incident as decided
from drwatch.store.past import Past, maybe, past_of, read
from drwatch.store.values import wall
from drwatch.store.votes import Ballot
from drwatch.store.votes import of_incident as ballots


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt to deliver a page; ``outcome`` is None of one that was cut off."""

    started: datetime
    ended: datetime | None
    outcome: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Hushed:
    """One silence that covered the incident for a part of its life: whose, why, and from when until when."""

    id: str
    by: str
    reason: str
    began: datetime
    until: datetime
    ended: datetime | None
    ended_by: str


@dataclass(frozen=True, slots=True)
class Paged:
    """One page on one channel, and every attempt to deliver it."""

    event: str
    channel: str
    reason: str
    title: str
    state: str
    created: datetime
    detail: str
    """What it came to at last."""
    instead: str
    """The channel that this one stood in for; empty for one that was asked for."""
    attempts: tuple[Sent, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """``evidence`` is what was seen last; the ballots have what was seen when it was told."""

    past: Past
    confidence: Confidence
    evidence: tuple[str, ...]
    ballots: tuple[Ballot, ...]
    silences: tuple[Hushed, ...]
    pages: tuple[Paged, ...]
    held: tuple[str, ...]
    """Channels that quiet hours owe a page of it."""
    boxed: tuple[Boxed, ...]
    decided: tuple[Decision, ...] = ()
    """In the order in which it was; empty of what an earlier drwatch wrote."""


def read_account(path: Path, incident: str) -> Account | None:
    """Of several incidents of that name the newest; None where there is none. Raises StoreError."""
    return read(path, lambda db: account(db, incident))


def account(db: sqlite3.Connection, incident: str) -> Account | None:
    line = db.execute("SELECT * FROM incidents WHERE id = ? ORDER BY began DESC LIMIT 1", (incident,)).fetchone()
    if line is None:
        return None
    pages = _pages(db, incident, line["began"])
    return Account(
        past=past_of(line, sum(page.state == "accepted" for page in pages), acked(db, incident, line["began"])),
        confidence=Confidence(line["confidence"]),
        evidence=tuple(json.loads(line["evidence"])),
        ballots=ballots(db, incident, line["began"]),
        silences=_silences(db, line),
        pages=pages,
        held=tuple(json.loads(line["held"])) if "held" in line.keys() else (),  # noqa: SIM118 - a Row has no other way
        boxed=boxed(db, incident),
        decided=decided(db, incident, line["began"]),
    )


def read_pages(path: Path, begins: str) -> tuple[Paged, ...]:
    """The pages of the events whose names begin so, in the order in which they were made. Raises StoreError."""
    return read(path, lambda db: _paged(db, "substr(event, 1, ?) = ?", (len(begins), begins)))


def _silences(db: sqlite3.Connection, line: sqlite3.Row) -> tuple[Hushed, ...]:
    if not db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'silences'").fetchone()[0]:
        return ()  # read without a daemon, from a file that an earlier drwatch wrote
    if line["condition"] in NEVER:
        return ()
    lines = db.execute(
        """SELECT * FROM silences WHERE cluster = :cluster AND node IN ('', :subject)
           AND (condition IS NULL OR condition IN (:condition, :told_condition))
           AND coalesce(ended, until) > :began AND (:ended IS NULL OR began < :ended) ORDER BY began, id""",
        dict(line),
    )
    return tuple(
        Hushed(
            id=each["id"],
            by=each["by"],
            reason=each["reason"],
            began=wall(each["began"]),
            until=wall(each["until"]),
            ended=maybe(each["ended"]),
            ended_by=each["ended_by"],
        )
        for each in lines
    )


def _pages(db: sqlite3.Connection, incident: str, began: str) -> tuple[Paged, ...]:
    return _paged(db, "incident = ? AND created >= ?", (incident, began))


def _paged(db: sqlite3.Connection, where: str, values: tuple[object, ...]) -> tuple[Paged, ...]:
    rows = db.execute(
        f"SELECT * FROM ledger WHERE {where} AND state != ? ORDER BY created, event, channel",
        (*values, RowState.RESERVE),
    ).fetchall()
    return tuple(
        Paged(
            event=row["event"],
            channel=row["channel"],
            reason=row["reason"],
            title=row["title"],
            state=row["state"],
            created=wall(row["created"]),
            detail=row["detail"],
            instead=row["instead"] if "instead" in row.keys() else "",  # noqa: SIM118 - a Row has no other way
            attempts=_attempts(db, row["event"], row["channel"]),
        )
        for row in rows
    )


def _attempts(db: sqlite3.Connection, event: str, channel: str) -> tuple[Sent, ...]:
    lines = db.execute("SELECT * FROM attempts WHERE event = ? AND channel = ? ORDER BY started", (event, channel))
    return tuple(Sent(wall(line["started"]), maybe(line["ended"]), line["outcome"], line["detail"]) for line in lines)
