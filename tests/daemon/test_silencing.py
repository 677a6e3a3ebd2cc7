"""Silences and maintenance windows through the whole daemon: what they hide, and what their end brings."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from simulated import Carrier, running

from drwatch.core.finding import Condition
from drwatch.core.paging import Outcome
from drwatch.core.silence import Wish
from drwatch.lab.simulator import World, clock
from drwatch.store import StoreError

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]

WORK = Wish("shop", 120.0, "upgrade", "anna")
NOW_OPEN = [{"cluster": "shop", "days": ["mon"], "at": "02:00", "for": "15m", "reason": "upgrades"}]
"""The simulated clock begins on a Monday at 02:14 UTC: a minute is left."""


async def test_a_planned_restart_in_a_maintenance_window_pages_nobody(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier, maintenance=NOW_OPEN) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(20)
        assert watch.open() == {Condition.PRIMARY_DOWN}
        world.strike("primary-killed", mend=True)
        await asyncio.sleep(120)
        assert carrier.told == []
        (kept,) = await watch.ledger.store.silences(clock())
        assert (kept.by, kept.reason) == ("maintenance", "upgrades")


async def test_what_a_maintenance_window_leaves_broken_is_paged_within_15_seconds_of_its_end(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier, maintenance=NOW_OPEN):
        world.strike("primary-killed")
        await asyncio.sleep(59 - clock().loop)
        assert carrier.told == []
        await asyncio.sleep(16)
        assert ["PrimaryDown" in title for _, title in carrier.told] == [True]


async def test_a_silence_outlives_a_restart_and_ends_by_itself(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier) as watch:
        await watch.daemon.silencing.begin(WORK)
        world.strike("standby-writable")
        await asyncio.sleep(30)
    async with running(tmp_path, world, carrier) as watch:
        await asyncio.sleep(60)
        assert (carrier.told, watch.open()) == ([], {Condition.STANDBY_WRITABLE})
        await asyncio.sleep(30)
        assert ["StandbyWritable" in title for _, title in carrier.told] == [True]


async def test_the_log_says_what_a_silence_is_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier) as watch:
        await watch.daemon.silencing.begin(WORK)
        await watch.daemon.silencing.begin(replace(WORK, condition="PrimaryDown", node="oslo-a"))
    assert "anna silences shop for 2 min: upgrade" in caplog.text
    assert "anna silences shop oslo-a PrimaryDown for 2 min: upgrade" in caplog.text


@pytest.mark.parametrize("step", [3600.0, -3600.0], ids=["an hour on", "an hour back"])
async def test_a_step_of_the_wall_clock_ends_no_silence_early_and_none_late(tmp_path: Path, step: float) -> None:
    """Over a restart too."""
    world, carrier, wall = World("shop", 50.0), Carrier(), [0.0]
    async with running(tmp_path, world, carrier, wall_step=lambda: wall[0]) as watch:
        made = await watch.daemon.silencing.begin(WORK)
        world.strike("standby-writable")
        await asyncio.sleep(30)
        wall[0] = step
        await asyncio.sleep(10)
        (kept,) = await watch.ledger.store.silences(clock())
        assert (kept.until.wall - made.until.wall).total_seconds() == pytest.approx(step, abs=0.01)
    async with running(tmp_path, world, carrier, wall_step=lambda: wall[0]) as watch:
        await asyncio.sleep(60)
        assert (carrier.told, watch.open()) == ([], {Condition.STANDBY_WRITABLE})
        await asyncio.sleep(20)
        assert ["StandbyWritable" in title for _, title in carrier.told] == [True]


async def test_a_silence_goes_on_while_the_machine_sleeps(tmp_path: Path) -> None:
    world, carrier, slept = World("shop", 50.0), Carrier(), [0.0]
    settings = {"wall_step": lambda: slept[0], "asleep": lambda: slept[0]}
    async with running(tmp_path, world, carrier, **settings) as watch:  # type: ignore[arg-type]
        made = await watch.daemon.silencing.begin(WORK)
        world.strike("standby-writable")
        await asyncio.sleep(30)
        slept[0] = 60.0
        await asyncio.sleep(20)
        assert carrier.told == []
        await asyncio.sleep(20)
        assert ["StandbyWritable" in title for _, title in carrier.told] == [True]
        (kept,) = await watch.ledger.store.silences(clock())
        assert kept.until.wall == made.until.wall


async def test_a_silence_that_is_ended_early_pages_what_is_still_true(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier) as watch:
        made = await watch.daemon.silencing.begin(WORK)
        world.strike("standby-writable")
        await asyncio.sleep(60)
        assert carrier.told == []
        await watch.daemon.silencing.end(made.id, "bo")
        await asyncio.sleep(2)
        assert len(carrier.told) == 1
        assert await watch.daemon.silencing.end(made.id, "bo") is None
        (kept,) = await watch.ledger.store.silences(clock())
        assert kept.ended_by == "bo"


async def test_a_page_that_waits_is_not_sent_into_a_silence_and_is_told_anew_when_that_ends(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED})
    async with running(tmp_path, world, carrier) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(20)
        await watch.daemon.silencing.begin(WORK)
        carrier.outcomes.clear()
        await asyncio.sleep(100)
        assert [title for _, title in carrier.told if "PrimaryDown" in title] == []
        assert watch.daemon.rows == ()
        await asyncio.sleep(30)
        assert [title.split()[0] for _, title in carrier.told if "PrimaryDown" in title] == ["CRITICAL"]


async def test_a_silence_that_the_disk_does_not_take_is_none(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier) as watch:
        watch.ledger.dead = True
        with pytest.raises(StoreError):
            await watch.daemon.silencing.begin(WORK)
        world.strike("standby-writable")
        await asyncio.sleep(30)
        assert sum("StandbyWritable" in title for _, title in carrier.told) == 1


async def test_a_broken_channel_is_told_in_every_silence(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"pager": Outcome.REFUSED})
    channels = {"phone": {"url_file": "phone.url"}, "pager": {"url_file": "pager.url"}}
    settings = {"paging.channels": channels, "paging.escalation": [{"to": ["phone", "pager"]}]}
    async with running(tmp_path, world, carrier, **settings) as watch:
        world.strike("standby-writable")
        await asyncio.sleep(10)
        await watch.daemon.silencing.begin(WORK)
        await asyncio.sleep(60)
        assert [channel for channel, title in carrier.told if "PagingBroken" in title] == ["phone"]
