"""A wall clock that is stepped, a machine that sleeps, drwatch started again and again: nothing lost, nothing extra.

Under virtual time. The wall's hand is moved and the loop's is not: a step of the clock, and to the kernel's monotonic
clock, which stands still in a suspend, that is one too.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from simulated import Carrier, running

from drwatch.core.finding import Condition
from drwatch.core.paging import Outcome
from drwatch.lab.simulator import World, clock

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]

STEPS = pytest.mark.parametrize("step", [3600.0, -3600.0, 600.0], ids=["an hour on", "an hour back", "a suspend"])

TWO_STEPS = {
    "paging.channels": {"phone": {"url_file": "phone.url"}, "pager": {"url_file": "pager.url"}},
    "paging.escalation": [{"to": ["phone"]}, {"to": ["pager"], "after": "60s"}],
}
"""The pager's is pending for a minute."""


def told(carrier: Carrier) -> list[tuple[str, str]]:
    """(channel, how the page begins) of what was told."""
    return [(channel, " ".join(title.split()[:2])) for channel, title in carrier.told]


@STEPS
async def test_a_step_while_it_runs_moves_no_page_of_an_open_incident(tmp_path: Path, step: float) -> None:
    world, carrier, wall = World("shop", 50.0), Carrier(), [0.0]
    async with running(tmp_path, world, carrier, wall_step=lambda: wall[0], **TWO_STEPS):
        world.strike("primary-killed")
        await asyncio.sleep(15)
        wall[0] = step
        await asyncio.sleep(30)
        assert told(carrier) == [("phone", "CRITICAL shop:")]
        await asyncio.sleep(30)
        assert told(carrier) == [("phone", "CRITICAL shop:"), ("pager", "CRITICAL NOBODY")]


@STEPS
async def test_a_step_before_a_restart_hastens_and_delays_nothing_that_is_pending(tmp_path: Path, step: float) -> None:
    """An open incident, an escalation that is half a minute away, and a page that the phone has not accepted.

    The pager, which stood in for the phone, has it already.
    """
    stood_in = ("pager", "CRITICAL shop:")
    world, carrier, wall = World("shop", 50.0), Carrier({"phone": Outcome.FAILED}), [0.0]
    async with running(tmp_path, world, carrier, wall_step=lambda: wall[0], **TWO_STEPS) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(15)
        wall[0] = step
        await asyncio.sleep(5)
        assert told(carrier) == [stood_in]
        watch.ledger.dead = True
    carrier.outcomes.clear()
    struck = clock()
    async with running(tmp_path, world, carrier, wall_step=step, **TWO_STEPS):
        assert told(carrier) == [stood_in, ("phone", "CRITICAL shop:")]
        await asyncio.sleep(20)
        assert told(carrier) == [stood_in, ("phone", "CRITICAL shop:")]
        await asyncio.sleep(30)
        assert told(carrier) == [stood_in, ("phone", "CRITICAL shop:"), ("pager", "CRITICAL NOBODY")]
        assert clock() - struck < 60
        world.strike("primary-killed", mend=True)
        await asyncio.sleep(60)
    over = [channel for channel, title in carrier.told if "RESOLVED shop: PrimaryDown" in title]
    assert sorted(over) == ["pager", "phone"]


async def test_fifty_restarts_with_an_unchanged_trouble_page_nobody(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier):
        world.strike("primary-killed")
        await asyncio.sleep(10)
    for number in range(50):
        async with running(tmp_path, world, carrier, settle=0.5 if number % 5 else 8.0) as watch:
            # As often as not it is killed, and not stopped.
            watch.ledger.dead = number % 2 == 0
    assert told(carrier) == [("phone", "CRITICAL shop:")]


async def test_what_changed_while_it_was_down_is_told_within_fifteen_seconds(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier):
        world.strike("standby-writable")
        await asyncio.sleep(10)
    world.strike("standby-writable", mend=True)
    world.strike("primary-killed")
    await asyncio.sleep(30)
    async with running(tmp_path, world, carrier, settle=15.0):
        assert [title.split()[2] for _, title in carrier.told] == ["StandbyWritable", "PrimaryDown"]


async def test_what_must_last_a_minute_is_told_after_a_minute_of_watching_however_often_that_is_broken_off(
    tmp_path: Path,
) -> None:
    """NobodyWritable has a window of a minute: with a restart each twenty seconds it was never told."""
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier):
        world.strike("primary-read-only")
        await asyncio.sleep(20)
    for _ in range(3):
        assert carrier.told == []
        await asyncio.sleep(300)  # nobody looks: this is no part of the minute
        async with running(tmp_path, world, carrier, settle=17.0):
            pass
    assert [title.split()[2] for _, title in carrier.told] == [str(Condition.NOBODY_WRITABLE)]
