"""How the chairs had voted when an incident was first told under each of its conditions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from drwatch.core.evidence import Vote
from drwatch.core.finding import Condition, Confidence
from drwatch.core.incident import Incident, Phase
from drwatch.store.values import text, wall


@dataclass(frozen=True, slots=True)
class Ballot:
    """One verdict as it was reached."""

    condition: Condition
    at: datetime
    confidence: Confidence
    evidence: tuple[str, ...]
    votes: tuple[Vote, ...]


def keep(db: sqlite3.Connection, incidents: Iterable[Incident]) -> None:
    """Call it in a transaction. What was kept first, stays: it is what people were told by."""
    lines = [
        (
            each.id,
            text(each.began),
            each.condition,
            text(each.last_true),
            each.confidence,
            json.dumps(each.evidence, ensure_ascii=False),
            json.dumps([asdict(vote) for vote in each.votes], ensure_ascii=False),
        )
        for each in incidents
        if each.phase is Phase.OPEN and each.votes
    ]
    db.executemany("INSERT OR IGNORE INTO votes VALUES (?, ?, ?, ?, ?, ?, ?)", lines)


def of_incident(db: sqlite3.Connection, incident: str, began: str) -> tuple[Ballot, ...]:
    """In the order in which they were reached."""
    if not db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'votes'").fetchone()[0]:
        return ()  # read without a daemon, from a file that an earlier drwatch wrote
    lines = db.execute("SELECT * FROM votes WHERE incident = ? AND began = ? ORDER BY at", (incident, began))
    return tuple(
        Ballot(
            Condition(line["condition"]),
            wall(line["at"]),
            Confidence(line["confidence"]),
            tuple(json.loads(line["evidence"])),
            tuple(Vote(**vote) for vote in json.loads(line["votes"])),
        )
        for line in lines
    )
