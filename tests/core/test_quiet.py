"""Quiet hours keep a warning from a channel until they end, and nothing else from anybody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from pager import Pager
from worlds import PAGING, at

from drwatch.core.finding import Condition, Finding
from drwatch.core.paging import PageReason, held_back
from drwatch.core.policy import Paging, Step
from drwatch.core.rota import Quiet

OSLO = ZoneInfo("Europe/Oslo")
DOWN = Finding(Condition.PRIMARY_DOWN, "shop", "oslo-a", "dead")
STALE = Finding(Condition.FILES_STALE, "shop", "uploads", "old")
WORSE = replace(STALE, urgent=True)
BROKEN = Finding(Condition.PAGING_BROKEN, "", "sms", "sms takes no pages")

STILL = Quiet(time(22), time(4, 24), OSLO)
"""The story begins at 04:14 in Oslo: it is quiet for ten minutes more."""
ONE = replace(PAGING, escalation=(Step(("phone",)),), channels=("phone",), quiet={"phone": STILL})
BOTH = replace(PAGING, escalation=(Step(("phone", "mail")),), channels=("phone", "mail"), quiet={"phone": STILL})


def told(paging: Paging, *story: tuple[int, tuple[Finding, ...]]) -> Pager:
    """A story of (until which second, what is true)."""
    pager, begins = Pager(paging), 0
    for ends, findings in story:
        for now in range(begins, ends):
            pager.tell(now, *findings)
        begins = ends
    return pager


@pytest.mark.parametrize(
    ("hour", "minute", "quiet"),
    [(21, 59, False), (22, 0, True), (23, 59, True), (0, 0, True), (4, 23, True), (4, 24, False), (12, 0, False)],
)
def test_a_night_goes_over_midnight(hour: int, minute: int, quiet: bool) -> None:
    assert STILL.covers(datetime(2026, 7, 1, hour, minute, tzinfo=OSLO)) is quiet


def test_hours_within_a_day_are_quiet_between_the_two() -> None:
    noon = Quiet(time(12), time(13), OSLO)
    assert [noon.covers(datetime(2026, 7, 1, hour, tzinfo=OSLO)) for hour in (11, 12, 13, 23)] == [
        False,
        True,
        False,
        False,
    ]


def test_quiet_hours_are_by_the_wall_clock_on_both_sides_of_the_change() -> None:
    summer, winter = datetime(2026, 7, 1, 20, tzinfo=UTC), datetime(2026, 12, 1, 20, tzinfo=UTC)
    assert (STILL.covers(summer), STILL.covers(winter)) == (True, False)


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        (datetime(2026, 7, 1, 23, tzinfo=OSLO), datetime(2026, 7, 2, 4, 24, tzinfo=OSLO)),
        (datetime(2026, 7, 2, 4, 23, tzinfo=OSLO), datetime(2026, 7, 2, 4, 24, tzinfo=OSLO)),
        # The night in which the clocks go back has an hour more.
        (datetime(2026, 10, 24, 23, tzinfo=OSLO), datetime(2026, 10, 25, 3, 24, tzinfo=UTC)),
    ],
)
def test_quiet_hours_end_the_next_time_that_their_clock_shows_it(now: datetime, ends: datetime) -> None:
    assert STILL.until(now) == ends


@pytest.mark.parametrize(
    ("begins", "ends", "day", "quiet"),
    [
        # 02:30 comes at 00:30 and at 01:30 UTC, and quiet hours end and begin at the first.
        (time(22), time(2, 30), "2026-10-25", ("20:00 the day before", "00:30")),
        (time(2, 30), time(7), "2026-10-25", ("00:30", "06:00")),
        (time(2, 15), time(2, 45), "2026-10-25", ("00:15", "00:45")),
        # There is no 02:30, and it counts an hour later, as at a hand-over.
        (time(22), time(2, 30), "2026-03-29", ("21:00 the day before", "01:30")),
        (time(2, 30), time(7), "2026-03-29", ("01:30", "05:00")),
    ],
)
def test_quiet_hours_begin_and_end_once_on_the_days_of_the_change(
    begins: time, ends: time, day: str, quiet: tuple[str, str]
) -> None:
    hours = Quiet(begins, ends, OSLO)
    midnight = datetime.fromisoformat(f"{day}T00:00+00:00")

    def instant(words: str) -> datetime:
        at, _, before = words.partition(" ")
        hour, minute = map(int, at.split(":"))
        return midnight + timedelta(days=-1 if before else 0, hours=hour, minutes=minute)

    since, until = map(instant, quiet)
    minutes = [since + timedelta(minutes=5 * step) for step in range(-12, 12 * 12)]
    assert [at for at in minutes if hours.covers(at)] == [at for at in minutes if since <= at < until]
    assert {hours.until(at) for at in minutes if hours.covers(at)} == {until}


def test_what_is_held_back_is_said_with_its_channel_and_until_when() -> None:
    ends = datetime(2026, 11, 23, 3, 24, tzinfo=UTC)
    for paging in (ONE, BOTH):
        pager = told(paging, (300, (STALE,)))
        assert [held_back(each, paging, 5.0, at(299)) for each in pager.incidents] == [{"phone": ends}]
        assert [held_back(each, paging, 5.0, at(700)) for each in pager.incidents] == [{}], "they are over"


def test_nothing_is_held_back_of_what_is_told_at_any_hour_or_hidden_by_something_else() -> None:
    (down,) = told(ONE, (300, (DOWN,))).incidents
    assert held_back(down, ONE, 5.0, at(299)) == {}
    (stale,) = told(ONE, (300, (STALE,))).incidents
    assert held_back(replace(stale, silence="SAAAAAA"), ONE, 5.0, at(299)) == {}
    assert held_back(replace(stale, suppressed_by=Condition.PRIMARY_DOWN), ONE, 5.0, at(299)) == {}


def test_a_warning_is_told_when_the_quiet_hours_end_if_it_is_still_true() -> None:
    pager = told(ONE, (700, (STALE,)))
    assert pager.heard() == [(600, PageReason.FIRST, ("phone",))]


def test_a_warning_that_is_over_by_then_is_told_to_nobody() -> None:
    assert told(ONE, (300, (STALE,)), (700, ())).told == []


@pytest.mark.parametrize("quiet", [("phone",), ("phone", "boss")], ids=["phone quiet", "both quiet"])
def test_nobody_else_is_woken_by_a_warning_before_those_who_come_first_and_sleep(quiet: tuple[str, ...]) -> None:
    """It begins at 04:14, ten minutes before the quiet hours end; the boss is to come five minutes after the phone."""
    steps = (Step(("phone",)), Step(("boss",), after=300.0))
    paging = replace(PAGING, channels=("phone", "boss"), escalation=steps, quiet=dict.fromkeys(quiet, STILL))
    pager = told(paging, (1200, (STALE,)))
    assert pager.heard() == [(600, PageReason.FIRST, ("phone",)), (900, PageReason.ESCALATED, ("boss",))]


def test_a_first_step_that_has_a_delay_keeps_its_distance_to_the_next_one() -> None:
    steps = (Step(("phone",), after=60.0), Step(("boss",), after=300.0))
    paging = replace(PAGING, channels=("phone", "boss"), escalation=steps)
    assert told(paging, (400, (STALE,))).heard()[1] == (305, PageReason.ESCALATED, ("boss",))
    asleep = replace(paging, quiet={"phone": STILL})
    assert told(asleep, (1200, (STALE,))).heard()[1] == (840, PageReason.ESCALATED, ("boss",))


def test_what_is_critical_is_escalated_in_quiet_hours_too() -> None:
    steps = (Step(("phone",)), Step(("boss",), after=300.0))
    paging = replace(
        PAGING, channels=("phone", "boss"), escalation=steps, quiet=dict.fromkeys(("phone", "boss"), STILL)
    )
    assert [now for now, *_ in told(paging, (400, (DOWN,))).heard()] == [5, 305]


def test_what_is_critical_is_told_at_any_hour() -> None:
    assert told(ONE, (60, (DOWN,))).heard() == [(5, PageReason.FIRST, ("phone",))]


def test_that_nobody_would_be_paged_is_told_at_any_hour() -> None:
    assert [reason for _, reason in told(ONE, (60, (BROKEN,))).reasons()] == [PageReason.FIRST]


def test_a_channel_that_is_quiet_gets_its_page_later_and_the_others_at_once() -> None:
    pager = told(BOTH, (700, (STALE,)))
    assert pager.heard() == [(5, PageReason.FIRST, ("mail",)), (600, PageReason.STILL, ("phone",))]


def test_the_end_of_a_warning_is_told_to_those_who_were_told_at_any_hour_and_to_no_others() -> None:
    pager = told(BOTH, (300, (STALE,)), (700, ()))
    assert pager.heard() == [(5, PageReason.FIRST, ("mail",)), (329, PageReason.RESOLVED, ("mail",))]


def test_the_end_of_what_a_channel_was_told_reaches_it_in_its_quiet_hours() -> None:
    evening = replace(BOTH, quiet={"phone": Quiet(time(4, 16), time(7), OSLO)})
    pager = told(evening, (300, (STALE,)), (400, ()))
    assert pager.heard()[-1] == (329, PageReason.RESOLVED, ("phone", "mail"))


def test_a_warning_that_becomes_critical_ends_the_waiting() -> None:
    pager = told(BOTH, (100, (STALE,)), (300, (WORSE,)))
    assert [channels for *_, channels in pager.heard()] == [("mail",), ("phone", "mail")]
    assert pager.heard()[1][0] < 200


def test_what_somebody_has_in_hand_is_not_told_when_the_quiet_hours_end() -> None:
    pager = told(BOTH, (60, (STALE,)))
    pager.acknowledge(59)
    for now in range(60, 800):
        pager.tell(now, STALE)
    assert len(pager.told) == 1
