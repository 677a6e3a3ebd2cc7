"""The sending end: every committed row is attempted until it is accepted, expired, or the daemon stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from drwatch.core.paging import Letter, Outcome, Row, RowState, expired, overtaken, retry_after, unsettled
from drwatch.daemon.clock import Clock
from drwatch.store import Attempt, StoreError

log = logging.getLogger("drwatch")

Told = Callable[[str, bool, bool, str], None]
"""(channel, accepted, refused for good, detail) after each attempt."""

Answered = Callable[[Row], str]
"""Why a row need not be sent any more; empty when it must be."""


class Delivery(Protocol):
    @property
    def outcome(self) -> Outcome: ...
    @property
    def detail(self) -> str: ...


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


@dataclass(frozen=True, slots=True)
class _Owed:
    row: Row
    attempts: tuple[Attempt, ...]


class Delivering:
    """Rows that are not settled, each with a task of its own, so that no channel waits for another."""

    def __init__(
        self, carrier: Carrier, ledger: Marks, clock: Clock, counts: Counts, chance: Callable[[], float]
    ) -> None:
        self._carrier, self._ledger, self._clock, self._counts, self._chance = carrier, ledger, clock, counts, chance
        self._rows: dict[tuple[str, str], Row] = {}
        self._owed: dict[tuple[str, str], _Owed] = {}
        """What the ledger has not taken: how far each row has come, those that are settled too."""
        self._tasks: asyncio.TaskGroup | None = None
        self._told: Told = lambda *_: None
        self._answered: Answered = lambda row: ""
        self._stirred = asyncio.Event()

    @property
    def rows(self) -> tuple[Row, ...]:
        return unsettled(self._rows.values())

    def start(self, tasks: asyncio.TaskGroup, told: Told, answered: Answered) -> None:
        """Let the carrier get ready, which no look waits for; rows taken from now on are sent."""
        self._tasks, self._told, self._answered = tasks, told, answered
        tasks.create_task(self._get_ready(), name="carrier")

    async def _get_ready(self) -> None:
        for channel, why in (await self._carrier.start()).items():
            log.error("channel %s cannot be used: %s", channel, why, extra={"event": "channel", "channel": channel})
            self._told(channel, False, True, why)

    async def close(self) -> None:
        """End the attempts under way; their rows stay due in the ledger."""
        await self._carrier.close()

    async def give_up(self, rows: Iterable[Row], why: str) -> None:
        """Settle committed rows that nobody will ever accept."""
        for row in rows:
            log.warning(
                "page %s through %s is given up: %s",
                row.event,
                row.channel,
                why,
                extra={"event": "page", "page": row.event},
            )
            await self._mark(replace(row, state=RowState.EXPIRED, detail=why))
            self._rows.pop((row.event, row.channel), None)

    def take(self, rows: Iterable[Row]) -> None:
        """Begin with rows that are committed."""
        if self._tasks is None:
            raise RuntimeError("take before start")
        for row in rows:
            self._rows[row.event, row.channel] = row
            self._tasks.create_task(self._deliver(row), name=f"page {row.event} {row.channel}")

    def stir(self) -> None:
        """Have rows that wait for their time asked anew whether they must still be sent."""
        self._stirred.set()
        self._stirred = asyncio.Event()

    async def _until_due(self, row: Row) -> None:
        while (left := row.due - self._clock()) > 0 and not self._answered(row):
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._stirred.wait()

    async def _deliver(self, row: Row) -> None:
        try:
            while True:
                await self._until_due(row)
                why = "it is no longer news" if expired(row, self._clock()) else self._answered(row)
                if overtaken(row, self._rows.values()):
                    why = "a later page of the same incident takes its place"
                if why:
                    await self.give_up([row], why)
                    return
                row = await self._attempt(row)
                if row.state is RowState.ACCEPTED:
                    return
        finally:
            self._rows.pop((row.event, row.channel), None)

    async def _attempt(self, row: Row) -> Row:
        row = replace(row, state=RowState.SENDING, attempts=row.attempts + 1)
        begun = self._clock()
        await self._mark(row)
        came = await self._carrier.send(row.letter)
        now = self._clock()
        self._counts.paged(row.channel, came.outcome)
        row = replace(row, detail=came.detail, ambiguous=row.ambiguous + (came.outcome is Outcome.AMBIGUOUS))
        if came.outcome is Outcome.ACCEPTED:
            row = replace(row, state=RowState.ACCEPTED)
        else:
            row = replace(row, state=RowState.DUE, due=now.plus(retry_after(row, came.outcome, self._chance())))
        await self._mark(row, Attempt(begun, now, came.outcome))
        self._told(row.channel, came.outcome is Outcome.ACCEPTED, came.outcome is Outcome.REFUSED, came.detail)
        level = logging.INFO if came.outcome is Outcome.ACCEPTED else logging.WARNING
        log.log(
            level,
            "page %s through %s: %s%s",
            row.event,
            row.channel,
            came.outcome,
            f" ({came.detail})" if came.detail else "",
            extra={"event": "page", "page": row.event, "channel": row.channel, "outcome": str(came.outcome)},
        )
        return row

    async def _mark(self, row: Row, attempt: Attempt | None = None) -> None:
        key = (row.event, row.channel)
        self._rows[key] = row
        before = self._owed[key].attempts if key in self._owed else ()
        self._owed[key] = _Owed(row, before if attempt is None else (*before, attempt))
        await self._pay(key)

    async def pay(self) -> None:
        """Write what the ledger did not take when it was marked."""
        for key in tuple(self._owed):
            await self._pay(key)

    async def _pay(self, key: tuple[str, str]) -> None:
        if (owed := self._owed.get(key)) is None:
            return
        try:
            for attempt in owed.attempts or (None,):
                await self._ledger.mark(owed.row, attempt)
        except StoreError as broken:
            log.error("the ledger cannot be written: %s", broken, extra={"event": "ledger"})
        else:
            if self._owed.get(key) is owed:
                del self._owed[key]
