"""The watch itself, against a simulated pair and under virtual time: what hours of trouble make of its pages."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from simulated import Carrier, running

from drwatch.core.finding import Condition
from drwatch.core.paging import Outcome
from drwatch.core.sample import Blind, Key, Probe, Reason, Sample
from drwatch.lab.simulated_looks import looks as every_look
from drwatch.lab.simulator import World, clock

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]

TWO_CHANNELS = {
    "paging.channels": {"phone": {"url_file": "phone.url"}, "pager": {"url_file": "pager.url"}},
    "paging.escalation": [{"to": ["phone", "pager"]}],
}


async def test_a_channel_that_comes_back_after_hours_tells_an_incident_once(tmp_path: Path) -> None:
    """A reminder each ten minutes would else be told for each of them: 48 times after a night."""
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED})
    async with running(tmp_path, world, carrier) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(2000)  # a page, and three reminders of it
        assert len(watch.daemon.rows) <= 3
        carrier.outcomes.clear()
        await asyncio.sleep(120)
        told = [title for _, title in carrier.told if "PrimaryDown" in title]
        assert len(told) == 1
        assert "STILL" in told[0]


async def test_a_channel_that_can_never_work_is_told_at_the_start_and_not_with_the_first_death(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"pager": Outcome.REFUSED}, wrong={"pager": "no such service"})
    async with running(tmp_path, world, carrier, **TWO_CHANNELS) as watch:
        assert watch.open() == {Condition.PAGING_BROKEN}
    assert [channel for channel, title in carrier.told if "PagingBroken pager" in title] == ["phone"]


async def test_a_courier_that_does_not_get_ready_holds_up_no_look(tmp_path: Path) -> None:
    async with running(tmp_path, World("shop", 50.0), Carrier(stuck=True)) as watch:
        assert watch.daemon.ticks > 5
        assert watch.daemon.snapshot.alive


async def test_what_was_due_on_a_channel_that_is_no_longer_configured_is_given_up(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"pager": Outcome.REFUSED})
    async with running(tmp_path, world, carrier, **TWO_CHANNELS) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(30)
        assert watch.open() == {Condition.PRIMARY_DOWN, Condition.PAGING_BROKEN}
    async with running(tmp_path, world, carrier, before=watch.daemon.legacy) as watch:
        assert watch.daemon.rows == ()
        await asyncio.sleep(60)
        assert watch.open() == {Condition.PRIMARY_DOWN}


async def test_a_look_that_has_nothing_new_to_say_is_not_asked_twenty_times_a_second(tmp_path: Path) -> None:
    """A standby whose server turned us away long ago: between two permitted dials its refusal is handed out again."""
    world = World("shop", 50.0)
    looks = every_look(world)
    look = next(look for look in looks if look.key == Key(world.standby.node, Probe.REPLICATION))
    old, asked = Sample(look.key, clock(), clock(), Blind(Reason.TLS_REFUSED)), 0

    async def again() -> Sample:
        nonlocal asked
        asked += 1
        return old

    look.look = again  # type: ignore[method-assign]
    async with running(tmp_path, world, Carrier(), looks):
        world.strike("primary-killed")
        await asyncio.sleep(10)
        before = asked
        await asyncio.sleep(60)
        assert asked - before <= 60


async def test_a_change_that_a_dead_disk_did_not_take_is_written_when_it_takes_again(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier) as watch:
        watch.ledger.dead = True
        world.strike("standby-writable")
        await asyncio.sleep(30)
        of_it = [channel for channel, title in carrier.told if "StandbyWritable" in title]
        assert of_it == ["phone"]
        watch.ledger.dead = False
        await asyncio.sleep(10)
        history = {past.condition for past in await watch.ledger.store.history()}
        assert history == {Condition.STANDBY_WRITABLE, Condition.HISTORY_LOST}
    async with running(tmp_path, world, carrier):
        await asyncio.sleep(60)
    assert [channel for channel, title in carrier.told if "StandbyWritable" in title] == of_it


async def test_who_was_seen_alive_over_a_dead_disk_is_written_when_it_takes_again(tmp_path: Path) -> None:
    """Else the next start would take a dead primary for one that never was, and call it merely blind."""
    world = World("shop", 50.0)
    async with running(tmp_path, world, Carrier(), dead=True) as watch:
        watch.ledger.dead = False
        await asyncio.sleep(10)
    world.strike("primary-killed")
    carrier = Carrier()
    async with running(tmp_path, world, carrier):
        await asyncio.sleep(60)
    assert [title.split()[2] for _, title in carrier.told] == ["PrimaryDown"]


async def test_a_library_that_loses_a_cancellation_does_not_keep_drwatch_from_ending(tmp_path: Path) -> None:
    """As asyncio.wait_for of Python 3.11 does when the work is done in the turn of the loop that calls it off."""
    world = World("shop", 50.0)
    looks = every_look(world)
    look = next(look for look in looks if look.key == Key(world.standby.node, Probe.REPLICATION))
    asking = asyncio.Event()

    async def loses() -> Sample:
        if not asking.is_set():
            asking.set()
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)
        return Sample(look.key, clock(), clock(), Blind(Reason.QUERY_TIMEOUT))

    look.look = loses  # type: ignore[method-assign]
    async with running(tmp_path, world, Carrier(), looks) as watch:
        await asking.wait()
        watch.task.cancel()
        async with asyncio.timeout(60):
            await asyncio.wait((watch.task,))
