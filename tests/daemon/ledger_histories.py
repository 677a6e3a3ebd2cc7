"""Generated histories of a ledger: troubles, channels in every mood, crashes at any step; and what the phones got.

The core's decisions, the real sending end and a real store on a file, under virtual time. What is made here in place of
the watch is only its turn: which incidents are told, committed, and handed to be sent.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, TypeVar

import looptime
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from drwatch.core.delivery import COPIES, addresses
from drwatch.core.finding import Condition, Confidence, Severity
from drwatch.core.incident import Incident, Phase
from drwatch.core.paging import ENDS, Letter, Outcome, PageReason, Row, RowState, page
from drwatch.core.policy import Paging, Step
from drwatch.daemon.delivery import Delivering
from drwatch.lab.simulated import Accepted, clock
from drwatch.lab.virtual import Inline
from drwatch.store import Attempt, Store

T = TypeVar("T")

CHANNELS = ("phone", "sms", "mail")
PAGING = Paging(CHANNELS, (Step(("phone",)), Step(("sms", "mail"), 300.0)), remind=600.0)

MEMORY = Path("/dev/shm")
"""Where an fsync costs nothing: what is crashed here is the program, not the machine."""

PLACES = ("commit begins", "commit done", "mark begins", "mark done", "send begins", "arrived", "answered")
"""Where the program can be killed: before and after every call that leaves it."""


@dataclass(frozen=True)
class Mood:
    """What a channel does with a page: whether it takes it, what it says, and after how many seconds."""

    arrives: bool
    outcome: Outcome
    seconds: float = 0.1
    wait: float | None = None


MOODS: Mapping[str, Mood] = {
    "well": Mood(True, Outcome.ACCEPTED),
    "slow": Mood(True, Outcome.ACCEPTED, 8.0),
    "refuses": Mood(False, Outcome.REFUSED),
    "fails": Mood(False, Outcome.FAILED),
    "busy": Mood(False, Outcome.FAILED, 0.1, 45.0),
    "unreachable": Mood(False, Outcome.FAILED, 13.0),
    "takes it and hangs": Mood(True, Outcome.AMBIGUOUS, 15.0),
    "breaks off": Mood(True, Outcome.AMBIGUOUS),
    "hangs": Mood(False, Outcome.AMBIGUOUS, 15.0),
}


@dataclass
class Trouble:
    """What is so, whoever knows of it."""

    id: str
    severity: Severity
    over: bool = False
    kept: bool = False
    """Whether the ledger has ever been told of it."""


@dataclass(frozen=True)
class Arrived:
    event: str
    channel: str
    reason: PageReason

    @property
    def incident(self) -> str:
        return self.event.partition(".")[0]

    @property
    def number(self) -> int:
        return int(self.event.partition(".")[2])


class World:
    """What outlives a crash: the troubles, the channels, what came through them; and when the next crash is."""

    def __init__(self) -> None:
        self.troubles: list[Trouble] = []
        self.moods = dict.fromkeys(CHANNELS, MOODS["well"])
        self.arrived: list[Arrived] = []
        self.doubted: Counter[tuple[str, str]] = Counter()
        """Answers that left it open whether the page arrived, by event and channel."""
        self.cut: set[tuple[str, str]] = set()
        """Pages that were on their way, or unmarked, in a crash."""
        self.steps: int | None = None
        """Calls until the next crash."""
        self.deaths = 0

    def dies(self) -> bool:
        if self.steps is None:
            return False
        self.steps -= 1
        if self.steps > 0:
            return False
        self.steps = None
        self.deaths += 1
        return True


class Life:
    """One run of the program, until it is stopped or killed."""

    def __init__(self, world: World, store: Store) -> None:
        self.world, self.store = world, store
        self.dead, self.wake = asyncio.Event(), asyncio.Event()
        self.incidents: tuple[Incident, ...] = ()
        self.delivering = Delivering(self, self, clock, self, chance=lambda: 0.5)

    async def _here(self) -> None:
        """A place where it may be killed; a dead program does nothing more."""
        if not self.dead.is_set() and self.world.dies():
            self.dead.set()
        if self.dead.is_set():
            await asyncio.Event().wait()

    async def _around(self, work: Callable[[], Awaitable[T]]) -> T:
        await self._here()
        came = await work()
        await self._here()
        return came

    # The carrier, the marks and the counts of the sending end.

    async def start(self) -> Mapping[str, str]:
        return {}

    async def send(self, letter: Letter) -> Accepted:
        key, mood = (letter.event, letter.channel), self.world.moods[letter.channel]
        await self._here()
        self.world.cut.add(key)
        if mood.arrives:
            reason = PageReason.FIRST
            if letter.resolved:
                reason = PageReason.MISSED if letter.title.startswith(PageReason.MISSED) else PageReason.RESOLVED
            self.world.arrived.append(Arrived(letter.event, letter.channel, reason))
        await self._here()
        await asyncio.sleep(mood.seconds)
        await self._here()
        self.world.doubted[key] += mood.outcome is Outcome.AMBIGUOUS
        return Accepted(mood.outcome, "as it was told", mood.wait)

    async def mark(self, row: Row, attempt: Attempt | None = None) -> None:
        await self._around(lambda: self.store.mark(row, attempt))
        if row.state is not RowState.SENDING:
            self.world.cut.discard((row.event, row.channel))

    def paged(self, channel: str, outcome: Outcome) -> None:
        """Nobody counts here."""

    async def close(self) -> None:
        """Nothing is held."""

    # The watch's turn.

    async def run(self) -> None:
        loaded = await self.store.load(clock())
        self.incidents = loaded.incidents
        async with asyncio.TaskGroup() as tasks:
            self.delivering.start(tasks, lambda *_: None, lambda row: "", lambda row: False, lambda: PAGING.channels)
            await self.delivering.resume(loaded.rows, loaded.reach)
            while True:
                self.wake.clear()
                await self._turn()
                with suppress(TimeoutError):
                    async with asyncio.timeout(5.0):
                        await self.wake.wait()

    async def _turn(self) -> None:
        now, rows, written = clock(), [], []
        known = {incident.id: incident for incident in self.incidents}
        living = []
        for trouble in self.world.troubles:
            incident = known.get(trouble.id)
            if trouble.over and incident is None:
                continue
            if trouble.over and incident is not None:
                incident = replace(incident, phase=Phase.RESOLVED, ended=now)
            else:
                incident = replace(incident, last_true=now) if incident else opened(trouble)
                living.append(incident)
            event = page(incident, PAGING, 5.0, now)
            if event is not None:
                reach = self.delivering.reach(incident.id)
                rows += [
                    Row(
                        event=event.event,
                        channel=address.channel,
                        incident=incident.id,
                        reason=address.reason,
                        severity=incident.severity,
                        title=f"{address.reason} {event.event}",
                        body="",
                        created=now,
                        due=now,
                        state=RowState.RESERVE if address.reserve else RowState.DUE,
                    )
                    for address in addresses(event, PAGING, reach)
                ]
                living = [event.incident if each.id == incident.id else each for each in living]
                incident = event.incident
            if event is not None or incident.phase is Phase.RESOLVED:
                written.append(incident)
        if written:
            await self._around(lambda: self.store.commit(written, rows))
            for trouble in self.world.troubles:
                trouble.kept |= trouble.id in {incident.id for incident in written}
        ended = len(living) < len(self.incidents)
        self.incidents = tuple(living)
        self.delivering.take(rows)
        if ended:
            self.delivering.forget(incident.id for incident in living)


def opened(trouble: Trouble) -> Incident:
    now = clock()
    return Incident(
        id=trouble.id,
        cluster="shop",
        topic="primary",
        subject=trouble.id,
        condition=Condition.PRIMARY_DOWN,
        severity=trouble.severity,
        summary="it is dead",
        evidence=(),
        confidence=Confidence.CONCLUSIVE,
        phase=Phase.OPEN,
        began=now,
        condition_began=now,
        last_true=now,
        confirmed=now,
    )


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

    async def _end(self) -> None:
        assert self._running is not None
        assert self._life is not None
        if self._running.done():
            self._running.result()
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
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

    @precondition(lambda self: len(self.world.troubles) < 6)
    @rule(severity=st.sampled_from(Severity), seconds=st.sampled_from([0.01, 2.0]))
    def something_breaks(self, severity: Severity, seconds: float) -> None:
        self.world.troubles.append(Trouble(f"AAAAA{'ABCDEF'[len(self.world.troubles)]}", severity))
        self._turn(seconds)

    @precondition(lambda self: any(not trouble.over for trouble in self.world.troubles))
    @rule(which=st.integers(0, 5), seconds=st.sampled_from([0.01, 2.0]))
    def something_is_mended(self, which: int, seconds: float) -> None:
        still = [trouble for trouble in self.world.troubles if not trouble.over]
        still[which % len(still)].over = True
        self._turn(seconds)

    @rule(channel=st.sampled_from(CHANNELS), mood=st.sampled_from(sorted(MOODS)))
    def a_channel_changes(self, channel: str, mood: str) -> None:
        self.world.moods[channel] = MOODS[mood]

    @rule(steps=st.integers(1, 25))
    def it_is_to_be_killed(self, steps: int) -> None:
        self.world.steps = steps

    @rule()
    def it_is_restarted(self) -> None:
        self.world.deaths += 1
        self._do(self._end())
        self._do(self._begin())
        self._turn()

    @rule(seconds=st.sampled_from([0.05, 1.0, 5.5, 16.0, 45.0, 301.0, 620.0]))
    def time_passes(self, seconds: float) -> None:
        self._turn(seconds)

    def teardown(self) -> None:
        try:
            self.world.steps = None
            self.world.moods = dict.fromkeys(CHANNELS, MOODS["well"])
            # The longest wait of a row is that of a refused one, and a reminder comes every ten minutes.
            self._turn(320.0)
            rows = self._do(self._all_rows())
            self._do(self._end())
            self._judge(rows)
            Ledger.played += 1
            Ledger.deaths += self.world.deaths
            Ledger.arrivals += len(self.world.arrived)
        finally:
            self._loop.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _all_rows(self) -> Sequence[Row]:
        assert self._life is not None
        db = self._life.store._connection()
        from drwatch.store.values import Reading, row_of

        return [row_of(line, Reading("virtual", clock())) for line in db.execute("SELECT * FROM ledger")]

    def _judge(self, rows: Sequence[Row]) -> None:
        arrived, world = self.world.arrived, self.world
        got = {(each.event, each.channel) for each in arrived}
        asked = [row for row in rows if row.state is not RowState.RESERVE]
        waits = [f"{row.event} {row.channel} {row.state}" for row in asked if row.state is RowState.DUE]
        assert not waits, f"after every channel has been well for five minutes these wait: {waits}"
        for row in asked:
            if row.state is RowState.ACCEPTED:
                assert (row.event, row.channel) in got, f"{row.event} never came through {row.channel}"
        for trouble in world.troubles:
            mine = [row for row in asked if row.incident == trouble.id]
            assert mine or trouble.over or not trouble.kept, f"of {trouble.id} nobody was to be told"
            if not trouble.over:
                assert mine, f"of {trouble.id} nobody was told"
            for channel in {row.channel for row in mine}:
                self._judge_channel([row for row in mine if row.channel == channel], got, trouble)
        for (event, channel), copies in Counter((each.event, each.channel) for each in arrived).items():
            allowed = COPIES if world.doubted[event, channel] else 1
            assert copies <= allowed + world.deaths, f"{copies} copies of {event} came through {channel}"
            Ledger.worst = max(Ledger.worst, copies)
        self._judge_order()

    def _judge_channel(self, rows: Sequence[Row], got: set[tuple[str, str]], trouble: Trouble) -> None:
        """What came of one trouble on one channel that was to be told of it."""
        last = max(rows, key=lambda row: int(row.event.partition(".")[2]))
        came = (last.event, last.channel) in got
        needless = last.instead and last.state is RowState.EXPIRED
        assert came or last.state is RowState.PERHAPS or needless, (
            f"{last.event} is lost on {last.channel}: {last.detail}"
        )
        if trouble.over and trouble.kept:
            assert last.reason in ENDS, f"{last.channel} was never told that {trouble.id} is over"

    def _judge_order(self) -> None:
        latest: dict[tuple[str, str], int] = {}
        problem: set[tuple[str, str]] = set()
        for each in self.world.arrived:
            key = each.incident, each.channel
            assert each.number >= latest.get(key, 0), f"{each.event} came through {each.channel} after a later page"
            latest[key] = each.number
            if each.reason is PageReason.MISSED and not self.world.deaths:
                assert key not in problem, f"{each.channel} had heard of {each.incident} and is told that it had not"
            if each.reason not in ENDS:
                problem.add(key)
