"""The three looks at one server, and the server that hands them out."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from drwatch.core.binlog import Coordinate
from drwatch.core.sample import (
    Blind,
    Fact,
    Flavour,
    Key,
    LoginFact,
    Moment,
    Node,
    Probe,
    Reason,
    ReplicationFact,
    Sample,
)
from drwatch.probes.mysql import columns, faults, statements
from drwatch.probes.mysql.columns import RowError
from drwatch.probes.mysql.faults import UNKNOWN_HERE, Rung
from drwatch.probes.mysql.link import Link, Refusal
from drwatch.probes.mysql.pace import Pace, Vain
from drwatch.probes.mysql.server_fact import flavour_of, server_fact, version_of
from drwatch.probes.mysql.wire import Address, Row, Wire

Clock = Callable[[], Moment]

_FAREWELL = 0.25
"""Seconds that a polite goodbye may take."""


_BROKEN = frozenset({Reason.HUNG_UP, Reason.GARBLED})
"""After these the next answer on the same connection could not be trusted, or would never come."""


@dataclass(frozen=True, slots=True)
class _Answer:
    found: Fact | Blind
    asked: Moment
    notes: tuple[str, ...] = ()


class _Held:
    """A look over a held connection: one statement in flight, left there when its answer is overdue.

    The daemon lets no look overlap itself.
    """

    def __init__(self, key: Key, every: float, link: Link, deadline: float, clock: Clock) -> None:
        self.key = key
        self.every = every
        self.wake = link.wake
        self._link = link
        self._deadline = deadline
        self._clock = clock
        self._flight: asyncio.Task[_Answer] | None = None
        self._sent_at: Moment | None = None

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
                self._give_up(reached, found)
                return self._blind(asked, found)
            answer = self._settle()
            lost = isinstance(answer.found, Blind) and answer.found.reason is Reason.HUNG_UP
            if lost and fresh is None and reached.looks:
                # The held connection was dead: only a new dial tells what is there now.
                fresh = reached
                continue
            return Sample(self.key, answer.asked, self._clock(), answer.found, answer.notes)

    async def close(self) -> None:
        """End the connection and whatever is in flight, within half a second."""
        flight, self._flight = self._flight, None
        if flight is not None:
            flight.cancel()
            await asyncio.wait({flight})
            if not flight.cancelled():
                flight.exception()
        await self._link.close(_FAREWELL)

    def _settle(self) -> _Answer:
        """The landed statement's answer; a lost connection is dropped. Our own faults propagate from here."""
        assert self._flight is not None
        flight, self._flight = self._flight, None
        answer = flight.result()
        found = answer.found
        if isinstance(found, Blind) and found.reason in _BROKEN and (wire := self._link.drop(found)):
            wire.abort()
        return answer

    def _overdue(self, since: Moment) -> Blind:
        sent = self._sent_at or since
        return Blind(Reason.QUERY_TIMEOUT, f"a statement sent {self._clock() - sent:.1f} s ago has no answer")

    def _blind(self, asked: Moment, found: Blind) -> Sample:
        return Sample(self.key, asked, self._clock(), found)

    def _give_up(self, wire: Wire, found: Blind) -> None:
        """What to do with a connection whose statement is overdue: nothing, it stays in flight."""

    async def _ask(self, wire: Wire) -> _Answer:
        """Put the look's questions, and once more from discovery on where the server does not understand them."""
        asked = self._clock()
        try:
            for last in (False, True):
                if wire.constants is None:
                    wire.constants = _values(await wire.rows(statements.DISCOVER))
                asked = self._clock()
                try:
                    found, notes = await self._read(wire, wire.constants)
                except faults.WORLD as error:
                    blind = faults.blind(error, Rung.OPEN)
                    if last or blind.errno not in UNKNOWN_HERE:
                        raise
                    wire.constants = None
                    wire.working.clear()
                else:
                    wire.looks += 1
                    return _Answer(found, asked, notes)
            raise AssertionError("unreachable")
        except faults.WORLD as error:
            return _Answer(faults.blind(error, Rung.OPEN), asked)
        except RowError as error:
            return _Answer(Blind(Reason.GARBLED, str(error)), asked)

    async def _read(self, wire: Wire, constants: dict[str, str]) -> tuple[Fact, tuple[str, ...]]:
        raise NotImplementedError


