"""What was decided of each incident, line by line, for as long as its incident is kept."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from drwatch.core.decision import Decided, Decision, Stand
from drwatch.core.finding import Condition, Severity
from drwatch.core.incident import Incident, Phase
from drwatch.core.paging import PageReason
from drwatch.store.values import legible, text, wall

COLUMNS: Final = (
    "incident", "began", "number", "at", "phase", "condition", "severity", "suppressed_by", "silence", "in_hand",
    "flaps", "told", "kept", "withheld", "event", "reason", "channels",
)  # fmt: skip


def keep(db: sqlite3.Connection, decisions: Iterable[Decision]) -> None:
    """Call it in a transaction. What is in the record already, stays: what a mute disk took late comes again."""
    marks = ", ".join("?" * len(COLUMNS))
    lines = [_values(each) for each in decisions]
    db.executemany(f"INSERT OR IGNORE INTO decisions ({', '.join(COLUMNS)}) VALUES ({marks})", lines)


def of_incident(db: sqlite3.Connection, incident: str, began: str) -> tuple[Decision, ...]:
    """In the order in which they were made."""
    if not db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'decisions'").fetchone()[0]:
        return ()  # read without a daemon, from a file that an earlier drwatch wrote
    lines = db.execute("SELECT * FROM decisions WHERE incident = ? AND began = ? ORDER BY number", (incident, began))
    return tuple(legible(lines, _decision))


def last(db: sqlite3.Connection, incidents: Iterable[Incident]) -> Decided:
    """The last line of each of these."""
    newest = "SELECT * FROM decisions WHERE incident = ? AND began = ? ORDER BY number DESC LIMIT 1"
    lines = [line for each in incidents for line in db.execute(newest, (each.id, text(each.began)))]
    return {made.incident: made for made in legible(lines, _decision)}


def _values(made: Decision) -> tuple[object, ...]:
    stand = made.stand
    return (
        made.incident,
        _utc(made.began),
        made.number,
        _utc(made.at),
        stand.phase,
        stand.condition,
        stand.severity,
        stand.suppressed_by,
        stand.silence,
        stand.in_hand,
        stand.flaps,
        stand.told,
        json.dumps(stand.kept),
        stand.withheld,
        made.event,
        made.reason,
        json.dumps(made.channels),
    )


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _decision(line: sqlite3.Row) -> Decision:
    def condition(name: str) -> Condition | None:
        return None if line[name] is None else Condition(line[name])

    stand = Stand(
        phase=Phase(line["phase"]),
        condition=Condition(line["condition"]),
        severity=Severity(line["severity"]),
        suppressed_by=condition("suppressed_by"),
        silence=line["silence"],
        in_hand=line["in_hand"],
        flaps=bool(line["flaps"]),
        told=condition("told"),
        kept=tuple(json.loads(line["kept"])),
        withheld=line["withheld"],
    )
    return Decision(
        incident=line["incident"],
        began=wall(line["began"]),
        number=line["number"],
        at=wall(line["at"]),
        stand=stand,
        event=line["event"],
        reason=None if line["reason"] is None else PageReason(line["reason"]),
        channels=tuple(json.loads(line["channels"])),
    )
