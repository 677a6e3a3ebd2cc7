"""Time to recover: a sum of terms, each with its source; unknown as soon as one of them is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import (
    POLICY,
    REFUSED,
    SHOP,
    STANDBY,
    at,
    channel,
    coordinate,
    host,
    primary,
    receiver,
    replication,
    seen,
    server,
    standby,
    standby_host,
    standby_server,
    well,
)

from drwatch.core.recovery import Basis, Recovery, Term, backlog, estimate
from drwatch.core.sample import Disk, ReplicationFact, Sample
from drwatch.core.snapshot import Snapshot


def recovery(world: Snapshot, now: float) -> Recovery:
    return estimate(SHOP, POLICY, world, STANDBY, at(now))


def term(world: Snapshot, now: float, component: str) -> Term:
    return next(term for term in recovery(world, now).terms if term.component == component)


def test_the_sum_has_every_part_from_detection_to_the_first_good_write() -> None:
    healthy = recovery(seen(well(0)), 1)
    assert [t.component for t in healthy.terms] == ["detect", "decide", "drain", "promote", "switch", "warm"]
    assert healthy.seconds == pytest.approx(sum(t.seconds or 0.0 for t in healthy.terms))
    assert healthy.seconds == pytest.approx(6 + 900 + 0 + 30 + 60 + 60)
    assert healthy.unassumed == pytest.approx(6)
    assert healthy.unknown == ""


def backlogged(n: float, executed: int, read: int = 100_000, **but: object) -> Sample:
    return receiver(replication(read=coordinate(read), executed=coordinate(executed), **but), n)


def test_the_drain_is_the_backlog_over_the_measured_rate() -> None:
    """Thirty looks a second apart, 1,000 bytes applied between two; at the end 70,500 wait."""
    world = seen(well(0), (backlogged(n, 500 + 1000 * n) for n in range(30)))
    drain = term(world, 29.5, "drain")
    assert drain.basis is Basis.MEASURED
    assert drain.seconds == pytest.approx(70.5, rel=0.01)


def test_a_rate_that_was_never_measured_is_an_assumption_and_pages_nobody() -> None:
    drain = term(seen(receiver(replication(read=coordinate(900), executed=coordinate(100)), 0)), 1, "drain")
    assert drain.basis is Basis.ASSUMED


def test_an_idle_applier_says_nothing_of_how_fast_it_can_go() -> None:
    """A trickle applied as it comes, a byte a second, then a burst: the burst does not take a day."""
    trickle = (backlogged(n, 500 + n, read=500 + n) for n in range(1, 60))
    world = seen(well(0), trickle, backlogged(60, 560, read=90_000), backlogged(61, 10_560, read=90_000))
    assert (term(world, 61, "drain").seconds or 0) < 60


@pytest.mark.parametrize(
    ("but", "now", "word"),
    [
        pytest.param({"sql": False}, 3.0, "stopped with 99500 bytes", id="stopped"),
        pytest.param({}, 15.0, "has not moved for", id="stuck"),
    ],
)
def test_a_drain_that_does_not_move_is_unknown_and_so_is_the_sum(but: dict[str, object], now: float, word: str) -> None:
    world = seen(well(0), backlogged(1, 500, **but), backlogged(2, 500, **but))
    assert recovery(world, now).seconds is None
    assert word in recovery(world, now).unknown


def test_a_standby_that_replicates_from_nobody_has_no_drain() -> None:
    world = seen(well(0), receiver(ReplicationFact(()), 1))
    assert "from nobody" in recovery(world, 2).unknown


@pytest.mark.parametrize(
    ("read", "executed", "relay", "waiting"),
    [
        (coordinate(900), coordinate(100), 5000, 800),
        (coordinate(100), coordinate(100), 5000, 0),
        (coordinate(4, 2), coordinate(100), 5000, 5000),
        (coordinate(4, 2), coordinate(100), None, None),
        (None, coordinate(100), 5000, None),
    ],
)
def test_the_backlog_is_an_upper_bound_across_a_rotation(
    read: object, executed: object, relay: int | None, waiting: int | None
) -> None:
    assert backlog(channel(read=read, executed=executed, relay_bytes=relay)) == waiting


def test_warming_up_is_what_the_primary_holds_and_the_standby_lacks_read_at_random() -> None:
    """1 GiB against 0.5 GiB: 32,768 pages, sixteen in flight, 8 ms each: 16.4 s."""
    world = seen(
        primary(server(buffer_pool_data_bytes=1 << 30), 0),
        standby(standby_server(buffer_pool_data_bytes=1 << 29), 0),
        standby_host(replace(host(), disks=(Disk("sda", 0.008, 1), Disk("sdb", None, 0))), 0),
        receiver(replication(), 0),
    )
    warm = term(world, 1, "warm")
    assert warm.basis is Basis.DERIVED
    assert warm.seconds == pytest.approx(16.384)


def test_a_standby_that_does_not_answer_recovers_nothing() -> None:
    """What it said last is no word on how long it would take now: the page must not say 16 minutes."""
    world = seen(well(0), standby(REFUSED, 1))
    assert term(world, 2, "drain").seconds is None
    assert recovery(world, 2).seconds is None
    assert "oslo-b does not answer (refused)" in recovery(world, 2).unknown
