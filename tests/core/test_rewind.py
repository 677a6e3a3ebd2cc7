"""A primary that was restored or reset uses its positions a second time: no claim may rest on them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import (
    PRIMARY,
    SHOP,
    STANDBY,
    at,
    body,
    channel,
    coordinate,
    found,
    gtids,
    host,
    position,
    primary,
    receiver,
    replication,
    seen,
    server,
    standby_server,
    well,
)
from worlds import standby as of_standby

from drwatch.core.exposure import of_database
from drwatch.core.finding import Condition
from drwatch.core.gtid import GtidPosition, GtidSet
from drwatch.core.sample import Flavour, IoState, Node, ReplicationFact, Sample, ServerFact
from drwatch.core.snapshot import Snapshot

ELSEWHERE = "00000000-0000-0000-0000-00000000000f"
MARIA = {"flavour": Flavour.MARIADB, "version": (10, 11, 6)}
OLD = replace(server(), gtid=None)
"""5.7 without GTID: its coordinate comes with the status look, its newest file's size with the host's."""


def told(*looks: ServerFact) -> Snapshot:
    """The standby has all; then the primary is looked at, a second apart."""
    return seen(
        of_standby(standby_server(gtids(100)), -1),
        receiver(replication(), -1),
        (primary(look, n) for n, look in enumerate(looks)),
    )


def says(place: int, file: int, asked: float, took: float = 0.01) -> list[Sample]:
    """SHOW MASTER STATUS of a primary without GTID."""
    look = receiver(ReplicationFact((), coordinate(place, file)), asked, took)
    return [replace(look, key=look.key._replace(node=PRIMARY))]


def rewound(world: Snapshot) -> bool:
    return STANDBY in world.timelines[PRIMARY].rewound


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(server(gtids(100)), server(gtids(90)), id="mysql set shrank"),
        pytest.param(server(gtids(100)), replace(server(), gtid=GtidSet()), id="reset binary logs and gtids"),
        pytest.param(server(position(100), **MARIA), server(position(90), **MARIA), id="mariadb went back"),
        pytest.param(server(position(100), **MARIA), server(GtidPosition(), **MARIA), id="mariadb reset master"),
        pytest.param(
            server(GtidPosition(((0, 1, 100), (1, 1, 50))), **MARIA),
            server(GtidPosition(((0, 1, 120), (1, 1, 40))), **MARIA),
            id="one of two domains went back",
        ),
        pytest.param(
            server(position(100), binlog=coordinate(9000, 3), **MARIA),
            server(position(100), binlog=coordinate(700, 1), **MARIA),
            id="the old number is reached again before the next look, and the coordinate tells",
        ),
    ],
)
def test_a_position_that_went_back_stays_said_even_once_the_old_number_is_passed(
    before: ServerFact, after: ServerFact
) -> None:
    assert rewound(told(before, after))
    world = told(before, after, before, before)
    assert rewound(world)
    assert found(world, 5, Condition.PRIMARY_REWOUND) is not None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(server(gtids(100)), server(gtids(100) | gtids(3, ELSEWHERE)), id="another originator"),
        pytest.param(server(gtids(100)), replace(server(), gtid=None), id="GTIDs switched off"),
        pytest.param(
            server(GtidPosition(((0, 1, 100), (7, 1, 50))), **MARIA),
            server(GtidPosition(((0, 1, 100),)), **MARIA),
            id="flush binary logs delete_domain_id",
        ),
        pytest.param(
            server(position(100), binlog=coordinate(9000, 3), uptime=86400.0, **MARIA),
            server(position(100), binlog=coordinate(342, 4), uptime=1.0, **MARIA),
            id="primary restarted",
        ),
    ],
)
def test_what_only_looks_like_going_back_is_not_called_so(before: ServerFact, after: ServerFact) -> None:
    world = told(before, after)
    assert not rewound(world)
    assert found(world, 2, Condition.PRIMARY_REWOUND) is None


@pytest.mark.parametrize(
    ("places", "back"),
    [
        pytest.param([(900, 1), (154, 2)], False, id="flush logs, rotation, restart"),
        pytest.param([(900, 1), (850, 1)], True, id="same file, less of it"),
        pytest.param([(900, 9), (154, 1)], True, id="reset master: file numbers begin anew"),
        pytest.param([(900, 1), (154, 1)], True, id="reset master while in the first file"),
        pytest.param([(900, 7), (5000, 6)], True, id="restored to an earlier file"),
    ],
)
def test_coordinates_that_a_server_says_go_back_only_when_its_log_did(
    places: list[tuple[int, int]], back: bool
) -> None:
    world = seen(
        primary(OLD, -2),
        of_standby(replace(standby_server(), gtid=None), -1),
        receiver(ReplicationFact((channel(uses_gtid=False, retrieved_gtid=None, executed_gtid=None),)), -1),
        *(says(place, file, n) for n, (place, file) in enumerate(places)),
    )
    assert rewound(world) == back


def test_a_size_read_over_ssh_that_was_ahead_of_the_server_is_no_going_back() -> None:
    """0: 900 bytes are on the disk. 1: 850 are committed, says the server. 2: recovery has cut off the rest."""
    world = seen(
        primary(OLD, -2),
        body(host(binlog=coordinate(900)), 0),
        *says(850, 1, 1),
        body(host(binlog=coordinate(850)), 2),
    )
    assert not rewound(world)


def test_an_answer_that_overtook_another_is_no_going_back() -> None:
    """The status look of 1 to 3 brings file 5; the size read at 1.1, just before the rotation, was file 4's."""
    world = seen(primary(OLD, -2), *says(154, 5, 1, took=2), body(host(binlog=coordinate(9000, 4)), 1.1))
    assert not rewound(world)


