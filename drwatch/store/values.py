"""Incidents and ledger rows as the values of a table's line, and back again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from drwatch.core.finding import Condition, Confidence, Severity
from drwatch.core.incident import Incident, Phase
from drwatch.core.paging import Alert, PageReason, Row, RowState
from drwatch.core.sample import Moment
from drwatch.store.plain import plain, value_of
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


def incident_values(incident: Incident) -> tuple[object, ...]:
    def value(name: str) -> object:
        held = getattr(incident, name)
        if isinstance(held, Moment):
            return text(held)
        return json.dumps(held) if name == "evidence" else held

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
    )


def row_values(row: Row) -> tuple[object, ...]:
    def value(name: str) -> object:
        match getattr(row, name):
            case Moment() as moment:
                return text(moment)
            case Alert() as alert:
                return json.dumps(plain(alert), ensure_ascii=False)
            case held:
                return held

    return tuple(map(value, ROW))


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
        # It is the same on whatever clock.
        alert=None if line["alert"] is None else value_of(Alert, json.loads(line["alert"]), lambda moment: moment),
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
