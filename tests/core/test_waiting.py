"""A page that waits for a channel leaves only while what it tells of is so, and not when nobody need hear of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from pager import Pager
from worlds import at

from drwatch.core.delivery import Reach
from drwatch.core.finding import Condition, Finding, Severity
from drwatch.core.paging import PageReason, Row
from drwatch.core.waiting import answered, away, withdrawn, withheld

DOWN = Finding(Condition.PRIMARY_DOWN, "shop", "oslo-a", "dead")
UNSEEN = Finding(Condition.PRIMARY_UNSEEN, "shop", "oslo-a", "only the witness cannot see it")
UNPROTECTED = Finding(Condition.UNPROTECTED, "shop", "oslo-a", "no standby could take over")


def row(pager: Pager, reason: PageReason) -> Row:
    name = pager.incidents[0].id
    return Row(f"{name}.1", "phone", name, reason, Severity.CRITICAL, "title", "body", at(5), at(5))


def test_pages_of_what_somebody_has_in_hand_need_not_be_sent_and_its_end_must() -> None:
    pager = Pager()
    for now in range(60):
        pager.tell(now, DOWN)
    assert answered(row(pager, PageReason.FIRST), pager.incidents) == ""
    pager.acknowledge(60)
    assert answered(row(pager, PageReason.FIRST), pager.incidents) == "anna has acknowledged it"
    assert answered(row(pager, PageReason.RESOLVED), pager.incidents) == ""
    assert answered(replace(row(pager, PageReason.FIRST), incident="QQQQQQ"), pager.incidents) == ""


def test_pages_of_what_is_silenced_need_not_be_sent_and_its_end_must() -> None:
    pager = Pager()
    for now in range(60):
        pager.tell(now, DOWN)
    silenced = [replace(each, silence="SABCDE") for each in pager.incidents]
    assert answered(row(pager, PageReason.FIRST), silenced) == "it is silenced (SABCDE)"
    assert answered(row(pager, PageReason.RESOLVED), silenced) == ""


def told(*findings: Finding, then: tuple[Finding, ...] | None = None) -> Pager:
    """Told of all of them, and a second later as it is then."""
    pager = Pager()
    for now in range(60):
        pager.tell(now, *findings)
    pager.tell(60, *(findings if then is None else then))
    return pager


def test_what_is_so_may_leave() -> None:
    pager = told(DOWN)
    assert not withheld(row(pager, PageReason.FIRST), pager.incidents, at(60))


def test_what_is_not_so_now_may_not_leave_and_its_end_may() -> None:
    pager = told(DOWN, then=())
    assert withheld(row(pager, PageReason.FIRST), pager.incidents, at(60))
    assert not withheld(row(pager, PageReason.MISSED), pager.incidents, at(60))
    pager.tell(61, DOWN)
    assert not withheld(row(pager, PageReason.FIRST), pager.incidents, at(61))


def test_what_nobody_has_looked_at_since_a_start_may_leave() -> None:
    pager = told(DOWN)
    pager.tell(61, unsettled=["shop"])
    assert not withheld(row(pager, PageReason.FIRST), pager.incidents, at(61))


def test_what_was_over_before_a_start_waits_ten_seconds_for_a_look() -> None:
    """60: it is over. 70: drwatch starts again, and for long nobody gets to look."""
    pager = told(DOWN, then=())
    page, before = row(pager, PageReason.FIRST), away(pager.incidents, frozenset(), at(60))
    assert before == {page.incident}
    for now in range(70, 90):
        pager.tell(now, unsettled=["shop"])
        assert withheld(page, pager.incidents, at(now), at(70), before) is (now < 80)
        assert not withheld(page, pager.incidents, at(now), at(70)), "of what was so nobody is late to hear"
        assert away(pager.incidents, before, at(now)) == before
    pager.tell(90, DOWN)
    assert not withheld(page, pager.incidents, at(90), at(89), before)
    assert away(pager.incidents, before, at(90)) == frozenset()


@pytest.mark.parametrize(("cause", "waits"), [(Condition.PRIMARY_DOWN, True), (Condition.WITNESS_ISOLATED, False)])
def test_what_a_greater_trouble_explains_may_not_leave_but_what_was_last_seen_may(
    cause: Condition, waits: bool
) -> None:
    pager = told(UNPROTECTED, then=(replace(UNPROTECTED, suppressed_by=cause),))
    assert withheld(row(pager, PageReason.FIRST), pager.incidents, at(60)) is waits


def test_that_the_witness_lost_its_network_may_leave_when_that_is_back() -> None:
    """It can leave at no other time, and where it comes and goes the trouble need not end for hours."""
    isolated = Finding(Condition.WITNESS_ISOLATED, "shop", "oslo-a", "cut off")
    pager = told(isolated, then=())
    assert not withheld(row(pager, PageReason.FIRST), pager.incidents, at(60))


def test_what_is_critical_may_leave_although_a_warning_explains_it() -> None:
    """That may be told to nobody at night."""
    pager = told(UNPROTECTED, then=(replace(UNPROTECTED, suppressed_by=Condition.PRIMARY_UNSEEN),))
    page = row(pager, PageReason.FIRST)
    assert not withheld(page, pager.incidents, at(60))
    assert withheld(replace(page, severity=Severity.WARNING), pager.incidents, at(60))


def test_a_critical_page_may_not_leave_while_its_trouble_is_a_warning() -> None:
    pager = told(DOWN, then=(UNSEEN,))
    page = row(pager, PageReason.FIRST)
    assert withheld(page, pager.incidents, at(60))
    assert not withheld(replace(page, severity=Severity.WARNING), pager.incidents, at(60))


ARRIVED = {"phone": Reach(at(5)), "sms": Reach(at(5), perhaps=True)}
NOWHERE = {"phone": Reach(at(5)), "sms": Reach(at(5))}


def withdraw(pager: Pager, reach: Mapping[str, Reach] = NOWHERE) -> None:
    pager.incidents = tuple(withdrawn(each, reach) for each in pager.incidents)


def test_what_nobody_can_have_heard_of_and_stays_a_warning_for_its_window_is_told_as_one_and_its_old_pages_expire() -> (
    None
):
    pager = told(DOWN, then=(UNSEEN,))
    page = row(pager, PageReason.FIRST)
    for now in range(61, 66):
        withdraw(pager)
        assert answered(page, pager.incidents) == ""
        pager.tell(now, UNSEEN)
    withdraw(pager)
    passed = "what it tells of passed before any channel took it: it is PrimaryUnseen now"
    assert answered(page, pager.incidents) == passed
    pager.tell(66, UNSEEN)
    assert pager.told[1:] == [(66, PageReason.FIRST, ("phone",), Condition.PRIMARY_UNSEEN)]
    assert answered(page, pager.incidents) == passed
    assert answered(replace(page, severity=Severity.WARNING), pager.incidents) == ""
    for now in range(67, 80):
        pager.tell(now, DOWN)
    assert [reason for _, reason in pager.reasons()] == [PageReason.FIRST, PageReason.FIRST, PageReason.CHANGED]


def test_a_glimpse_of_something_milder_withdraws_nothing_and_holds_up_nothing_after_it() -> None:
    pager = told(DOWN, then=(UNSEEN,))
    page = row(pager, PageReason.FIRST)
    assert withheld(page, pager.incidents, at(60))
    for now in range(61, 120):
        pager.tell(now, UNSEEN if now % 12 == 0 else DOWN)
        withdraw(pager)
        assert answered(page, pager.incidents) == ""
        assert withheld(page, pager.incidents, at(now)) is (now % 12 == 0)
    assert [reason for _, reason in pager.reasons()] == [PageReason.FIRST]


def test_the_end_of_what_was_withdrawn_goes_to_all_who_were_to_hear_of_it() -> None:
    pager = told(DOWN, then=(UNSEEN,))
    for now in range(61, 67):
        pager.tell(now, UNSEEN)
    withdraw(pager)
    for now in range(67, 120):
        pager.tell(now)
    assert pager.heard()[1:] == [(96, PageReason.RESOLVED, ("phone",))]


@pytest.mark.parametrize(
    ("then", "reach"), [(DOWN, NOWHERE), (UNSEEN, ARRIVED), (UNSEEN, {})], ids=["as bad", "heard of", "no account"]
)
def test_what_is_as_bad_as_it_was_or_may_have_been_heard_of_is_not_withdrawn(
    then: Finding, reach: Mapping[str, Reach]
) -> None:
    pager = told(DOWN)
    for now in range(60, 80):
        pager.tell(now, then)
    (incident,) = pager.incidents
    assert withdrawn(incident, reach) is incident


def test_what_nobody_has_looked_at_since_a_start_is_not_withdrawn() -> None:
    """What has to last is known only then."""
    pager = told(DOWN, then=(UNSEEN,))
    pager.incidents = tuple(replace(each, window=0.0) for each in pager.incidents)
    pager.tell(61, unsettled=["shop"])
    (incident,) = pager.incidents
    assert withdrawn(incident, NOWHERE) is incident


def test_what_somebody_has_in_hand_is_not_withdrawn() -> None:
    pager = told(DOWN)
    pager.acknowledge(60)
    for now in range(61, 80):
        pager.tell(now, UNSEEN)
    (incident,) = pager.incidents
    assert withdrawn(incident, NOWHERE) is incident
