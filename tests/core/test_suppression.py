"""Which trouble explains which; what is explained is recorded and not told."""

from __future__ import annotations

import pytest

from drwatch.core.finding import PRIMARY_LOST, Condition, Finding
from drwatch.core.silence import NEVER
from drwatch.core.suppression import suppress

A, B = "oslo-a", "oslo-b"
OF = {
    Condition.FILES_STALE: "uploads",
    Condition.FILES_MARKER_MISSING: "uploads",
    **dict.fromkeys(
        [
            Condition.STANDBY_DOWN,
            Condition.REPLICATION_STOPPED,
            Condition.REPLICATION_SILENT,
            Condition.RPO_BREACHED,
            Condition.RTO_BREACHED,
            Condition.STANDBY_WRITABLE,
            Condition.SPLIT_BRAIN,
        ],
        B,
    ),
}


def finding(condition: Condition, subject: str | None = None) -> Finding:
    return Finding(condition, "shop", subject or OF.get(condition, A), "something is wrong")


def cause(child: Finding, *others: Finding) -> Condition | None:
    return next(
        f.suppressed_by
        for f in suppress([*others, child])
        if f.summary == child.summary and f is not None and (f.condition, f.subject) == (child.condition, child.subject)
    )


DOWNSTREAM = [
    Condition.REPLICATION_STOPPED,
    Condition.REPLICATION_SILENT,
    Condition.RPO_BREACHED,
    Condition.RTO_BREACHED,
    Condition.FILES_STALE,
]


@pytest.mark.parametrize("lost", sorted(PRIMARY_LOST | {Condition.PRIMARY_RESTARTING}))
@pytest.mark.parametrize("child", DOWNSTREAM)
def test_a_lost_primary_explains_what_follows_from_it(lost: Condition, child: Condition) -> None:
    assert cause(finding(child), finding(lost)) is lost
    assert cause(finding(lost), finding(child)) is None


@pytest.mark.parametrize("lost", sorted(PRIMARY_LOST))
def test_a_lost_primary_explains_its_own_blindness_and_a_standby_that_a_human_opens(lost: Condition) -> None:
    assert cause(finding(Condition.PROBE_BLIND, A), finding(lost)) is lost
    assert cause(finding(Condition.IO_WAIT_HIGH, A), finding(lost)) is lost
    assert cause(finding(Condition.PROBE_BLIND, B), finding(lost)) is None
    assert cause(finding(Condition.STANDBY_WRITABLE), finding(lost)) is lost


@pytest.mark.parametrize(
    "other",
    [
        Condition.STANDBY_DOWN,
        Condition.SPLIT_BRAIN,
        Condition.HOST_KEY_CHANGED,
        Condition.ACCESS_DENIED,
        Condition.FILES_MARKER_MISSING,
    ],
)
def test_what_does_not_follow_from_a_lost_primary_is_still_told(other: Condition) -> None:
    assert cause(finding(other), finding(Condition.PRIMARY_DOWN)) is None


def test_a_primary_that_only_the_witness_cannot_see_explains_the_growing_claim_and_nothing_else() -> None:
    unseen = finding(Condition.PRIMARY_UNSEEN)
    assert cause(finding(Condition.RPO_BREACHED), unseen) is Condition.PRIMARY_UNSEEN
    for child in set(DOWNSTREAM) - {Condition.RPO_BREACHED}:
        assert cause(finding(child), unseen) is None


@pytest.mark.parametrize("child", sorted(set(Condition) - NEVER))
def test_an_isolated_witness_explains_all_of_its_cluster(child: Condition) -> None:
    """What is wrong with drwatch itself is of no cluster, and never passes through here."""
    isolated = finding(Condition.WITNESS_ISOLATED)
    assert cause(finding(child), isolated) is Condition.WITNESS_ISOLATED
    assert cause(isolated, finding(child)) is None


def test_a_standby_that_is_down_explains_its_replication_and_not_the_data_at_risk() -> None:
    down = finding(Condition.STANDBY_DOWN)
    for child in (Condition.REPLICATION_STOPPED, Condition.REPLICATION_SILENT, Condition.RTO_BREACHED):
        assert cause(finding(child), down) is Condition.STANDBY_DOWN
        assert cause(finding(child, "bergen-c"), down) is None
    assert cause(finding(Condition.PROBE_BLIND, B), down) is Condition.STANDBY_DOWN
    assert cause(finding(Condition.RPO_BREACHED), down) is None


@pytest.mark.parametrize("denial", [Condition.ACCESS_DENIED, Condition.HOST_KEY_CHANGED])
def test_a_denial_explains_the_blindness_that_it_makes_under_its_own_name(denial: Condition) -> None:
    assert cause(finding(Condition.PROBE_BLIND, A), finding(denial, A)) is denial
    assert cause(finding(Condition.PROBE_BLIND, B), finding(denial, A)) is None


def test_a_full_server_explains_that_drwatch_is_turned_away() -> None:
    full = finding(Condition.PRIMARY_SATURATED)
    assert cause(finding(Condition.PROBE_BLIND, A), full) is Condition.PRIMARY_SATURATED


def test_while_a_verdict_is_being_reached_nothing_downstream_is_told() -> None:
    waiting = suppress([finding(child) for child in DOWNSTREAM], pending=True)
    assert all(f.suppressed_by is not None for f in waiting)


def test_nothing_is_lost_or_added() -> None:
    every = [finding(condition) for condition in Condition]
    assert [f.condition for f in suppress(every)] == list(Condition)
