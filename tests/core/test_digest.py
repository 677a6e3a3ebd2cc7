"""The digest: what is in it, when it is due, and that a day without news is silent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from worlds import POLICY, START, Telling, at

from drwatch.core.digest import rows, since, turn
from drwatch.core.finding import Condition, Finding
from drwatch.core.incident import ENDED, Incident
from drwatch.core.paging import Row
from drwatch.core.policy import Digest, Paging, Step
from drwatch.core.rota import Quiet
from drwatch.core.sample import Moment
from drwatch.core.silence import Wish, silence

OSLO = ZoneInfo("Europe/Oslo")
MORNING = Digest(("mail", "sms"), time(8, 0))
PAGING = Paging(("phone", "mail", "sms"), (Step(("phone",)),), short=frozenset({"sms"}), digest=MORNING)

DOWN = Finding(Condition.PRIMARY_DOWN, "shop", "oslo-a", "dead")
STOPPED = Finding(Condition.REPLICATION_STOPPED, "shop", "oslo-b", "stopped")
LATE = Finding(Condition.RPO_BREACHED, "shop", "oslo-b", "late")
WRITABLE = Finding(Condition.STANDBY_WRITABLE, "shop", "oslo-b", "open")


def told(story: Telling) -> tuple[Row, ...]:
    ended = [each for each in story.changed if each.phase in ENDED]
    return rows("2026-11-23", PAGING, ended, story.incidents, OSLO, at(5000))


def wall(*parts: int) -> Moment:
    return Moment(0.0, datetime(*parts, tzinfo=UTC))  # type: ignore[misc,arg-type]


def test_a_day_without_news_is_silent() -> None:
    story = Telling()
    story.go(0, 100)
    assert told(story) == ()


def test_what_was_told_and_is_over_is_no_news() -> None:
    story = Telling()
    story.go(0, 20, DOWN)
    story.go(20, 200)
    assert len(story.told) == 2
    assert told(story) == ()


def test_a_death_that_mended_itself_in_its_window_is_told_the_next_morning() -> None:
    story = Telling()
    story.go(0, 4, DOWN)
    story.go(4, 100)
    assert story.told == []
    mail, sms = told(story)
    assert mail.title == "DIGEST drwatch: 1 healed [DIGEST.2026-11-23]"
    assert mail.body.startswith(
        "Healed before anybody was told:\n  11-23 04:14:00 shop PrimaryDown oslo-a for 3.0 s: dead ["
    )
    assert (mail.event, mail.channel, sms.channel, sms.body) == ("DIGEST.2026-11-23", "mail", "sms", "")


def test_the_digest_has_what_flapped_what_was_silenced_what_was_explained_and_what_is_open() -> None:
    story = Telling()
    hidden = (silence(Wish("shop", 300.0, "upgrade", "anna", condition="StandbyWritable"), POLICY, START),)
    story.go(0, 60, WRITABLE, silences=hidden)
    story.go(60, 200, DOWN, replace(LATE, suppressed_by=Condition.PRIMARY_DOWN), silences=hidden)
    story.go(200, 240)
    for start in (240, 340, 440):
        story.go(start, start + 10, STOPPED)
        story.go(start + 10, start + 100)
    story.go(540, 600, WRITABLE)
    mail, _ = told(story)
    assert mail.title.startswith("DIGEST drwatch: 3 open, 1 flapped, 1 silenced, 1 explained [")
    assert "shop RpoBreached oslo-b for" in mail.body
    assert "(explained by PrimaryDown)" in mail.body
    assert "Silenced, and told to nobody:" in mail.body
    assert "Came and went:" in mail.body
    assert "shop Flapping oslo-b" in mail.body


def test_a_warning_of_the_night_that_quiet_hours_kept_and_that_is_over_is_told_in_the_morning() -> None:
    """The end of a trouble that nobody was told of is told to nobody either."""
    story = Telling(replace(POLICY, paging=replace(PAGING, quiet={"phone": Quiet(time(22), time(7), UTC)})))
    story.go(0, 3600, STOPPED)
    story.go(3600, 3700)
    assert story.told == []
    mail, _ = told(story)
    assert mail.title.startswith("DIGEST drwatch: 1 passed [")
    assert mail.body.startswith(
        "Over before anybody was told (quiet hours, a step's delay):\n  11-23 04:14:00 shop Repl"
    )


def test_what_flapping_has_told_of_is_in_the_digest_as_that_alone() -> None:
    story = Telling(replace(POLICY, paging=PAGING))
    for start in range(0, 600, 100):
        story.go(start, start + 10, STOPPED)
        story.go(start + 10, start + 100)
    story.go(600, 1400)
    mail, _ = told(story)
    assert mail.title.startswith("DIGEST drwatch: 1 flapped [")


def test_a_long_digest_is_cut_and_says_so() -> None:
    story = Telling()
    for start in range(0, 450, 10):
        story.go(start, start + 3, DOWN)
        story.go(start + 3, start + 10)
    mail, _ = told(story)
    assert mail.title.startswith("DIGEST drwatch: 45 healed [")
    assert mail.body.endswith("… and 5 more: drwatch incidents")


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (wall(2026, 11, 23, 6, 59), "2026-11-22"),
        (wall(2026, 11, 23, 7, 0), "2026-11-23"),
        (wall(2026, 11, 23, 23, 30), "2026-11-23"),
        (wall(2026, 10, 25, 6, 59), "2026-10-24"),
        (wall(2026, 10, 25, 7, 0), "2026-10-25"),
        (wall(2026, 3, 29, 6, 0), "2026-03-29"),
    ],
)
def test_the_digest_is_due_by_the_clock_of_the_zone(now: Moment, day: str) -> None:
    assert turn(MORNING, OSLO, now) == day


@pytest.mark.parametrize("clock", [time(2, 30), time(8, 0), time(0, 0)])
@pytest.mark.parametrize("month", [3, 10])
def test_each_day_has_one_digest_whatever_the_clocks_do(clock: time, month: int) -> None:
    """Both changes of 2026, looked at each minute: the day only ever goes on, by one, and covers all the time."""
    digest, start = Digest(("mail",), clock), datetime(2026, month, 20, tzinfo=UTC)
    days = [turn(digest, OSLO, Moment(0.0, start + timedelta(minutes=each))) for each in range(14 * 1440)]
    assert days == sorted(days)
    found = list(dict.fromkeys(days))
    assert len(found) in (14, 15)
    bounds = [since(day, digest, OSLO) for day in found]
    hours = {(later - earlier) // timedelta(hours=1) for earlier, later in pairwise(bounds)}
    assert hours <= {23, 24, 25}


def test_an_incident_of_yesterday_is_in_no_digest_of_today() -> None:
    assert rows("2026-11-23", PAGING, [], [], OSLO, START) == ()
    assert rows("2026-11-23", replace(PAGING, digest=None), [incident()], [], OSLO, START) == ()


def incident() -> Incident:
    story = Telling()
    story.go(0, 4, DOWN)
    story.go(4, 5)
    return story.changed[-1]
