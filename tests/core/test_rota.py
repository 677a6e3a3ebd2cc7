"""Who is on duty at which instant: by the week, by the wall clock, by who stands in; and whom a page then reaches."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pager import Pager
from worlds import PAGING, START

from drwatch.core.finding import Condition, Finding
from drwatch.core.paging import PageReason, held_back
from drwatch.core.policy import Step
from drwatch.core.rota import Override, Person, Quiet, Rota

OSLO = ZoneInfo("Europe/Oslo")
ANNA, BO = Person("anna", ("anna-phone",)), Person("bo", ("bo-phone", "bo-sms"))
ROTA = Rota("oncall", (ANNA, BO), ("anna", "bo"), 0, time(9), OSLO, date(2026, 1, 5))
"""Mondays at nine in Oslo; Anna's first week begins on the 5th of January."""

DOWN = Finding(Condition.PRIMARY_DOWN, "shop", "oslo-a", "dead")
STALE = Finding(Condition.FILES_STALE, "shop", "uploads", "old")


def oslo(*when: int) -> datetime:
    return datetime(*when, tzinfo=OSLO)  # type: ignore[misc,arg-type]


def who(rota: Rota, at: datetime) -> str:
    return rota.duty(at).person.name


def test_duty_passes_on_at_the_hour_of_the_hand_over_and_not_before() -> None:
    assert who(ROTA, oslo(2026, 1, 5, 9)) == "anna"
    assert who(ROTA, oslo(2026, 1, 12, 8, 59, 59)) == "anna"
    assert who(ROTA, oslo(2026, 1, 12, 9)) == "bo"
    assert who(ROTA, oslo(2026, 1, 19, 9)) == "anna"
    assert ROTA.duty(oslo(2026, 1, 6, 3)).until == oslo(2026, 1, 12, 9)


def test_the_order_goes_back_before_its_first_week_so_that_somebody_is_always_on_duty() -> None:
    assert who(ROTA, oslo(2026, 1, 5, 8)) == "bo"
    assert who(ROTA, oslo(2025, 12, 29, 8)) == "anna"


def test_the_first_week_begins_with_the_first_hand_over_on_or_after_its_date() -> None:
    thursday = replace(ROTA, since=date(2026, 1, 8))
    assert who(thursday, oslo(2026, 1, 9, 12)) == "bo"
    assert who(thursday, oslo(2026, 1, 12, 9)) == "anna"


