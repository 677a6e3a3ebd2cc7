"""The configuration is read again while the disk takes nothing: what only the memory knows is not lost by that."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from simulated import Carrier, Running, running

from drwatch.core.ack import Answer
from drwatch.core.finding import Condition
from drwatch.core.incident import Incident
from drwatch.core.paging import Outcome
from drwatch.lab.simulator import World

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]

TWO_CHANNELS = {
    "paging.channels": {"phone": {"url_file": "phone.url"}, "pager": {"url_file": "pager.url"}},
    "paging.escalation": [{"to": ["phone", "pager"]}],
}


def told(carrier: Carrier) -> list[tuple[str, str]]:
    """(channel, how the page begins) of the primary's death."""
    return [(channel, title.split()[0]) for channel, title in carrier.told if Condition.PRIMARY_DOWN in title]


def death(watch: Running) -> Incident:
    (found,) = (each for each in watch.daemon.incidents if each.condition is Condition.PRIMARY_DOWN)
    return found


async def test_what_was_told_is_not_told_again_and_its_end_is_told_once(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier) as watch:
        watch.ledger.dead = True
        world.strike("primary-killed")
        await asyncio.sleep(20)
        assert told(carrier) == [("phone", "CRITICAL")]
        name = death(watch).id
    async with running(tmp_path, world, carrier, before=watch.daemon.legacy, dead=True, settle=0.0) as watch:
        await asyncio.sleep(20)
        assert death(watch).id == name
        world.strike("primary-killed", mend=True)
        await asyncio.sleep(1)
    async with running(tmp_path, world, carrier, before=watch.daemon.legacy, dead=True, settle=0.0) as watch:
        await asyncio.sleep(30)
        watch.ledger.dead = False
        await asyncio.sleep(60)
        past = {each.id: each for each in await watch.ledger.store.history()}
        assert past[name].ended is not None, "it is written once the disk takes again"
    assert told(carrier) == [("phone", "CRITICAL"), ("phone", "RESOLVED")]


async def test_an_acknowledgement_that_is_in_no_file_holds(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier) as watch:
        watch.ledger.dead = True
        world.strike("primary-killed")
        await asyncio.sleep(20)
        await watch.daemon.acknowledging.take(Answer(death(watch).id, "anna", "socket"))
    async with running(tmp_path, world, carrier, before=watch.daemon.legacy, dead=True, settle=0.0) as watch:
        await asyncio.sleep(30)
        kept = death(watch).acknowledged
        assert kept is not None
        assert kept.by == "anna"


async def test_a_page_that_no_channel_has_taken_goes_on_being_tried(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED, "pager": Outcome.FAILED})
    async with running(tmp_path, world, carrier, **TWO_CHANNELS) as watch:
        watch.ledger.dead = True
        world.strike("primary-killed")
        await asyncio.sleep(20)
        assert told(carrier) == []
        before = {row.event for row in watch.daemon.rows}
    carrier.outcomes.clear()
    legacy = watch.daemon.legacy
    async with running(tmp_path, world, carrier, before=legacy, dead=True, settle=0.0, **TWO_CHANNELS) as watch:
        await asyncio.sleep(60)
        assert not {row.event for row in watch.daemon.rows} & before
    assert sorted(told(carrier)) == [("pager", "CRITICAL"), ("phone", "CRITICAL")]


async def test_a_disk_that_dies_as_the_configuration_is_read_loses_nothing_either(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(20)
    (tmp_path / "drwatch.db").write_bytes(b"no database " * 5000)
    async with running(tmp_path, world, carrier, before=watch.daemon.legacy, settle=0.0):
        await asyncio.sleep(60)
    assert told(carrier) == [("phone", "CRITICAL")]
