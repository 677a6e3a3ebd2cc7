"""What outlives a crash: the troubles, the channels in every mood, and what the phones got; and the program within it.

The core's decisions, the real sending end and a real store on a file, under virtual time. What is made here in place of
the watch is only its turn: which incidents are told, committed, and handed to be sent.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from required import IN_HAND, REMIND, STEPS, Course, Trouble

from drwatch.core.ack import Answer
from drwatch.core.acknowledge import acknowledge
from drwatch.core.delivery import addresses
from drwatch.core.finding import Condition, Confidence
from drwatch.core.incident import Incident, Phase, awake
from drwatch.core.paging import Letter, Outcome, Page, Row, RowState, page
from drwatch.core.policy import Paging, Step
from drwatch.core.sample import Moment
from drwatch.core.waiting import answered, withdrawn, withheld
from drwatch.daemon.delivery import Delivering
from drwatch.lab.simulated import Accepted, clock
from drwatch.store import Attempt, Store

T = TypeVar("T")

CHANNELS = tuple(name for _, names in STEPS for name in names)
PAGING = Paging(CHANNELS, tuple(Step(names, after) for after, names in STEPS), remind=REMIND, acknowledged=IN_HAND)

TURN = 4.9137
"""Seconds between two turns of the watch in which nothing wakes it: such that none falls on the instant of a step or a
reminder, which a moment that was read back from the ledger, to the microsecond, may miss by one."""


@dataclass(frozen=True)
class Mood:
    """What a channel does with a page: whether it takes it, what it says, and after how many seconds."""

    arrives: bool
    outcome: Outcome
    seconds: float = 0.1
    wait: float | None = None


WELL = Mood(True, Outcome.ACCEPTED)

MOODS: Mapping[str, Mood] = {
    "well": WELL,
    "slow": Mood(True, Outcome.ACCEPTED, 8.0),
    "refuses": Mood(False, Outcome.REFUSED),
    "fails": Mood(False, Outcome.FAILED),
    "busy": Mood(False, Outcome.FAILED, 0.1, 45.0),
    "unreachable": Mood(False, Outcome.FAILED, 13.0),
    "takes it and hangs": Mood(True, Outcome.AMBIGUOUS, 15.0),
    "breaks off": Mood(True, Outcome.AMBIGUOUS),
    "hangs": Mood(False, Outcome.AMBIGUOUS, 15.0),
}


@dataclass(frozen=True)
class Sent:
    """One attempt: when it was begun, of what, and what the channel does with it."""

    at: float
    event: str
    channel: str
    end: bool
    missed: bool
    mood: Mood

    @property
    def incident(self) -> str:
        return self.event.partition(".")[0]

    @property
    def number(self) -> int:
        return int(self.event.partition(".")[2])


class World:
    """What outlives a crash: the troubles, the channels, what came through them; and when the next crash is."""

    def __init__(self) -> None:
        self.courses: list[Course] = []
        self.moods = {name: [(0.0, WELL)] for name in CHANNELS}
        """By channel, from when on it is how."""
        self.sent: list[Sent] = []
        self.cut: Counter[tuple[str, str]] = Counter()
        """How often an attempt was cut off by a crash, or its outcome not written down yet; by event and channel."""
        self.stopped: Counter[tuple[str, str]] = Counter()
        """How often an orderly stop ended an attempt of which nothing had been sent yet; by event and channel."""
        self.steps: int | None = None
        """Calls until the next crash."""
        self.deaths: list[float] = []

    @property
    def troubles(self) -> list[Trouble]:
        return [course.trouble for course in self.courses]

    def dies(self) -> bool:
        if self.steps is None:
            return False
        self.steps -= 1
        if self.steps > 0:
            return False
        self.steps = None
        return True

    def well(self, channel: str, began: float, ended: float) -> bool:
        """Whether a channel was well all that time."""
        moods = self.moods[channel]
        until = [at for at, _ in moods[1:]] + [ended]
        return all(mood is WELL for (at, mood), end in zip(moods, until, strict=True) if at <= ended and end >= began)


class Life:
    """One run of the program, until it is stopped or killed."""

    def __init__(self, world: World, store: Store) -> None:
        self.world, self.store = world, store
        self.dead, self.wake = asyncio.Event(), asyncio.Event()
        self.incidents: tuple[Incident, ...] = ()
        self.under_way: set[tuple[str, str]] = set()
        """Pages that are being sent, or whose outcome is not written down yet."""
        self._going: dict[tuple[str, str], int] = {}
        """Attempts that the channel has not answered, by their places in what was sent."""
        self._judged: Moment | None = None
        self._delivering = Delivering(self, self, clock, self, chance=lambda: 0.5)

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
        await self._here()
        mood = self.world.moods[letter.channel][-1][1]
        sent = Sent(clock().loop, letter.event, letter.channel, letter.resolved, letter.missed, mood)
        self.world.sent.append(sent)
        self._going[letter.event, letter.channel] = len(self.world.sent) - 1
        await self._here()
        await asyncio.sleep(mood.seconds)
        await self._here()
        del self._going[letter.event, letter.channel]
        return Accepted(mood.outcome, "as it was told", mood.wait)

    async def mark(self, row: Row, attempt: Attempt | None = None) -> None:
        if row.state is RowState.SENDING:
            self.under_way.add((row.event, row.channel))
        await self._around(lambda: self.store.mark(row, attempt))
        if row.state is not RowState.SENDING:
            self.under_way.discard((row.event, row.channel))

    def paged(self, channel: str, outcome: Outcome) -> None:
        """Nobody counts here."""

    async def close(self) -> None:
        """Nothing is held."""

    async def stop(self) -> None:
        """What an orderly stop still does, if nothing kills it at that; to be called once it no longer runs."""
        sending = [(row.event, row.channel) for row in self._delivering.rows if row.state is RowState.SENDING]
        self._delivering.cut_off()
        paying, dead = asyncio.create_task(self._delivering.pay()), asyncio.create_task(self.dead.wait())
        await asyncio.wait((paying, dead), return_when=asyncio.FIRST_COMPLETED)
        for task in (paying, dead):
            task.cancel()
        await asyncio.gather(paying, dead, return_exceptions=True)
        # One whose mark was not written any more is cut off as by a crash.
        for key in sending:
            if key not in self.under_way:
                self._stopped(key)

    def _stopped(self, key: tuple[str, str]) -> None:
        """To the program, what was being sent may have arrived, whatever the channel has done with it."""
        if key not in self._going:
            self.world.stopped[key] += 1
            return
        number = self._going[key]
        sent = self.world.sent[number]
        self.world.sent[number] = replace(sent, mood=replace(sent.mood, outcome=Outcome.AMBIGUOUS))

    # The watch's turn.

    async def run(self) -> None:
        loaded = await self.store.load(clock())
        self.incidents = awake(loaded.incidents, 0.0)
        async with asyncio.TaskGroup() as tasks:
            self._delivering.start(
                tasks,
                lambda *_: None,
                lambda row: answered(row, self.incidents),
                lambda row: self._judged is None or withheld(row, self.incidents, self._judged),
                lambda: PAGING.channels,
            )
            await self._delivering.resume(loaded.rows, loaded.reach)
            while True:
                self.wake.clear()
                await self._turn()
                with suppress(TimeoutError):
                    async with asyncio.timeout(TURN):
                        await self.wake.wait()

    async def _turn(self) -> None:
        now, rows = clock(), list[Row]()
        known = {incident.id: incident for incident in self.incidents}
        after, written = dict[str, Incident](), dict[str, Incident]()
        for trouble in self.world.troubles:
            before = known.get(trouble.id)
            if before is None and (trouble.over or trouble.away):
                continue
            seen = looked_at(before, trouble, now)
            incident = withdrawn(seen, self._delivering.reach(seen.id))
            if (event := page(incident, PAGING, TURN, now)) is not None:
                incident = event.incident
                rows += self._rows(event, now)
            after[incident.id] = incident
            if before is None or replace(incident, last_true=before.last_true) != before:
                written[incident.id] = incident
        if written:
            await self._around(lambda: self._commit(written, rows, now))
        else:
            self._looked(now)
        living = tuple(incident for incident in after.values() if incident.phase is Phase.OPEN)
        self.incidents, self._judged = living, now
        self._delivering.take(rows)
        self._delivering.stir()
        if len(living) < len(after):
            self._delivering.forget(incident.id for incident in living)

    async def _commit(self, written: Mapping[str, Incident], rows: list[Row], now: Moment) -> None:
        await self.store.commit(list(written.values()), rows)
        self._looked(now)

    def _looked(self, now: Moment) -> None:
        """The turn is in the ledger: whatever had to be told by now is to be told by this program or a later one."""
        for course in self.world.courses:
            course.turn(now.loop)
            course.trouble.answered = False

    def _rows(self, event: Page, now: Moment) -> list[Row]:
        return [
            Row(
                event=event.event,
                channel=address.channel,
                incident=event.incident.id,
                reason=address.reason,
                severity=event.incident.severity,
                title=f"{address.reason} {event.event}",
                body="",
                created=now,
                due=now,
                state=RowState.RESERVE if address.reserve else RowState.DUE,
            )
            for address in addresses(event, PAGING, self._delivering.reach(event.incident.id))
        ]


def looked_at(before: Incident | None, trouble: Trouble, now: Moment) -> Incident:
    """The incident as a look shows it, after what people have said of it. None of it has a window or is held back."""
    if before is None:
        incident = opened(trouble, now)
    elif trouble.answered:
        incident = acknowledge(Answer(trouble.id, "anna", "socket"), [before], PAGING.acknowledged, now)
    else:
        incident = before
    if trouble.over:
        return replace(incident, phase=Phase.RESOLVED, ended=now)
    if not trouble.away:
        incident = replace(incident, last_true=now, severity=trouble.severity)
    silence = "SABCDE" if trouble.hushed > now.loop else ""
    if incident.silence and not silence:
        incident = replace(incident, freed=now)
    incident = replace(incident, silence=silence)
    if incident.acknowledged is not None and incident.acknowledged.over(now):
        incident = replace(incident, acknowledged=None, freed=now)
    return incident


def opened(trouble: Trouble, now: Moment) -> Incident:
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
