"""Thirty nights in which one look in a hundred is lost and a backup stalls the standby: how many pages that makes.

Under virtual time, a look a second, the whole daemon. Of each day the twelve minutes around the backup are played.
In between drwatch is stopped and the pair goes on, so that each night begins with what the last one remembered. Whole
days (``--hours 24``) take some seven hours of CPU: a second of watching takes ten milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import random
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import looptime

from bench.report import finish
from drwatch.config import load
from drwatch.core.incident import Phase
from drwatch.core.sample import Blind, Probe, Reason, Sample
from drwatch.daemon.delivery import Delivering
from drwatch.daemon.watch import Daemon
from drwatch.exporter import Instruments
from drwatch.lab.scenario import overlay
from drwatch.lab.simulated import DEADLINE, EPOCH, SimulatedLook, SimulatedPhone, clock
from drwatch.lab.simulated_looks import looks as every_look
from drwatch.lab.simulated_week import strike
from drwatch.lab.simulator import World
from drwatch.lab.virtual import CONFIG, Inline
from drwatch.store import Store

BEGINS = datetime(2026, 10, 10, 0, 0, tzinfo=UTC)
"""02:00 in Oslo; the clocks go back in the third week."""

DAY = 86400.0
BACKUP = (30.0, 660.0)
"""Ten minutes and a half from two o'clock on: longer than RtoBreached would wait for an applier in error."""

STALLS = ("applier-stopped", "applier-blocked")
"""What a backup does to the applier, night by night in turn: STOP SLAVE SQL_THREAD, or a lock that it waits for."""

LOST: Mapping[Probe, tuple[Reason, ...]] = {
    Probe.SERVER: (Reason.QUERY_TIMEOUT, Reason.HUNG_UP),
    Probe.REPLICATION: (Reason.QUERY_TIMEOUT, Reason.HUNG_UP),
    Probe.LOGIN: (Reason.CONNECT_TIMEOUT, Reason.NO_HANDSHAKE),
    Probe.HOST: (Reason.CHANNEL_LOST,),
    Probe.PORT: (Reason.CHANNEL_LOST,),
    Probe.MARKER: (Reason.CHANNEL_LOST,),
    Probe.REACH: (Reason.CONNECT_TIMEOUT,),
}
"""How a lost look ends."""


class LossyLook:
    """A look that is lost now and then, whatever the pair would have said."""

    def __init__(self, look: SimulatedLook, chance: random.Random, share: float) -> None:
        self._look, self._chance, self._share = look, chance, share
        self.key, self.every, self.wake = look.key, look.every, look.wake
        self.looks = self.lost = 0

    async def look(self) -> Sample:
        self.looks += 1
        if self._chance.random() >= self._share:
            return await self._look.look()
        self.lost += 1
        asked, reason = clock(), self._chance.choice(LOST[self.key.probe])
        await asyncio.sleep(0.0 if reason is Reason.HUNG_UP else DEADLINE)
        return Sample(self.key, asked, clock(), Blind(reason))

    async def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class Night:
    looks: int
    lost: int
    healed: int
    """Suspicions that came to nothing, as the history has them."""
    pages: tuple[str, ...]


async def night(world: World, directory: Path, stall: str, hours: float, chance: random.Random, share: float) -> Night:
    """One run of drwatch beside the pair."""
    policy = load(directory / "drwatch.yaml", os.environ, look=False).policy
    phone, instruments, began = SimulatedPhone(), Instruments(), clock().wall
    store = await Store.open(directory / "drwatch.db", thread=Inline(), boot="virtual")
    looks = [LossyLook(look, chance, share) for look in every_look(world)]
    daemon = Daemon(
        policy=policy,
        looks=looks,
        delivering=Delivering(phone, store, clock, instruments, chance=chance.random),
        ledger=store,
        clock=clock,
        zone=ZoneInfo(policy.zone),
        measures=instruments,
        chance=chance.random,
    )
    watching = asyncio.create_task(daemon.run())
    try:
        await asyncio.sleep(BACKUP[0])
        strike(world, stall, mend=False)
        await asyncio.sleep(BACKUP[1] - BACKUP[0])
        strike(world, stall, mend=True)
        await asyncio.sleep(hours * 3600 - BACKUP[1])
        if watching.done():
            watching.result()
        past = await store.ended_since(began, clock())
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await store.close()
    healed = sum(incident.phase is Phase.HEALED for incident in past)
    pages = tuple(page.title for page in phone.pages)
    return Night(sum(look.looks for look in looks), sum(look.lost for look in looks), healed, pages)


async def soak(days: int, hours: float, seed: int, share: float) -> list[Night]:
    chance = random.Random(seed)
    EPOCH.set(BEGINS)
    world, nights = World("shop", 50.0), []
    print(f"{'night':>5} {'stall':16} {'looks':>7} {'lost':>6} {'healed untold':>13} {'pages':>6}")
    with tempfile.TemporaryDirectory() as path:
        directory = Path(path)
        (directory / "drwatch.yaml").write_text(overlay(CONFIG, {"zone": "Europe/Oslo"}))
        for number in range(days):
            await asyncio.sleep(number * DAY - asyncio.get_running_loop().time())
            stall = STALLS[number % len(STALLS)]
            played = await night(world, directory, stall, hours, chance, share)
            nights.append(played)
            print(
                f"{number + 1:5} {stall:16} {played.looks:7} {played.lost:6} {played.healed:13} {len(played.pages):6}",
                flush=True,
            )
            for title in played.pages:
                print(f"      {title}")
    return nights


def main() -> None:
    arguments = argparse.ArgumentParser(prog="soak", description=__doc__)
    arguments.add_argument("--days", type=int, default=30)
    arguments.add_argument("--hours", type=float, default=0.2, help="of each day, from 02:00 on")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--loss", type=float, default=0.01, help="share of the looks that are lost")
    options = arguments.parse_args()
    logging.disable()
    print(
        f"seed {options.seed}, {options.days} days, {options.hours:g} h of each, {options.loss:.1%} of the looks lost"
    )
    loop = looptime.patch_event_loop(asyncio.new_event_loop(), noop_cycles=0)
    try:
        nights = loop.run_until_complete(soak(options.days, options.hours, options.seed, options.loss))
    finally:
        loop.close()
    pages = sum(len(each.pages) for each in nights)
    looks, lost = sum(each.looks for each in nights), sum(each.lost for each in nights)
    figures = {
        "seed": options.seed,
        "days": options.days,
        "hours_of_each": options.hours,
        "looks": looks,
        "lost": lost,
        "healed_untold": sum(each.healed for each in nights),
        "pages": pages,
    }
    finish("soak", figures, pages == 0, f"{pages} pages in {options.days} nights, {lost} of {looks} looks lost")


if __name__ == "__main__":
    main()
