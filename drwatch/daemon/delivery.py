"""The sending end: every committed row is attempted until it is accepted, settled otherwise, or the daemon stops."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Protocol

from drwatch.core.delivery import (
    UNSETTLED,
    Reach,
    after,
    arriving,
    cut_off,
    ending,
    inheriting,
    patience,
    retry_after,
    settled,
    stand_ins,
    unsettled,
)
from drwatch.core.paging import Letter, Outcome, Row, RowState
from drwatch.daemon.clock import Clock
from drwatch.daemon.legacy import Owed
from drwatch.store import Attempt, StoreError

log = logging.getLogger("drwatch")

MARGIN = 0.01
"""Seconds after its patience is over that a channel's page is looked after: by then it surely is."""

Told = Callable[[str, bool, bool, str], None]
"""(channel, accepted, refused for good, detail) after each attempt."""

Answered = Callable[[Row], str]
"""Why a row need not be sent any more; empty when it must be."""

Withheld = Callable[[Row], bool]
"""Whether a row may not be sent now."""


class Delivery(Protocol):
    @property
    def outcome(self) -> Outcome: ...
    @property
    def detail(self) -> str: ...
    @property
    def wait(self) -> float | None:
        """Seconds for which the service wants to be left alone; None where it did not say."""


class Carrier(Protocol):
    """Delivers one message through one channel; never raises for what the world did."""

    async def start(self) -> Mapping[str, str]:
        """Get ready; the channels that can never be used, and why in one sentence."""

    async def send(self, letter: Letter) -> Delivery: ...
    async def close(self) -> None: ...


class Marks(Protocol):
    async def mark(self, row: Row, attempt: Attempt | None = None) -> None: ...


class Counts(Protocol):
    def paged(self, channel: str, outcome: Outcome) -> None: ...


