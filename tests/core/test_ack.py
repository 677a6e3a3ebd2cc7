"""What somebody has in hand is told to nobody else, until it runs out, becomes worse, or is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest
from pager import Pager
from worlds import PAGING, at, judged, seen, well

from drwatch.core.ack import Answer, Refused
from drwatch.core.acknowledge import acknowledge
from drwatch.core.finding import Condition, Finding
from drwatch.core.message import compose
from drwatch.core.paging import Page, PageReason
from drwatch.core.policy import Step

DOWN = Finding(Condition.PRIMARY_DOWN, "shop", "oslo-a", "dead")
SATURATED = Finding(Condition.PRIMARY_SATURATED, "shop", "oslo-a", "no connection is free")
STALE = Finding(Condition.FILES_STALE, "shop", "uploads", "old")
WORSE = replace(STALE, urgent=True)


def acknowledged_at(second: int, finding: Finding = DOWN) -> Pager:
    pager = Pager()
    for now in range(second + 1):
        pager.tell(now, finding)
    pager.acknowledge(second)
    return pager


def test_what_is_acknowledged_is_neither_escalated_nor_told_again_for_an_hour() -> None:
    pager = acknowledged_at(60)
    for now in range(61, 3660):
        pager.tell(now, DOWN)
    assert pager.reasons() == [(5, PageReason.FIRST)]


def test_what_is_still_true_when_the_acknowledgement_runs_out_is_told_again_and_then_escalated() -> None:
    pager = acknowledged_at(60)
    for now in range(61, 4000):
        pager.tell(now, DOWN)
    assert pager.heard() == [
        (5, PageReason.FIRST, ("phone",)),
        (3660, PageReason.STILL, ("phone",)),
        (3960, PageReason.ESCALATED, ("sms",)),
    ]


def test_a_broken_channel_that_somebody_has_in_hand_is_told_again_although_nobody_has_tried_it_since_a_restart() -> (
    None
):
    """60: somebody has it in hand. 100: drwatch restarts, and nothing is sent through that channel any more."""
    broken = Finding(Condition.PAGING_BROKEN, "", "sms", "sms takes no pages")
    pager = acknowledged_at(60, broken)
    for now in range(61, 4000):
        pager.tell(now, *([broken] if now < 100 else []))
    assert pager.reasons() == [(5, PageReason.FIRST), (3660, PageReason.STILL), (3960, PageReason.ESCALATED)]


def test_the_end_of_what_was_acknowledged_is_told() -> None:
    pager = acknowledged_at(60)
    for now in range(61, 200):
        pager.tell(now, *([DOWN] if now < 100 else []))
    assert pager.heard()[-1] == (129, PageReason.RESOLVED, ("phone",))


def test_whoever_acknowledges_again_has_it_for_another_hour() -> None:
    pager = acknowledged_at(60)
    for now in range(61, 3600):
        pager.tell(now, DOWN)
    pager.acknowledge(3599, "bo")
    for now in range(3600, 7000):
        pager.tell(now, DOWN)
    assert pager.reasons() == [(5, PageReason.FIRST)]


def test_a_graver_face_voids_an_acknowledgement_once_it_has_settled() -> None:
    """60: somebody looks after a full server. 100: it dies. 105: that is another trouble."""
    pager = acknowledged_at(60, SATURATED)
    for now in range(61, 300):
        pager.tell(now, SATURATED if now < 100 else DOWN)
    assert pager.reasons()[1:] == [(105, PageReason.CHANGED)]
    assert pager.incidents[0].acknowledged is None


def test_after_a_graver_face_the_next_step_has_its_patience_anew() -> None:
    pager = acknowledged_at(60, SATURATED)
    for now in range(61, 500):
        pager.tell(now, SATURATED if now < 100 else DOWN)
    assert pager.reasons()[1:] == [(105, PageReason.CHANGED), (405, PageReason.ESCALATED)]


def test_a_lesser_face_leaves_it_in_hand() -> None:
    pager = acknowledged_at(60)
    for now in range(61, 300):
        pager.tell(now, DOWN if now < 100 else SATURATED)
    assert len(pager.told) == 1


def test_a_warning_that_becomes_critical_is_told_although_it_was_acknowledged() -> None:
    pager = acknowledged_at(60, STALE)
    for now in range(61, 300):
        pager.tell(now, STALE if now < 100 else WORSE)
    assert [reason for _, reason in pager.reasons()] == [PageReason.FIRST, PageReason.CHANGED]


def test_who_was_told_hears_of_it_again_where_it_was_away_when_somebody_s_having_it_in_hand_ran_out() -> None:
    """It is back later than the next step's delay after that: that step is told, and so are those before it."""
    pager = Pager(replace(PAGING, acknowledged=60.0))
    for now in range(61):
        pager.tell(now, DOWN)
    pager.acknowledge(60)
    (incident,) = pager.incidents
    pager.incidents = (replace(incident, acknowledged=None, freed=at(120)),)
    pager.tell(500, DOWN)
    assert pager.heard()[1:] == [(500, PageReason.ESCALATED, ("phone", "sms"))]


