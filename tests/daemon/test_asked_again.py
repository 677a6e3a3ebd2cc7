"""A look that is made only when it is asked for goes on being made for as long as it is wanted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from test_watch import Carrier, running

from drwatch.core.sample import Probe, Sample
from drwatch.lab.simulated_looks import looks as every_look
from drwatch.lab.simulator import SimulatedLook, World, clock

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]


class Paced(SimulatedLook):
    """Hands its last sample out again for 5 s, as the real dials do; ``made`` counts those that are new."""

    def __init__(self, of: SimulatedLook) -> None:
        super().__init__(of._world, of.key, of.every, of._find)
        self.last: Sample | None = None
        self.made = 0

    async def look(self) -> Sample:
        if self.last is None or clock() - self.last.asked >= 5.0:
            self.last = await super().look()
            self.made += 1
            # Whoever judges meanwhile wants it still.
            self.wake.set()
        return self.last


async def test_a_dial_that_once_came_back_with_an_older_answer_is_made_again(tmp_path: Path) -> None:
    world = World("shop", 50.0)
    looks = [Paced(look) if look.key.probe is Probe.REACH else look for look in every_look(world)]
    door = next(look for look in looks if isinstance(look, Paced) and look.key.node == world.standby.node)
    async with running(tmp_path, world, Carrier(), looks):
        await asyncio.sleep(8)
        world.strike("primary-host-gone")
        await asyncio.sleep(60)
    assert 8 <= door.made <= 13
