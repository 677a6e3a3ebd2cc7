"""A look over a held connection: one statement in flight, and what becomes of it when its answer is overdue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from drwatch.core.sample import Blind, Fact, Key, Moment, Reason, Sample
from drwatch.probes.mysql import faults, statements
from drwatch.probes.mysql.columns import RowError
from drwatch.probes.mysql.faults import UNKNOWN_HERE, Rung
from drwatch.probes.mysql.link import Link, Refusal
from drwatch.probes.mysql.wire import Wire, values

Clock = Callable[[], Moment]
Read = Callable[[Wire, dict[str, str]], Awaitable[tuple[Fact, tuple[str, ...]]]]
"""Put a look's questions on a connection, given its discovered variables; the fact, and remarks for the log.

Raises faults.WORLD and columns.RowError.
"""

FAREWELL = 0.25
"""Seconds that a polite goodbye may take."""


_REDISCOVER = 60
"""Looks after which the variables are discovered again: gtid_mode and its like may change under us."""


@dataclass(frozen=True, slots=True)
class Answer:
    found: Fact | Blind
    asked: Moment
    notes: tuple[str, ...] = ()
    broken: bool = False
    """The next answer on the same connection could not be trusted, or would never come."""


class HeldLook:
    """A look over a held connection: one statement in flight, left there when its answer is overdue.

    With ``replace`` an overdue connection that used to answer is replaced first, since a new dial tells a hung server
    from a stuck statement. The daemon lets no look overlap itself.
    """

    def __init__(
        self, key: Key, every: float, link: Link, read: Read, deadline: float, clock: Clock, *, replace: bool
    ) -> None:
        self.key = key
        self.every = every
        self.wake = link.wake
        self._link = link
        self._read = read
        self._deadline = deadline
        self._clock = clock
        self._replace = replace
        self._flight: asyncio.Task[Answer] | None = None
        self._sent_at: Moment | None = None
        self._late: asyncio.Task[None] | None = None
        """The replaced connection, while its overdue statement is still in flight."""

    async def look(self) -> Sample:
        """A fact, or why there is none, within the deadline and a few milliseconds.

        A Blind found while dialling carries the moments of that dial: between two permitted dials the same sample
        comes again with a note, and its age grows. One that is still waiting is seen anew at each look.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._deadline
        asked = self._clock()
        if self._flight is not None:
            await asyncio.wait({self._flight}, timeout=self._deadline)
            if not self._flight.done():
                return self._blind(asked, self._overdue(asked))
            # Its answer is as old as its question: ask afresh.
            self._settle()
        fresh: Wire | None = None
        while True:
            reached = await self._link.reach(max(0.0, until - loop.time()))
            if isinstance(reached, Refusal):
                return Sample(self.key, reached.asked, reached.answered, reached.blind, reached.notes)
            self._sent_at = self._clock()
            self._flight = asyncio.create_task(self._ask(reached))
            await asyncio.wait({self._flight}, timeout=max(0.0, until - loop.time()))
            if not self._flight.done():
                found = self._overdue(self._sent_at)
                self._see_to_overdue(reached, found)
                return self._blind(asked, found)
            answer = self._settle()
            lost = isinstance(answer.found, Blind) and answer.found.reason is Reason.HUNG_UP
            if lost and fresh is None and reached.looks:
                # The held connection was dead: only a new dial tells what is there now.
                fresh = reached
                continue
            return Sample(self.key, answer.asked, self._clock(), answer.found, answer.notes)

    async def close(self) -> None:
        """End the connections and whatever is in flight, within half a second."""
        for task in (self._late, self._flight):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
                if not task.cancelled():
                    task.exception()
        self._late = self._flight = None
        await self._link.close(FAREWELL)

    def _settle(self) -> Answer:
        """The landed statement's answer; a broken connection is ended. Our own faults propagate from here."""
        assert self._flight is not None
        flight, self._flight = self._flight, None
        broken = Blind(Reason.GARBLED, "the connection was left in the middle of an answer")
        try:
            answer = flight.result()
            if answer.broken and isinstance(answer.found, Blind):
                broken = answer.found
        except BaseException:
            self._end(broken)
            raise
        if answer.broken:
            self._end(broken)
        return answer

    def _end(self, found: Blind) -> None:
        if wire := self._link.drop(found):
            wire.abort()

    def _overdue(self, since: Moment) -> Blind:
        sent = self._sent_at or since
        return Blind(Reason.QUERY_TIMEOUT, f"a statement sent {self._clock() - sent:.1f} s ago has no answer")

    def _blind(self, asked: Moment, found: Blind) -> Sample:
        return Sample(self.key, asked, self._clock(), found)

    def _see_to_overdue(self, wire: Wire, found: Blind) -> None:
        """Leave the statement in flight, and if it may be, replace its connection.

        The old one is seen off when its answer comes, for a session that ends without a goodbye is a line in the
        server's log. Only one is ever replaced so, and none that never answered, or each look would leave a thread
        on the server.
        """
        if not self._replace or not wire.looks or (self._late is not None and not self._late.done()):
            return
        assert self._flight is not None
        self._link.drop(found)
        self._late = asyncio.create_task(_see_off(wire, self._flight))
        self._flight = None
        self._link.redial()

    async def _ask(self, wire: Wire) -> Answer:
        """Put the look's questions, and once more from discovery on where the server does not understand them."""
        asked = self._clock()
        try:
            for last in (False, True):
                if wire.constants is None:
                    wire.constants = values(await wire.rows(statements.DISCOVER))
                asked = self._clock()
                try:
                    fact, notes = await self._read(wire, wire.constants)
                except faults.WORLD as error:
                    blind = faults.blind(error, Rung.OPEN)
                    if last or blind.errno not in UNKNOWN_HERE:
                        raise
                    wire.constants = None
                    wire.working.clear()
                else:
                    wire.looks += 1
                    if wire.looks % _REDISCOVER == 0:
                        wire.constants = None
                    return Answer(fact, asked, notes)
            raise AssertionError("unreachable")
        except faults.WORLD as error:
            found = faults.blind(error, Rung.OPEN)
            return Answer(found, asked, broken=found.reason in (Reason.HUNG_UP, Reason.GARBLED))
        except RowError as error:
            return Answer(Blind(Reason.GARBLED, str(error)), asked)


async def _see_off(wire: Wire, flight: asyncio.Task[Answer]) -> None:
    try:
        await asyncio.wait({flight})
        await wire.quit(FAREWELL)
    finally:
        flight.cancel()
        wire.abort()
        await asyncio.wait({flight})
        if not flight.cancelled():
            flight.exception()
