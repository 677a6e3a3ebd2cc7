"""The real watch beside a simulated pair: a phone that does as it is told, and a disk that may be dead."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from drwatch.config import load
from drwatch.core.blackbox import Record
from drwatch.core.decision import Decision
from drwatch.core.finding import Condition
from drwatch.core.incident import Incident, Phase
from drwatch.core.memory import Memory
from drwatch.core.paging import Letter, Outcome, Row
from drwatch.core.sample import Moment
from drwatch.core.silence import Silence
from drwatch.daemon.delivery import Delivering
from drwatch.daemon.legacy import Legacy
from drwatch.daemon.watch import Daemon
from drwatch.exporter import Instruments
from drwatch.lab.scenario import overlay
from drwatch.lab.simulated_looks import looks as every_look
from drwatch.lab.simulator import Accepted, SimulatedLook, World, clock
from drwatch.lab.virtual import CONFIG, Inline
from drwatch.store import Store, StoreError


@dataclass
class Carrier:
    """Channels as well or as badly as they are told; ``told`` are (channel, title), ``bodies`` what stood below."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)

    wrong: dict[str, str] = field(default_factory=dict)
    stuck: bool = False

    async def start(self) -> Mapping[str, str]:
        if self.stuck:
            await asyncio.Event().wait()
        return self.wrong

    async def send(self, letter: Letter) -> Accepted:
        outcome = self.outcomes.get(letter.channel, Outcome.ACCEPTED)
        if outcome is Outcome.ACCEPTED:
            self.told.append((letter.channel, letter.title))
            self.bodies.append(letter.body)
        return Accepted(outcome, "as it was told")

    async def close(self) -> None:
        """Nothing is held."""


class Ledger:
    """The store, on a disk that may be dead."""

    def __init__(self, store: Store) -> None:
        self.store, self.dead, self.stuck = store, False, False
        self.slow = 0.0
        """Seconds that a commit takes."""
        self.load, self.ended_since, self.prune = store.load, store.ended_since, store.prune

    @property
    def lost(self) -> Sequence[str]:
        return self.store.lost

    async def remember(self, held: Memory, synced: bool, records: Sequence[Record] = ()) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        if self.dead:
            raise StoreError("the disk is dead")
        await self.store.remember(held, synced, records)

    async def commit(
        self, incidents: Sequence[Incident], rows: Sequence[Row], decided: Sequence[Decision] = ()
    ) -> None:
        await asyncio.sleep(self.slow)
        if self.dead:
            raise StoreError("the disk is dead")
        await self.store.commit(incidents, rows, decided)

    async def silence(self, changed: Sequence[Silence]) -> None:
        if self.dead:
            raise StoreError("the disk is dead")
        await self.store.silence(changed)


@dataclass
class Running:
    daemon: Daemon
    ledger: Ledger
    task: asyncio.Task[None]

    def open(self) -> set[Condition]:
        return {incident.condition for incident in self.daemon.incidents if incident.phase is Phase.OPEN}


@asynccontextmanager
async def running(
    directory: Path,
    world: World,
    carrier: Carrier,
    looks: Sequence[SimulatedLook] | None = None,
    before: Legacy = Legacy(),  # noqa: B008 - immutable
    dead: bool = False,
    boot: str = "virtual",
    wall_step: float | Callable[[], float] = 0.0,
    state: Path | None = None,
    settle: float = 8.0,
    asleep: Callable[[], float] = lambda: 0.0,
    chance: float = 0.5,
    **settings: object,
) -> AsyncIterator[Running]:
    file = directory / "drwatch.yaml"
    file.write_text(overlay(CONFIG, settings))
    policy, instruments = load(file, os.environ, look=False).policy, Instruments()
    store = await Store.open((state or directory) / "drwatch.db", thread=Inline(), boot=boot)
    ledger = Ledger(store)
    ledger.dead = dead

    def stepped() -> Moment:
        step = wall_step() if callable(wall_step) else wall_step
        return Moment(clock().loop, clock().wall + timedelta(seconds=step))

    daemon = Daemon(
        policy=policy,
        looks=looks or every_look(world),
        delivering=Delivering(carrier, store, stepped, instruments, chance=lambda: chance),
        ledger=ledger,  # type: ignore[arg-type]
        clock=stepped,
        zone=ZoneInfo(policy.zone),
        measures=instruments,
        chance=lambda: 0.5,
        before=before,
        asleep=asleep,
    )
    watching = asyncio.create_task(daemon.run())
    try:
        await asyncio.sleep(settle)
        yield Running(daemon, ledger, watching)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await store.close()
        if not watching.cancelled():
            # Why a test fails whose daemon has ended is this, and not what was not told after it.
            watching.result()
