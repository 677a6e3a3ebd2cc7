"""The timeline of what a primary had: bounded, and never newer than what was seen."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import at, coordinate, gtids, position

from drwatch.core.timeline import MOST, Entry, Position, Timeline, timeline


def entry(asked: float, last: int) -> Entry:
    return Entry(at(asked), Position(gtids(last), None), at(asked + 0.1))


def test_a_position_seen_again_only_moves_its_last_sighting() -> None:
    """Look at 0 and 1: one transaction. Looks at 2 to 60: two. An idle hour costs one entry."""
    line = timeline(entry(n, 1 if n < 2 else 2) for n in range(61))
    assert [(e.asked, e.since) for e in line.entries] == [(at(1), at(0.1)), (at(60), at(2.1))]


def test_the_newest_entry_within_is_the_last_one_that_is_held_wholly() -> None:
    line = timeline(entry(n, n) for n in range(1, 11))
    held = line.newest_within(Position(gtids(7), None))
    assert held is not None
    assert held.asked == at(7)
    beyond = line.first_beyond(Position(gtids(7), None))
    assert beyond is not None
    assert beyond.asked == at(8)
    assert line.first_beyond(Position(gtids(10), None)) is None
    assert line.newest_within(Position(gtids(0), None)) is None


def test_only_what_was_known_by_a_moment_is_held_against_it() -> None:
    line = timeline(entry(n, n) for n in range(1, 11))
    assert [e.asked for e in line.known_by(at(3.05))] == [at(2), at(1)]


def test_a_receiver_by_coordinate_is_measured_by_what_it_read_and_not_by_what_was_applied() -> None:
    """The guide's MariaDB pair, replicating by file and position: gtid_slave_pos says only what was applied."""
    primary = Position(position(100), coordinate(9000))
    assert Position(position(40), coordinate(9000), by_coordinate=True).covers(primary)
    assert not Position(position(40), coordinate(8000), by_coordinate=True).covers(primary)
    assert not Position(position(40), coordinate(9000)).covers(primary)


def test_transactions_without_a_gtid_are_not_taken_as_held() -> None:
    """GTIDs were on once and are off now: the set stands still for ever while the coordinate moves."""
    primary = Position(gtids(100), coordinate(9000))
    assert not Position(gtids(100), coordinate(10), by_coordinate=True).covers(primary)


def test_positions_in_different_units_cannot_cover_each_other() -> None:
    assert not Position(gtids(9), None).covers(Position(None, coordinate(4)))
    assert not Position(gtids(9), None).covers(Position(position(4), None))
    assert Position(None, coordinate(9)).covers(Position(gtids(1), coordinate(4)))


@settings(max_examples=20)
@given(st.integers(0, 3 * MOST), st.integers(1, 3 * MOST))
def test_a_long_timeline_is_bounded_and_thinning_only_makes_the_held_entry_older(held: int, length: int) -> None:
    line = Timeline()
    for n in range(1, length + 1):
        line = line.add(Entry(at(n), Position(None, coordinate(n))))
    assert len(line.entries) <= MOST + 1
    assert [e.asked.loop for e in line.entries] == sorted(e.asked.loop for e in line.entries)
    within = line.newest_within(Position(None, coordinate(held)))
    if within is not None:
        assert within.asked.loop <= at(min(held, length)).loop
    assert line.newest is not None
    assert line.newest.asked == at(length)


def test_a_standby_that_is_hours_behind_is_placed_within_two_looks_and_three_per_cent() -> None:
    """Two days at a look each five seconds, under load; thinning must not place it at the beginning of time."""
    days = 2 * 86400
    line = timeline(Entry(at(n), Position(None, coordinate(n))) for n in range(5, days, 5))
    for behind in (30, 700, 3600, 10 * 3600, 40 * 3600):
        within = line.newest_within(Position(None, coordinate(days - behind)))
        assert within is not None
        assert behind <= at(days) - within.asked <= behind * 1.03 + 10
