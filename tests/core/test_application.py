"""Where the application is sent: a trouble only while there is a primary to be sent to."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest
from worlds import (
    OTHER,
    POLICY,
    PRIMARY,
    REFUSED,
    SHOP,
    STANDBY,
    at,
    body,
    dead_host,
    found,
    gtids,
    judged,
    look,
    primary,
    receiver,
    seen,
    server,
    standby,
    standby_server,
    well,
)

from drwatch.core.finding import Condition
from drwatch.core.policy import Endpoint, EndpointKind
from drwatch.core.recovery import Basis
from drwatch.core.sample import Blind, EndpointFact, LoginFact, Probe, Reason, ReplicationFact, Sample
from drwatch.core.snapshot import Snapshot
from drwatch.core.standing import Leader

NAMED = replace(POLICY, clusters=(replace(SHOP, endpoint=Endpoint(EndpointKind.DNS, "db.shop")),))
BACK = server(gtids(100), read_only=False)


def leads(*names: str, asked: float = 0) -> Sample:
    fact = EndpointFact(("10.0.0.2",), 300.0, True, names)
    return look(SHOP.endpoint_node, Probe.ENDPOINT, fact, asked, target="db.shop")


def taken_over(*more: Sample) -> Snapshot:
    """oslo-b leads since second 5; the old primary is dead unless a look says otherwise."""
    opened = standby_server(gtids(100) | gtids(9, OTHER), read_only=False, super_read_only=False)
    new = [standby(opened, 10), receiver(ReplicationFact(()), 10)]
    world = seen(well(0), primary(REFUSED, 10), body(dead_host(), 10), new, more)
    return replace(world, leaders=MappingProxyType({"shop": Leader(STANDBY, at(5), PRIMARY)}))


def astray(world: Snapshot, now: float) -> str | None:
    finding = found(world, now, Condition.ENDPOINT_ASTRAY, NAMED)
    return finding and finding.summary


def test_a_name_that_leads_to_the_standby_is_told_with_what_to_do() -> None:
    world = seen(well(0), leads("oslo-b"))
    assert astray(world, 1) == "the application is sent to oslo-b, and oslo-a is the primary: move db.shop"


def test_after_a_takeover_a_name_that_was_not_moved_is_told() -> None:
    world = taken_over(leads("oslo-a", asked=10))
    assert astray(world, 11) == "the application is still sent to oslo-a, and oslo-b is the primary: move db.shop"


@pytest.mark.parametrize("names", [("oslo-a",), ()])
def test_a_name_that_leads_to_the_primary_or_to_a_load_balancer_is_no_trouble(names: tuple[str, ...]) -> None:
    assert astray(seen(well(0), leads(*names)), 1) is None


def test_a_name_with_one_record_too_many_is_told() -> None:
    assert "sent to oslo-b" in (astray(seen(well(0), leads("oslo-a", "oslo-b")), 1) or "")


def test_while_the_primary_is_dead_there_is_nowhere_to_move_it_to() -> None:
    world = seen(well(0), leads("oslo-b"), primary(REFUSED, 1), body(dead_host(), 1))
    assert astray(world, 2) is None


def test_a_name_that_does_not_resolve_is_a_blind_probe_and_leads_nowhere() -> None:
    lost = look(SHOP.endpoint_node, Probe.ENDPOINT, Blind(Reason.DNS, "db.shop: no such name"), 1, target="db.shop")
    world = seen(well(0), leads("oslo-b"), lost)
    assert astray(world, 2) is None
    blind = found(world, 2, Condition.PROBE_BLIND, NAMED)
    assert blind is not None
    assert blind.summary == "drwatch cannot see endpoint (endpoint, dns): db.shop: no such name"


def test_of_a_zombie_it_is_said_that_the_application_is_sent_there() -> None:
    world = taken_over(leads("oslo-a", asked=10), primary(BACK, 11))
    zombie = next(f for f in judged(world, 12, NAMED).findings if f.condition is Condition.ZOMBIE_PRIMARY)
    assert "endpoint: it leads to oslo-a, so the application may write there" in zombie.evidence


def test_behind_a_load_balancer_the_server_that_answers_says_where_it_leads() -> None:
    """Its address is no node's, so the name tells nothing, and neither does its TTL."""
    balanced = replace(POLICY, clusters=(replace(SHOP, endpoint=Endpoint(EndpointKind.MYSQL, "db.shop")),))
    answers = look(SHOP.endpoint_node, Probe.LOGIN, LoginFact(0.01, server_id=2), 1, target="db.shop")
    view = judged(seen(well(0), leads(), answers), 2, balanced)
    (astray,) = (finding for finding in view.findings if finding.condition is Condition.ENDPOINT_ASTRAY)
    assert astray.summary == "the application is sent to oslo-b, and oslo-a is the primary: move db.shop"
    assert astray.evidence == ("db.shop: leads to 10.0.0.2, by who answers there",)
    switch = next(term for term in view.clusters[0].recovery[0].terms if term.component == "switch")
    assert switch.basis is Basis.ASSUMED


def test_that_nobody_answers_at_the_endpoint_of_a_dead_primary_is_not_told_beside_its_death() -> None:
    balanced = replace(POLICY, clusters=(replace(SHOP, endpoint=Endpoint(EndpointKind.MYSQL, "db.shop")),))
    gone = look(SHOP.endpoint_node, Probe.LOGIN, REFUSED, 6, target="db.shop")
    world = seen(well(0), leads("oslo-a"), primary(REFUSED, 5), body(dead_host(), 6), gone)
    blind = found(world, 7, Condition.PROBE_BLIND, balanced)
    assert blind is not None
    assert blind.suppressed_by is Condition.PRIMARY_DOWN
