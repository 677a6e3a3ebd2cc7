"""The digest through the whole daemon: once a day and channel, across restarts, from what the history holds."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from simulated import Carrier, running

from drwatch.lab.simulator import World

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]

SETTINGS = {
    "paging.channels": {"phone": {"url_file": "phone.url"}, "mail": {"url_file": "mail.url"}},
    "paging.escalation": [{"to": ["phone"]}],
    "paging.digest": {"to": ["mail"], "at": "03:15"},
    "zone": "Europe/Oslo",
}
"""The simulated clock begins at 03:14 in Oslo: the digest is due after a minute."""


async def test_a_death_that_mends_itself_pages_nobody_and_is_in_the_next_digest(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier, **SETTINGS):
        world.strike("primary-killed")
        await asyncio.sleep(2.5)
        world.strike("primary-killed", mend=True)
        await asyncio.sleep(30)
        assert carrier.told == []
    async with running(tmp_path, world, carrier, **SETTINGS):
        await asyncio.sleep(60)
    assert [channel for channel, _ in carrier.told] == ["mail"]
    # Its echoes, too short for any window, healed with it.
    assert re.fullmatch(r"DIGEST drwatch: \d healed \[DIGEST.2026-11-23\]", carrier.told[0][1])
    async with running(tmp_path, world, carrier, **SETTINGS):
        await asyncio.sleep(60)
    assert len(carrier.told) == 1


async def test_a_night_without_news_has_no_digest(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier, **SETTINGS) as watch:
        await asyncio.sleep(120)
        assert watch.daemon.snapshot.digested == "2026-11-23"
    assert carrier.told == []


async def test_a_digest_that_was_written_and_not_remembered_is_not_told_twice(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier, **SETTINGS) as watch:
        world.strike("standby-writable")
        await asyncio.sleep(70)
        assert [channel for channel, _ in carrier.told] == ["phone", "mail"]
        digested = (await watch.ledger.load(watch.daemon._clock())).digested
    assert digested == "2026-11-23"


async def test_a_clock_that_was_years_ahead_for_a_while_silences_no_digest_after_the_next_day(tmp_path: Path) -> None:
    world, carrier, wall = World("shop", 50.0), Carrier(), [10 * 365 * 86400.0]
    async with running(tmp_path, world, carrier, wall_step=lambda: wall[0], **SETTINGS) as watch:
        world.strike("standby-writable")
        await asyncio.sleep(70)
        assert watch.daemon.snapshot.digested > "2036"
        wall[0] = 0.0
        await asyncio.sleep(30)
        assert watch.daemon.snapshot.digested == "2026-11-23"
        wall[0] = 86400.0
        await asyncio.sleep(30)
    assert "[DIGEST.2026-11-24]" in [title for channel, title in carrier.told if channel == "mail"][-1]
