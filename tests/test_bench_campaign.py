"""What the campaign of verdicts may not let pass, and that the same seed is the same trouble."""

from dataclasses import replace

import pytest

from bench.timelines import Instant, Truth, timeline
from bench.verdict_campaign import TIMELINES, judge, play
from drwatch.core.finding import Condition, Severity
from drwatch.core.paging import PageReason
from drwatch.lab.page import Told

WELL = Instant(0, Truth.SERVES, False, True, False, True, False, True)


def truth(*stretches: tuple[float, Instant]) -> list[Instant]:
    """Each stretch lasts until its second."""
    return [
        replace(next(instant for end, instant in stretches if n / 5 <= end), at=n / 5)
        for n in range(int(stretches[-1][0] * 5))
    ]


def dead(how: Truth = Truth.KILLED) -> list[Instant]:
    """From second 10 to 90."""
    return truth((10, WELL), (90, replace(WELL, primary=how)))


def page(after: float, condition: Condition = Condition.PRIMARY_DOWN, event: str = "AAAAAA.1", **but: object) -> Told:
    title = f"CRITICAL shop: {condition} oslo-a since 03:14 [{event}]"
    usual = {"reason": PageReason.FIRST, "body": f"Event {event}, begun 03:14, conclusive."} | but
    return Told(after, condition, Severity.CRITICAL, title=title, event=event, **usual)  # type: ignore[arg-type]


def test_a_death_that_is_told_by_its_name_is_well_and_counted_beyond_its_window() -> None:
    found = judge(1, [page(16.5)], dead())
    assert not found.failed
    assert found.delays == [pytest.approx(1.5, abs=0.3)]


def test_a_death_that_nobody_is_told_of_is_missed() -> None:
    assert judge(1, [], dead()).missed
    assert judge(1, [page(16, Condition.PRIMARY_UNSEEN)], dead()).missed


def test_a_page_of_a_primary_that_serves_is_false() -> None:
    assert judge(1, [page(50)], truth((90, WELL))).false
    assert judge(1, [page(94)], truth((10, WELL), (90, replace(WELL, primary=Truth.KILLED)), (99, WELL))).false


def test_a_primary_that_only_the_witness_cannot_reach_is_not_to_be_called_dead() -> None:
    assert judge(1, [page(50)], truth((90, replace(WELL, witnessed=False)))).false


@pytest.mark.parametrize(
    ("how", "condition"),
    [
        (Truth.KILLED, Condition.PRIMARY_HOST_DOWN),
        (Truth.HUNG, Condition.PRIMARY_DOWN),
        (Truth.GONE, Condition.PRIMARY_DOWN),
        (Truth.FROZEN, Condition.PRIMARY_HOST_DOWN),
    ],
)
def test_a_death_by_another_name_is_a_wrong_class(how: Truth, condition: Condition) -> None:
    assert judge(1, [page(30, condition)], dead(how)).wrong


def test_a_server_that_was_killed_on_a_frozen_host_has_two_names() -> None:
    frozen = replace(WELL, primary=Truth.FROZEN)
    story = truth((10, WELL), (30, frozen), (90, replace(frozen, ended=True)))
    for condition in (Condition.PRIMARY_HUNG, Condition.PRIMARY_DOWN):
        assert not judge(1, [page(60, condition)], story).failed
    assert judge(1, [page(60, Condition.PRIMARY_HOST_DOWN)], story).wrong
    assert judge(1, [page(25, Condition.PRIMARY_DOWN)], story).wrong


def test_what_is_told_twice_is_a_duplicate() -> None:
    assert judge(1, [page(16), page(17)], dead()).twice
    assert judge(1, [page(16), page(30, event="BBBBBB.1")], dead()).twice
    over = page(60, reason=PageReason.RESOLVED, event="AAAAAA.2")
    assert not judge(1, [page(16), over, page(70, event="BBBBBB.1")], dead()).twice


MENDED = (3100, 5145, 5980, 6602)
"""Timelines that were once told wrongly, one of each kind."""


@pytest.mark.parametrize("seed", [*range(0, TIMELINES, 500), *MENDED])
def test_a_timeline_of_the_campaign_is_told_as_it_was(seed: int) -> None:
    assert not (found := play(seed)[0]).failed, found


def test_the_same_seed_is_the_same_trouble() -> None:
    assert timeline(7) == timeline(7)
    assert len({timeline(seed).acts for seed in range(50)}) == 50
