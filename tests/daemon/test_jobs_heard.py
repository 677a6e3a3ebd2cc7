"""Jobs through the whole daemon: heard over restarts, and known by their token alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from simulated import Carrier, running

from drwatch.config import JobToken, Secret
from drwatch.core.finding import Condition
from drwatch.core.job import Said
from drwatch.daemon.hearing import Hearing
from drwatch.lab.simulator import World

SETTINGS = {"clusters.shop.jobs": {"dump": {"every": "5m", "grace": "1m", "token_file": "dump.token"}}}


@pytest.mark.looptime(noop_cycles=1)
async def test_what_a_job_said_outlives_a_restart_and_its_silence_is_told_once(tmp_path: Path) -> None:
    carrier, world = Carrier(), World("shop", 5.0)
    async with running(tmp_path, world, carrier, **SETTINGS) as watch:
        await asyncio.sleep(200)
        watch.daemon.heard("shop", "dump", Said.DONE)
        await asyncio.sleep(100)
    async with running(tmp_path, world, carrier, **SETTINGS) as watch:
        await asyncio.sleep(230)
        assert watch.open() == set()
        await asyncio.sleep(60)
        assert watch.open() == {Condition.JOB_MISSED}
        watch.daemon.heard("shop", "dump", Said.DONE)
        await asyncio.sleep(60)
        assert watch.open() == set()
    assert ["JobMissed dump" in title for _, title in carrier.told] == [True, True]


def test_a_job_is_known_by_its_token_and_nobody_by_an_empty_one() -> None:
    said: list[tuple[str, str, Said]] = []
    tokens = [JobToken("shop", "dump", Secret("of-the-dump-12345")), JobToken("shop", "sync", Secret(""))]
    hearing = Hearing(tokens, lambda *word: said.append(word))
    assert hearing.ping("of-the-dump-12345", Said.FAIL)
    assert not hearing.ping("of-the-dump-12346", Said.DONE)
    assert not hearing.ping("", Said.DONE)
    assert said == [("shop", "dump", Said.FAIL)]
