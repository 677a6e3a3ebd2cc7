"""The watch itself, against a simulated pair and under virtual time: what hours of trouble make of its pages."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from drwatch.config import load
from drwatch.core.blackbox import Record
from drwatch.core.finding import Condition, Severity
from drwatch.core.incident import Incident, Phase
from drwatch.core.memory import Memory
from drwatch.core.paging import Outcome, Row
from drwatch.core.sample import Blind, Key, Moment, Probe, Reason, Sample
from drwatch.core.snapshot import Snapshot
from drwatch.daemon.delivery import Delivering
from drwatch.daemon.watch import Daemon
from drwatch.exporter import Instruments
from drwatch.lab.scenario import overlay
from drwatch.lab.simulated_phone import Accepted
from drwatch.lab.simulator import SimulatedLook, World, clock
from drwatch.lab.virtual import CONFIG, Inline
from drwatch.store import Store, StoreError

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime]

TWO_CHANNELS = {
    "paging.channels": {"phone": {"url_file": "phone.url"}, "pager": {"url_file": "pager.url"}},
    "paging.escalation": [{"to": ["phone", "pager"]}],
}


@dataclass
class Carrier:
    """Channels as well or as badly as they are told; ``told`` are (channel, title)."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)

    wrong: dict[str, str] = field(default_factory=dict)
    stuck: bool = False

    async def start(self) -> Mapping[str, str]:
        if self.stuck:
            await asyncio.Event().wait()
        return self.wrong

    async def send(
        self, channel: str, title: str, body: str, severity: Severity, resolved: bool, event: str
    ) -> Accepted:
        outcome = self.outcomes.get(channel, Outcome.ACCEPTED)
        if outcome is Outcome.ACCEPTED:
            self.told.append((channel, title))
        return Accepted(outcome, "as it was told")

    async def close(self) -> None:
        """Nothing is held."""


class Ledger:
    """The store, on a disk that may be dead."""

    def __init__(self, store: Store) -> None:
        self.store, self.dead, self.stuck = store, False, False
        self.load = store.load

    async def remember(self, held: Memory, synced: bool, records: Sequence[Record] = ()) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        if self.dead:
            raise StoreError("the disk is dead")
        await self.store.remember(held, synced, records)

    async def commit(self, incidents: Sequence[Incident], rows: Sequence[Row]) -> None:
        if self.dead:
            raise StoreError("the disk is dead")
        await self.store.commit(incidents, rows)


@dataclass
class Running:
    daemon: Daemon
    ledger: Ledger

    def open(self) -> set[Condition]:
        return {incident.condition for incident in self.daemon.incidents if incident.phase is Phase.OPEN}


@asynccontextmanager
async def running(
    directory: Path,
    world: World,
    carrier: Carrier,
    looks: Sequence[SimulatedLook] | None = None,
    before: Snapshot = Snapshot(),  # noqa: B008 - immutable
    dead: bool = False,
    boot: str = "virtual",
    wall_step: float = 0.0,
    **settings: object,
) -> AsyncIterator[Running]:
    file = directory / "drwatch.yaml"
    file.write_text(overlay(CONFIG, settings))
    policy, instruments = load(file, os.environ, look=False).policy, Instruments()
    store = await Store.open(directory / "drwatch.db", thread=Inline(), boot=boot)
    ledger = Ledger(store)
    ledger.dead = dead
    daemon = Daemon(
        policy=policy,
        looks=looks or world.looks(),
        delivering=Delivering(carrier, store, clock, instruments, chance=lambda: 0.5),
        ledger=ledger,  # type: ignore[arg-type]
        clock=lambda: Moment(clock().loop, clock().wall + timedelta(seconds=wall_step)),
        zone=ZoneInfo("UTC"),
        measures=instruments,
        chance=lambda: 0.5,
        snapshot=before,
    )
    watching = asyncio.create_task(daemon.run())
    try:
        await asyncio.sleep(8)
        yield Running(daemon, ledger)
        if watching.done():
            watching.result()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await store.close()