def test_a_file_that_is_shorter_than_it_was_proves_nothing() -> None:
    """0: 900 bytes, all received. Then RESET MASTER, in the first file, and one commit; at 5 the file's size is 204.

    Until the server says so itself, 204 is not a place that the standby has passed.
    """
    world = seen(
        primary(OLD, -2),
        *says(900, 1, 0),
        receiver(replication(uses_gtid=False, retrieved_gtid=None, executed_gtid=None, read=coordinate(900)), 1),
        body(host(binlog=coordinate(204)), 5),
    )
    assert of_database(SHOP, world, STANDBY, at(5)).seconds == pytest.approx(5)


def test_after_a_rewind_the_claim_is_unknown_and_not_a_comforting_second() -> None:
    """t=0 both hold 100; t=1 the primary is restored to 40; t=61 it is at 95, all numbers the standby has seen."""
    world = seen(
        primary(server(gtids(100)), 0),
        of_standby(standby_server(gtids(100)), 0.1),
        receiver(replication(retrieved_gtid=gtids(100), executed_gtid=gtids(100)), 0.1),
        primary(server(gtids(40)), 1),
        *(primary(server(gtids(40 + n)), 1 + n) for n in range(1, 56)),
    )
    claim = of_database(SHOP, world, STANDBY, at(61))
    assert claim.seconds is None
    assert "went back" in claim.unknown
    assert "drwatch rebuilt shop oslo-b" in claim.unknown


def test_the_unknown_claim_is_explained_by_the_rewind_and_not_told_beside_it() -> None:
    world = told(server(gtids(100)), server(gtids(90)))
    breached = found(world, 5, Condition.RPO_BREACHED)
    assert breached is not None
    assert breached.suppressed_by is Condition.PRIMARY_REWOUND


def test_a_receiver_that_finds_its_place_gone_is_explained_by_the_rewind() -> None:
    gone = receiver(replication(io=IoState.NO, io_errno=1236, io_error="could not find first log file name"), 2)
    world = seen(gone, world=told(server(gtids(100)), server(gtids(90))))
    rebuild = found(world, 5, Condition.REBUILD_REQUIRED)
    assert rebuild is not None
    assert rebuild.suppressed_by is Condition.PRIMARY_REWOUND


