"""When the next dial may start: a server that refuses us must not be worn down."""

from __future__ import annotations

from dataclasses import dataclass

_EAGER = 5
"""Failures in a row at one dial a second, before the verdict stands and patience costs nothing."""
_SECOND, _PATIENT = 1.0, 5.0
_MOMENT = 0.03
_CORPSE = 4
"""Dials, a moment apart, that may follow one which a dying process accepted: its sessions close before its port."""

_VAIN = ((80, 6 * 3600.0), (60, 3600.0), (20, 60.0))
"""Dials that connected and did not end in a login → seconds between dials.

The server blocks an address at max_connect_errors, 100 by default, until someone flushes its host cache. At one a
minute that would come within two hours of a certificate that does not verify; at one an hour, within two days; so, in
six.
"""


@dataclass(slots=True)
class Vain:
    """Dials to one server, over all its connections, that connected in vain since the last good login."""

    count: int = 0


@dataclass(slots=True)
class Pace:
    """The rhythm of one connection's dials; times in loop seconds.

    A held connection that is lost may be dialled again at once, though not twice within a second. Then one a second,
    after five failures one in five seconds, and after twenty vain dials one a minute.
    """

    vain: Vain
    failures: int = 0
    started: float | None = None
    """When the last dial started; None when the next is free."""
    freed: float | None = None
    """When a loss last made one free."""
    corpse: int = 0
    """Quick dials left after that loss."""
    again: bool = False
    """Whether the last dial was slammed by what may be a corpse, and the next is to follow in a moment."""

    def wait(self, now: float) -> float:
        """Seconds until a dial may start; 0 when it may start now."""
        if self.started is None:
            return 0.0
        if self.again:
            return max(0.0, self.started + _MOMENT - now)
        interval = _SECOND if self.failures <= _EAGER else _PATIENT
        for count, seconds in _VAIN:
            if self.vain.count >= count:
                interval = seconds
                break
        return max(0.0, self.started + interval - now)

    def dialled(self, now: float) -> None:
        self.started = now

    def lost(self, now: float) -> None:
        """A connection that was logged in is gone."""
        if self.freed is None or now - self.freed >= _SECOND:
            self.started, self.freed, self.corpse = None, now, _CORPSE

    def failed(self, connected: bool, slammed: bool = False) -> None:
        """``connected``: the dial got as far as TCP. ``slammed``: and was closed before a byte came."""
        self.failures += 1
        self.vain.count += connected
        self.again = slammed and self.corpse > 0
        self.corpse = self.corpse - 1 if self.again else 0

    def logged_in(self) -> None:
        self.failures = self.vain.count = self.corpse = 0
        self.again = False
