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
from drwatch.core.waiting import answered, withdrawn, withheld

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


@pytest.mark.parametrize(("cause", "waits"), [(Condition.PRIMARY_DOWN, True), (Condition.WITNESS_ISOLATED, False)])
def test_what_a_greater_trouble_explains_may_not_leave_but_what_was_last_seen_may(
    cause: Condition, waits: bool
) -> None:
    pager = told(UNPROTECTED, then=(replace(UNPROTECTED, suppressed_by=cause),))
    assert withheld(row(pager, PageReason.FIRST), pager.incidents, at(60)) is waits


def test_a_critical_page_may_not_leave_while_its_trouble_is_a_warning() -> None:
    pager = told(DOWN, then=(UNSEEN,))
    page = row(pager, PageReason.FIRST)
    assert withheld(page, pager.incidents, at(60))
    assert not withheld(replace(page, severity=Severity.WARNING), pager.incidents, at(60))


ARRIVED = {"phone": Reach(at(5)), "sms": Reach(at(5), perhaps=True)}
NOWHERE = {"phone": Reach(at(5)), "sms": Reach(at(5))}


def test_what_nobody_can_have_heard_and_is_a_warning_now_is_told_as_what_it_is_and_its_old_pages_are_not_sent() -> None:
    pager = told(DOWN, then=(UNSEEN,))
    page = row(pager, PageReason.FIRST)
    pager.incidents = tuple(withdrawn(each, NOWHERE) for each in pager.incidents)
    assert answered(page, pager.incidents) == "it was not taken while that was so: it is PrimaryUnseen now"
    pager.tell(61, UNSEEN)
    assert pager.told[1:] == [(61, PageReason.FIRST, ("phone",), Condition.PRIMARY_UNSEEN)]
    assert answered(page, pager.incidents) == "it was not taken while that was so: it is PrimaryUnseen now"
    assert answered(replace(page, severity=Severity.WARNING), pager.incidents) == ""
    for now in range(62, 80):
        pager.tell(now, DOWN)
    assert [reason for _, reason in pager.reasons()] == [PageReason.FIRST, PageReason.FIRST, PageReason.CHANGED]


def test_the_end_of_what_was_withdrawn_goes_to_all_who_were_to_hear_of_it() -> None:
    pager = told(DOWN, then=(UNSEEN,))
    pager.incidents = tuple(withdrawn(each, NOWHERE) for each in pager.incidents)
    for now in range(61, 120):
        pager.tell(now)
    assert pager.heard()[1:] == [(90, PageReason.RESOLVED, ("phone",))]


@pytest.mark.parametrize(("then", "reach"), [(DOWN, NOWHERE), (UNSEEN, ARRIVED)])
def test_what_is_as_bad_as_it_was_or_has_been_heard_of_is_not_withdrawn(
    then: Finding, reach: Mapping[str, Reach]
) -> None:
    (incident,) = told(DOWN, then=(then,)).incidents
    assert withdrawn(incident, reach) is incident


def test_what_somebody_has_in_hand_is_not_withdrawn() -> None:
    pager = told(DOWN)
    pager.acknowledge(60)
    pager.tell(61, UNSEEN)
    (incident,) = pager.incidents
    assert withdrawn(incident, NOWHERE) is incident
