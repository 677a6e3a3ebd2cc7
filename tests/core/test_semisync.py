"""Semi-synchronous replication: holding, fallen back, or locked."""

from __future__ import annotations

from worlds import (
    POLICY,
    REFUSED,
    body,
    conditions,
    dead_host,
    found,
    gtids,
    primary,
    receiver,
    replication,
    seen,
    well,
)
from worlds import server as a_server

from drwatch.core.finding import Condition
from drwatch.core.incident import window
from drwatch.core.sample import IoState, SemiSync, ServerFact


def waits(holds: bool, readers: int = 1, waiting: int = 0) -> ServerFact:
    return a_server(gtids(100), semi_sync=SemiSync(holds, readers, waiting))


def test_a_source_that_gave_up_waiting_is_told_after_the_likely_window() -> None:
    told = found(seen(well(0), primary(waits(False, readers=0), 1)), 2, Condition.SEMI_SYNC_DEGRADED)
    assert told is not None
    assert told.subject == "oslo-a"
    assert "0 standbys" in told.evidence[0]
    assert window(told, POLICY) == 15


def test_one_that_holds_or_was_never_switched_on_is_well() -> None:
    for fact in (waits(True), a_server(gtids(100), semi_sync=None)):
        assert conditions(seen(well(0), primary(fact, 1)), 2) == set()


def test_without_a_connected_standby_that_is_told_and_not_what_follows() -> None:
    world = seen(well(0), primary(waits(False, readers=0), 1), receiver(replication(io=IoState.NO), 1))
    assert conditions(world, 2) == {Condition.REPLICATION_STOPPED}


def test_a_dead_source_waits_for_nobody() -> None:
    world = seen(well(0), primary(waits(False), 1), primary(REFUSED, 2), body(dead_host(), 2))
    assert found(world, 3, Condition.SEMI_SYNC_DEGRADED) is None
