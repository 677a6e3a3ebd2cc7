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
    assert healthy.seconds == pytest.approx(6 + 900 + 0 + 30 + 60 + 0)
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


def test_an_applier_that_was_stopped_is_not_slow() -> None:
    """A minute's stop with work waiting, then 10,000 bytes a second: the stop is no part of its pace."""
    stopped = (backlogged(n, 500, read=900_000, sql=False) for n in range(60))
    world = seen(well(0), stopped, (backlogged(60 + n, 500 + 10_000 * n, read=900_000) for n in range(3)))
    drain = term(world, 62, "drain")
    assert drain.seconds == pytest.approx((900_000 - 20_500) / 10_000, rel=0.01)
    assert drain.at == at(62)


def test_what_an_applier_did_while_it_may_have_idled_is_the_least_that_it_can_do() -> None:
    """500 bytes waited at the first look; by the second that and more was applied: it may have idled."""
    world = seen(well(0), backlogged(1, 1000, read=1500), backlogged(2, 3000, read=9000))
    drain = term(world, 2, "drain")
    assert (drain.basis, drain.seconds) == (Basis.DERIVED, pytest.approx(3.0))
    assert "at least 2000 B/s" in drain.note


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
        standby_host(replace(host(), disks=(Disk("sda", 0.5, 1, 0.008, 16384.0), Disk("sdb", None, 0))), 0),
        receiver(replication(), 0),
    )
    warm = term(world, 1, "warm")
    assert warm.basis is Basis.DERIVED
    assert warm.seconds == pytest.approx(16.384)


def test_long_reads_of_a_backup_are_no_measure_of_reading_at_random() -> None:
    scan = replace(host(), disks=(Disk("sda", 0.02, 1, 0.02, 524_288.0),))
    world = seen(
        primary(server(buffer_pool_data_bytes=1 << 30), 0),
        standby(standby_server(buffer_pool_data_bytes=1 << 29), 0),
        standby_host(scan, 0),
        receiver(replication(), 0),
    )
    assert term(world, 1, "warm").basis is Basis.ASSUMED


def test_a_disk_that_reads_no_more_keeps_what_it_showed_and_the_age_of_that() -> None:
    busy, idle = (replace(host(), disks=(Disk("sda", 0.008, 1, read, 16384.0),)) for read in (0.008, None))
    world = seen(
        primary(server(buffer_pool_data_bytes=1 << 30), 0),
        standby(standby_server(buffer_pool_data_bytes=1 << 29), 0),
        standby_host(busy, 0),
        standby_host(idle, 100),
        receiver(replication(), 100),
    )
    warm = term(world, 101, "warm")
    assert warm.at is not None
    assert at(101) - warm.at == pytest.approx(101, abs=0.1)


def test_a_standby_that_does_not_answer_recovers_nothing() -> None:
    """What it said last is no word on how long it would take now: the page must not say 16 minutes."""
    world = seen(well(0), standby(REFUSED, 1))
    assert term(world, 2, "drain").seconds is None
    assert recovery(world, 2).seconds is None
    assert "oslo-b does not answer (refused)" in recovery(world, 2).unknown
