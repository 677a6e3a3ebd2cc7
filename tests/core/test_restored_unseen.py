"""Without GTIDs, a primary that is restarted and restored while nobody looks may stand between what was seen of it and
what its standby has: the same coordinate means other rows there. Until the looks tell, none of them counts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import PRIMARY, SHOP, STANDBY, at, channel, coordinate, primary, receiver, server, standby, standby_server

from drwatch.core.exposure import Exposure, of_database
from drwatch.core.gtid import GtidPosition
from drwatch.core.memory import memory, recall
from drwatch.core.sample import Flavour, IoState, ReplicationFact, Sample
from drwatch.core.snapshot import Snapshot, snapshot

OLD = replace(server(), gtid=None)
SHORT = {"io": IoState.NO, "io_errno": 1236, "io_error": "impossible position"}


def says(place: int, file: int, asked: float, up: float) -> Sample:
    return primary(replace(OLD, binlog=coordinate(place, file), uptime=up), asked)


def has(place: int, file: int, asked: float, **but: object) -> Sample:
    by_place = {"uses_gtid": False, "retrieved_gtid": None, "executed_gtid": None}
    return receiver(ReplicationFact((channel(**by_place, read=coordinate(place, file), **but),)), asked)


def seen(*looks: Sample) -> Snapshot:
    """At 0 both stand at 500 in file 1; nobody looks until 100, when the primary has been up for 40 seconds."""
    begun = (says(500, 1, 0, 9000.0), standby(replace(standby_server(), gtid=None), 0), has(500, 1, 0))
    return snapshot((*begun, *looks))


def claim(world: Snapshot, now: float) -> Exposure:
    return of_database(SHOP, world, STANDBY, at(now))


def rewound(world: Snapshot) -> bool:
    return STANDBY in world.timelines[PRIMARY].rewound


@pytest.mark.parametrize(
    "looks",
    [
        pytest.param([says(154, 2, 100, 40), has(900, 2, 101)], id="primary first"),
        pytest.param([has(900, 2, 99), says(154, 2, 100, 40)], id="standby first"),
        pytest.param([says(154, 2, 100, 40), has(900, 2, 101), says(600, 2, 102, 42)], id="seen behind its standby"),
    ],
)
def test_what_its_standby_received_before_an_unseen_restore_covers_nothing_of_what_came_after(
    looks: list[Sample],
) -> None:
    """10: a rotation. 50: 2:900, all received. 60: restored to 1:400, begins file 2 anew: its rows are nowhere else."""
    assert claim(seen(*looks), 103).seconds == pytest.approx(103)


def test_a_standby_whose_status_nobody_has_read_yet_is_doubted_too() -> None:
    """On MariaDB its GTIDs are known before its way of following is, and a restored primary uses numbers again."""
    first = replace(OLD, gtid=GtidPosition.parse("0-1-10"), binlog=coordinate(500, 1), uptime=9000.0)
    again = replace(OLD, gtid=GtidPosition.parse("0-1-12"), binlog=coordinate(154, 2), uptime=40.0)
    copy = replace(standby_server(), flavour=Flavour.MARIADB, gtid_applied=first.gtid)
    later = replace(copy, gtid_applied=again.gtid)
    world = snapshot((primary(first, 0), standby(copy, 0), primary(again, 100), standby(later, 101)))
    assert claim(world, 103).seconds == pytest.approx(103)


def test_the_restored_primary_passing_its_standbys_place_does_not_end_the_doubt() -> None:
    world = seen(says(154, 2, 100, 40), has(900, 2, 101), says(600, 2, 102, 42), says(5000, 2, 110, 50))
    assert claim(world, 111).seconds == pytest.approx(111)
    assert claim(seen_again(world), 111).seconds == pytest.approx(111)


def seen_again(world: Snapshot) -> Snapshot:
    return recall(memory(world, at(110.5)), {PRIMARY, STANDBY}, at(110.5))


def test_a_primary_behind_its_standby_that_cannot_serve_its_place_was_rewound() -> None:
    refused = has(900, 2, 103, **SHORT)
    world = seen(says(154, 2, 100, 40), has(900, 2, 101), says(600, 2, 102, 42), refused)
    assert rewound(world)
    assert "went back" in claim(world, 104).unknown


def test_an_ordinary_restart_is_followed_at_once() -> None:
    """The standby connects again and the primary stands where it does."""
    world = seen(says(154, 2, 100, 40), has(154, 2, 101), says(154, 2, 102, 42))
    assert not rewound(world)
    assert claim(world, 103).seconds == pytest.approx(1)


def test_a_receiver_that_goes_on_after_an_ordinary_restart_is_followed_at_once() -> None:
    world = seen(says(154, 2, 100, 40), has(300, 2, 101), says(250, 2, 102, 42), has(900, 2, 103))
    assert claim(world, 104).seconds == pytest.approx(2)


def test_a_commit_that_waits_for_its_answer_after_a_restart_is_no_rewind() -> None:
    world = seen(says(154, 2, 100, 40), has(300, 2, 101), says(154, 2, 102, 42))
    assert not rewound(world)
    assert claim(world, 103).known


def test_a_tail_that_was_torn_off_by_a_crash_is_no_rewind() -> None:
    """1:900 was sent and not kept: file 2 is beyond all that the standby has, and what it lacks is counted from 0."""
    world = seen(says(154, 2, 100, 40), has(900, 1, 101, **SHORT), says(154, 2, 102, 42), has(900, 1, 103, **SHORT))
    assert not rewound(world)
    assert claim(world, 104).seconds == pytest.approx(104)


def test_a_rotation_without_a_restart_raises_no_doubt() -> None:
    world = seen(says(154, 2, 100, 9100.0), has(900, 2, 101))
    assert claim(world, 102).seconds == pytest.approx(2)
