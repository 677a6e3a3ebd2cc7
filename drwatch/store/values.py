"""Incidents and ledger rows as the values of a table's line, and back again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime

from drwatch.core.ack import Ack
from drwatch.core.finding import Condition, Confidence, Severity
from drwatch.core.incident import Incident, Phase
from drwatch.core.paging import PageReason, Row, RowState
from drwatch.core.sample import Moment
from drwatch.store.schema import INCIDENT, ROW


def upsert(table: str, columns: Sequence[str]) -> str:
    return f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def text(moment: Moment) -> str:
    return moment.wall.astimezone(UTC).isoformat(timespec="microseconds")


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def moment_of(text: str, now: Moment) -> Moment:
    """A moment of an earlier run on this run's clock; never in the future, whatever the wall clock did meanwhile."""
    then = wall(text)
    return Moment(now.loop - max(0.0, (now.wall - then).total_seconds()), then)


_LISTS = frozenset({"evidence", "told_through", "held"})


def incident_values(incident: Incident) -> tuple[object, ...]:
    def value(name: str) -> object:
        held = getattr(incident, name)
        if isinstance(held, Moment):
            return text(held)
        if isinstance(held, Ack):
            return ack_text(held)
        return json.dumps(held) if name in _LISTS else held

    return tuple(value(name) for name in INCIDENT)


def incident_of(line: sqlite3.Row, now: Moment) -> Incident:
    def moment(name: str) -> Moment | None:
        return None if line[name] is None else moment_of(line[name], now)

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
        began=moment_of(line["began"], now),
        condition_began=moment_of(line["condition_began"], now),
        last_true=moment_of(line["last_true"], now),
        confirmed=moment("confirmed"),
        ended=moment("ended"),
        suppressed_by=condition("suppressed_by"),
        told_condition=condition("told_condition"),
        told_at=moment("told_at"),
        told_steps=line["told_steps"],
        pages=line["pages"],
        silence=line["silence"],
        freed=moment("freed"),
        acknowledged=None if line["acknowledged"] is None else ack_of(line["acknowledged"], now),
        told_through=tuple(json.loads(line["told_through"])),
        held=tuple(json.loads(line["held"])),
    )


def row_values(row: Row) -> tuple[object, ...]:
    held = (getattr(row, name) for name in ROW)
    return tuple(text(value) if isinstance(value, Moment) else value for value in held)


def row_of(line: sqlite3.Row, now: Moment) -> Row:
    row = Row(
        event=line["event"],
        channel=line["channel"],
        incident=line["incident"],
        reason=PageReason(line["reason"]),
        severity=Severity(line["severity"]),
        title=line["title"],
        body=line["body"],
        created=moment_of(line["created"], now),
        due=moment_of(line["due"], now),
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


def ack_text(ack: Ack) -> str:
    """An acknowledgement as its incident carries it."""
    return json.dumps({**asdict(ack), "at": text(ack.at)}, ensure_ascii=False)


def ack_of(held: str, now: Moment) -> Ack:
    fields = json.loads(held)
    at, condition, severity = moment_of(fields["at"], now), Condition(fields["condition"]), Severity(fields["severity"])
    return Ack(**{**fields, "at": at, "condition": condition, "severity": severity})
