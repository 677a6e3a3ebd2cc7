"""A held connection: one dial in flight, paced, and never given up once it has connected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from drwatch.core.sample import Blind, Moment, Reason
from drwatch.probes.mysql import faults
from drwatch.probes.mysql.faults import Rung
from drwatch.probes.mysql.pace import Pace
from drwatch.probes.mysql.wire import Address, Wire

_SHORT_WAIT = 0.2
"""Seconds that a look sleeps rather than skip its dial, so that its rhythm and the pace's do not beat."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no connection, and between which moments that was found."""

    blind: Blind
    asked: Moment
    answered: Moment
    notes: tuple[str, ...] = ()


class Link:
    """The connection of one look.

    A dial that has connected stays pending, however long the server is silent: giving it up would be a handshake
    error there, and a server that wakes logs it in. So there is never more than one.
    """

    def __init__(
        self, address: Address, pace: Pace, connect_seconds: float, clock: Callable[[], Moment], leader: Link | None
    ) -> None:
        self._address = address
        self._pace = pace
        self._connect_seconds = connect_seconds
        self._clock = clock
        self._leader = leader
        """While the leader has no connection this link does not dial: the server's refusals are asked for once."""
        self._wire: Wire | None = None
        self._dial: asyncio.Task[None] | None = None
        self._dialling: Wire | None = None
        self._dialled_at: Moment | None = None
        self._logged_in_at: Moment | None = None
        self._refusal: Refusal | None = None
        self._waiting = 0
        self.wake = asyncio.Event()

    @property
    def refusal(self) -> Refusal | None:
        """Why there is no connection; None while there is one, and before the first dial's end."""
        return self._refusal

    async def reach(self, seconds: float) -> Wire | Refusal:
        """The open connection, dialling if it must and may; or why there is none, within the seconds.

        Between two permitted dials the answer is the last dial's, with that dial's own moments and a note: nothing
        was asked anew, and a sample must not look like a second witness.
        """
        until = asyncio.get_running_loop().time() + seconds
        asked = self._clock()
        while self._wire is None:
            if self._dial is None:
                if (refusal := self._forbidden()) is not None:
                    return refusal
                await asyncio.sleep(self._pace.wait(self._clock().loop))
                self.dial()
            refusal = await self._await_dial(asked, until)
            if refusal is not None and not (self._dial is None and self._pace.again):
                return refusal
        return self._wire

    def _forbidden(self) -> Refusal | None:
        """Why no dial may start now."""
        if self._leader is not None and self._leader.refusal is not None:
            return replace(self._leader.refusal, notes=("not dialled: the server refuses the other connection",))
        wait = self._pace.wait(self._clock().loop)
        if wait > _SHORT_WAIT and self._refusal is not None:
            return replace(self._refusal, notes=(f"not dialled again: the next dial is due in {wait:.1f} s",))
        return None

    async def _await_dial(self, asked: Moment, until: float) -> Refusal | None:
        """Wait for the dial under way until that loop time; None when it ended in a connection."""
        if self._dial is not None:
            self._waiting += 1
            try:
                await asyncio.wait({self._dial}, timeout=max(0.0, until - asyncio.get_running_loop().time()))
            finally:
                self._waiting -= 1
        if self._dial is not None:
            if self._dial.done():
                self._reap()
            self._refusal = self._pending(asked)
        return self._refusal

    def dial(self) -> None:
        """Start a dial unless one is under way."""
        if self._dial is None:
            self._dialled_at = self._clock()
            self._pace.dialled(self._dialled_at.loop)
            self._dialling = Wire(self._address)
            self._dial = asyncio.create_task(self._open(self._dialling, self._dialled_at))

    def drop(self, found: Blind) -> Wire | None:
        """Part from the connection, which is lost or whose statement hangs. It is the caller's to end."""
        wire, self._wire = self._wire, None
        if wire is not None:
            now = self._clock()
            self._pace.lost(now.loop)
            self._refusal = Refusal(found, now, now)
        return wire

    def redial(self) -> None:
        """Start a dial in place of the dropped connection, if it may start now."""
        if self._wire is None and self._pace.wait(self._clock().loop) == 0.0:
            self.dial()

    async def spend(self, seconds: float) -> tuple[Moment, Moment]:
        """Leave the open connection politely; between which moments its login went through."""
        wire, self._wire = self._wire, None
        assert wire is not None
        assert self._dialled_at is not None
        assert self._logged_in_at is not None
        await wire.quit(seconds)
        return self._dialled_at, self._logged_in_at

    async def close(self, seconds: float) -> None:
        """End everything, politely where nothing is in flight."""
        dial, self._dial = self._dial, None
        wire, self._wire = self._wire, None
        if dial is not None:
            dial.cancel()
            await asyncio.wait({dial})
        if wire is not None:
            await wire.quit(seconds)

    async def _open(self, wire: Wire, asked: Moment) -> None:
        try:
            await wire.open(self._connect_seconds)
        except faults.WORLD as error:
            found = faults.blind(error, wire.rung)
        except faults.STRANGER as error:
            if wire.rung in (Rung.CONNECTING, Rung.OPEN):
                raise
            found = faults.blind(error, wire.rung)
        else:
            self._logged_in_at = self._clock()
            self._pace.logged_in()
            self._refusal = None
            self._wire = wire
            self._dial = self._dialling = None
            wire.watch(lambda: self._lost(wire))
            self._tell()
            return
        slammed = wire.rung is Rung.CONNECTED and found.reason is Reason.HUNG_UP
        self._pace.failed(wire.rung >= Rung.CONNECTED, slammed)
        changed = self._refusal is None or self._refusal.blind.reason is not found.reason
        self._refusal = Refusal(found, asked, self._clock())
        self._dial = self._dialling = None
        if changed:
            self._tell()

    def _reap(self) -> None:
        """A dial that ended without a word has a fault of ours: let it be seen."""
        dial, self._dial, self._dialling = self._dial, None, None
        if dial is not None:
            dial.result()

    def _lost(self, wire: Wire) -> None:
        if self._wire is wire:
            self.drop(Blind(Reason.HUNG_UP, "the server closed the idle connection"))
            wire.abort()
            self.wake.set()

    def _tell(self) -> None:
        if not self._waiting:
            self.wake.set()

    def _pending(self, asked: Moment) -> Refusal:
        rung = self._dialling.rung if self._dialling is not None else Rung.RESOLVING
        notes: tuple[str, ...] = ()
        if self._dialled_at is not None and asked - self._dialled_at > 0:
            notes = (f"the same dial has been waiting for {self._clock() - self._dialled_at:.1f} s",)
        return Refusal(faults.waiting(rung), asked, self._clock(), notes)
