"""Binary log coordinates: their order, and how far one is from another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drwatch.core.binlog import Coordinate, CoordinateError, bytes_between, covers

places = st.tuples(st.integers(1, 2_000_000), st.integers(0, 1 << 40))


def coordinate(place: tuple[int, int]) -> Coordinate:
    return Coordinate(f"mysql-bin.{place[0]:06d}", place[1])


@given(places, places)
def test_the_order_is_that_of_the_file_number_then_the_position(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert covers(coordinate(one), coordinate(other)) == (one >= other)


def test_past_999999_the_names_no_longer_sort_as_text() -> None:
    old, new = Coordinate("mysql-bin.999999", 9_000_000), Coordinate("mysql-bin.1000000", 4)
    assert new.file < old.file
    assert covers(new, old)
    assert not covers(old, new)
    assert bytes_between(old, new) == 4


@given(places, places)
def test_the_bytes_between_are_never_more_than_were_written(one: tuple[int, int], other: tuple[int, int]) -> None:
    """At least so many bytes: across a rotation nothing is known of the rest of the older file."""
    far = bytes_between(coordinate(one), coordinate(other))
    assert far is not None
    assert 0 <= far <= other[1]
    if one >= other:
        assert far == 0
    elif one[0] == other[0]:
        assert far == other[1] - one[1]


def test_two_logs_of_different_names_cannot_be_compared() -> None:
    one, other = Coordinate("mysql-bin.000001", 4), Coordinate("oslo.a-bin.000001", 4)
    assert covers(one, other) is None
    assert bytes_between(one, other) is None
    assert other.base == "oslo.a-bin"


@pytest.mark.parametrize(("file", "place"), [("mysql-bin", 4), ("", 4), ("mysql-bin.x", 4), ("mysql-bin.000001", -1)])
def test_what_is_no_coordinate_is_refused(file: str, place: int) -> None:
    with pytest.raises(CoordinateError):
        Coordinate(file, place)
