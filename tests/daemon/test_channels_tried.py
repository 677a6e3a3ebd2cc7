"""The daily test of each channel through the whole daemon: by day, not where a page came through, over restarts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from simulated import Carrier, running

from drwatch.core.ack import Answer
from drwatch.core.audit import Check
from drwatch.core.finding import Condition
from drwatch.core.paging import Outcome
from drwatch.lab.simulated_looks import looks as every_look
from drwatch.lab.simulator import World

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]

PROVED = {
    "paging.channels": {"phone": {"url_file": "phone.url"}, "mail": {"url_file": "mail.url", "prove": "false"}},
    "paging.escalation": [{"to": ["phone", "mail"]}],
    "paging.prove": {"at": "06:00"},
    "zone": "Asia/Kolkata",
}
"""The simulated clock begins at 02:14 UTC, which is 07:44 there: a new channel is tried ten minutes later."""


def tried(carrier: Carrier) -> list[str]:
    return [channel for channel, title in carrier.told if title.startswith("TEST: drwatch can reach you here")]


async def test_a_new_channel_is_tried_once_by_day_and_again_only_a_day_later_whatever_restarts(tmp_path: Path) -> None:
    carrier, world = Carrier(), World("shop", 5.0)
    async with running(tmp_path, world, carrier, **PROVED) as watch:
        await asyncio.sleep(580)
        assert tried(carrier) == []
        await asyncio.sleep(60)
        assert tried(carrier) == ["phone"]
        assert watch.daemon.audit() == {}
    async with running(tmp_path, world, carrier, **PROVED) as watch:
        await asyncio.sleep(900)
        assert tried(carrier) == ["phone"]
        proof = watch.daemon.snapshot.proofs["phone"]
        assert proof.accepted is not None


async def test_a_page_that_came_through_is_proof_enough(tmp_path: Path) -> None:
    carrier, world = Carrier(), World("shop", 5.0)
    async with running(tmp_path, world, carrier, **PROVED):
        world.strike("standby-writable")
        await asyncio.sleep(900)
    assert tried(carrier) == []
    assert {channel for channel, _ in carrier.told} == {"phone", "mail"}


async def test_a_test_that_fails_is_told_of_on_the_other_channel(tmp_path: Path) -> None:
    carrier, world = Carrier({"phone": Outcome.REFUSED}), World("shop", 5.0)
    async with running(tmp_path, world, carrier, **PROVED) as watch:
        await asyncio.sleep(700)
        assert Condition.PAGING_BROKEN in watch.open()
    assert ["PagingBroken" in title for channel, title in carrier.told if channel == "mail"] == [True]


async def test_one_failed_attempt_before_somebody_has_it_in_hand_breaks_no_channel(tmp_path: Path) -> None:
    """At 03:30 in Oslo the second step's channel fails once; then the incident is acknowledged, and nothing is sent."""
    carrier, world = Carrier({"sms": Outcome.FAILED}), World("shop", 5.0)
    names = {name: {"url_file": f"{name}.url"} for name in ("phone", "sms")}
    steps = [{"to": ["phone"]}, {"to": ["sms"], "after": "1m"}]
    settings = {"paging.channels": names, "paging.escalation": steps, "zone": "Europe/Oslo"}
    async with running(tmp_path, world, carrier, **settings) as watch:
        world.strike("primary-killed")
        health = watch.daemon.snapshot.channels
        while "sms" not in health:
            await asyncio.sleep(0.1)
            health = watch.daemon.snapshot.channels
        assert health["sms"].failing_since is not None
        carrier.outcomes.clear()
        (name,) = (each.id for each in watch.daemon.incidents if each.condition is Condition.PRIMARY_DOWN)
        await watch.daemon.acknowledging.take(Answer(name, "anna", "socket"))
        await asyncio.sleep(200)
        assert Condition.PAGING_BROKEN not in watch.open()
    assert [title for channel, title in carrier.told if channel == "sms"] == []


async def test_a_broken_channel_is_neither_mended_nor_told_anew_by_restarts_and_stays_in_hand(tmp_path: Path) -> None:
    """After each restart its second attempt comes later than what must stay away is over (`hold`)."""
    names = {name: {"url_file": f"{name}.url"} for name in ("phone", "sms")}
    settings = {"paging.channels": names, "paging.escalation": [{"to": ["phone", "sms"]}]}
    world, carrier = World("shop", 50.0), Carrier({"sms": Outcome.FAILED})
    async with running(tmp_path, world, carrier, chance=0.9, **settings) as watch:
        world.strike("standby-writable")
        await asyncio.sleep(300)
        (broken,) = (each for each in watch.daemon.incidents if each.condition is Condition.PAGING_BROKEN)
        await watch.daemon.acknowledging.take(Answer(broken.id, "anna", "socket"))
    for _ in range(3):
        async with running(tmp_path, world, carrier, chance=0.9, **settings) as watch:
            await asyncio.sleep(300)
            (known,) = (each for each in watch.daemon.incidents if each.condition is Condition.PAGING_BROKEN)
            assert known.id == broken.id
            assert known.acknowledged is not None
    assert ["PagingBroken" in title for channel, title in carrier.told if channel == "phone"].count(True) == 1
    carrier.outcomes.clear()
    async with running(tmp_path, world, carrier, **settings) as watch:
        await asyncio.sleep(120)
        assert Condition.PAGING_BROKEN not in watch.open(), "what it takes now has proved it"


async def test_the_audit_sees_a_look_that_no_longer_comes_back(tmp_path: Path) -> None:
    world = World("shop", 5.0)
    looks = list(every_look(world))
    async with running(tmp_path, world, Carrier(), looks=looks) as watch:
        assert watch.daemon.audit() == {}
        hung = looks[0]

        async def hang() -> None:
            await asyncio.Event().wait()

        hung.look = hang  # type: ignore[assignment,method-assign]
        await asyncio.sleep(45)
        assert set(watch.daemon.audit()) == {Check.PROBES}