def _values(rows: list[Row]) -> dict[str, str]:
    """SHOW VARIABLES or SHOW STATUS by lower-case name."""
    return {str(row["Variable_name"]).lower(): str(row["Value"]) for row in rows}


class ServerLook(_Held):
    """Each second on the fast connection: identity, writability, position, saturation, clock."""

    _late: asyncio.Task[None] | None = None
    """The replaced connection, while its overdue statement is still in flight."""

    async def _read(self, wire: Wire, constants: dict[str, str]) -> tuple[Fact, tuple[str, ...]]:
        rows = await wire.rows(statements.fast(constants))
        status = _values(await wire.rows(statements.STATUS))
        if len(rows) != 1:
            raise RowError("the SELECT of variables has no row")
        return server_fact(rows[0], status), ()

    def _give_up(self, wire: Wire, found: Blind) -> None:
        """Replace a connection that used to answer, since a new dial tells a hung server from a stuck statement.

        The old one is seen off when its answer comes, for a session that ends without a goodbye is a line in the
        server's log. Only one is ever replaced so, and none that never answered, or each look would leave a thread
        on the server.
        """
        if self._flight is None or not wire.looks or (self._late is not None and not self._late.done()):
            return
        flight, self._flight = self._flight, None
        self._link.drop(found)
        self._late = asyncio.create_task(_see_off(wire, flight))
        self._link.redial()

    async def close(self) -> None:
        late, self._late = self._late, None
        if late is not None:
            late.cancel()
            await asyncio.wait({late})
        await super().close()


async def _see_off(wire: Wire, flight: asyncio.Task[_Answer]) -> None:
    try:
        await asyncio.wait({flight})
        await wire.quit(_FAREWELL)
    finally:
        flight.cancel()
        wire.abort()
        await asyncio.wait({flight})
        if not flight.cancelled():
            flight.exception()


class ReplicationLook(_Held):
    """Each two seconds on the slow connection: the replica status of every channel, and what may hang."""

    async def _read(self, wire: Wire, constants: dict[str, str]) -> tuple[Fact, tuple[str, ...]]:
        flavour = flavour_of(constants["version"], constants.get("version_comment", ""))
        rows = await self._first(wire, "status", _status_order(flavour, version_of(constants["version"])))
        heard, notes = await self._heartbeats(wire, constants, flavour, bool(rows))
        channels = tuple(columns.channel(row, flavour, heard.get(str(row.get("Channel_Name", "")))) for row in rows)
        binlog, more = await self._binlog(wire, constants, flavour)
        return ReplicationFact(channels, binlog), notes + more

    async def _first(self, wire: Wire, name: str, order: tuple[str, ...]) -> list[Row]:
        """The rows of the first spelling that the server understands; it is kept for the connection."""
        if name in wire.working:
            return await wire.rows(wire.working[name])
        for statement in order:
            try:
                rows = await wire.rows(statement)
            except faults.WORLD as error:
                if statement == order[-1] or faults.blind(error, Rung.OPEN).errno != 1064:
                    raise
            else:
                wire.working[name] = statement
                return rows
        raise AssertionError("unreachable")

    async def _heartbeats(
        self, wire: Wire, constants: dict[str, str], flavour: Flavour, replicates: bool
    ) -> tuple[dict[str, columns.Heartbeat], tuple[str, ...]]:
        if not replicates or flavour is not Flavour.MYSQL or version_of(constants["version"]) < (5, 7):
            return {}, ()
        if constants.get("performance_schema") != "ON":
            return {}, ("no heartbeats: performance_schema is off",)
        if constants.get("slow_query_log") == constants.get("log_queries_not_using_indexes") == "ON":
            return {}, ("no heartbeats: reading them would fill the slow query log",)
        counts, notes = await self._by_channel(wire, statements.HEARTBEATS)
        periods, more = await self._by_channel(wire, statements.HEARTBEAT_PERIODS)
        return {
            name: columns.Heartbeat(int(counts[name]) if name in counts else None, periods.get(name))
            for name in counts.keys() | periods.keys()
        }, notes + more

    async def _by_channel(self, wire: Wire, statement: str) -> tuple[dict[str, float], tuple[str, ...]]:
        try:
            rows = await wire.rows(statement)
        except faults.WORLD as error:
            found = faults.blind(error, Rung.OPEN)
            if found.reason is not Reason.NO_PRIVILEGE:
                raise
            return {}, (f"no heartbeats: {found.detail}",)
        return {str(row["channel"]): float(str(row["value"])) for row in rows}, ()

    async def _binlog(
        self, wire: Wire, constants: dict[str, str], flavour: Flavour
    ) -> tuple[Coordinate | None, tuple[str, ...]]:
        """The server's own coordinate, only where the fast look has neither GTIDs nor a coordinate (traps.md 3)."""
        if flavour is Flavour.MARIADB or constants.get("log_bin") != "ON":
            return None, ()
        if constants.get("gtid_mode", "OFF").startswith("ON"):
            return None, ()
        try:
            rows = await self._first(wire, "binlog", _binlog_order(version_of(constants["version"])))
        except faults.WORLD as error:
            found = faults.blind(error, Rung.OPEN)
            if found.reason is not Reason.NO_PRIVILEGE:
                raise
            return None, (f"no binary log coordinate: {found.detail}",)
        row = rows[0] if rows else {}
        return columns.coordinate(str(row.get("File", "")), int(str(row.get("Position", 0)))), ()


