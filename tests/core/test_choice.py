"""Repair or take over: what each takes and costs, and from when on taking over is the better."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import (
    POLICY,
    PRIMARY,
    REFUSED,
    SHOP,
    at,
    body,
    coordinate,
    dead_host,
    gtids,
    host,
    judged,
    primary,
    receiver,
    replication,
    seen,
    server,
    standby,
    standby_server,
    well,
)

from drwatch.core.actuals import Outage
from drwatch.core.choice import Choice
from drwatch.core.policy import Patience, Policy
from drwatch.core.recovery import Basis
from drwatch.core.snapshot import Snapshot

TAKE_OVER = 0 + 30 + 60 + 0
"""Seconds after the decision in a world where nothing waits and nothing was measured: promote and switch assumed."""


def repaired(*took: float) -> tuple[Outage, ...]:
    """Past outages that ended with a repair after so many seconds."""
    faults = [at(-86400.0 * (number + 1)) for number in range(len(took))]
    return tuple(
        Outage("shop", PRIMARY.name, fault, repaired=fault.plus(seconds), ended=fault.plus(seconds))
        for fault, seconds in zip(faults, took, strict=True)
    )


def choice(world: Snapshot, now: float, policy: Policy = POLICY) -> Choice:
    made = judged(world, now, policy).clusters[0].choice
    assert made is not None
    return made


def killed(*past: float) -> Snapshot:
    world = seen(well(0), well(1), primary(REFUSED, 2), body(dead_host(), 2))
    return replace(world, outages=repaired(*past))


def test_a_repair_that_nobody_has_measured_outweighs_no_data() -> None:
    """Five minutes are assumed: what is lost by taking over is certain, so the patience for it decides."""
    made = choice(killed(), 3)
    assert (made.repair.seconds, made.repair.basis) == (300.0, Basis.ASSUMED)
    assert made.take_over == pytest.approx(TAKE_OVER)
    assert not made.lossless
    assert made.wins_after == 600.0


def test_the_patience_is_the_business_s_own() -> None:
    patient = replace(POLICY, clusters=(replace(SHOP, patience=Patience(lossy=1800.0)),))
    assert choice(killed(), 3, patient).wins_after == 1800.0


@pytest.mark.parametrize(
    ("past", "wins"),
    [
        pytest.param((3600.0, 3000.0, 2400.0), 0.0, id="repairs took far longer than taking over and the patience"),
        pytest.param((400.0,), 600.0, id="a repair within the patience is waited for"),
        pytest.param((650.0,), 600.0, id="nothing is waited for beyond the patience"),
    ],
)
def test_how_long_repairs_took_before_says_whether_to_wait_for_one(past: tuple[float, ...], wins: float) -> None:
    made = choice(killed(*past), 3)
    assert made.repair.basis is Basis.MEASURED
    assert made.wins_after == wins


def spared() -> Snapshot:
    """The corpse's own binary log was read after its death, and the standby has received all of it."""
    log = coordinate(500)
    by_coordinate = replication(read=log, executed=log, uses_gtid=False, retrieved_gtid=None, executed_gtid=None)
    return seen(
        primary(replace(server(), gtid=None, binlog=log), 1),
        standby(replace(standby_server(), gtid=None), 1),
        receiver(by_coordinate, 1),
        body(host(), 1),
        primary(REFUSED, 2),
        body(dead_host(), 3),
        body(dead_host(binlog=log), 4),
    )


def test_when_nothing_can_be_lost_taking_over_is_better_at_once() -> None:
    made = choice(spared(), 5)
    assert made.loss.seconds == 0.0
    assert made.lossless
    assert made.wins_after == 0.0


def test_yet_a_repair_that_is_quicker_than_taking_over_comes_first() -> None:
    assert choice(replace(spared(), outages=repaired(20.0, 30.0, 22.0)), 5).wins_after == 22.0


def test_while_a_part_of_it_is_unknown_nobody_can_say_which_is_better() -> None:
    stopped = replication(read=coordinate(900), executed=coordinate(100), sql=False)
    made = choice(seen(well(0), well(1), receiver(stopped, 2), primary(REFUSED, 3), body(host(""), 3)), 4)
    assert made.take_over is None
    assert made.wins_after is None
    assert "the applier of oslo-b is stopped with 800 bytes waiting" in made.unknown


def test_of_two_standbys_the_one_that_loses_least_is_weighed() -> None:
    assert choice(seen(well(0), well(1), primary(server(gtids(105)), 2)), 3).loss.node.name == "oslo-b"
