"""Acknowledgements in the file, as long as their incident: who had it in hand, since when and from where."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from drwatch.core.finding import Condition, Severity
from drwatch.core.incident import Incident
from drwatch.store.values import text, wall


@dataclass(frozen=True, slots=True)
class Acked:
    """One acknowledgement of the record; the times are aware UTC."""

    at: datetime
    seconds: float
    by: str
    origin: str
    condition: Condition
    severity: Severity
    note: str

    @property
    def until(self) -> datetime:
        return self.at + timedelta(seconds=self.seconds)


def keep(db: sqlite3.Connection, incidents: Iterable[Incident]) -> None:
    """Call it in a transaction. What is in the record already, stays."""
    lines = [
        (
            each.id,
            text(each.began),
            text(ack.at),
            ack.seconds,
            ack.by,
            ack.origin,
            ack.condition,
            ack.severity,
            ack.note,
        )
        for each in incidents
        if (ack := each.acknowledged) is not None
    ]
    db.executemany("INSERT OR IGNORE INTO acknowledgements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", lines)


def of_incident(db: sqlite3.Connection, incident: str, began: str) -> tuple[Acked, ...]:
    """In the order in which they were given."""
    if not db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'acknowledgements'").fetchone()[0]:
        return ()  # read without a daemon, from a file that an earlier drwatch wrote
    lines = db.execute("SELECT * FROM acknowledgements WHERE incident = ? AND began = ? ORDER BY at", (incident, began))
    return tuple(
        Acked(
            at=wall(line["at"]),
            seconds=line["seconds"],
            by=line["by"],
            origin=line["origin"],
            condition=Condition(line["condition"]),
            severity=Severity(line["severity"]),
            note=line["note"],
        )
        for line in lines
    )
