"""What comes and goes is one page; a lost primary is told each time; at the end the difference is told, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import POLICY, START, Telling, at

from drwatch.core.finding import PRIMARY_LOST, Condition, Finding, Severity
from drwatch.core.memory import memory, recall
from drwatch.core.paging import PageReason
from drwatch.core.policy import Flapping, Paging, Step
from drwatch.core.rota import Quiet
from drwatch.core.silence import Wish, silence
from drwatch.core.snapshot import Snapshot

FIRST, AGAIN, RESOLVED = PageReason.FIRST, PageReason.AGAIN, PageReason.RESOLVED
FLAPS, STOPS, DIES = Condition.FLAPPING, Condition.REPLICATION_STOPPED, Condition.PRIMARY_DOWN

ONE_STEP = replace(POLICY, paging=Paging(("phone",), (Step(("phone",)),)))

STOPPED = Finding(STOPS, "shop", "oslo-b", "stopped")
DOWN = Finding(DIES, "shop", "oslo-a", "dead")
CLOSING = Finding(Condition.BINLOG_GAP_CLOSING, "shop", "oslo-b", "purged soon")
LATE = Finding(Condition.RPO_BREACHED, "shop", "oslo-b", "late")


def blinking(finding: Finding, times: int, on: int = 20, off: int = 100, paging: Paging = ONE_STEP.paging) -> Telling:
    """It comes for ``on`` seconds and goes for ``off``, so often; the next tick is at times * (on + off)."""
    story = Telling(replace(ONE_STEP, paging=paging))
    for number in range(times):
        start = number * (on + off)
        story.go(start, start + on, finding)
        story.go(start + on, start + on + off)
    return story


def brief(story: Telling) -> list[tuple[PageReason, Condition]]:
    return [(reason, condition) for _, reason, condition in story.told]


@pytest.mark.parametrize("finding", [STOPPED, LATE], ids=lambda finding: str(finding.condition))
def test_what_comes_the_third_time_in_half_an_hour_is_one_page_that_says_so(finding: Finding) -> None:
    what = finding.condition
    story = blinking(finding, 12)
    assert brief(story) == [(FIRST, what), (RESOLVED, what), (FIRST, what), (RESOLVED, what), (FIRST, FLAPS)]
    (flapping,) = (each for each in story.incidents if each.condition is FLAPS)
    assert flapping.severity is (Severity.CRITICAL if finding is LATE else Severity.WARNING)
    assert flapping.summary == f"{what} comes and goes on oslo-b: 24 changes in 23 min"
    assert flapping.subject == "oslo-b"


def test_what_is_critical_and_flaps_is_told_in_quiet_hours_and_again_each_hour() -> None:
    """A minute over the objective and a minute under it, all night: what is told last is not that it is over."""
    night = Paging(("phone",), (Step(("phone",)),), quiet={"phone": Quiet(time(22), time(7), UTC)})
    story = blinking(LATE, 65, on=60, off=60, paging=night)
    what = Condition.RPO_BREACHED
    assert brief(story)[:5] == [(FIRST, what), (RESOLVED, what), (FIRST, what), (RESOLVED, what), (FIRST, FLAPS)]
    assert [(when, reason) for when, reason, _ in story.told[4:]] == [
        (246, FIRST),
        (3846, PageReason.STILL),
        (7446, PageReason.STILL),
    ]


def test_a_warning_that_flaps_waits_for_the_end_of_quiet_hours() -> None:
    night = Paging(("phone",), (Step(("phone",)),), quiet={"phone": Quiet(time(22), time(7), UTC)})
    assert blinking(STOPPED, 20, paging=night).told == []


def test_a_warning_that_flaps_and_becomes_critical_is_told_as_that() -> None:
    story = blinking(CLOSING, 3)
    story.go(360, 460, replace(CLOSING, urgent=True))
    assert brief(story)[4:] == [(FIRST, FLAPS), (PageReason.CHANGED, FLAPS)]


def test_what_is_told_each_time_does_not_make_its_flapping_critical() -> None:
    flapping = [each for each in blinking(DOWN, 6).incidents if each.condition is FLAPS]
    assert [each.severity for each in flapping] == [Severity.WARNING]


def test_at_its_end_what_is_true_and_was_not_told_is_told_once() -> None:
    story = blinking(STOPPED, 3)
    story.go(360, 2000, STOPPED)
    assert brief(story)[4:] == [(FIRST, FLAPS), (FIRST, STOPS), (RESOLVED, FLAPS)]
    when = [at for at, _, condition in story.told if condition is STOPS][-1]
    assert when == 360 + POLICY.flapping.steady
    story.go(2000, 2100)
    assert brief(story)[7:] == [(RESOLVED, STOPS)]


def test_at_its_end_nothing_is_told_of_what_is_as_it_was_told_last() -> None:
    story = blinking(STOPPED, 3)
    story.go(360, 2000)
    assert brief(story)[4:] == [(FIRST, FLAPS), (RESOLVED, FLAPS)]
    assert story.incidents == ()
    assert dict(story.flaps) == {}


def test_what_was_told_as_open_is_told_as_over_once_the_flapping_is() -> None:
    story = Telling(replace(ONE_STEP, flapping=Flapping(times=2)))
    story.go(0, 20, DOWN)
    story.go(20, 100)
    story.go(100, 120, DOWN)
    story.go(120, 2000)
    assert brief(story)[:4] == [(FIRST, DIES), (RESOLVED, DIES), (FIRST, DIES), (FIRST, FLAPS)]
    assert story.told[4:] == [(719, RESOLVED, DIES), (750, RESOLVED, FLAPS)]


@pytest.mark.parametrize("condition", sorted(PRIMARY_LOST))
def test_a_lost_primary_is_told_each_time_that_it_stays_lost_for_its_window(condition: Condition) -> None:
    down = replace(DOWN, condition=condition)
    story = blinking(down, 6)
    told = [(when, reason) for when, reason, face in story.told if face is condition]
    assert told[:5] == [(5, FIRST), (49, RESOLVED), (125, FIRST), (169, RESOLVED), (245, FIRST)]
    assert told[5:] == [(365, AGAIN), (485, AGAIN), (605, AGAIN)]
    assert brief(story).count((FIRST, FLAPS)) == 1


def test_a_primary_that_blinks_faster_than_its_window_is_not_told_at_each_blink() -> None:
    """Nor would it have been told as over in between; at the end it has been away for good, and that is told."""
    story = blinking(DOWN, 3)
    blinked = len(story.told)
    for start in range(360, 800, 20):
        story.go(start, start + 3, DOWN)
        story.go(start + 3, start + 20)
    assert story.told[blinked:] == []
    story.go(800, 1500)
    assert brief(story)[blinked:] == [(RESOLVED, DIES), (RESOLVED, FLAPS)]


def three_deaths_of_a_pair_whose_second_step_is_sms() -> Telling:
    """Told as any; the third, at 245, is the one that flaps. Then it serves until 700."""
    story = Telling(POLICY)
    for start in (0, 120, 240):
        story.go(start, start + 20, DOWN)
        story.go(start + 20, 700 if start == 240 else start + 120)
    story.told.clear()
    story.channels.clear()
    return story


def test_a_primary_that_dies_again_while_it_flaps_is_told_by_every_step_that_is_due_after_its_window() -> None:
    story = three_deaths_of_a_pair_whose_second_step_is_sms()
    story.go(700, 1400, DOWN)
    lost = [each for each in story.told if each[2] is DIES]
    assert lost == [(705, AGAIN, DIES), (1305, PageReason.STILL, DIES)]
    assert story.channels[0] == ("phone", "sms")


def test_a_blink_of_a_primary_that_flaps_wakes_nobody_and_escalates_nothing() -> None:
    story = three_deaths_of_a_pair_whose_second_step_is_sms()
    story.go(700, 701, DOWN)
    story.go(701, 1000)
    assert story.told == []


def test_a_restart_of_drwatch_escalates_no_flapping_trouble_before_it_has_looked() -> None:
    story = three_deaths_of_a_pair_whose_second_step_is_sms()
    story.go(700, 703, unsettled=frozenset({"shop"}))
    story.go(703, 800)
    assert story.told == []
    story.go(800, 900, DOWN)
    assert story.told == [(805, AGAIN, DIES)]


def test_a_flapping_primary_that_the_witness_loses_sight_of_has_not_come_and_gone() -> None:
    """Dead from 240 on; from 300 to 400 the witness sees nothing."""
    story = blinking(DOWN, 2)
    story.go(240, 300, DOWN)
    told = len(story.told)
    story.go(300, 400, replace(DOWN, condition=Condition.WITNESS_ISOLATED))
    story.go(400, 500, DOWN)
    assert [each for each in story.told[told:] if each[2] is DIES] == []


def test_what_a_greater_trouble_explains_or_a_silence_hides_does_not_flap() -> None:
    explained = replace(STOPPED, suppressed_by=Condition.PRIMARY_DOWN)
    assert blinking(explained, 6).told == []
    quiet = Telling(ONE_STEP)
    hidden = (silence(Wish("shop", 3600.0, "upgrade", "anna"), POLICY, START),)
    for number in range(6):
        quiet.go(number * 120, number * 120 + 20, DOWN, silences=hidden)
        quiet.go(number * 120 + 20, number * 120 + 120, silences=hidden)
    quiet.go(720, 2000)
    assert quiet.told == []


def test_what_comes_seldom_is_told_each_time() -> None:
    assert brief(blinking(STOPPED, 6, off=1200)) == [(FIRST, STOPS), (RESOLVED, STOPS)] * 6


def test_a_broken_channel_is_told_each_time() -> None:
    broken = Finding(Condition.PAGING_BROKEN, "", "pager", "refuses")
    assert brief(blinking(broken, 5)) == [(FIRST, Condition.PAGING_BROKEN), (RESOLVED, Condition.PAGING_BROKEN)] * 5


def test_a_restart_forgets_no_flapping() -> None:
    story = blinking(STOPPED, 3)
    later = recall(memory(Snapshot(flaps=story.flaps), at(360)), (), at(400))
    assert later.flaps == story.flaps
    again = Telling(ONE_STEP)
    again.incidents, again.flaps = story.incidents, later.flaps
    again.go(400, 500, STOPPED)
    assert again.told == []


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 120)), min_size=1, max_size=12), st.booleans())
def test_whatever_blinks_is_told_and_resolved_in_turn_and_its_end_is_known(
    blinks: list[tuple[int, int]], stays: bool
) -> None:
    """After a long rest, what people were told last of the trouble is what is true."""
    story, now = Telling(ONE_STEP), 0
    for on, off in blinks:
        story.go(now, now + on, STOPPED)
        story.go(now + on, now + on + off)
        now += on + off
    story.go(now, now + 1500, *([STOPPED] if stays else []))
    of_it = [reason for _, reason, condition in story.told if condition is STOPS]
    assert of_it == ([FIRST, RESOLVED] * len(of_it))[: len(of_it)]
    assert (of_it[-1:] == [FIRST]) is stays
    flaps = [reason for _, reason, condition in story.told if condition is FLAPS]
    assert flaps == [FIRST, RESOLVED] * (len(flaps) // 2)
