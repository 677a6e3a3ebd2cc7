"""What a silence hides and what it never hides, when it ends, and when a maintenance window comes round."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import POLICY, START, Telling, at

from drwatch.core.finding import Condition, Finding
from drwatch.core.paging import PageReason
from drwatch.core.policy import Policy, Window
from drwatch.core.sample import Moment
from drwatch.core.silence import CONFIGURATION, MAINTENANCE, NEVER, Refused, Silence, Wish, keep, silence

OSLO = ZoneInfo("Europe/Oslo")
WISH = Wish("shop", 3600.0, "upgrade of oslo-b", "anna")
DOWN = Finding(Condition.PRIMARY_DOWN, "shop", "oslo-a", "dead")
STOPPED = Finding(Condition.REPLICATION_STOPPED, "shop", "oslo-b", "stopped")


def made(**but: object) -> Silence:
    return silence(replace(WISH, **but), POLICY, START)  # type: ignore[arg-type]


def test_a_silence_says_who_wants_to_hear_nothing_of_what_until_when_and_why() -> None:
    asked = made(condition="ReplicationStopped", node="oslo-b")
    assert (asked.by, asked.reason, asked.until) == ("anna", "upgrade of oslo-b", at(3600))
    assert asked.id.startswith("S")
    assert asked.covers("shop", Condition.REPLICATION_STOPPED, "oslo-b")
    assert not asked.covers("shop", Condition.REPLICATION_STOPPED, "oslo-c")
    assert not asked.covers("shop", Condition.STANDBY_DOWN, "oslo-b")
    assert not asked.covers("other", Condition.REPLICATION_STOPPED, "oslo-b")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"cluster": "shoop"}, "there is no cluster shoop: the configuration has shop"),
        ({"seconds": 72 * 3600 + 1}, "to 3 d"),
        ({"seconds": 0.0}, "a silence lasts from a second"),
        ({"seconds": float("nan")}, "a silence lasts from a second"),
        ({"reason": " "}, "needs a reason"),
        ({"by": ""}, "somebody who asks for it"),
        ({"condition": "Nonsense"}, "there is no condition Nonsense"),
        ({"condition": "WitnessIsolated"}, "is never silenced"),
        ({"condition": "PagingBroken"}, "is never silenced"),
        ({"condition": "HistoryLost"}, "is never silenced"),
        ({"node": "oslo-x"}, "shop has no node oslo-x: it has oslo-a, oslo-b"),
    ],
)
def test_a_silence_that_may_not_be_is_refused_in_a_sentence(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(Refused, match=words):
        made(**wrong)


def test_no_silence_hides_that_drwatch_sees_or_pages_nothing() -> None:
    whole = made()
    assert {condition for condition in Condition if not whole.covers("shop", condition, "oslo-a")} == NEVER


@given(st.floats(0, 80 * 3600), st.floats(-80 * 3600, 80 * 3600))
def test_a_silence_is_over_after_its_time_whatever_the_wall_clock_does(later: float, step: float) -> None:
    now = Moment(START.loop + later, at(later + step).wall)
    assert made().over(now) is (later >= 3600)


def test_what_the_machine_slept_through_is_a_part_of_a_silence() -> None:
    slept = made().shifted(600.0, 0.0)
    assert slept.over(at(3000)), "the loop's hand stood still meanwhile"
    assert not slept.over(at(2999))
    assert slept.until.wall == made().until.wall


def test_a_step_of_the_wall_clock_moves_what_people_read_of_a_silence_and_not_how_long_it_lasts() -> None:
    stepped = made().shifted(0.0, 3600.0)
    assert stepped.until == Moment(made().until.loop, made().until.wall + timedelta(hours=1))


def test_what_is_silenced_is_an_incident_that_nobody_is_told_of() -> None:
    story = Telling()
    story.go(0, 100, DOWN, silences=(made(),))
    assert story.told == []
    assert [incident.silence for incident in story.incidents] == [made().id]
    story.go(100, 200, silences=(made(),))
    assert story.told == []
    assert story.incidents == ()


def test_what_is_still_true_when_a_silence_ends_is_told_at_once_and_escalates_from_there() -> None:
    story = Telling()
    story.go(0, 4000, DOWN, silences=(made(),))
    assert [(when, reason) for when, reason, _ in story.told] == [
        (3600, PageReason.FIRST),
        (3900, PageReason.ESCALATED),
    ]


def test_a_silence_stops_the_repeats_of_what_was_told_and_not_its_resolve() -> None:
    story = Telling()
    story.go(0, 10, DOWN)
    story.go(10, 1000, DOWN, silences=(made(),))
    story.go(1000, 1100, silences=(made(),))
    assert [reason for _, reason, _ in story.told] == [PageReason.FIRST, PageReason.RESOLVED]


@pytest.mark.parametrize("back", [92, 99])
def test_what_is_over_when_a_silence_ends_is_told_to_nobody(back: int) -> None:
    """Within the hold its incident is still open."""
    story, hidden = Telling(), made(seconds=100.0)
    story.go(0, 80, silences=(hidden,))
    story.go(80, back, DOWN, silences=(hidden,))
    story.go(back, 300, silences=(hidden,))
    assert story.told == []


def test_what_was_told_before_a_silence_is_told_again_when_that_ends_over_it() -> None:
    """A warning is told once, as a rule: but whoever silenced it for an hour wants to know after the hour."""
    story = Telling()
    story.go(0, 30, STOPPED)
    story.go(30, 3700, STOPPED, silences=(made(),))
    assert [(when, reason) for when, reason, _ in story.told] == [(5, PageReason.FIRST), (3600, PageReason.STILL)]


RESTARTING = Finding(Condition.PRIMARY_RESTARTING, "shop", "oslo-a", "restarts")


def alternating(
    story: Telling, start: int, end: int, *faces: tuple[Finding, int], silences: tuple[Silence, ...]
) -> None:
    """One face after the other for its seconds, over and over."""
    rhythm = [face for face, seconds in faces for _ in range(seconds)]
    for now in range(start, end):
        story.go(now, now + 1, rhythm[(now - start) % len(rhythm)], silences=silences)


def test_a_silence_of_one_face_hides_no_primary_that_also_shows_another() -> None:
    story, hidden = Telling(), made(condition="PrimaryRestarting")
    alternating(story, 0, 3600, (DOWN, 4), (RESTARTING, 20), silences=(hidden,))
    assert story.told[:2] == [
        (72, PageReason.FIRST, Condition.PRIMARY_DOWN),
        (360, PageReason.ESCALATED, Condition.PRIMARY_DOWN),
    ]


def test_a_silence_of_one_face_repeats_nothing_at_each_change_to_another() -> None:
    story, hidden = Telling(), made(condition="PrimaryRestarting")
    story.go(0, 12, DOWN)
    alternating(story, 12, 612, (RESTARTING, 12), (DOWN, 12), silences=(hidden,))
    assert [(when, reason) for when, reason, _ in story.told] == [(5, PageReason.FIRST), (312, PageReason.ESCALATED)]


def test_what_a_silenced_trouble_explains_is_not_told_either() -> None:
    story = Telling()
    explained = replace(STOPPED, suppressed_by=Condition.PRIMARY_DOWN)
    story.go(0, 100, DOWN, explained, silences=(made(condition="PrimaryDown"),))
    assert story.told == []


def nightly(at_: str = "02:30", lasting: float = 3600.0, days: frozenset[int] = frozenset(range(7))) -> Policy:
    hour, minute = map(int, at_.split(":"))
    return replace(POLICY, maintenance=(Window("shop", time(hour, minute), lasting, "upgrades", days),))


def open_at(policy: Policy, *wall: int) -> bool:
    instant = datetime(*wall, tzinfo=UTC)  # type: ignore[misc,arg-type]
    now = Moment((instant - START.wall).total_seconds() + START.loop, instant)
    return any(not each.over(now) for each in keep((), policy, OSLO, now))


@pytest.mark.parametrize(
    ("wall", "is_open"),
    [
        ((2026, 11, 23, 1, 29), False),
        ((2026, 11, 23, 1, 30), True),
        ((2026, 11, 23, 2, 29, 59), True),
        ((2026, 11, 23, 2, 30), False),
        # 25 October: 02:30 comes twice, at 00:30 and at 01:30 UTC. The window opens at the first, and lasts an hour.
        ((2026, 10, 25, 0, 30), True),
        ((2026, 10, 25, 1, 29), True),
        ((2026, 10, 25, 1, 31), False),
        # 29 March: there is no 02:30. The window opens when the hour has been left out, at 03:30 or 01:30 UTC.
        ((2026, 3, 29, 0, 45), False),
        ((2026, 3, 29, 1, 31), True),
        ((2026, 3, 29, 2, 31), False),
    ],
)
def test_a_window_opens_once_a_day_by_the_clock_of_its_zone(wall: tuple[int, ...], is_open: bool) -> None:
    assert open_at(nightly(), *wall) is is_open


def test_a_window_opens_on_its_days_and_may_reach_into_the_next() -> None:
    sunday = nightly("23:00", 4 * 3600.0, frozenset({6}))
    assert open_at(sunday, 2026, 11, 22, 22, 30)
    assert open_at(sunday, 2026, 11, 23, 1, 59)
    assert not open_at(sunday, 2026, 11, 23, 2, 1)
    assert not open_at(sunday, 2026, 11, 23, 22, 30)


def test_a_window_is_one_silence_as_long_as_it_is_open_and_can_be_ended() -> None:
    policy = nightly("04:00")
    first = keep((), policy, OSLO, START)
    again = keep(first, policy, OSLO, at(600))
    assert [(each.by, each.reason) for each in first] == [(MAINTENANCE, "upgrades")]
    assert again == first
    ended = (replace(first[0], ended=at(700), ended_by="anna"),)
    assert keep(ended, policy, OSLO, at(800)) == ended
    assert keep(ended, policy, OSLO, at(3600)) == ()


def test_a_window_that_leaves_the_configuration_ends() -> None:
    first = keep((), nightly("04:00"), OSLO, START)
    (gone,) = keep(first, POLICY, OSLO, at(60))
    assert (gone.ended, gone.ended_by) == (at(60), CONFIGURATION)


def test_a_silence_of_a_cluster_that_is_no_longer_watched_is_forgotten() -> None:
    assert keep((replace(made(), cluster="other"),), POLICY, OSLO, at(1)) == ()