class Delivering:
    """Rows that are not settled, each with a task of its own, so that no channel waits for another.

    Of the pages of one incident on one channel one is sent at a time: an older one must not arrive after a newer.
    """

    def __init__(
        self, carrier: Carrier, ledger: Marks, clock: Clock, counts: Counts, chance: Callable[[], float]
    ) -> None:
        self._carrier, self._ledger, self._clock, self._counts, self._chance = carrier, ledger, clock, counts, chance
        self._rows: dict[tuple[str, str], Row] = {}
        """All rows of the events that have one which is not settled."""
        self._reach: dict[str, Mapping[str, Reach]] = {}
        """Of each living incident, by channel."""
        self._turns: dict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._channels: Callable[[], Sequence[str]] = tuple
        self._off_duty: Callable[[], Collection[str]] = frozenset
        self._owed: dict[tuple[str, str], Owed] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._told: Told = lambda *_: None
        self._answered: Answered = lambda row: ""
        self._withheld: Withheld = lambda row: False
        self._stirred = asyncio.Event()

    @property
    def rows(self) -> tuple[Row, ...]:
        return unsettled(self._rows.values())

    @property
    def events(self) -> tuple[Row, ...]:
        """All rows of what is not settled: those in reserve too, which a later run may need."""
        return tuple(self._rows.values())

    @property
    def owed(self) -> Mapping[tuple[str, str], Owed]:
        """What the ledger has not taken: how far each row has come, those that are settled too."""
        return dict(self._owed)

    def owe(self, marks: Mapping[tuple[str, str], Owed]) -> None:
        """Write this too, as soon as the ledger takes it."""
        self._owed |= marks

    def reach(self, incident: str) -> Mapping[str, Reach]:
        """What came of an incident's pages so far, by channel."""
        rows = (row for row in self._rows.values() if row.incident == incident)
        return arriving(self._reach.get(incident, {}), rows)

    def start(
        self,
        tasks: asyncio.TaskGroup,
        told: Told,
        answered: Answered,
        withheld: Withheld,
        channels: Callable[[], Sequence[str]],
        off_duty: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        """Let the carrier get ready, which no look waits for; rows taken from now on are sent.

        ``channels`` are those that there are, in the order in which one stands in for another now; ``off_duty`` those
        of people who are off duty now.
        """
        self._tasks, self._told, self._channels, self._off_duty = tasks, told, channels, off_duty
        self._answered, self._withheld = answered, withheld
        tasks.create_task(self._get_ready(), name="carrier")

    async def _get_ready(self) -> None:
        for channel, why in (await self._carrier.start()).items():
            log.error("channel %s cannot be used: %s", channel, why, extra={"event": "channel", "channel": channel})
            self._told(channel, False, True, why)

    def cut_off(self) -> None:
        """Count the attempts under way as ones that may have arrived, which is owed to the ledger; once nothing runs.

        What it does not take of that is sent again at once, as after a crash.
        """
        for row in self.rows:
            if row.state is RowState.SENDING:
                self._note(cut_off(row, self._clock()))

    async def close(self) -> None:
        """End the attempts under way; their rows stay due in the ledger."""
        await self._carrier.close()

    async def resume(self, rows: Sequence[Row], reach: Mapping[str, Mapping[str, Reach]]) -> None:
        """Go on with what an earlier run left; what waits for a channel that is gone goes to another one."""
        self._reach = dict(reach)
        channels = self._channels()
        gone = [row for row in unsettled(rows) if row.channel not in channels]
        # Before anything is sent: who stands in for such a one is needed only beside it.
        self._rows |= {(row.event, row.channel): row for row in gone}
        self.take([row for row in rows if row not in gone])
        for row in gone:
            await self._settle(row, RowState.EXPIRED, "its channel is no longer configured")
        # What waits for a channel that is broken goes at once to one that was added meanwhile.
        for event in dict.fromkeys(row.event for row in rows):
            self._look_after(event)

    def take(self, rows: Iterable[Row]) -> None:
        """Begin with rows that are committed."""
        if self._tasks is None:
            raise RuntimeError("take before start")
        rows = tuple(rows)
        for row in rows:
            self._keep(row)
        for row in unsettled(rows):
            self._tasks.create_task(self._deliver(row.event, row.channel), name=f"page {row.event} {row.channel}")

    def stir(self) -> None:
        """Have rows that wait asked anew whether they must still be sent, and may be."""
        self._stirred.set()
        self._stirred = asyncio.Event()

    async def _until_due(self, row: Row) -> None:
        """Wait until it may be sent, or need not be any more."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, row.due - self._clock())):
                while not self._answered(row):
                    await self._stirred.wait()
        while self._withheld(row) and not self._answered(row):
            await self._stirred.wait()
            # Nobody is late with what may not leave yet.
            self._keep(replace(self._rows[row.event, row.channel], due=self._clock()))

    async def _deliver(self, event: str, channel: str) -> None:
        row = self._rows[event, channel]
        while row.state in UNSETTLED:
            await self._until_due(row)
            with self._given_time(event, channel):
                async with self._turns[row.incident, channel]:
                    row = self._rows[event, channel]
                    end = ending(row, self._event(event), self._reach[row.incident], self._clock())
                    if why := self._answered(row):
                        end = RowState.EXPIRED, why
                    if end is None and self._withheld(row):
                        continue
                    row = await (self._attempt(row) if end is None else self._settle(row, *end))

    @contextmanager
    def _given_time(self, event: str, channel: str) -> Iterator[None]:
        """Look after the event once its channel has had the time that it is given.

        That runs while it waits for its turn too: the page before it may hang.
        """
        now, row = self._clock(), self._rows[event, channel]
        row = replace(row, tried=row.tried or now)
        self._keep(row)
        left = patience(row, self._event(event)) + MARGIN - (now - (row.tried or now))
        timer = asyncio.get_running_loop().call_later(max(0.0, left), self._look_after, event)
        try:
            yield
        finally:
            timer.cancel()

    async def _settle(self, row: Row, state: RowState, why: str) -> Row:
        """End a row without another attempt."""
        log.warning(
            "page %s through %s is given up: %s",
            row.event,
            row.channel,
            why,
            extra={"event": "page", "page": row.event},
        )
        row = replace(row, state=state, detail=why)
        await self._mark(row)
        self._look_after(row.event)
        return row

    async def _attempt(self, row: Row) -> Row:
        begun = self._clock()
        row = replace(row, state=RowState.SENDING, attempts=row.attempts + 1)
        await self._mark(row, Attempt(begun))
        came = await self._carrier.send(row.letter)
        now = self._clock()
        self._counts.paged(row.channel, came.outcome)
        row = after(row, came.outcome, came.detail, retry_after(row, came.outcome, self._chance(), came.wait), now)
        await self._mark(row, Attempt(begun, now, came.outcome, came.detail))
        self._told(row.channel, came.outcome is Outcome.ACCEPTED, came.outcome is Outcome.REFUSED, came.detail)
        level = logging.INFO if came.outcome is Outcome.ACCEPTED else logging.WARNING
        log.log(
            level,
            "page %s through %s: %s%s",
            row.event,
            row.channel,
            came.outcome,
            f" ({row.detail})" if row.detail else "",
            extra={"event": "page", "page": row.event, "channel": row.channel, "outcome": str(came.outcome)},
        )
        self._look_after(row.event)
        return row

    def _look_after(self, event: str) -> None:
        """Let other channels stand in for those that do not take an event; forget it once all of it is settled."""
        rows = self._event(event)
        if not rows:
            return
        reach = self._reach[rows[0].incident]
        fresh = stand_ins(rows, self._channels(), reach, self._clock(), self._off_duty())
        if self._answered(rows[0]):
            fresh = ()
        for row in fresh:
            log.warning(
                "page %s goes through %s, because %s has not taken it",
                event,
                row.channel,
                row.instead,
                extra={"event": "page", "page": event, "channel": row.channel},
            )
        others = [row for row in self.rows if row.incident == rows[0].incident and row.event != event]
        self.take(inheriting(fresh, others))
        if not fresh and not unsettled(rows):
            for row in rows:
                del self._rows[event, row.channel]

    def _event(self, event: str) -> tuple[Row, ...]:
        return tuple(row for row in self._rows.values() if row.event == event)

    def forget(self, living: Iterable[str]) -> None:
        """Drop the account of incidents that are over, once none of their pages waits."""
        kept = {*living, *(row.incident for row in self._rows.values())}
        self._reach = {name: reach for name, reach in self._reach.items() if name in kept}
        self._turns = defaultdict(asyncio.Lock, {key: turn for key, turn in self._turns.items() if key[0] in kept})

    def _keep(self, row: Row) -> None:
        self._rows[row.event, row.channel] = row
        if row.state is not RowState.RESERVE:
            self._reach[row.incident] = settled(self._reach.get(row.incident, {}), row)

    async def _mark(self, row: Row, attempt: Attempt | None = None) -> None:
        self._note(row, attempt)
        await self._pay((row.event, row.channel))

    def _note(self, row: Row, attempt: Attempt | None = None) -> None:
        key = (row.event, row.channel)
        self._keep(row)
        before = self._owed[key].attempts if key in self._owed else ()
        if attempt is not None:
            # Its begin is owed no more once its end is.
            before = (*(each for each in before if each.started != attempt.started), attempt)
        self._owed[key] = Owed(row, before)

    async def pay(self) -> None:
        """Write what the ledger did not take when it was marked."""
        for key in tuple(self._owed):
            await self._pay(key)

    async def _pay(self, key: tuple[str, str]) -> None:
        if (owed := self._owed.get(key)) is None:
            return
        try:
            for attempt in owed.attempts or (None,):
                if self._owed.get(key) is not owed:
                    # The row has come further meanwhile, and whoever marked that pays all of it.
                    return
                await self._ledger.mark(owed.row, attempt)
        except StoreError as broken:
            log.error("the ledger cannot be written: %s", broken, extra={"event": "ledger"})
        else:
            if self._owed.get(key) is owed:
                del self._owed[key]