def _status_order(flavour: Flavour, version: tuple[int, ...]) -> tuple[str, ...]:
    if flavour is Flavour.MARIADB:
        return (statements.ALL_SLAVES_STATUS, statements.SLAVE_STATUS)
    both = (statements.REPLICA_STATUS, statements.SLAVE_STATUS)
    return both if version >= (8, 0, 22) else both[::-1]


def _binlog_order(version: tuple[int, ...]) -> tuple[str, ...]:
    both = (statements.BINARY_LOG_STATUS, statements.MASTER_STATUS)
    return both if version >= (8, 2) else both[::-1]


class LoginLook:
    """Each half minute a fresh login beside the held connection, which cannot see that newcomers are turned away."""

    def __init__(self, key: Key, every: float, link: Link, deadline: float, clock: Clock) -> None:
        self.key = key
        self.every = every
        self.wake = asyncio.Event()
        self._link = link
        self._deadline = deadline
        self._clock = clock

    async def look(self) -> Sample:
        """How long the login took, or why there was none. A dial that hangs is waited for by the next look."""
        reached = await self._link.reach(self._deadline)
        if isinstance(reached, Refusal):
            return Sample(self.key, reached.asked, reached.answered, reached.blind, reached.notes)
        asked, answered = await self._link.spend(_FAREWELL)
        return Sample(self.key, asked, answered, LoginFact(answered - asked))

    async def close(self) -> None:
        await self._link.close(_FAREWELL)


class MysqlServer:
    """One server: its fast and its slow connection, and the fresh login beside them. At most three at a time.

    ``deadline`` in seconds bounds each look. ``tls`` is the context to verify the server with; None means plaintext.
    """

    def __init__(
        self,
        node: Node,
        host: str,
        port: int,
        user: str,
        password: str,
        tls: ssl.SSLContext | None,
        deadline: float,
        clock: Clock,
        *,
        every: float = 1.0,
        replication_every: float = 2.0,
        login_every: float = 30.0,
    ) -> None:
        address = Address(host, port, user, password, tls)
        vain = Vain()
        connect = 0.95 * deadline  # just before the look's own, so that the look brings the dial's own account
        fast = Link(address, Pace(vain), connect, clock, leader=None)
        slow = Link(address, Pace(vain), connect, clock, leader=fast)
        fresh = Link(address, Pace(vain), connect, clock, leader=fast)
        self.server_look = ServerLook(Key(node, Probe.SERVER), every, fast, deadline, clock)
        self.replication_look = ReplicationLook(Key(node, Probe.REPLICATION), replication_every, slow, deadline, clock)
        self.login_look = LoginLook(Key(node, Probe.LOGIN), login_every, fresh, deadline, clock)

    @property
    def looks(self) -> tuple[ServerLook, ReplicationLook, LoginLook]:
        return self.server_look, self.replication_look, self.login_look

    async def close(self) -> None:
        await asyncio.gather(*(look.close() for look in self.looks))