@pytest.mark.parametrize(
    ("day", "at", "instant"),
    [
        (date(2026, 3, 29), time(9), datetime(2026, 3, 29, 7, tzinfo=UTC)),
        (date(2026, 10, 25), time(9), datetime(2026, 10, 25, 8, tzinfo=UTC)),
        (date(2026, 3, 29), time(2, 30), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (date(2026, 10, 25), time(2, 30), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
    ids=["a day of 23 hours", "a day of 25 hours", "an hour that does not exist", "an hour that comes twice"],
)
def test_hand_over_is_by_the_wall_clock_and_once_on_the_days_of_the_change(
    day: date, at: time, instant: datetime
) -> None:
    rota = replace(ROTA, day=6, at=at, since=day)
    assert (who(rota, instant - timedelta(seconds=1)), who(rota, instant)) == ("bo", "anna")
    assert rota.duty(instant - timedelta(seconds=1)).until == instant
    week = [instant + timedelta(minutes=10 * step) for step in range(6 * 24 * 6)]
    assert {who(rota, moment) for moment in week} == {"anna"}


def test_whoever_stands_in_is_on_duty_for_that_time_and_nobody_is_told_longer() -> None:
    away = Override(oslo(2026, 1, 6, 18), oslo(2026, 1, 7, 18), "bo")
    rota = replace(ROTA, overrides=(away,))
    assert [who(rota, oslo(2026, 1, day, 18)) for day in (5, 6, 7)] == ["anna", "bo", "anna"]
    assert rota.duty(oslo(2026, 1, 6)).until == away.begins
    assert rota.duty(oslo(2026, 1, 6, 20)).until == away.ends


def test_of_two_who_stand_in_at_once_the_last_counts() -> None:
    rota = replace(
        ROTA,
        overrides=(
            Override(oslo(2026, 1, 6), oslo(2026, 1, 9), "bo"),
            Override(oslo(2026, 1, 7), oslo(2026, 1, 8), "anna"),
        ),
    )
    assert [who(rota, oslo(2026, 1, day, 12)) for day in (6, 7, 8)] == ["bo", "anna", "bo"]
    assert rota.duty(oslo(2026, 1, 6)).until == oslo(2026, 1, 7)


@given(st.integers(0, 20 * 365 * 86400))
def test_at_every_instant_one_person_is_on_duty_until_a_later_one(second: int) -> None:
    at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    duty = ROTA.duty(at)
    assert at < duty.until <= at + timedelta(days=7, hours=1)
    assert who(ROTA, duty.until - timedelta(microseconds=1)) == duty.person.name
    assert who(ROTA, duty.until) != duty.person.name


def over_a_hand_over() -> Pager:
    """The story begins at 04:14 in Oslo: the hand-over is ten minutes later."""
    rota = replace(ROTA, day=START.wall.weekday(), at=time(4, 24), since=START.wall.date() - timedelta(days=7))
    steps = (Step(("oncall",)), Step(("sms",), after=1e6))
    return Pager(replace(PAGING, channels=("anna-phone", "bo-phone", "bo-sms", "sms"), escalation=steps, rotas=(rota,)))


def test_a_page_finds_who_is_on_duty_and_a_reminder_who_is_then() -> None:
    pager = over_a_hand_over()
    for now in range(1250):
        pager.tell(now, DOWN)
    assert pager.heard() == [
        (5, PageReason.FIRST, ("anna-phone",)),
        (605, PageReason.STILL, ("bo-phone", "bo-sms")),
        (1205, PageReason.STILL, ("bo-phone", "bo-sms")),
    ]


def test_the_end_is_told_to_all_who_were_told_whoever_is_on_duty() -> None:
    pager = over_a_hand_over()
    for now in range(700):
        pager.tell(now, *([DOWN] if now < 650 else []))
    assert pager.heard()[-1] == (679, PageReason.RESOLVED, ("anna-phone", "bo-phone", "bo-sms"))


def test_a_hand_over_alone_tells_nobody() -> None:
    pager = over_a_hand_over()
    for now in range(650):
        pager.tell(now, *([DOWN] if now < 580 else []))
    assert pager.heard() == [
        (5, PageReason.FIRST, ("anna-phone",)),
        (609, PageReason.RESOLVED, ("anna-phone",)),
    ]


@pytest.mark.parametrize("hand_over", [time(4, 20), time(4, 24)], ids=["before they end", "as they end"])
def test_what_quiet_hours_kept_back_is_told_to_whoever_is_on_duty_when_they_end(hand_over: time) -> None:
    rota = replace(ROTA, people=(ANNA, Person("bo", ("bo-phone",))), at=hand_over, since=date(2026, 11, 16))
    still = Quiet(time(22), time(4, 24), OSLO)
    pager = Pager(
        replace(
            PAGING,
            channels=("mail", "anna-phone", "bo-phone"),
            escalation=(Step(("mail", "oncall")),),
            rotas=(rota,),
            quiet={"anna-phone": still, "bo-phone": still},
        )
    )
    for now in range(8 * 24 * 3600 // 60):
        pager.tell(now if now < 700 else now * 60, STALE)
        if now == 590:
            kept = [held_back(each, pager.paging, 5.0, START.plus(now)) for each in pager.incidents]
            assert [tuple(each) for each in kept] == [("bo-phone",) if hand_over == time(4, 20) else ("anna-phone",)]
    assert pager.heard() == [(5, PageReason.FIRST, ("mail",)), (600, PageReason.STILL, ("bo-phone",))]
