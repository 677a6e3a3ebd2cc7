"""What is put down of an incident: each change of what decides whether anybody is told, and nothing that goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import time
from zoneinfo import ZoneInfo

import pytest
from pager import Pager
from worlds import PAGING, POLICY, at

from drwatch.core.decision import LINES, Decided, Decision, after, decisions
from drwatch.core.finding import Condition, Finding, Severity
from drwatch.core.incident import Incident, Phase
from drwatch.core.paging import PageReason, Row, RowState
from drwatch.core.policy import Paging
from drwatch.core.rota import Quiet

DOWN = Finding(Condition.PRIMARY_DOWN, "shop", "oslo-a", "dead")
STALE = Finding(Condition.FILES_STALE, "shop", "uploads", "old")
NIGHT = replace(PAGING, quiet=dict.fromkeys(PAGING.channels, Quiet(time(22), time(4, 24), ZoneInfo("Europe/Oslo"))))


class Record:
    """The lines of one story, as the daemon makes them."""

    def __init__(self, paging: Paging = PAGING) -> None:
        self.pager, self.policy = Pager(paging), replace(POLICY, paging=paging)
        self.last: Decided = {}
        self.lines: list[Decision] = []

    def tell(self, now: float, *findings: Finding, written: bool = True) -> None:
        before, told = {each.id: each for each in self.pager.incidents}, len(self.pager.told)
        self.pager.tell(now, *findings)
        living = {each.id: each for each in self.pager.incidents}
        ended = [
            replace(each, phase=Phase.RESOLVED if each.phase is Phase.OPEN else Phase.HEALED, ended=each.last_true)
            for name, each in before.items()
            if name not in living
        ]
        rows = [
            row(event, reason, channel)
            for event, (_, reason, channels, _) in zip(self.pager.events[told:], self.pager.told[told:], strict=True)
            for channel in channels
        ]
        self.put([*living.values(), *ended], now, rows, written={each.id for each in ended} if written else set())

    def put(
        self,
        incidents: Sequence[Incident],
        now: float,
        made: Sequence[Row] = (),
        waiting: Sequence[Row] = (),
        written: set[str] | None = None,
    ) -> None:
        lines = decisions(self.last, incidents, written or set(), made, waiting, self.policy, at(now))
        self.last = after(self.last, lines)
        self.lines += lines


def row(event: str, reason: PageReason, channel: str, state: RowState = RowState.DUE) -> Row:
    now = at(0)
    return Row(
        event, channel, event.partition(".")[0], reason, Severity.WARNING, "title", "body", now, now, state=state
    )


def opened(*findings: Finding, paging: Paging = PAGING, seconds: int = 60) -> Record:
    record = Record(paging)
    for now in range(seconds):
        record.tell(now, *findings)
    return record


def test_a_trouble_from_its_first_page_to_its_end_is_a_line_for_each_change() -> None:
    record = opened(DOWN)
    for now in range(60, 120):
        record.tell(now)
    first, *more, last = record.lines
    assert (first.stand.phase, first.stand.condition, first.reason) == (Phase.OPEN, DOWN.condition, PageReason.FIRST)
    assert first.channels == PAGING.escalation[0].to
    assert all(line.reason is not None for line in more), "an open trouble that only goes on is told, or has no line"
    assert last.stand.phase is Phase.RESOLVED
    assert [line.number for line in record.lines] == list(range(1, len(record.lines) + 1))
    assert record.last == {}


def test_what_only_goes_on_has_no_further_line() -> None:
    record = opened(STALE, paging=NIGHT, seconds=300)
    (line,) = record.lines
    assert (line.stand.kept, line.stand.told, line.reason) == (NIGHT.escalation[0].to, None, None)


def test_when_quiet_hours_end_it_is_told_and_kept_from_nobody() -> None:
    record = opened(STALE, paging=NIGHT, seconds=700)
    assert [bool(line.stand.kept) for line in record.lines[:2]] == [True, False]
    assert record.lines[1].reason is PageReason.FIRST


def test_a_trouble_that_is_away_for_a_second_at_night_has_no_line_of_it() -> None:
    record = opened(STALE, paging=NIGHT, seconds=200)
    for now in range(200, 300):
        record.tell(now, *([STALE] if now % 3 else []))
    assert len(record.lines) == 1


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ({"suppressed_by": Condition.PRIMARY_DOWN}, "suppressed_by"),
        ({"silence": "SABCDE"}, "silence"),
        ({"flaps": True}, "flaps"),
        ({"severity": Severity.CRITICAL}, "severity"),
        ({"condition": Condition.FILES_MARKER_MISSING}, "condition"),
        ({"told_condition": None}, "told"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_each_of_what_decides_has_a_line_when_it_changes_and_when_it_changes_back(
    then: dict[str, object], said: str
) -> None:
    record = opened(STALE)
    before, (incident,) = record.lines[-1], record.pager.incidents
    record.put([replace(incident, **then)], 60)  # type: ignore[arg-type]
    record.put([replace(incident, **then)], 61)  # type: ignore[arg-type]
    record.put([incident], 62)
    changed, back = record.lines[-2:]
    assert (changed.number, changed.at) == (before.number + 1, at(60).wall)
    assert getattr(changed.stand, said) != getattr(before.stand, said)
    assert replace(changed.stand, **{said: getattr(before.stand, said)}) == before.stand
    assert (back.number, back.stand) == (before.number + 2, before.stand)


def test_who_takes_it_in_hand_is_put_down() -> None:
    record = opened(STALE)
    record.pager.acknowledge(60)
    record.put(record.pager.incidents, 60)
    assert record.lines[-1].stand.in_hand == "anna"


def test_a_suspicion_has_a_line_only_if_the_history_has_it() -> None:
    record = Record()
    record.tell(0, STALE)
    record.tell(1, STALE)
    assert record.lines == []
    (incident,) = record.pager.incidents
    record.put([replace(incident, phase=Phase.HEALED)], 2, written={incident.id})
    assert [line.stand.phase for line in record.lines] == [Phase.HEALED]


def test_a_page_is_put_down_with_those_it_was_written_for_and_not_with_those_in_reserve() -> None:
    record = opened(STALE)
    (incident,) = record.pager.incidents
    name = f"{incident.id}.7"
    page = [
        row(name, PageReason.MISSED, "phone"),
        row(name, PageReason.RESOLVED, "mail"),
        row(name, PageReason.MISSED, "sms", RowState.RESERVE),
    ]
    record.put([incident], 60, page)
    line = record.lines[-1]
    assert (line.event, line.reason, line.channels) == (name, PageReason.RESOLVED, ("phone", "mail"))


def test_a_page_that_is_kept_back_is_put_down_once_however_often_its_trouble_comes_and_goes() -> None:
    record = opened(STALE)
    (incident,) = record.pager.incidents
    waiting, before = [row(f"{incident.id}.1", PageReason.FIRST, "phone")], len(record.lines)
    for now in range(60, 90):
        record.put([replace(incident, last_true=at(now - now % 2))], now, waiting=waiting)
    (line,) = record.lines[before:]
    assert line.stand.withheld == f"{incident.id}.1"


def test_what_comes_and_goes_at_every_look_fills_no_disk_and_its_pages_and_its_end_are_put_down_all_the_same() -> None:
    record = opened(STALE)
    (incident,) = record.pager.incidents
    for now in range(60, 60 + 2 * LINES):
        record.put([replace(incident, silence="SABCDE" if now % 2 else "")], now)
    assert len(record.lines) == LINES
    record.put([incident], 2000, [row(f"{incident.id}.2", PageReason.STILL, "phone")])
    record.put([replace(incident, phase=Phase.RESOLVED)], 2001, written={incident.id})
    assert [line.number for line in record.lines[LINES:]] == [LINES + 1, LINES + 2]
