"""What becomes of open incidents when channels or clusters are called otherwise, or are gone, after a restart."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest
from pager import Pager, Told
from worlds import PAGING, POLICY, SHOP, at

from drwatch.core.delivery import Reach
from drwatch.core.finding import Condition, Finding, Severity
from drwatch.core.incident import Phase
from drwatch.core.paging import PageReason, Row
from drwatch.core.policy import Step
from drwatch.core.reconfigured import reconfigured

DOWN = Finding(Condition.PRIMARY_DOWN, "shop", "oslo-a", "dead")
STOPPED = Finding(Condition.REPLICATION_STOPPED, "shop", "oslo-b", "stopped")
OTHERS = replace(PAGING, channels=("mobile", "mail"), escalation=(Step(("mobile",)), Step(("mail",), after=300.0)))
HALF = replace(PAGING, channels=("phone", "mail"), escalation=(Step(("phone",)), Step(("mail",), after=300.0)))
FIRST, RESOLVED = PageReason.FIRST, PageReason.RESOLVED


def waiting(pager: Pager, names: Collection[str]) -> list[Row]:
    (name,) = (each.id for each in pager.incidents)
    return [
        Row(f"{name}.1", channel, name, FIRST, Severity.CRITICAL, "title", "body", at(5), at(5)) for channel in names
    ]


def told_after(
    finding: Finding,
    paging: object = OTHERS,
    went: Collection[str] = (),
    waits: Collection[str] = (),
    in_hand: bool = False,
) -> list[Told]:
    """What is told from the restart at 20 on, with other channels; the trouble is over at 200."""
    pager = Pager()
    for now in range(20):
        pager.tell(now, finding)
    if in_hand:
        pager.acknowledge(19)
    pager.told.clear()
    pager.paging = paging  # type: ignore[assignment]
    policy = replace(POLICY, paging=pager.paging)
    reach = {each.id: {name: Reach(at(5), perhaps=True) for name in went} for each in pager.incidents}
    pager.incidents, gone = reconfigured(pager.incidents, policy, waiting(pager, waits), reach)
    assert gone == ()
    for now in range(20, 300):
        pager.tell(now, *([finding] if now < 200 else []))
    return pager.told


@pytest.mark.parametrize("finding", [DOWN, STOPPED], ids=["critical", "a warning"])
def test_what_was_told_on_channels_that_are_all_gone_is_told_where_people_are_now(finding: Finding) -> None:
    what = finding.condition
    assert told_after(finding) == [(20, FIRST, ("mobile",), what), (229, RESOLVED, ("mobile",), what)]


def test_what_one_of_its_channels_has_heard_of_is_not_told_anew() -> None:
    assert told_after(DOWN, HALF) == [(229, RESOLVED, ("phone",), DOWN.condition)]


def test_what_another_channel_has_taken_in_its_place_is_not_told_anew_and_its_end_is_told_there() -> None:
    assert told_after(DOWN, waits={"mail"}) == told_after(DOWN, went={"mail", "phone"})
    assert told_after(DOWN, went={"mail", "phone"}) == [(229, RESOLVED, ("mail",), DOWN.condition)]


def test_what_somebody_has_in_hand_is_not_told_anew_and_its_end_goes_to_who_would_hear_of_it_now() -> None:
    assert told_after(DOWN, in_hand=True) == [(229, RESOLVED, ("mobile",), DOWN.condition)]


def test_a_trouble_of_a_cluster_that_is_no_longer_watched_ends_in_the_history_and_nobody_is_told_that_it_is_over() -> (
    None
):
    pager = Pager()
    for now in range(20):
        pager.tell(now, DOWN, replace(STOPPED, cluster="crm"))
    policy = replace(POLICY, clusters=(replace(SHOP, name="crm"),))
    living, (gone,) = reconfigured(pager.incidents, policy, (), {})
    assert [each.cluster for each in living] == ["crm"]
    assert (gone.phase, gone.summary) == (Phase.RESOLVED, "no longer watched; it was: dead")


def test_what_is_wrong_with_drwatch_itself_goes_on() -> None:
    pager = Pager()
    for now in range(400):
        pager.tell(now, Finding(Condition.HISTORY_LOST, "", "ledger", "begun anew"))
    assert reconfigured(pager.incidents, POLICY, (), {}) == (pager.incidents, ())
