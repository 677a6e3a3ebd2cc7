"""The outside heartbeat in its rhythm: it goes out while the audit passes, and at no other time."""

from __future__ import annotations

import asyncio

import pytest

from drwatch.core.audit import Check
from drwatch.daemon.beating import Beating
from drwatch.lab.simulator import clock

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]


class Service:
    """A service that expects a beat; ``down`` is why it takes none."""

    def __init__(self) -> None:
        self.beats: list[float] = []
        self.down = ""

    async def beat(self) -> str:
        self.beats.append(clock().loop)
        return self.down


async def test_it_falls_silent_while_something_is_wrong_and_beats_again_within_a_second_of_its_end() -> None:
    service, wrong = Service(), dict[Check, str]()
    beating = asyncio.create_task(Beating(service, 60.0, lambda: wrong, clock).run())
    await asyncio.sleep(150)
    assert len(service.beats) == 3
    wrong[Check.NETWORK] = "drwatch's own network is lost"
    await asyncio.sleep(600)
    assert len(service.beats) == 3
    wrong.clear()
    await asyncio.sleep(1.5)
    assert len(service.beats) == 4
    beating.cancel()


async def test_a_beat_that_is_not_accepted_is_tried_again_after_a_quarter_of_a_minute() -> None:
    service = Service()
    service.down = "answered 503"
    beats = Beating(service, 60.0, dict, clock)
    beating = asyncio.create_task(beats.run())
    await asyncio.sleep(40)
    assert [later - sooner for sooner, later in zip(service.beats, service.beats[1:], strict=False)] == [15.0, 15.0]
    assert (beats.vitals.trouble, beats.vitals.beaten) == ("answered 503", None)
    beating.cancel()