async def test_a_channel_that_comes_back_after_hours_tells_an_incident_once(tmp_path: Path) -> None:
    """A reminder each ten minutes would else be told for each of them: 48 times after a night."""
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED})
    async with running(tmp_path, world, carrier) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(5000)
        assert len(watch.daemon.rows) <= 3
        carrier.outcomes.clear()
        await asyncio.sleep(120)
        told = [title for _, title in carrier.told if "PrimaryDown" in title]
        assert len(told) == 1
        assert "STILL" in told[0]


async def test_a_channel_that_can_never_work_is_told_at_the_start_and_not_with_the_first_death(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"pager": Outcome.REFUSED}, wrong={"pager": "no such service"})
    async with running(tmp_path, world, carrier, **TWO_CHANNELS) as watch:
        assert watch.open() == {Condition.PAGING_BROKEN}
    assert [channel for channel, title in carrier.told if "PagingBroken pager" in title] == ["phone"]


async def test_a_courier_that_does_not_get_ready_holds_up_no_look(tmp_path: Path) -> None:
    async with running(tmp_path, World("shop", 50.0), Carrier(stuck=True)) as watch:
        assert watch.daemon.ticks > 5
        assert watch.daemon.snapshot.alive


async def test_what_was_due_on_a_channel_that_is_no_longer_configured_is_given_up(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"pager": Outcome.REFUSED})
    async with running(tmp_path, world, carrier, **TWO_CHANNELS) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(30)
        assert watch.open() == {Condition.PRIMARY_DOWN, Condition.PAGING_BROKEN}
        seen = watch.daemon.snapshot
    async with running(tmp_path, world, carrier, before=seen) as watch:
        assert watch.daemon.rows == ()
        await asyncio.sleep(60)
        assert watch.open() == {Condition.PRIMARY_DOWN}


async def test_a_look_that_has_nothing_new_to_say_is_not_asked_twenty_times_a_second(tmp_path: Path) -> None:
    """A standby whose server turned us away long ago: between two permitted dials its refusal is handed out again."""
    world = World("shop", 50.0)
    looks = world.looks()
    look = next(look for look in looks if look.key == Key(world.standby.node, Probe.REPLICATION))
    old, asked = Sample(look.key, clock(), clock(), Blind(Reason.TLS_REFUSED)), 0

    async def again() -> Sample:
        nonlocal asked
        asked += 1
        return old

    look.look = again  # type: ignore[method-assign]
    async with running(tmp_path, world, Carrier(), looks):
        world.strike("primary-killed")
        await asyncio.sleep(10)
        before = asked
        await asyncio.sleep(60)
        assert asked - before <= 60


async def test_a_change_that_a_dead_disk_did_not_take_is_written_when_it_takes_again(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier) as watch:
        watch.ledger.dead = True
        world.strike("standby-writable")
        await asyncio.sleep(30)
        assert [channel for channel, _ in carrier.told] == ["phone"]
        watch.ledger.dead = False
        await asyncio.sleep(10)
        assert [past.condition for past in await watch.ledger.store.history()] == [Condition.STANDBY_WRITABLE]
    async with running(tmp_path, world, carrier):
        await asyncio.sleep(60)
    assert [channel for channel, _ in carrier.told] == ["phone"]


async def test_who_was_seen_alive_over_a_dead_disk_is_written_when_it_takes_again(tmp_path: Path) -> None:
    """Else the next start would take a dead primary for one that never was, and call it merely blind."""
    world = World("shop", 50.0)
    async with running(tmp_path, world, Carrier(), dead=True) as watch:
        watch.ledger.dead = False
        await asyncio.sleep(10)
    world.strike("primary-killed")
    carrier = Carrier()
    async with running(tmp_path, world, carrier):
        await asyncio.sleep(60)
    assert [title.split()[2] for _, title in carrier.told] == ["PrimaryDown"]
