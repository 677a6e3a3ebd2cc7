"""What was received can be lost again, and then the claim rises by it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import (
    REFUSED,
    SHOP,
    STANDBY,
    at,
    body,
    coordinate,
    dead_host,
    found,
    gtids,
    position,
    primary,
    receiver,
    replication,
    seen,
    server,
    standby,
    standby_server,
    well,
)

from drwatch.core.exposure import Exposure, of_database
from drwatch.core.finding import Condition
from drwatch.core.gtid import Gtids
from drwatch.core.sample import Flavour, ReplicationFact, Sample
from drwatch.core.snapshot import Snapshot

MARIA = {"flavour": Flavour.MARIADB, "version": (10, 11, 6)}


def claim(world: Snapshot, now: float) -> Exposure:
    return of_database(SHOP, world, STANDBY, at(now))


def holds(received: Gtids, applied: Gtids) -> ReplicationFact:
    return replication(retrieved_gtid=received, executed_gtid=applied)


def maria(received: int, applied: int, asked: float, uptime: float = 86400.0) -> list[Sample]:
    """A MariaDB standby: Gtid_IO_Pos in its status, gtid_slave_pos in its fast look."""
    return [
        standby(standby_server(position(9, 2), gtid_applied=position(applied), uptime=uptime, **MARIA), asked),
        receiver(replication(retrieved_gtid=position(received), executed_gtid=None), asked),
    ]


def test_mariadb_throws_away_its_relay_log_and_the_claim_says_so() -> None:
    """0: 100 seen. 5: 150 seen, all received, 100 applied. 7: both threads were stopped, one is started."""
    world = seen(
        primary(server(position(100), **MARIA), 0),
        primary(server(position(150), **MARIA), 5),
        maria(150, 100, 6),
    )
    assert claim(world, 6).seconds == pytest.approx(1)
    assert found(world, 6, Condition.RECEIVED_LOST) is None
    world = seen(maria(100, 100, 7), world=world)
    assert claim(world, 8).seconds == pytest.approx(8)
    assert claim(world, 8).transactions_seen == 50
    lost = found(world, 8, Condition.RECEIVED_LOST)
    assert lost is not None
    assert "50 transactions" in lost.summary


def test_it_matters_for_ever_when_the_primary_is_dead_and_no_longer_once_all_is_received_anew() -> None:
    gone = seen(primary(server(position(150), **MARIA), 5), maria(150, 100, 6), maria(100, 100, 7))
    dead = seen(primary(REFUSED, 8), body(dead_host(), 8), world=gone)
    assert found(seen(maria(100, 100, 5000), world=dead), 5000, Condition.RECEIVED_LOST) is not None
    halfway = seen(maria(149, 110, 8), world=gone)
    assert found(halfway, 8, Condition.RECEIVED_LOST) is not None
    again = seen(maria(150, 110, 9), world=gone)
    assert found(again, 9, Condition.RECEIVED_LOST) is None


def test_a_restart_of_the_standby_alone_makes_what_it_received_doubtful_until_its_next_status() -> None:
    """0: 100 applied. 5: 200 received. 6.5: the fast look finds it restarted (uptime 1 s); 7.5: it had kept all."""
    world = seen(well(0), primary(server(gtids(200)), 4), receiver(holds(gtids(200), gtids(100)), 5))
    assert claim(world, 6).seconds == pytest.approx(2)
    restarted = seen(standby(standby_server(gtids(100), uptime=1.0), 6.5), world=world)
    assert claim(restarted, 6.5).seconds == pytest.approx(6.5)
    assert found(restarted, 6.5, Condition.RECEIVED_LOST) is None
    kept = seen(receiver(holds(gtids(200), gtids(100)), 7.5), world=restarted)
    assert claim(kept, 7.5).seconds == pytest.approx(3.5)


def test_a_clock_that_jumps_ahead_at_boot_does_not_hide_the_restart() -> None:
    """Uptime is told by the wall clock: started at 6 with a clock an hour slow, set right at 6.3, asked at 6.5."""
    world = seen(well(0), primary(server(gtids(200)), 4), receiver(holds(gtids(200), gtids(100)), 5))
    restarted = seen(standby(standby_server(gtids(100), uptime=3600.0), 6.5), world=world)
    assert claim(restarted, 6.5).seconds == pytest.approx(6.5)


def test_a_mysql_standby_that_forgot_what_it_received_but_applied_it_has_lost_nothing() -> None:
    """After a restart Retrieved_Gtid_Set begins with the relay logs that are left."""
    world = seen(well(0, 150), receiver(holds(gtids(0), gtids(150)), 5))
    assert found(world, 6, Condition.RECEIVED_LOST) is None
    assert claim(world, 6).seconds == pytest.approx(6)


def test_a_receiver_by_coordinate_that_begins_where_it_had_applied_has_lost_the_rest() -> None:
    """MySQL with relay_log_recovery, or CHANGE MASTER: from 000001:900 back to 000001:500."""
    old = replace(server(), gtid=None)
    by_place = {"uses_gtid": False, "retrieved_gtid": None, "executed_gtid": None, "executed": coordinate(500)}
    world = seen(
        primary(replace(old, binlog=coordinate(500)), 0),
        primary(replace(old, binlog=coordinate(900)), 5),
        receiver(replication(read=coordinate(900), **by_place), 6),
        receiver(replication(read=coordinate(500), **by_place), 8),
    )
    lost = found(world, 9, Condition.RECEIVED_LOST)
    assert lost is not None
    assert "at least 400 bytes" in lost.summary
    assert claim(world, 9).seconds == pytest.approx(9)
    assert claim(world, 9).bytes_seen == 400


def test_a_standby_that_was_pointed_at_another_server_has_lost_nothing_of_that_ones() -> None:
    world = seen(
        well(0),
        receiver(replication(source_host="10.0.0.9", retrieved_gtid=gtids(3), executed_gtid=gtids(3)), 5),
        standby(standby_server(gtids(3)), 5),
    )
    assert found(world, 6, Condition.RECEIVED_LOST) is None


def test_a_torn_transaction_that_is_fetched_anew_was_never_received() -> None:
    """5.6 counts 101 at its first event; the receiver reconnects and it is gone again, then comes whole."""
    old = standby(standby_server(gtids(100), version=(5, 6, 51)), 1)
    world = seen(well(0), old, receiver(holds(gtids(101), gtids(100)), 2), receiver(holds(gtids(100), gtids(100)), 4))
    assert found(world, 5, Condition.RECEIVED_LOST) is None
