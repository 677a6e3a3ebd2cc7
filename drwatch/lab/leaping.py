"""A loop of virtual time for what waits for nothing but time: where nothing is left to do, the next timer is due.

looptime does the same for the tests, and also bears with threads and real sockets; each turn of it costs three times
as much.
"""

from __future__ import annotations

import asyncio
import selectors

TICKS = 1_000_000
"""Of its clock, a second: a sum of floats would drift."""


class _Leap(selectors.DefaultSelector):
    """Instead of waiting for so long, lets the time go on by as much."""

    now = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select()
        if timeout > 0:
            self.now += max(1, round(timeout * TICKS))
        return []


class LeapingLoop(asyncio.SelectorEventLoop):
    """Its time is 0 at first. Signals, sockets and threads are not heard while there are timers."""

    def __init__(self) -> None:
        self._leap = _Leap()
        super().__init__(self._leap)

    def time(self) -> float:
        return self._leap.now / TICKS
