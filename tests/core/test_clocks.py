"""Whose clock is ahead: a marker is written by one host and read by another."""

from __future__ import annotations

from datetime import timedelta

from worlds import LOST, PRIMARY, STANDBY, at, body, host, seen, standby_host


def test_a_hosts_clock_is_measured_against_the_middle_of_the_look() -> None:
    world = seen(body(host(clock=at(10.05).wall + timedelta(seconds=7)), 10, took=0.1))
    assert world.clock_offset(PRIMARY) == 7.0
    assert world.clock_offset(STANDBY) is None


def test_the_lead_of_one_clock_over_another_outlives_the_host_that_told_it() -> None:
    """The primary is seven seconds ahead and then dies: its markers are no younger for that."""
    told = (
        body(host(clock=at(10.005).wall + timedelta(seconds=7)), 10),
        standby_host(host(clock=at(10.005).wall - timedelta(seconds=1)), 10),
    )
    world = seen(*told, body(LOST, 20))
    assert world.clock_offset(PRIMARY) is None
    assert round(world.clock_lead(PRIMARY, STANDBY), 3) == 8.0


def test_clocks_that_nobody_has_read_are_not_corrected() -> None:
    assert seen().clock_lead(PRIMARY, STANDBY) == 0.0
