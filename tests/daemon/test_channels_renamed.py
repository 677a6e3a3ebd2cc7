"""The configuration is changed while a trouble lasts, and drwatch is started anew."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from simulated import Carrier, running

from drwatch.core.finding import Condition
from drwatch.core.paging import Outcome
from drwatch.lab.simulator import World

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]


def only(name: str) -> dict[str, object]:
    return {"paging.channels": {name: {"url_file": "phone.url"}}, "paging.escalation": [{"to": [name]}]}


async def test_a_channel_that_is_put_in_the_place_of_one_that_took_nothing_is_told_at_once(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.REFUSED})
    async with running(tmp_path, world, carrier, **only("phone")):
        world.strike("primary-killed")
        await asyncio.sleep(20)
    async with running(tmp_path, world, carrier, **only("mobile")):
        await asyncio.sleep(15)
        world.strike("primary-killed", mend=True)
        await asyncio.sleep(60)
    told = [(channel, title.split()[0]) for channel, title in carrier.told if "PrimaryDown" in title]
    assert told == [("mobile", "CRITICAL"), ("mobile", "RESOLVED")]


async def test_a_cluster_that_is_taken_out_is_told_as_over_to_nobody_and_its_pages_are_given_up(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED})
    async with running(tmp_path, world, carrier, **only("phone")) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(20)
        (down,) = (each for each in watch.daemon.incidents if each.condition is Condition.PRIMARY_DOWN)
        rows = [replace(row, incident="CRMCRM", event="CRMCRM.1") for row in watch.daemon.rows]
        await watch.ledger.store.commit([replace(down, cluster="crm", id="CRMCRM")], rows)
    world.strike("primary-killed", mend=True)
    carrier.outcomes.clear()
    async with running(tmp_path, world, carrier, **only("phone")) as watch:
        await asyncio.sleep(60)
        assert [each.cluster for each in watch.daemon.incidents if each.condition is Condition.PRIMARY_DOWN] == []
        assert watch.daemon.rows == ()
        (past,) = [each for each in await watch.ledger.store.history(50) if each.id == "CRMCRM"]
        assert past.summary.startswith("no longer watched; it was: ")
    assert [title for _, title in carrier.told if "CRMCRM" in title] == []
