"""Silences in the file: those that may still hide something, and in the history who asked for which, when and why."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from drwatch.core.finding import Condition
from drwatch.core.sample import Moment
from drwatch.core.silence import MAINTENANCE, Silence
from drwatch.store.values import Reading, hands, legible, text, upsert

COLUMNS: Final = (
    "id", "cluster", "began", "seconds", "until", "reason", "by", "condition", "node", "ended", "ended_by", "hands",
)  # fmt: skip


def save(db: sqlite3.Connection, silences: Iterable[Silence], boot: str) -> None:
    """Call it in a transaction."""
    for each in silences:
        ended = None if each.ended is None else text(each.ended)
        # A maintenance window is the calendar's, and so the wall clock's.
        loops = "" if each.by == MAINTENANCE else hands(each, ("began", "ended"), boot)
        line = (each.id, each.cluster, text(each.began), each.seconds, text(each.until), each.reason, each.by)
        db.execute(upsert("silences", COLUMNS), (*line, each.condition, each.node, ended, each.ended_by, loops))


def living(db: sqlite3.Connection, reading: Reading) -> tuple[Silence, ...]:
    """Those whose time is not over, ended ones too, on both hands of this run's clock."""
    now = reading.now
    lines = db.execute("SELECT * FROM silences WHERE until > ? OR hands != '' ORDER BY began, id", (text(now),))
    found = legible(lines, lambda line: _silence(line, reading))
    here = (replace(each, began=now.plus(each.began - now)) for each in found)
    return tuple(each for each in here if not replace(each, ended=None).over(now))


def past(db: sqlite3.Connection, limit: int, now: Moment) -> tuple[Silence, ...]:
    """The latest, newest first, whatever became of them, by the wall clock of then."""
    lines = db.execute("SELECT * FROM silences ORDER BY began DESC, id LIMIT ?", (limit,))
    return tuple(legible(lines, lambda line: _silence(line, Reading("", now))))


def _silence(line: sqlite3.Row, reading: Reading) -> Silence:
    return Silence(
        id=line["id"],
        cluster=line["cluster"],
        began=reading.moment(line, "began"),
        seconds=line["seconds"],
        reason=line["reason"],
        by=line["by"],
        condition=None if line["condition"] is None else Condition(line["condition"]),
        node=line["node"],
        ended=reading.maybe(line, "ended"),
        ended_by=line["ended_by"],
    )
