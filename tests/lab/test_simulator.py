"""The simulated pair under several faults at once: mending one does not end what another still causes."""

from __future__ import annotations

import asyncio
from itertools import permutations
from random import Random

import pytest

from drwatch.core.sample import IoState, Reason
from drwatch.lab.simulated_stream import NET_TIMEOUT
from drwatch.lab.simulator import World
from drwatch.lab.wires import PRIMARY, WITNESS

pytestmark = pytest.mark.looptime

SILENT = ("primary-hung", "host-frozen", "host-gone", "primary-standby-cut", "primary-standby-deaf", "wall-drops")


def world() -> World:
    made = World("shop", rate=10)
    made.wires.chance = Random(1)
    return made


async def received(made: World, seconds: float = 5.0) -> float:
    """Transactions that come through."""
    made.settle()
    before = made.stream.received[1]
    await asyncio.sleep(seconds)
    made.settle()
    return made.stream.received[1] - before


@pytest.mark.parametrize(("first", "second"), list(permutations(SILENT, 2)))
async def test_a_stream_is_silent_until_all_that_silences_it_is_mended(first: str, second: str) -> None:
    made = world()
    made.strike(first)
    made.strike(second)
    made.strike(first, mend=True)
    assert await received(made) == 0
    made.strike(second, mend=True)
    assert await received(made) > 0


async def test_a_frozen_host_does_not_serve_because_its_server_was_let_go_on() -> None:
    made = world()
    made.strike("primary-hung")
    made.strike("host-frozen")
    made.strike("primary-hung", mend=True)
    assert not made.primary.serves
    made.strike("host-frozen", mend=True)
    assert made.primary.serves


async def test_writes_are_held_up_until_nothing_holds_them_up() -> None:
    made = world()
    made.strike("primary-locked")
    made.strike("primary-data-full")
    made.strike("primary-data-full", mend=True)
    assert made.primary.held_up
    made.strike("primary-locked", mend=True)
    assert not made.primary.held_up


async def test_two_cuts_of_one_path_are_mended_one_by_one() -> None:
    made = world()
    made.strike("witness-primary-cut")
    made.strike("witness-primary-deaf")
    made.strike("witness-primary-deaf", mend=True)
    assert not made.wires.reaches(WITNESS, PRIMARY)
    made.strike("witness-primary-cut", mend=True)
    assert made.wires.reaches(WITNESS, PRIMARY)


async def test_two_walls_are_taken_down_one_by_one() -> None:
    made = world()
    made.strike("wall-rejects")
    made.strike("wall-drops")
    made.strike("wall-rejects", mend=True)
    assert made.wires.wall() is Reason.CONNECT_TIMEOUT


async def test_a_network_that_stops_losing_packets_keeps_its_noise() -> None:
    made = world()
    made.wires.noise = 0.05
    made.strike("network-loses")
    assert made.wires.loss > 0.05
    made.strike("network-loses", mend=True)
    assert made.wires.loss == 0.05


async def test_a_receiver_that_was_turned_away_believes_in_no_connection_when_the_line_is_cut() -> None:
    made = world()
    made.strike("primary-killed")
    made.strike("primary-standby-cut")
    made.strike("primary-killed", mend=True)
    assert made.stream.io is IoState.CONNECTING
    made.strike("primary-standby-cut", mend=True)
    assert made.stream.io is IoState.YES


async def test_a_receiver_believes_in_a_silent_connection_for_a_while() -> None:
    made = world()
    made.strike("primary-standby-cut")
    await asyncio.sleep(NET_TIMEOUT - 1)
    made.settle()
    assert made.stream.io is IoState.YES
    await asyncio.sleep(2)
    made.settle()
    assert made.stream.io is IoState.CONNECTING
