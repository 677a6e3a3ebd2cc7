"""The configuration is changed while a trouble lasts, and drwatch is started anew."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from simulated import Carrier, running

from drwatch.core.finding import Condition
from drwatch.core.paging import Outcome
from drwatch.daemon.legacy import Legacy
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


def both(**mobile: object) -> dict[str, object]:
    channels = {"phone": {"url_file": "phone.url"}, "mobile": {"url_file": "phone.url", **mobile}}
    return {"paging.channels": channels, "paging.escalation": [{"to": ["phone", "mobile"]}]}


@pytest.mark.parametrize("reloaded", [False, True], ids=["restarted", "reloaded"])
@pytest.mark.parametrize("fault", ["standby-writable", "primary-killed"])
async def test_a_channel_that_is_put_beside_one_that_took_nothing_is_told_at_once_what_waits(
    tmp_path: Path, fault: str, reloaded: bool
) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.REFUSED})
    async with running(tmp_path, world, carrier, **only("phone")) as watch:
        world.strike(fault)
        await asyncio.sleep(120)
        waiting = {row.title for row in watch.daemon.rows}
    before = watch.daemon.legacy if reloaded else Legacy()
    async with running(tmp_path, world, carrier, before=before, settle=5.0, **both()):
        assert len(waiting) == 2
        assert sorted(carrier.told) == sorted(("mobile", title) for title in waiting)
        await asyncio.sleep(290)
    async with running(tmp_path, world, carrier, **both()):
        assert len(carrier.told) == 2


async def test_what_waits_is_told_to_a_new_channel_in_the_form_that_it_wants(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.REFUSED})
    async with running(tmp_path, world, carrier, **only("phone")):
        world.strike("standby-writable")
        await asyncio.sleep(60)
    async with running(tmp_path, world, carrier, **both(redact="true", format="short")):
        (title,) = [title for _, title in carrier.told if "StandbyWritable" in title]
        assert "oslo" not in title
        assert title.startswith("WARNING shop: StandbyWritable since ")


async def test_a_channel_that_is_put_beside_one_that_took_nothing_hears_once_of_what_is_over(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.REFUSED})
    async with running(tmp_path, world, carrier, **only("phone")):
        world.strike("primary-killed")
        await asyncio.sleep(20)
        world.strike("primary-killed", mend=True)
        await asyncio.sleep(60)
    async with running(tmp_path, world, carrier, **both()):
        await asyncio.sleep(60)
    of_it = [(channel, title.split()[0]) for channel, title in carrier.told if "PrimaryDown" in title]
    assert of_it == [("mobile", "MISSED")]


@pytest.mark.parametrize("more", [{}, {"format": "short"}], ids=["full", "short"])
@pytest.mark.parametrize("reloaded", [False, True], ids=["restarted", "reloaded"])
async def test_a_channel_that_is_made_private_while_pages_wait_is_sent_no_name_of_theirs(
    tmp_path: Path, more: dict[str, object], reloaded: bool
) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED, "sms": Outcome.FAILED})

    def channels(**private: object) -> dict[str, object]:
        each = {name: {"url_file": "phone.url", **more, **private} for name in ("phone", "sms")}
        return {"paging.channels": each, "paging.escalation": [{"to": ["phone"]}, {"to": ["sms"], "after": "2h"}]}

    async with running(tmp_path, world, carrier, **channels()) as watch:
        world.strike("standby-writable")
        await asyncio.sleep(60)
    carrier.outcomes.clear()
    before = watch.daemon.legacy if reloaded else Legacy()
    async with running(tmp_path, world, carrier, before=before, **channels(redact="true")):
        await asyncio.sleep(120)
    assert any(title.startswith("WARNING shop: StandbyWritable since ") for _, title in carrier.told)
    assert [words for words in (*carrier.told, *carrier.bodies) if "oslo" in str(words)] == []
