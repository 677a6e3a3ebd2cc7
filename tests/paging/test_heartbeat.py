"""The outside heartbeat against real receivers: what it takes for an answer, and that nothing can hold it up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest
from receivers import Inbox, Mute, SelfSigned, free_port

from drwatch.paging.heartbeat import Heartbeat


async def beat(url: str, limit: float = 15.0) -> str:
    return await Heartbeat(url, limit).beat()


async def test_a_beat_asks_for_the_address_and_an_answer_of_success_is_enough(inbox: Inbox) -> None:
    assert await beat(inbox.url("ok/5ecret-token", "http")) == ""
    assert [page.path for page in inbox.pages] == ["/ok/5ecret-token"]


@pytest.mark.parametrize("status", ["302", "404", "500"])
async def test_any_other_answer_is_said_and_a_redirect_is_not_followed(inbox: Inbox, status: str) -> None:
    assert await beat(inbox.url(status, "http")) == f"answered {status}"
    assert inbox.at("portal") == []


async def test_what_cannot_be_reached_is_said_without_the_address(self_signed: SelfSigned, tmp_path: Path) -> None:
    places = {
        f"http://127.0.0.1:{free_port()}/5ecret": "not reached: Connection refused",
        f"https://127.0.0.1:{self_signed.port}/5ecret": "not reached: self-signed certificate",
        "http://no-such-host.invalid/5ecret": "not reached: ",
        "http://[5ecret": "failed: ValueError",
    }
    for url, words in places.items():
        said = await beat(url)
        assert said.startswith(words)
        assert "5ecret" not in said


@pytest.mark.parametrize("behaviour", ["hang"])
async def test_a_beat_that_hangs_is_ended_at_its_limit_and_leaves_nothing(inbox: Inbox, behaviour: str) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await beat(inbox.url(behaviour, "http"), limit=1.0) == "no answer within 1 s"
    assert loop.time() - began < 5.0
    assert not [each for each in psutil.Process().children(recursive=True) if "drwatch.paging.beat" in each.cmdline()]


async def test_a_port_that_takes_the_dial_and_says_nothing_is_ended_too(mute: Mute) -> None:
    assert await beat(f"http://127.0.0.1:{mute.port}/x", limit=1.0) == "no answer within 1 s"


async def test_the_loop_goes_on_while_a_beat_hangs(inbox: Inbox) -> None:
    beating, ticks = asyncio.create_task(beat(inbox.url("hang", "http"), limit=1.5)), 0
    while not beating.done():
        await asyncio.sleep(0.01)
        ticks += 1
    assert ticks > 50


async def test_the_address_is_in_no_command_line(inbox: Inbox) -> None:
    beating = asyncio.create_task(beat(inbox.url("hang/5ecret", "http"), limit=1.0))
    lines: list[str] = []
    while not beating.done():
        lines += [" ".join(each.cmdline()) for each in psutil.Process().children(recursive=True) if each.is_running()]
        await asyncio.sleep(0.05)
    assert any("drwatch.paging.beat" in line for line in lines)
    assert not any("5ecret" in line for line in lines)
