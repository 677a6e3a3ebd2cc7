"""Generated histories of a ledger: troubles, channels in every mood, crashes at any step; and what the phones got."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import ClassVar, TypeVar

import looptime
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from ledger_judge import copies_of, judge
from ledger_world import CHANNELS, MOODS, Life, World
from required import Course, Trouble

from drwatch.core.finding import Severity
from drwatch.lab.simulated import clock
from drwatch.lab.virtual import Inline
from drwatch.store import Store

T = TypeVar("T")

MEMORY = Path("/dev/shm")
"""Where an fsync costs nothing: what is crashed here is the program, not the machine."""


WHICH = st.integers(0, 3)
SOON = st.sampled_from([0.01, 2.0])


def living(machine: Ledger) -> bool:
    return any(not trouble.over for trouble in machine.world.troubles)


class Ledger(RuleBasedStateMachine):
    """No page is lost, none arrives more often than it may, and none after a later one."""

    played: ClassVar[int] = 0
    deaths: ClassVar[int] = 0
    """Kills and restarts."""
    arrivals: ClassVar[int] = 0
    worst: ClassVar[int] = 0
    """The most copies of one page on one channel."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = looptime.patch_event_loop(asyncio.new_event_loop(), noop_cycles=0)
        self._folder = Path(tempfile.mkdtemp(prefix="drwatch-", dir=MEMORY if MEMORY.is_dir() else None))
        self.world = World()
        self._life: Life | None = None
        self._running: asyncio.Task[None] | None = None
        self._do(self._begin())

    def _do(self, work: Awaitable[T]) -> T:
        return self._loop.run_until_complete(work)

    async def _begin(self) -> None:
        store = await Store.open(self._folder / "drwatch.db", thread=Inline(), boot="virtual")
        self._life = Life(self.world, store)
        self._running = asyncio.create_task(self._life.run())

    async def _end(self, orderly: bool = False) -> None:
        assert self._running is not None
        assert self._life is not None
        if self._running.done():
            self._running.result()
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        if orderly:
            await self._life.stop()
        self.world.deaths.append(clock().loop)
        self.world.cut.update(self._life.under_way)
        await self._life.store.close()

    async def _pass(self, seconds: float) -> None:
        end = clock().loop + seconds
        # Virtual time comes in microseconds.
        while (left := end - clock().loop) > 1e-5:
            assert self._life is not None
            assert self._running is not None
            dead = asyncio.create_task(self._life.dead.wait())
            done, _ = await asyncio.wait((dead, self._running), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            dead.cancel()
            if self._running in done:
                self._running.result()
            if self._life.dead.is_set():
                await self._end()
                await asyncio.sleep(2.0)
                await self._begin()

    def _turn(self, seconds: float = 0.0) -> None:
        assert self._life is not None
        self._life.wake.set()
        self._do(self._pass(seconds or 0.01))

    def _pick(self, which: int) -> Trouble:
        living = [trouble for trouble in self.world.troubles if not trouble.over]
        return living[which % len(living)]

    @precondition(lambda self: len(self.world.courses) < 4)
    @rule(severity=st.sampled_from(Severity), seconds=SOON)
    def something_breaks(self, severity: Severity, seconds: float) -> None:
        self.world.courses.append(Course(Trouble(f"AAAAA{'ABCD'[len(self.world.courses)]}", severity)))
        self._turn(seconds)

    @precondition(living)
    @rule(which=WHICH, seconds=SOON)
    def something_is_mended(self, which: int, seconds: float) -> None:
        self._pick(which).over = True
        self._turn(seconds)

    @precondition(living)
    @rule(which=WHICH, seconds=SOON)
    def something_goes_away_or_comes_back(self, which: int, seconds: float) -> None:
        trouble = self._pick(which)
        trouble.away = not trouble.away
        self._turn(seconds)

    @precondition(living)
    @rule(which=WHICH, seconds=SOON)
    def something_becomes_critical(self, which: int, seconds: float) -> None:
        self._pick(which).severity = Severity.CRITICAL
        self._turn(seconds)

    @precondition(living)
    @rule(which=WHICH, seconds=SOON)
    def somebody_takes_one_in_hand(self, which: int, seconds: float) -> None:
        self._pick(which).answered = True
        self._turn(seconds)

    @precondition(living)
    @rule(which=WHICH, silence=st.sampled_from([20.0, 400.0]), seconds=SOON)
    def somebody_silences_one(self, which: int, silence: float, seconds: float) -> None:
        self._pick(which).hushed = self._loop.time() + silence
        self._turn(seconds)

    @rule(channel=st.sampled_from(CHANNELS), mood=st.sampled_from(sorted(MOODS)))
    def a_channel_changes(self, channel: str, mood: str) -> None:
        self.world.moods[channel].append((self._loop.time(), MOODS[mood]))

    @rule(steps=st.integers(1, 25))
    def it_is_to_be_killed(self, steps: int) -> None:
        self.world.steps = steps

    @rule()
    def it_is_restarted(self) -> None:
        self._do(self._end(orderly=True))
        self._do(self._begin())
        self._turn()

    @rule(seconds=st.sampled_from([0.05, 1.0, 5.5, 16.0, 45.0, 301.0, 620.0, 3605.0]))
    def time_passes(self, seconds: float) -> None:
        self._turn(seconds)

    def teardown(self) -> None:
        try:
            self.world.steps = None
            for channel in CHANNELS:
                self.a_channel_changes(channel, "well")
            # The longest wait of a page is that of a refused one.
            self._turn(320.0)
            now = self._loop.time()
            deaths = len(self.world.deaths)
            self._do(self._end())
            judge(self.world, now)
            Ledger.played += 1
            Ledger.deaths += deaths
            copies = copies_of(self.world).values()
            Ledger.arrivals += sum(copies)
            Ledger.worst = max(Ledger.worst, *copies, 0)
        finally:
            self._loop.close()
            shutil.rmtree(self._folder, ignore_errors=True)
