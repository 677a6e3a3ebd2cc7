"""Each step of a recovery is dated from what was seen of it, and the next estimate learns from it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from recoveries import WITH_ENDPOINT, Watch, applied, endpoint
from worlds import (
    OSLO_B,
    POLICY,
    REFUSED,
    SHOP,
    STANDBY,
    at,
    body,
    dead_host,
    gtids,
    look,
    primary,
    receiver,
    server,
    standby,
    standby_server,
    well,
)

from drwatch.core.ack import Answer
from drwatch.core.acknowledge import acknowledge
from drwatch.core.actuals import Outage, learned
from drwatch.core.flap import Flap
from drwatch.core.policy import Role
from drwatch.core.recovery import Basis, Term, estimate
from drwatch.core.sample import EndpointFact, Probe, ReplicationFact
from drwatch.core.snapshot import Snapshot


def taken_over(watch: Watch) -> None:
    """From second 100 on a human promotes: receiver stopped, drained at 110, opened at 130, endpoint moved at 140."""
    watch.see([receiver(applied(1000, "Reading event"), 100)], 100.1)
    watch.see([receiver(applied(5000, "Reading event"), 105)], 105.1)
    watch.see([receiver(applied(9000), 110)], 110.1)
    watch.see([receiver(ReplicationFact(()), 120)], 120.1)
    watch.see([standby(standby_server(gtids(100), read_only=False), 130), receiver(ReplicationFact(()), 130)], 130.1)


def test_every_step_of_a_takeover_is_dated() -> None:
    watch = Watch(WITH_ENDPOINT)
    watch.see([endpoint("oslo-a", 0)], 0.1)
    watch.die()
    taken_over(watch)
    assert watch.outage.ended is None
    watch.see([endpoint("oslo-b", 140)], 140.1)
    outage = watch.outage
    assert outage.fault == at(2)
    took = {part: outage.seconds(part) for part in ("detect", "decide", "drain", "promote", "switch", "repair")}
    assert took["detect"] == pytest.approx(5.3, abs=0.2)
    assert took["decide"] == pytest.approx(98 - 5.3, abs=0.2)
    assert took["drain"] == pytest.approx(10)
    assert took["promote"] == pytest.approx(20)
    # The name's own server says the new address at once; who asked it just before goes on with the old one.
    assert took["switch"] == pytest.approx(10 + 60)
    assert took["repair"] is None
    assert (outage.standby, outage.ended) == ("oslo-b", at(140.1))


def test_the_loss_of_a_takeover_is_the_claim_as_it_was_frozen() -> None:
    watch = Watch()
    watch.die()
    taken_over(watch)
    assert watch.outage.loss == pytest.approx(1.0, abs=0.1)


def test_without_an_endpoint_the_takeover_ends_with_the_promotion() -> None:
    watch = Watch()
    watch.die()
    taken_over(watch)
    watch.tick(131)
    assert watch.outage.ended is not None
    assert watch.outage.seconds("switch") is None


def test_an_endpoint_that_still_leads_to_the_dead_one_has_not_switched() -> None:
    watch = Watch(WITH_ENDPOINT)
    watch.die()
    taken_over(watch)
    watch.see([endpoint("oslo-a", 140)], 140.1)
    assert (watch.outage.switched, watch.outage.ended) == (None, None)


def test_a_receiver_that_gave_up_by_itself_is_no_human_s_decision() -> None:
    """1236: the source said something that it cannot go on with; nobody touched it."""
    watch = Watch()
    watch.die()
    watch.see([receiver(applied(1000, io_errno=1236), 100)], 100.1)
    assert watch.outage.decided is None


def test_a_receiver_that_was_stopped_before_the_fault_decides_nothing() -> None:
    watch = Watch()
    watch.see(well(0), 0.5)
    watch.see([receiver(applied(9000), 1)], 1.1)
    watch.die()
    watch.see([receiver(applied(9000), 90)], 90.1)
    assert watch.outage.decided is not None  # it ran again in between; so this is new
    again = Watch()
    again.see(well(0), 0.5)
    for second in range(1, 12):
        looks = [receiver(applied(9000), second)]
        again.see(looks + ([primary(REFUSED, second), body(dead_host(), second)] if second > 2 else []), second + 0.1)
    assert again.outage.decided is None


def test_a_torn_transaction_does_not_keep_the_drain_open() -> None:
    """Read stays ahead of Exec for ever: the drain ended when the applier last moved."""
    watch = Watch()
    watch.die()
    watch.see([receiver(applied(1000), 98)], 98.1)
    for second in (100, 102, 104):
        watch.see([receiver(applied(8000), second)], second + 0.1)
    assert watch.outage.seconds("drain") is None
    watch.see([standby(standby_server(gtids(100), read_only=False), 110), receiver(ReplicationFact(()), 110)], 110.1)
    assert watch.outage.seconds("drain") == pytest.approx(2)
    assert watch.outage.seconds("promote") == pytest.approx(10)


def test_a_primary_that_serves_again_was_repaired() -> None:
    watch = Watch()
    watch.die()
    watch.see([primary(server(gtids(100)), 42)], 42.1)
    assert watch.outage.seconds("repair") == pytest.approx(40)
    assert watch.outage.ended == at(42)
    watch.see([primary(server(gtids(101)), 43)], 43.1)
    assert len(watch.snapshot.outages) == 1


def test_a_dead_primary_that_was_taken_out_of_the_configuration_ends_its_outage() -> None:
    """Else the next one of that cluster would never be dated."""
    watch = Watch()
    watch.die()
    heir = replace(OSLO_B, role=Role.PRIMARY)
    watch.policy = replace(POLICY, clusters=(replace(SHOP, nodes=(heir,)),))
    watch.tick(20)
    assert watch.outage.ended == at(20)


def test_what_heals_untold_is_no_outage() -> None:
    watch = Watch()
    watch.see(well(0), 0.5)
    watch.see([primary(REFUSED, 1), body(dead_host(), 1)], 1.1)
    watch.see(well(2), 2.5)
    assert watch.snapshot.outages == ()


def past(*decided: float) -> Snapshot:
    """Takeovers a day apart, with so many seconds from the page to the decision."""
    made = []
    for day, seconds in enumerate(decided, 1):
        fault = at(-86400.0 * day)
        steps = {"detected": fault.plus(6), "decided": fault.plus(6 + seconds), "promoted": fault.plus(50 + seconds)}
        made.append(Outage("shop", "oslo-a", fault, **steps, drained=fault.plus(10 + seconds), standby="oslo-b"))
    return replace(Snapshot(), outages=tuple(made))


def test_the_next_estimate_takes_the_median_of_what_the_past_took_and_its_age() -> None:
    terms = {term.component: term for term in estimate(SHOP, POLICY, past(120, 400, 240), STANDBY, at(1)).terms}
    assert terms["detect"] == Term("detect", 6.0, Basis.MEASURED, "median of 3 measured", at(-86400))
    assert (terms["decide"].seconds, terms["decide"].basis) == (240.0, Basis.MEASURED)
    assert (terms["promote"].seconds, terms["promote"].basis) == (40.0, Basis.MEASURED)


def in_hand(after: float) -> Outage:
    """A loss that mended itself, with so many seconds from the page until somebody had it in hand."""
    fault = at(-3600.0)
    steps = {"detected": fault.plus(6), "acknowledged": fault.plus(6 + after), "repaired": fault.plus(900)}
    return Outage("shop", "oslo-a", fault, **steps)


def test_before_any_takeover_the_decision_takes_at_least_as_long_as_somebody_took_to_answer() -> None:
    world = replace(Snapshot(), outages=(in_hand(75), in_hand(95)))
    decide = next(term for term in estimate(SHOP, POLICY, world, STANDBY, at(1)).terms if term.component == "decide")
    assert (decide.seconds, decide.basis) == (85.0, Basis.MEASURED)
    assert decide.note.startswith("until somebody has it in hand, median of 2 measured: what they then decide")


def test_what_a_takeover_has_measured_counts_more_than_how_soon_somebody_answered() -> None:
    world = replace(past(240), outages=(*past(240).outages, in_hand(75)))
    decide = next(term for term in estimate(SHOP, POLICY, world, STANDBY, at(1)).terms if term.component == "decide")
    assert (decide.seconds, decide.note) == (240.0, "measured once")


def test_an_acknowledgement_dates_the_outage_that_it_is_of() -> None:
    watch = Watch()
    watch.die()
    assert watch.outage.acknowledged is None
    (dead,) = (each for each in watch.incidents if each.topic == "primary")
    taken = acknowledge(Answer(dead.id, "anna", "socket"), watch.incidents, 3600.0, at(30))
    watch.incidents = tuple(taken if each is dead else each for each in watch.incidents)
    watch.tick(31)
    assert watch.outage.acknowledged == at(30)


def test_another_cluster_s_past_says_nothing() -> None:
    assert learned(past(120).outages, "other", "decide") is None


@pytest.mark.parametrize(
    ("fact", "seconds", "basis", "words"),
    [
        (EndpointFact(("10.0.0.1",), 300.0, True, ()), 300.0, Basis.MEASURED, "TTL of db.shop by its name server"),
        (EndpointFact(("10.0.0.1",), 30.0, False, ()), 30.0, Basis.MEASURED, "by a resolver, the greatest seen"),
        (EndpointFact(("10.0.0.1",), None, False, ()), 60.0, Basis.ASSUMED, "is an address"),
        (REFUSED, 60.0, Basis.ASSUMED, "has not been resolved"),
    ],
)
def test_the_switch_takes_as_long_as_caches_may_remember(
    fact: EndpointFact, seconds: float, basis: Basis, words: str
) -> None:
    world = Snapshot().keep(look(SHOP.endpoint_node, Probe.ENDPOINT, fact, 0, target="db.shop"))
    terms = estimate(WITH_ENDPOINT.clusters[0], WITH_ENDPOINT, world, STANDBY, at(7)).terms
    switch = next(term for term in terms if term.component == "switch")
    assert (switch.seconds, switch.basis) == (seconds, basis)
    assert words in switch.note


def test_a_switch_that_took_longer_than_the_ttl_is_remembered_too() -> None:
    fault = at(-100)
    slow = Outage("shop", "oslo-a", fault, promoted=fault.plus(10), switched=fault.plus(710), standby="oslo-b")
    world = Snapshot().keep(endpoint("oslo-a", 0))
    terms = estimate(WITH_ENDPOINT.clusters[0], WITH_ENDPOINT, replace(world, outages=(slow,)), STANDBY, at(7)).terms
    assert next(term for term in terms if term.component == "switch").seconds == 700


def test_a_primary_that_flaps_and_dies_for_good_has_an_outage_of_its_own() -> None:
    """What flaps is one incident for all of its deaths; the last one is the one that is recovered from."""
    watch = Watch()
    watch.die()
    watch.see(well(20), 20.1)
    assert watch.outage.repaired == at(20)
    (incident,) = (each for each in watch.incidents if each.topic == "primary")
    came_back = Flap((at(7),), at(7), 5, at(31), back=at(31))
    watch.snapshot = replace(watch.snapshot, flaps={incident.key: came_back})
    for second in range(30, 36):
        watch.see([primary(REFUSED, second), body(dead_host(), second)], second + 0.1)
    assert len(watch.snapshot.outages) == 2
    assert watch.outage.fault == at(30)
    assert watch.outage.seconds("detect") is None, "the page of the first death found out nothing about this one"
