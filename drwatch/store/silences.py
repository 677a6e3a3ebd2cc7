"""Silences in the file: those that may still hide something, and for good who asked for which, when and why."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import UTC
from typing import Final

from drwatch.core.finding import Condition
from drwatch.core.sample import Moment
from drwatch.core.silence import Silence
from drwatch.store.values import legible, moment_of, text, upsert

COLUMNS: Final = (
    "id", "cluster", "began", "seconds", "until", "reason", "by", "condition", "node", "ended", "ended_by",
)  # fmt: skip


def save(db: sqlite3.Connection, silences: Iterable[Silence]) -> None:
    """Call it in a transaction."""
    for each in silences:
        ended = None if each.ended is None else text(each.ended)
        line = (each.id, each.cluster, text(each.began), each.seconds, text(each.until), each.reason, each.by)
        db.execute(upsert("silences", COLUMNS), (*line, each.condition, each.node, ended, each.ended_by))


def living(db: sqlite3.Connection, now: Moment) -> tuple[Silence, ...]:
    """Those whose time is not over by the wall clock, ended ones too, on this run's clock."""
    wall = now.wall.astimezone(UTC).isoformat(timespec="microseconds")
    lines = db.execute("SELECT * FROM silences WHERE until > ? ORDER BY began, id", (wall,))
    return tuple(legible(lines, lambda line: _silence(line, now)))


def past(db: sqlite3.Connection, limit: int, now: Moment) -> tuple[Silence, ...]:
    """The latest, newest first, whatever became of them."""
    lines = db.execute("SELECT * FROM silences ORDER BY began DESC, id LIMIT ?", (limit,))
    return tuple(legible(lines, lambda line: _silence(line, now)))


def _silence(line: sqlite3.Row, now: Moment) -> Silence:
    return Silence(
        id=line["id"],
        cluster=line["cluster"],
        began=moment_of(line["began"], now),
        seconds=line["seconds"],
        reason=line["reason"],
        by=line["by"],
        condition=None if line["condition"] is None else Condition(line["condition"]),
        node=line["node"],
        ended=None if line["ended"] is None else moment_of(line["ended"], now),
        ended_by=line["ended_by"],
    )
