"""A primary that was restored or reset uses its positions a second time: no claim may rest on them."""

from __future__ import annotations

import pytest
from worlds import (
    SHOP,
    STANDBY,
    at,
    coordinate,
    gtids,
    position,
    primary,
    receiver,
    replication,
    seen,
    server,
    standby_server,
)
from worlds import standby as of_standby

from drwatch.core.exposure import of_database
from drwatch.core.gtid import GtidSet
from drwatch.core.timeline import Entry, Position, timeline

OTHER = "00000000-0000-0000-0000-00000000000f"


def line(*positions: Position) -> bool:
    return timeline(Entry(at(n), each) for n, each in enumerate(positions)).rewound


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(Position(gtids(100), None), Position(gtids(90), None), id="mysql set shrank"),
        pytest.param(Position(gtids(100), None), Position(GtidSet(), None), id="reset master"),
        pytest.param(Position(position(100), None), Position(position(90), None), id="mariadb went back"),
        pytest.param(Position(None, coordinate(9, 7)), Position(None, coordinate(4, 1)), id="file numbers begin anew"),
    ],
)
def test_a_position_that_went_back_stays_said_even_once_the_old_number_is_passed(
    before: Position, after: Position
) -> None:
    assert line(before, after)
    assert line(before, after, before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(Position(gtids(100), None), Position(gtids(100) | gtids(3, OTHER), None), id="another originator"),
        pytest.param(Position(None, coordinate(900, 1)), Position(None, coordinate(4, 2)), id="rotation"),
        pytest.param(Position(None, coordinate(900, 1)), Position(None, coordinate(850, 1)), id="size read ahead"),
        pytest.param(Position(gtids(100), None), Position(None, coordinate(4, 1)), id="another unit"),
    ],
)
def test_what_only_looks_like_going_back_is_not_called_so(before: Position, after: Position) -> None:
    assert not line(before, after)


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
