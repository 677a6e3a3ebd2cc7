"""Jobs that say when they have run: what is told of one that does not, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import POLICY, SHOP, at, judged, seen, well

from drwatch.core.assessment import Assessment
from drwatch.core.finding import Condition
from drwatch.core.job import Said
from drwatch.core.memory import memory, recall
from drwatch.core.policy import Job
from drwatch.core.roles import learn
from drwatch.core.snapshot import Snapshot

HOUR = 3600.0
BACKUP = Job("nightly", 24 * HOUR, 2 * HOUR)
WATCHED = replace(POLICY, clusters=(replace(SHOP, jobs=(BACKUP,)),))


def judge(world: Snapshot, hours: float) -> Assessment:
    return judged(world, hours * HOUR, WATCHED)


def missed(world: Snapshot, hours: float) -> list[str]:
    return [each.summary for each in judge(world, hours).findings if each.condition is Condition.JOB_MISSED]


def configured() -> Snapshot:
    """At the first judgement nothing was heard of the job."""
    world = seen(well(0))
    return learn(world, judge(world, 0).snapshot)


def test_a_job_that_was_never_heard_of_is_given_its_interval_and_its_grace() -> None:
    world = configured()
    assert missed(world, 25.9) == []
    assert missed(world, 26.1) == [
        "the job nightly has never said that it was done, awaited for 26 h 6 min: "
        "it is to be every 24 h 0 min with a grace of 2 h 0 min"
    ]


def test_a_job_that_was_done_is_told_of_once_it_is_later_than_its_grace_and_over_with_its_next_word() -> None:
    world = configured().heard("shop", "nightly", Said.DONE, at(3 * HOUR))
    assert missed(world, 28.9) == []
    assert missed(world, 29.1)[0].startswith("the job nightly has not been done for 26 h 6 min")
    assert missed(world.heard("shop", "nightly", Said.DONE, at(29.2 * HOUR)), 29.3) == []


def test_a_job_that_says_that_it_failed_is_told_of_at_once_and_until_it_is_done() -> None:
    world = configured().heard("shop", "nightly", Said.FAIL, at(HOUR))
    assert missed(world, 1.01)[0].startswith("the job nightly says that it failed")
    begun = world.heard("shop", "nightly", Said.START, at(2 * HOUR))
    assert missed(begun, 2.01) != []
    assert missed(begun.heard("shop", "nightly", Said.DONE, at(3 * HOUR)), 3.01) == []


def test_a_job_that_has_begun_must_end_within_its_grace() -> None:
    world = configured().heard("shop", "nightly", Said.START, at(HOUR))
    assert missed(world, 2.9) == []
    assert missed(world, 3.1)[0].startswith("the job nightly began 2 h 6 min ago and has not ended")


def test_a_word_that_comes_while_it_is_judged_is_not_forgotten_and_a_job_that_is_gone_is() -> None:
    world = configured()
    before = judge(world, 1)
    after = learn(world.heard("shop", "nightly", Said.DONE, at(HOUR)), before.snapshot)
    assert after.jobs["shop", "nightly"].done == at(HOUR)
    assert learn(after, judged(after, 2 * HOUR).snapshot).jobs == {}


def away(world: Snapshot, begin: float, end: float) -> Snapshot:
    """drwatch was off from this hour to that one."""
    return recall(memory(world, at(begin * HOUR)), [each.node for each in SHOP.nodes], at(end * HOUR))


def test_a_word_that_may_have_met_nobody_while_drwatch_was_away_is_waited_for_once_more() -> None:
    """Done at 3, the next one at 27, and nobody was there from 20 to 30."""
    world = away(configured().heard("shop", "nightly", Said.DONE, at(3 * HOUR)), 20, 30)
    assert missed(world, 30) == []
    assert missed(world, 52.9) == []
    assert missed(world, 53.1) == [
        "the job nightly was not heard to be done, nor was drwatch there all the time, for 2 d 2 h: "
        "it is to be every 24 h 0 min with a grace of 2 h 0 min"
    ]
    again = away(world, 50, 52)
    assert (missed(again, 52), missed(again, 53.1) != []) == ([], True), "and only once"
    assert missed(away(world, 31, 31.1), 31.1) == [], "nor does a later restart make it late"


def test_a_job_whose_end_may_have_met_nobody_is_not_told_as_running() -> None:
    world = configured().heard("shop", "nightly", Said.DONE, at(3 * HOUR))
    world = away(world.heard("shop", "nightly", Said.START, at(26 * HOUR)), 26.5, 28)
    assert missed(world, 40) == []


@pytest.mark.parametrize(
    ("begin", "end"), [(4, 20), (29.2, 31), (27, 27.005)], ids=["long before", "after it was late", "a restart"]
)
def test_what_drwatch_was_there_to_hear_is_late_when_it_is_late(begin: float, end: float) -> None:
    world = away(configured().heard("shop", "nightly", Said.DONE, at(3 * HOUR)), begin, end)
    assert missed(world, max(29.1, end)) != []


def test_a_word_after_that_is_awaited_as_ever() -> None:
    world = away(configured().heard("shop", "nightly", Said.DONE, at(3 * HOUR)), 20, 30)
    world = world.heard("shop", "nightly", Said.DONE, at(51 * HOUR))
    assert missed(world, 76.9) == []
    assert missed(world, 77.1)[0].startswith("the job nightly has not been done for 26 h 6 min")
