"""Tests of the channels: once a day, by day, only where nothing else proved them, and what comes of one that fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import POLICY, judged, seen

from drwatch.core.delivery import expired
from drwatch.core.finding import Condition
from drwatch.core.paging import PageReason, Row
from drwatch.core.policy import Paging, Prove, Step
from drwatch.core.proof import Proof
from drwatch.core.proving import Proofs, introduced, next_test, overdue, tests, turn
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot

tests.__test__ = False  # type: ignore[attr-defined]


def due_tests(proofs: Proofs, paging: Paging, zone: ZoneInfo, now: Moment) -> tuple[Proofs, tuple[Row, ...]]:
    """Those that are due by the day alone."""
    return tests(proofs, paging, zone, now, ())


OSLO = ZoneInfo("Europe/Oslo")
PAGING = Paging(("phone", "sms"), (Step(("phone", "sms")),), short=frozenset({"sms"}))
EPOCH = datetime(2026, 11, 23, tzinfo=UTC)
PROVE = Prove()


def wall(text: str) -> Moment:
    """A moment by what a clock in Oslo shows."""
    at = datetime.fromisoformat(text).replace(tzinfo=OSLO).astimezone(UTC)
    return Moment((at - EPOCH).total_seconds(), at)


def local(at: datetime) -> str:
    return at.astimezone(OSLO).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("accepted", "test"),
    [
        ("2026-11-23T10:00:05", "2026-11-24 10:00"),
        ("2026-11-23T15:30", "2026-11-24 15:30"),
        ("2026-11-23T03:14", "2026-11-23 10:00"),
        ("2026-11-23T23:00", "2026-11-24 10:00"),
        ("2026-10-24T10:00", "2026-10-25 10:00"),
    ],
    ids=["the last test", "a page by day", "a page at night", "a page in the evening", "a day of 25 hours"],
)
def test_a_channel_is_tried_a_day_after_it_was_last_proved_or_in_the_morning_where_that_would_be_at_night(
    accepted: str, test: str
) -> None:
    assert local(next_test(Proof(wall("2026-01-01T00:00"), wall(accepted)), PROVE, OSLO)) == test


@given(seconds=st.floats(0, 400 * 86400), hour=st.sampled_from([6, 8, 10, 12]))
def test_whenever_it_was_proved_it_is_tried_by_day_and_before_that_is_a_day_ago(seconds: float, hour: int) -> None:
    prove = Prove(time(hour, 0))
    at = Moment(seconds, EPOCH + timedelta(seconds=seconds))
    found = next_test(Proof(at, at), prove, OSLO)
    # In the night of October's change there is an hour more.
    assert timedelta(0) < found - at.wall <= timedelta(hours=25)
    shown = found.astimezone(OSLO)
    assert timedelta(0) <= shown - datetime.combine(shown.date(), prove.at, OSLO) <= timedelta(hours=12)
    assert not overdue(Proof(at, at), prove, OSLO, at, at.plus(25 * 3600))
    assert overdue(Proof(at, at), prove, OSLO, at, at.plus(26 * 3600 + 1))


@given(seconds=st.floats(0, 400 * 86400))
def test_what_is_to_be_proved_twice_a_day_is_tried_in_the_morning_after_the_night(seconds: float) -> None:
    prove = Prove(time(10, 0), every=12 * 3600.0)
    at = Moment(seconds, EPOCH + timedelta(seconds=seconds))
    found = next_test(Proof(at, at), prove, OSLO)
    # In the night of October's change there is an hour more.
    assert timedelta(0) < found - at.wall <= timedelta(hours=25)
    shown = found.astimezone(OSLO)
    assert timedelta(0) <= shown - datetime.combine(shown.date(), prove.at, OSLO) <= timedelta(hours=12)


def test_a_new_channel_is_tried_after_ten_minutes_or_in_the_morning() -> None:
    assert local(next_test(Proof(wall("2026-11-23T14:00")), PROVE, OSLO)) == "2026-11-23 14:10"
    assert local(next_test(Proof(wall("2026-11-23T23:00")), PROVE, OSLO)) == "2026-11-24 10:00"


def test_a_test_says_that_it_is_one_and_is_not_sent_again_while_it_is_under_way() -> None:
    proofs = introduced({}, PAGING, wall("2026-11-23T09:00"))
    assert due_tests(proofs, PAGING, OSLO, wall("2026-11-23T09:59:59"))[1] == ()
    proofs, (phone, sms) = due_tests(proofs, PAGING, OSLO, wall("2026-11-23T10:00:00"))
    assert phone.title == "TEST: drwatch can reach you here [TEST.2026-11-23T10:00]"
    assert (phone.reason, phone.letter.quiet, phone.channel, sms.body) == (PageReason.TEST, True, "phone", "")
    assert due_tests(proofs, PAGING, OSLO, wall("2026-11-23T10:00:01"))[1] == ()
    assert len(due_tests(proofs, PAGING, OSLO, wall("2026-11-24T10:00:01"))[1]) == 2


def test_a_test_that_was_missed_by_day_waits_for_the_morning() -> None:
    proofs = {"phone": Proof(wall("2026-11-01T00:00"), wall("2026-11-22T03:14"))}
    one = replace(PAGING, channels=("phone",))
    assert due_tests(proofs, one, OSLO, wall("2026-11-23T03:20"))[1] == ()
    assert len(due_tests(proofs, one, OSLO, wall("2026-11-23T10:00"))[1]) == 1


def test_a_test_that_nobody_takes_is_given_up_before_the_night() -> None:
    _, (row, _) = due_tests(introduced({}, PAGING, wall("2026-11-23T09:00")), PAGING, OSLO, wall("2026-11-23T21:59"))
    assert not expired(row, wall("2026-11-23T22:58"))
    assert expired(row, wall("2026-11-23T22:59"))


def test_a_channel_that_nobody_wants_tried_is_not_and_one_that_is_gone_is_forgotten() -> None:
    quiet = replace(PAGING, unproved=frozenset({"sms"}))
    proofs = introduced({"old": Proof(wall("2026-11-01T00:00"))}, quiet, wall("2026-11-23T09:00"))
    assert set(proofs) == {"phone", "sms"}
    assert [row.channel for row in due_tests(proofs, quiet, OSLO, wall("2026-11-23T12:00"))[1]] == ["phone"]


def test_a_proof_is_too_old_an_hour_after_its_day_and_after_a_start_not_before_the_next_test() -> None:
    proof, began = Proof(wall("2026-11-01T00:00"), wall("2026-11-23T10:00")), wall("2026-11-01T00:00")
    assert not overdue(proof, PROVE, OSLO, began, wall("2026-11-24T10:59"))
    assert overdue(proof, PROVE, OSLO, began, wall("2026-11-24T11:01"))
    started = wall("2026-11-27T02:00")
    assert not overdue(proof, PROVE, OSLO, started, wall("2026-11-27T10:59"))
    assert overdue(proof, PROVE, OSLO, started, wall("2026-11-27T11:01"))


def test_a_channel_that_took_nothing_for_36_hours_is_told_of() -> None:
    policy = replace(POLICY, paging=PAGING)
    start = Moment(1000.0, datetime(2026, 11, 23, 3, 14, tzinfo=UTC))
    proofs = {"phone": Proof(start), "sms": Proof(start, start.plus(3600))}
    world = replace(seen(), proofs=MappingProxyType(proofs))

    def broken(hours: float, but: Paging = PAGING) -> list[str]:
        found = judged(world, hours * 3600, replace(policy, paging=but)).findings
        return [each.summary for each in found if each.condition is Condition.PAGING_BROKEN]

    assert broken(35.9) == []
    assert broken(36.1) == ["the paging channel phone has taken neither page nor test for 36 h 6 min, nor ever"]
    assert len(broken(37.1)) == 2
    assert broken(100, replace(PAGING, unproved=frozenset({"phone", "sms"}))) == []


def test_a_channel_that_refuses_is_told_of_once() -> None:
    start = Moment(1000.0, datetime(2026, 11, 23, 3, 14, tzinfo=UTC))
    world = replace(seen(), proofs=MappingProxyType({"phone": Proof(start)}))
    world = world.told("phone", False, True, "401", start.plus(86400))
    found = judged(world, 40 * 3600.0, replace(POLICY, paging=PAGING)).findings
    assert [each.summary for each in found if each.condition is Condition.PAGING_BROKEN] == [
        "the paging channel phone refuses for good: 401"
    ]


def test_one_attempt_that_failed_and_no_other_made_says_nothing_of_a_channel() -> None:
    """Somebody took the incident in hand before the second one."""
    policy = replace(POLICY, paging=PAGING)
    start = Moment(1000.0, datetime(2026, 11, 23, 3, 14, tzinfo=UTC))

    def broken(world: Snapshot) -> list[str]:
        found = judged(world, 10, policy).findings
        return [each.summary for each in found if each.condition is Condition.PAGING_BROKEN]

    once = seen().told("phone", False, False, "no answer", start)
    assert broken(once) == []
    assert broken(once.told("phone", False, False, "no answer", start.plus(2))) == [
        "the paging channel phone does not accept: no answer"
    ]
    assert broken(seen().told("phone", False, True, "401", start)) != [], "a refusal says all"


@pytest.mark.parametrize(
    ("failed", "looked", "waiting", "tried"),
    [
        ("2026-11-23T14:00:00", "2026-11-23T14:00:59", (), []),
        ("2026-11-23T14:00:00", "2026-11-23T14:01:00", (), ["phone"]),
        ("2026-11-23T14:00:00", "2026-11-23T14:01:00", ("phone",), []),
        ("2026-11-23T03:00:00", "2026-11-23T03:30:00", (), []),
        ("2026-11-23T03:00:00", "2026-11-23T10:00:00", (), ["phone"]),
    ],
    ids=["just now", "a minute ago", "a page of it waits", "at night", "the morning after"],
)
def test_a_channel_that_failed_and_that_nothing_waits_for_is_tried_by_day(
    failed: str, looked: str, waiting: tuple[str, ...], tried: list[str]
) -> None:
    proof = Proof(wall("2026-11-01T00:00"), wall("2026-11-22T21:30"))
    world = replace(seen(), proofs=MappingProxyType({"phone": proof, "sms": proof}))
    world = world.told("phone", False, False, "no answer", wall(failed))
    assert [row.channel for row in turn(world, PAGING, OSLO, wall(looked), waiting)[1]] == tried


def test_a_channel_that_fails_on_is_tried_again_all_day_and_no_more_often_than_each_five_minutes() -> None:
    proof = Proof(wall("2026-11-01T00:00"), wall("2026-11-22T21:30"))
    world = replace(seen(), proofs=MappingProxyType({"phone": proof, "sms": proof}))
    world, minutes = world.told("phone", False, True, "401", wall("2026-11-23T14:00")), []
    for minute in range(20):
        world, rows = turn(world, PAGING, OSLO, wall(f"2026-11-23T14:{minute:02}"))
        minutes += [minute for _ in rows]
    assert minutes == [1, 6, 11, 16]


def test_a_page_that_is_taken_proves_the_channel() -> None:
    start = wall("2026-11-23T03:00")
    world = seen().told("phone", True, False, "", start)
    assert world.proofs["phone"].accepted == start
