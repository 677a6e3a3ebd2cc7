"""Incidents and ledger rows as the values of a table's line, and back again."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TypeVar

from drwatch.core.ack import Ack
from drwatch.core.delivery import DOUBTFUL_AGAIN, interrupted
from drwatch.core.finding import Condition, Confidence, Severity
from drwatch.core.incident import Grade, Incident, Phase
from drwatch.core.paging import Alert, PageReason, Row, RowState
from drwatch.core.sample import Moment
from drwatch.store.plain import plain, value_of
from drwatch.store.schema import INCIDENT, ROW

T = TypeVar("T")

log = logging.getLogger("drwatch")


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


def hands(held: object, names: Iterable[str], boot: str) -> str:
    """The loop's hand of each moment that is held under these names, and the machine's boot that it counts from."""
    found = {name: getattr(held, name) for name in names}
    at = {name: value.at if isinstance(value, Ack) else value for name, value in found.items()}
    loops = {name: value.loop for name, value in at.items() if isinstance(value, Moment)}
    return json.dumps({"boot": boot, **loops}) if boot else ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the moments of lines are read in one boot of the machine (empty: not known which), at one moment."""

    boot: str
    now: Moment

    def moment(self, line: sqlite3.Row, name: str) -> Moment:
        return self.at(line[name], line, name)

    def at(self, written: str, line: sqlite3.Row, name: str, ahead: float = 0.0) -> Moment:
        """By the loop's hand where that runs on, so that a step of the wall clock makes nothing older or younger.

        It is at most ``ahead`` seconds to come.
        """
        loops = json.loads(line["hands"] or "{}")
        if self.boot and loops.get("boot") == self.boot and name in loops:
            return Moment(min(loops[name], self.now.loop + ahead), wall(written))
        return moment_of(written, self.now)

    def maybe(self, line: sqlite3.Row, name: str) -> Moment | None:
        return None if line[name] is None else self.moment(line, name)


def incident_values(incident: Incident, boot: str) -> tuple[object, ...]:
    def value(name: str) -> object:
        if name == "hands":
            return hands(incident, INCIDENT[:-1], boot)
        held = getattr(incident, name)
        if isinstance(held, Moment):
            return text(held)
        if isinstance(held, Ack):
            return ack_text(held)
        return json.dumps(held) if isinstance(held, tuple) else held

    return tuple(value(name) for name in INCIDENT)


def _grade_of(text: str) -> Grade:
    critical, gravity = json.loads(text)
    return bool(critical), int(gravity)


def incident_of(line: sqlite3.Row, reading: Reading) -> Incident:
    def moment(name: str) -> Moment | None:
        return reading.maybe(line, name)

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
        began=reading.moment(line, "began"),
        condition_began=reading.moment(line, "condition_began"),
        last_true=reading.moment(line, "last_true"),
        confirmed=moment("confirmed"),
        ended=moment("ended"),
        suppressed_by=condition("suppressed_by"),
        told_condition=condition("told_condition"),
        told_grade=None if line["told_grade"] is None else _grade_of(line["told_grade"]),
        told_at=moment("told_at"),
        told_steps=line["told_steps"],
        pages=line["pages"],
        silence=line["silence"],
        freed=moment("freed"),
        acknowledged=None if line["acknowledged"] is None else ack_of(line, reading),
        told_through=tuple(json.loads(line["told_through"])),
        held=tuple(json.loads(line["held"])),
    )


def row_values(row: Row, boot: str) -> tuple[object, ...]:
    def value(name: str) -> object:
        match getattr(row, name):
            case Moment() as moment:
                return text(moment)
            case Alert() as alert:
                return json.dumps(plain(alert), ensure_ascii=False)
            case held:
                return held

    return (*map(value, ROW[:-1]), hands(row, ROW[:-1], boot))


def row_of(line: sqlite3.Row, reading: Reading) -> Row:
    row = Row(
        event=line["event"],
        channel=line["channel"],
        incident=line["incident"],
        reason=PageReason(line["reason"]),
        severity=Severity(line["severity"]),
        title=line["title"],
        body=line["body"],
        created=reading.moment(line, "created"),
        # Whoever mended a channel and starts anew need not wait; only a copy of what may have arrived does.
        due=reading.at(line["due"], line, "due", ahead=DOUBTFUL_AGAIN if line["ambiguous"] else 0.0),
        attempts=line["attempts"],
        ambiguous=line["ambiguous"],
        state=RowState(line["state"]),
        detail=line["detail"],
        # It is the same on whatever clock.
        alert=None if line["alert"] is None else value_of(Alert, json.loads(line["alert"]), lambda moment: moment),
        instead=line["instead"],
    )
    return interrupted(row, reading.now)


def legible(lines: Iterable[sqlite3.Row], read: Callable[[sqlite3.Row], T]) -> Iterator[T]:
    """What these lines say. One with a word that only a newer drwatch has is left out, and stays in the file."""
    for line in lines:
        try:
            made = read(line)
        except (ValueError, KeyError, TypeError) as error:
            named = (line[key] for key in ("event", "id", "incident") if key in line.keys())  # noqa: SIM118 - no other way
            name = next(filter(None, named))
            log.warning("what was written of %s is left out: %s", name, error, extra={"event": "ledger"})
        else:
            yield made


def ack_text(ack: Ack) -> str:
    """An acknowledgement as its incident carries it."""
    return json.dumps({**asdict(ack), "at": text(ack.at)}, ensure_ascii=False)


def ack_of(line: sqlite3.Row, reading: Reading) -> Ack:
    fields = json.loads(line["acknowledged"])
    at = reading.at(fields["at"], line, "acknowledged")
    condition, severity = Condition(fields["condition"]), Severity(fields["severity"])
    return Ack(**{**fields, "at": at, "condition": condition, "severity": severity})
