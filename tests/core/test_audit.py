"""What keeps drwatch from saying that it lives, each on its own, and that nothing else does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, time
from types import MappingProxyType

import pytest
from worlds import (
    ANCHOR,
    LOST,
    PAGING,
    POLICY,
    PRIMARY,
    Telling,
    at,
    body,
    primary,
    receiver,
    seen,
    standby,
    standby_host,
    well,
)

from drwatch.core.assessment import assess
from drwatch.core.audit import Check, Turn, audit, stuck
from drwatch.core.finding import Condition, Finding, Severity
from drwatch.core.incident import Incident
from drwatch.core.paging import PageReason, Row
from drwatch.core.policy import Policy
from drwatch.core.proof import Proof
from drwatch.core.rota import Quiet
from drwatch.core.sample import Key, Probe
from drwatch.core.snapshot import Snapshot
from drwatch.core.world import WITNESS

FRESH = MappingProxyType({"phone": Proof(at(0), at(0)), "sms": Proof(at(0), at(0))})
WELL = replace(seen(), proofs=FRESH)
DOWN = Finding(Condition.PRIMARY_DOWN, "shop", "oslo-a", "dead")
STOPPED = Finding(Condition.REPLICATION_STOPPED, "shop", "oslo-b", "stopped")
SERVER = Key(PRIMARY, Probe.SERVER)


def examined(
    now: float = 100,
    world: Snapshot = WELL,
    incidents: Iterable[Incident] = (),
    rows: Iterable[Row] = (),
    turns: Iterable[Turn] = (),
    judged: float | None = None,
    policy: Policy = POLICY,
) -> dict[Check, str]:
    assessment = assess(world, policy, frozenset(), at(now if judged is None else judged))
    return dict(audit(assessment, incidents, rows, turns, policy, UTC, at(0), at(now)))


def row(due: float) -> Row:
    return Row("ABCDEF.1", "phone", "ABCDEF", PageReason.FIRST, Severity.CRITICAL, "title", "body", at(0), at(due))


def test_all_is_well() -> None:
    turns = [Turn(SERVER, 1.0, at(99)), Turn(Key(WITNESS, Probe.REACH, ANCHOR), 30.0, at(20))]
    assert examined(rows=[row(99)], turns=turns) == {}


def test_nothing_judged_is_not_well() -> None:
    assert set(audit(None, (), (), (), POLICY, UTC, at(0), at(1))) == {Check.JUDGING}
    assert examined(judged=94.0) == {Check.JUDGING: "the last judgement is 6 s old"}


def test_a_witness_that_has_lost_its_network_does_not_say_that_it_lives() -> None:
    """Whatever way the heartbeat would take."""
    gone = (primary(LOST, 1), body(LOST, 1), standby(LOST, 2), receiver(LOST, 2), standby_host(LOST, 2))
    world = replace(seen(well(0), *gone), proofs=FRESH)
    assert examined(world=world) == {Check.NETWORK: "drwatch's own network is lost: it sees nothing of shop"}


def test_one_look_that_no_longer_comes_back_is_named_and_a_blind_one_that_does_is_well() -> None:
    found = examined(turns=[Turn(SERVER, 1.0, at(60)), Turn(Key(PRIMARY, Probe.HOST), 1.0, at(99))])
    assert found == {Check.PROBES: "the mysql look of oslo-a has not come back for 40 s"}
    assert examined(world=WELL.keep(primary(LOST, 98))) == {}


def test_a_page_that_nobody_attempts_is_not_well_and_one_that_waits_for_its_next_attempt_is() -> None:
    assert examined(rows=[row(30)]) == {Check.LEDGER: "a page is overdue by 70 s"}
    assert stuck(assess(WELL, POLICY, frozenset(), at(100)), [row(30)], at(100)) == "a page is overdue by 70 s"
    assert examined(rows=[row(50), row(130)]) == {}


def test_an_incident_whose_step_came_a_minute_ago_and_was_not_told_is_not_well() -> None:
    story = Telling()
    story.go(0, 20, DOWN)
    (incident,) = story.incidents
    assert examined(now=299, incidents=[incident]) == {}
    assert Check.ESCALATION not in examined(now=320, incidents=[incident])
    assert Check.ESCALATION in examined(now=305 + 61, incidents=[replace(incident, last_true=at(366))])


@pytest.mark.parametrize("quiet", [("phone", "sms"), ("sms",)], ids=["everybody", "the second step"])
def test_a_warning_that_waits_for_the_end_of_quiet_hours_is_forgotten_by_nobody(quiet: tuple[str, ...]) -> None:
    """It begins at 03:14, and it is quiet until 07:00: the outside heartbeat must not ring before."""
    night = MappingProxyType(dict.fromkeys(quiet, Quiet(time(22), time(7), UTC)))
    asleep = replace(POLICY, paging=replace(PAGING, quiet=night))
    story = Telling(asleep)
    for minute in range(20):
        story.go(minute * 60, minute * 60 + 60, STOPPED)
        assert examined(now=minute * 60 + 60, incidents=story.incidents, policy=asleep) == {}


@pytest.mark.parametrize(("broken", "since", "ill"), [(1, 0, False), (2, 50, False), (2, 30, True)])
def test_it_is_not_well_when_every_channel_has_failed_for_a_minute(broken: int, since: float, ill: bool) -> None:
    world = WELL
    for name in PAGING.channels[:broken]:
        world = world.told(name, False, False, "no answer", at(since))
    assert (Check.DELIVERY in examined(world=world)) is ill


def test_it_is_not_well_when_no_channel_took_its_daily_test_and_one_is_enough() -> None:
    day = 86400.0
    # 03:14 on the third day: the tests of the second were due in its daytime.
    assert Check.CHANNELS in examined(now=2 * day)
    one = MappingProxyType({**FRESH, "sms": Proof(at(0), at(day + 8 * 3600))})
    assert examined(now=2 * day, world=replace(WELL, proofs=one)) == {}
    untried = replace(POLICY, paging=replace(PAGING, unproved=frozenset(PAGING.channels)))
    assert examined(now=2 * day, policy=untried) == {}


def test_whether_any_channel_works_is_no_reason_to_be_started_anew() -> None:
    assert stuck(assess(WELL, POLICY, frozenset(), at(2 * 86400.0)), (), at(2 * 86400.0)) is None