def test_another_incident_is_told_whatever_is_in_hand() -> None:
    pager = acknowledged_at(60)
    for now in range(61, 200):
        pager.tell(now, DOWN, STALE)
    assert [condition for *_, condition in pager.told] == [Condition.PRIMARY_DOWN, Condition.FILES_STALE]


def test_the_same_trouble_after_its_end_is_a_new_one() -> None:
    pager = acknowledged_at(60)
    for now in range(61, 400):
        pager.tell(now, *([] if 100 <= now < 200 else [DOWN]))
    assert [reason for _, reason in pager.reasons()] == [PageReason.FIRST, PageReason.RESOLVED, PageReason.FIRST]


def test_a_step_may_be_told_again_more_often_than_the_others() -> None:
    steps = (Step(("phone",), remind=120.0), Step(("sms",), after=300.0))
    pager = Pager(replace(PAGING, escalation=steps))
    for now in range(1600):
        pager.tell(now, DOWN)
    assert [now for now, _ in pager.reasons()] == [5, 125, 245, 305, 905, 1505]


@pytest.mark.parametrize(
    ("name", "by", "words"),
    [("QQQQQQ", "anna", "no incident QQQQQQ is open"), ("", " ", "no incident"), (None, " \n", "needs a name")],
)
def test_what_may_not_be_acknowledged_is_refused_in_a_sentence(name: str | None, by: str, words: str) -> None:
    pager = acknowledged_at(60)
    wanted = pager.incidents[0].id if name is None else name
    with pytest.raises(Refused, match=words):
        acknowledge(Answer(wanted, by, "socket"), pager.incidents, 60.0, at(61))


def test_a_name_that_would_move_a_terminals_cursor_is_a_name_in_one_line() -> None:
    pager = acknowledged_at(60)
    assert (ack := pager.acknowledge(61, "an\x1b[2Jna\r\nbo").acknowledged) is not None
    assert ack.by == "an [2Jna bo"


def test_a_suspicion_cannot_be_acknowledged() -> None:
    pager = Pager()
    pager.tell(0, DOWN)
    with pytest.raises(Refused, match="nobody was told"):
        pager.acknowledge(1)


def test_a_page_says_how_to_take_its_incident_in_hand_and_its_end_does_not() -> None:
    pager = acknowledged_at(60)
    (incident,) = pager.incidents
    bodies = [
        compose(Page(incident, reason, ("phone",)), judged(seen(well(0)), 1), UTC).body
        for reason in (PageReason.FIRST, PageReason.STILL, PageReason.RESOLVED)
    ]
    assert [f"To take it in hand: drwatch ack {incident.id}" in body for body in bodies] == [True, True, False]
