"""Which page is due and why: first, escalated, changed, still, resolved; each exactly once."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pager import Pager, Told
from worlds import PAGING

from drwatch.core.finding import GRAVITY, PRIMARY_FAMILY, Condition, Confidence, Finding
from drwatch.core.incident import awake
from drwatch.core.paging import PageReason

DOWN = Finding(Condition.PRIMARY_DOWN, "shop", "oslo-a", "dead")
HUNG = Finding(Condition.PRIMARY_HUNG, "shop", "oslo-a", "hangs")
RESTARTING = Finding(Condition.PRIMARY_RESTARTING, "shop", "oslo-a", "restarts")
STALLED = Finding(Condition.PRIMARY_DISK_STALLED, "shop", "oslo-a", "its disk takes nothing")
SATURATED = Finding(Condition.PRIMARY_SATURATED, "shop", "oslo-a", "no connection is free")
FULL = Finding(Condition.PRIMARY_DISK_FULL, "shop", "oslo-a", "its disk is full")
HELD_UP = Finding(Condition.PRIMARY_WRITES_STALLED, "shop", "oslo-a", "writes hang")
UNSEEN = Finding(Condition.PRIMARY_UNSEEN, "shop", "oslo-a", "only the witness cannot see it")
ISOLATED = Finding(Condition.WITNESS_ISOLATED, "shop", "oslo-a", "the witness has lost its network")
CLOSING = Finding(Condition.BINLOG_GAP_CLOSING, "shop", "oslo-b", "purged in 20 h")
CLOSED = replace(CLOSING, urgent=True)
STALE = Finding(Condition.FILES_STALE, "shop", "uploads", "old")


def test_a_death_that_lasts_is_told_first_escalated_still_and_resolved_each_once() -> None:
    """0: dead. 5: phone. 305: nobody took it, SMS. 905: still. 1000: it serves again. 1030: resolved, to both."""
    pager = Pager()
    for now in range(1000):
        pager.tell(now, DOWN)
    for now in range(1000, 1100):
        pager.tell(now)
    assert pager.told == [
        (5, PageReason.FIRST, ("phone",), Condition.PRIMARY_DOWN),
        (305, PageReason.ESCALATED, ("sms",), Condition.PRIMARY_DOWN),
        (905, PageReason.STILL, ("phone", "sms"), Condition.PRIMARY_DOWN),
        (1029, PageReason.RESOLVED, ("phone", "sms"), Condition.PRIMARY_DOWN),
    ]
    assert len(set(pager.events)) == 4


def test_what_healed_and_what_is_explained_is_told_to_nobody() -> None:
    pager = Pager()
    for now in range(3):
        pager.tell(now, DOWN)
    for now in range(3, 400):
        pager.tell(now, replace(STALE, suppressed_by=Condition.PRIMARY_DOWN))
    assert pager.told == []


def test_a_changed_face_is_told_when_it_has_settled() -> None:
    """5: told as hung. 20: the process dies. 25: that is another runbook."""
    pager = Pager()
    for now in range(60):
        pager.tell(now, HUNG if now < 20 else DOWN)
    assert pager.reasons() == [(5, PageReason.FIRST), (25, PageReason.CHANGED)]


def reasons_of(told: Finding, then: Finding) -> list[PageReason]:
    """Why people are paged in the time before the next reminder, of a trouble that has another face after 20 s."""
    pager = Pager()
    for now in range(280):
        pager.tell(now, told if now < 20 else then)
    return [reason for _, reason in pager.reasons()]


@pytest.mark.parametrize(
    ("told", "then", "reasons"),
    [
        (HUNG, STALLED, [PageReason.FIRST, PageReason.CHANGED]),
        (STALLED, DOWN, [PageReason.FIRST, PageReason.CHANGED]),
        (STALLED, SATURATED, [PageReason.FIRST]),
    ],
    ids=["hung, then stalled", "stalled, then down", "stalled, then saturated"],
)
def test_a_disk_that_stands_still_is_as_grave_as_a_dead_server(
    told: Finding, then: Finding, reasons: list[PageReason]
) -> None:
    assert reasons_of(told, then) == reasons


def test_every_face_of_a_primarys_trouble_has_a_rank() -> None:
    assert GRAVITY.keys() == PRIMARY_FAMILY


@pytest.mark.parametrize(
    ("told", "then", "reasons"),
    [
        (SATURATED, FULL, [PageReason.FIRST, PageReason.CHANGED]),
        (SATURATED, HELD_UP, [PageReason.FIRST, PageReason.CHANGED]),
        (HELD_UP, FULL, [PageReason.FIRST, PageReason.CHANGED]),
        (FULL, RESTARTING, [PageReason.FIRST, PageReason.CHANGED]),
        (FULL, DOWN, [PageReason.FIRST, PageReason.CHANGED]),
        (HELD_UP, SATURATED, [PageReason.FIRST]),
        (FULL, SATURATED, [PageReason.FIRST]),
        (FULL, HELD_UP, [PageReason.FIRST]),
        (FULL, UNSEEN, [PageReason.FIRST]),
        (HUNG, FULL, [PageReason.FIRST]),
    ],
    ids=lambda each: each.condition if isinstance(each, Finding) else "",
)
def test_a_primary_that_ails_in_a_graver_way_is_told_anew_and_what_follows_from_that_is_not(
    told: Finding, then: Finding, reasons: list[PageReason]
) -> None:
    """A full disk stops every writer, and those take the connections; with room again they hang a minute longer."""
    assert reasons_of(told, then) == reasons


@pytest.mark.parametrize(("confidence", "seconds"), [(Confidence.LIKELY, 15), (Confidence.ALONE, 30)])
def test_a_changed_face_that_nobody_confirms_is_told_only_after_the_window_of_its_confidence(
    confidence: Confidence, seconds: int
) -> None:
    pager = Pager()
    for now in range(100):
        pager.tell(now, STALLED if now < 20 else replace(HUNG, confidence=confidence))
    assert pager.reasons() == [(5, PageReason.FIRST), (20 + seconds, PageReason.CHANGED)]


@pytest.mark.parametrize("remind", [600.0, 3600.0])
@pytest.mark.parametrize("in_hand", [False, True])
def test_a_death_after_long_ailing_is_told_as_soon_as_a_death_at_once(remind: float, in_hand: bool) -> None:
    """It ails for so long that it was told ten times; 20 s before it dies somebody takes the ailing in hand."""
    dies = int(9 * remind) + 50
    pager = Pager(replace(PAGING, remind=remind))
    for now in range(dies + 20):
        pager.tell(now, SATURATED if now < dies else DOWN)
        if in_hand and now == dies - 20:
            pager.acknowledge(now)
    assert len(pager.told) >= 10
    assert pager.told[-1] == (dies + 5, PageReason.CHANGED, ("phone", "sms"), Condition.PRIMARY_DOWN)


def test_a_crash_loop_is_told_at_its_worst_once_and_then_by_the_reminders_alone() -> None:
    """Ten seconds dead, twenty recovering, for three hours: each reminder finds another of the two faces."""
    pager = Pager()
    for now in range(10800):
        pager.tell(now, DOWN if now % 30 < 10 else RESTARTING)
    changed = [now for now, reason in pager.reasons() if reason is PageReason.CHANGED]
    assert [now for now in changed if now > 600] == []


@pytest.mark.parametrize("remind", [600.0, 3600.0])
def test_a_warning_that_becomes_critical_is_told_at_once_to_all_who_were_told_and_once(remind: float) -> None:
    pager = Pager(replace(PAGING, remind=remind))
    for now in range(1000):
        pager.tell(now, CLOSING if now < 400 else CLOSED)
    assert pager.heard() == [
        (5, PageReason.FIRST, ("phone",)),
        (305, PageReason.ESCALATED, ("sms",)),
        (405, PageReason.CHANGED, ("phone", "sms")),
    ]


def test_a_warning_that_becomes_critical_before_its_next_step_keeps_that_step_s_time() -> None:
    pager = Pager()
    for now in range(320):
        pager.tell(now, CLOSING if now < 200 else CLOSED)
    assert pager.reasons() == [(5, PageReason.FIRST), (205, PageReason.CHANGED), (305, PageReason.ESCALATED)]


def test_a_figure_that_hovers_about_its_limit_is_told_as_critical_once() -> None:
    pager = Pager()
    for now in range(3600):
        pager.tell(now, CLOSING if now < 400 or now % 60 < 20 else CLOSED)
    assert [reason for _, reason in pager.reasons()].count(PageReason.CHANGED) == 1


def test_a_warning_told_before_a_restart_of_drwatch_is_told_when_it_becomes_critical_after_it() -> None:
    pager = Pager()
    for now in range(500):
        if now == 350:
            # A ledger of before this was kept does not say.
            pager.incidents = awake([replace(each, told_grade=None) for each in pager.incidents], 0.0)
        pager.tell(now, CLOSING if now < 400 else CLOSED)
    assert pager.reasons()[2:] == [(405, PageReason.CHANGED)]


def test_a_changed_face_that_was_away_has_to_last_anew() -> None:
    """20: it serves again. 30 and 45: on a bad line a look is lost, and it seems dead for that moment."""
    pager = Pager()
    for now in range(74):
        pager.tell(now, *([STALLED] if now < 20 else [DOWN] if now in (30, 45) else []))
    assert pager.reasons() == [(5, PageReason.FIRST)]


def test_a_lesser_face_on_the_way_back_is_no_news() -> None:
    """5: told as dead. 20: systemd brings it up. 40: it serves. The resolve speaks of the death that was told."""
    pager = Pager()
    for now in range(100):
        pager.tell(now, *([DOWN] if now < 20 else [RESTARTING] if now < 40 else []))
    assert pager.reasons() == [(5, PageReason.FIRST), (69, PageReason.RESOLVED)]


def test_faces_that_change_to_and_fro_do_not_page_at_every_change() -> None:
    """Twenty seconds of each for an hour: the changes are told ever more rarely, the reminder tells the rest."""
    pager = Pager()
    for now in range(3600):
        pager.tell(now, HUNG if now // 20 % 2 else DOWN)
    assert sum(reason is PageReason.CHANGED for _, reason in pager.reasons()) <= 3
    assert len(pager.told) <= 12


def test_what_is_gone_is_not_escalated_reminded_of_or_told_as_changed_during_its_hold() -> None:
    """0: dead. 5: phone. 290: it serves again. 305 would be the SMS: nobody else is woken; 319: resolved."""
    pager = Pager()
    for now in range(400):
        pager.tell(now, *([DOWN] if now < 290 else []))
    assert pager.reasons() == [(5, PageReason.FIRST), (319, PageReason.RESOLVED)]


def test_what_served_again_before_a_restart_of_drwatch_is_not_escalated_before_anybody_has_looked() -> None:
    """290: it serves again. 300: drwatch restarts. 305: the SMS would be due. 310: it is seen to serve."""
    pager = Pager()
    for now in range(400):
        pager.tell(now, *([DOWN] if now < 290 else []), unsettled=["shop"] if 300 <= now < 310 else ())
    assert pager.reasons() == [(5, PageReason.FIRST), (339, PageReason.RESOLVED)]


def test_what_is_still_true_after_a_restart_of_drwatch_is_escalated_once_that_is_seen() -> None:
    pager = Pager()
    for now in range(400):
        restarting = 300 <= now < 310
        pager.tell(now, *([] if restarting else [DOWN]), unsettled=["shop"] if restarting else ())
    assert pager.reasons() == [(5, PageReason.FIRST), (310, PageReason.ESCALATED)]


def cut_off_from_60_to_150(*back: Finding, restarts: bool = False) -> list[Told]:
    """A death is told, then the witness loses its network, and sees after that what is true ``back`` there."""
    pager = Pager()
    for now in range(60):
        pager.tell(now, DOWN)
    for now in range(60, 150):
        starting = restarts and 100 <= now < 105
        pager.tell(now, *([] if starting else [ISOLATED]), unsettled=["shop"] if starting else ())
    for now in range(150, 300):
        pager.tell(now, *back)
    return [told for told in pager.told if told[3] is not Condition.WITNESS_ISOLATED]


@pytest.mark.parametrize("restarts", [False, True])
def test_a_dead_primary_is_not_told_as_over_because_the_witness_sees_nothing(restarts: bool) -> None:
    assert [told[:2] for told in cut_off_from_60_to_150(DOWN, restarts=restarts)] == [(5, PageReason.FIRST)]


@pytest.mark.parametrize("restarts", [False, True])
def test_what_ended_while_the_witness_saw_nothing_is_told_as_over_once_it_has_seen_that(restarts: bool) -> None:
    told = cut_off_from_60_to_150(restarts=restarts)
    assert [each[:2] for each in told] == [(5, PageReason.FIRST), (179, PageReason.RESOLVED)]


def test_a_face_from_just_before_the_witness_was_cut_off_is_no_news_afterwards() -> None:
    """What is silent at first may be the witness's own network, and the other chairs' old words are all there is."""
    pager, gone = Pager(), replace(DOWN, condition=Condition.PRIMARY_HOST_DOWN)
    for now in range(300):
        cut = 60 <= now < 150
        pager.tell(now, ISOLATED if cut else gone if 57 <= now < 153 else DOWN)
    assert [told[:2] for told in pager.told if told[3] is not ISOLATED.condition] == [(5, PageReason.FIRST)]


def test_a_warning_is_not_repeated() -> None:
    pager = Pager()
    for now in range(0, 3600, 5):
        pager.tell(now, STALE)
    assert pager.reasons() == [(5, PageReason.FIRST), (305, PageReason.ESCALATED)]


def test_a_later_cause_silences_what_was_told_until_it_ends_and_the_resolve_is_still_sent() -> None:
    pager = Pager()
    for now in range(10):
        pager.tell(now, STALE)
    for now in range(10, 1000):
        pager.tell(now, replace(STALE, suppressed_by=Condition.PRIMARY_DOWN))
    for now in range(1000, 1040):
        pager.tell(now)
    assert pager.reasons() == [(5, PageReason.FIRST), (1029, PageReason.RESOLVED)]


@given(st.lists(st.sampled_from([None, DOWN, HUNG, RESTARTING]), min_size=1, max_size=120), st.integers(1, 20))
def test_first_and_resolved_are_told_exactly_once_and_in_order(weather: list[Finding | None], each: int) -> None:
    pager = Pager()
    now = 0
    for found in [*weather, *([None] * 40)]:
        for _ in range(each):
            pager.tell(now, *([found] if found else []))
            now += 1
    reasons = [reason for _, reason in pager.reasons()]
    assert len(set(pager.events)) == len(pager.events)
    assert reasons.count(PageReason.FIRST) == reasons.count(PageReason.RESOLVED)
    for before, after in pairwise(reasons):
        assert (after is PageReason.FIRST) == (before is PageReason.RESOLVED)