def test_only_a_humans_word_ends_it_and_then_the_claim_rests_on_what_is_seen_from_there() -> None:
    """0: 100 on both. 1: the primary is restored to 40. 2: the standby is rebuilt from it. 3: the human says so."""
    world = told(server(gtids(100)), server(gtids(40)))
    world = seen(of_standby(standby_server(gtids(40)), 2), receiver(replication_of(40), 2), world=world)
    assert found(world, 3, Condition.PRIMARY_REWOUND) is not None
    world = seen(well(3, 40), world=world.rebuilt(STANDBY))
    assert found(world, 3.5, Condition.PRIMARY_REWOUND) is None
    assert found(world, 3.5, Condition.RECEIVED_LOST) is None
    assert of_database(SHOP, world, STANDBY, at(3.5)).seconds == pytest.approx(0.5)


def test_a_humans_word_counts_for_what_is_seen_after_it() -> None:
    """0: 100 on both. 1: restored to 40. The human speaks at once; the newest look of the standby is the old one's."""
    world = told(server(gtids(100)), server(gtids(40)), server(gtids(60))).rebuilt(STANDBY)
    assert of_database(SHOP, world, STANDBY, at(3)).seconds is None
    world = seen(of_standby(standby_server(gtids(60)), 4), receiver(replication_of(60), 4), world=world)
    assert of_database(SHOP, world, STANDBY, at(4)).seconds == pytest.approx(2)


def test_no_claim_after_the_rebuilding_rests_on_what_was_seen_before_the_rewind() -> None:
    """0: 50. 1: 100. 2: restored to 40. The standby is rebuilt, and nobody sees the primary, who writes 41 to 60.

    The standby says that it holds 60: that is not the 60 that the primary had before.
    """
    world = told(server(gtids(50)), server(gtids(100)), server(gtids(40))).rebuilt(STANDBY)
    world = seen(of_standby(standby_server(gtids(60)), 3600), receiver(replication_of(60), 3600), world=world)
    assert of_database(SHOP, world, STANDBY, at(3600)).seconds == pytest.approx(3598)


def test_a_primary_that_comes_back_with_less_than_its_standby_received_has_been_rewound() -> None:
    """0: 100 seen on it. Then a burst to 150, all received by 3. Power is lost, and without sync_binlog 110 are left.

    No look of the primary ever saw more than 110: only the standby can tell.
    """
    world = seen(
        well(0),
        of_standby(standby_server(gtids(150)), 3),
        receiver(replication_of(150), 3),
        primary(server(gtids(110), uptime=4.0), 20),
    )
    assert rewound(world)
    assert of_database(SHOP, world, STANDBY, at(20)).seconds is None


def test_what_came_since_the_primary_was_started_may_be_ahead_of_what_it_shows() -> None:
    """A transaction is sent before it is in gtid_executed; a semi-synchronous one waits there for its answer."""
    world = seen(
        well(0),
        primary(server(gtids(120), uptime=4.0), 20),
        receiver(replication_of(150), 21),
        primary(server(gtids(149), uptime=6.0), 22),
    )
    assert not rewound(world)


def test_a_primary_that_restarts_with_all_it_had_sent_is_not_rewound() -> None:
    world = seen(well(0), receiver(replication_of(150), 3), primary(server(gtids(150), uptime=4.0), 20))
    assert not rewound(world)


def test_a_standby_that_is_rebuilt_itself_holds_nothing_against_the_primary_that_it_follows() -> None:
    """The old primary comes back as a standby, rebuilt: its own set shrinks. The new primary is not fed by it."""
    leader = receiver(ReplicationFact(()), 0)
    world = seen(
        replace(leader, key=leader.key._replace(node=PRIMARY)),
        well(1),
        of_standby(standby_server(gtids(100)), 2),
        of_standby(standby_server(gtids(20)), 60),
    )
    assert all(not line.rewound for line in world.timelines.values())


def test_a_second_standby_that_follows_another_server_is_not_tainted() -> None:
    third = Node("shop", "oslo-c")
    looks = [of_standby(standby_server(gtids(9), server_id=3), -1), receiver(replication(source_server_id=77), -1)]
    chained = [replace(look, key=look.key._replace(node=third)) for look in looks]
    world = seen(chained, primary(server(gtids(90)), 5), world=told(server(gtids(100))))
    assert world.timelines[PRIMARY].rewound == {STANDBY}


def replication_of(last: int) -> ReplicationFact:
    return replication(retrieved_gtid=gtids(last), executed_gtid=gtids(last))
