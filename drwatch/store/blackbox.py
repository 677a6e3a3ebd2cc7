"""The black box: records that are only ever added, each sealed with a hash over itself and the one before."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from drwatch.core.blackbox import Death, Record
from drwatch.core.memory import ASLEEP
from drwatch.core.sample import Node
from drwatch.store.values import wall


@dataclass(frozen=True, slots=True)
class Boxed:
    """A record as it stands in the file. ``broken`` says in a sentence that it or one before it was changed."""

    number: int
    body: dict[str, Any]
    digest: str
    broken: str


def append(db: sqlite3.Connection, records: Iterable[Record]) -> None:
    """Call it in a transaction."""
    for record in records:
        last = db.execute("SELECT number, digest FROM blackbox ORDER BY number DESC LIMIT 1").fetchone()
        number, previous = (last["number"] + 1, last["digest"]) if last else (1, "")
        body = json.dumps(record.body, ensure_ascii=False, sort_keys=True)
        line = (number, *record.death.node, record.death.at.isoformat(), record.incident, body)
        db.execute("INSERT INTO blackbox VALUES (?, ?, ?, ?, ?, ?, ?)", (*line, _seal(line, previous)))


def deaths(db: sqlite3.Connection) -> frozenset[Death]:
    """Those of which there is a record."""
    lines = db.execute("SELECT cluster, node, died FROM blackbox")
    return frozenset(Death(Node(*line[:2]), datetime.fromisoformat(line[2])) for line in lines)


def of_incident(db: sqlite3.Connection, incident: str) -> tuple[Boxed, ...]:
    """The records of the deaths under an incident, checked against all that came before them."""
    if not db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'blackbox'").fetchone()[0]:
        return ()  # read without a daemon, from a file that an earlier drwatch wrote
    spans = db.execute("SELECT * FROM incidents WHERE id = ? AND topic = 'primary'", (incident,)).fetchall()
    return tuple(boxed for line, boxed in _chain(db) if line["incident"] == incident or _within(line, spans))


def _within(line: sqlite3.Row, spans: Iterable[sqlite3.Row]) -> bool:
    """An incident that was merely suspected when drwatch was killed has another name after it, and began later."""
    died = datetime.fromisoformat(line["died"])
    return any(
        (span["cluster"], span["subject"]) == (line["cluster"], line["node"])
        and wall(span["began"]) - timedelta(seconds=ASLEEP) <= died
        and (span["ended"] is None or died <= wall(span["ended"]))
        for span in spans
    )


def verify(db: sqlite3.Connection) -> str:
    """What was changed in the black box, in a sentence; empty when it is whole as far as it goes.

    That its newest records were cut off does not show.
    """
    return next((boxed.broken for _, boxed in _chain(db) if boxed.broken), "")


def _chain(db: sqlite3.Connection) -> Iterator[tuple[sqlite3.Row, Boxed]]:
    previous, broken = "", ""
    for expected, line in enumerate(db.execute("SELECT * FROM blackbox ORDER BY number"), 1):
        *held, digest = line
        if not broken and (line["number"] != expected or _seal(tuple(held), previous) != digest):
            broken = f"record {line['number']} of the black box, or one before it, was changed after it was written"
        previous = digest
        yield line, Boxed(line["number"], json.loads(line["body"]), digest, broken)


def _seal(line: tuple[object, ...], previous: str) -> str:
    return hashlib.sha256(json.dumps([*line, previous], ensure_ascii=False).encode()).hexdigest()
