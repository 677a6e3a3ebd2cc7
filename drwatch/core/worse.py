"""For how long a warning that people were told of has looked critical: what a bad line shows for moments is nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from drwatch.core.finding import PRIMARY_LOST, Condition
from drwatch.core.sample import Moment

BLINK = 3.0
"""Seconds in which a milder face is no more than a look that was lost on the way: the next ones bring it again."""

SHARE = 0.4
"""Share of the time from which on a look that comes and goes is no line's doing. On one that loses every fifth packet a
fifth of the looks may show a death; of a server that dies and starts in turn about half do."""


@dataclass(frozen=True, slots=True)
class Worse:
    """How a warning has looked since it first looked critical."""

    since: Moment
    """When this account was opened."""
    face: Condition
    """As what it last looked so."""
    run: Moment
    """Since when it has looked so without a break; the faces of a lost primary are one, a restart is another."""
    critical: Moment
    """When it last looked so."""
    looked: Moment
    """When it was last looked at."""
    seconds: float = 0.0
    """How long it has looked so since the account was opened."""

    @classmethod
    def first(cls, face: Condition, now: Moment) -> Worse:
        return cls(now, face, now, now, now)

    def look(self, face: Condition | None, period: float, now: Moment) -> Worse:
        """With one more look, ``face`` where it was critical.

        An account that has come to nothing in its ``period`` (seconds) is opened anew.
        """
        unbroken = self.critical == self.looked
        seconds = self.seconds + (now - self.looked if unbroken else 0.0)
        after = replace(self, looked=now, seconds=seconds)
        if now - self.since >= period and seconds < SHARE * (now - self.since):
            after = replace(after, since=now, seconds=0.0)
        if face is None:
            return after
        # What was itself no more than a glimpse is not carried on by the next one.
        blinked = now - self.critical <= BLINK and self.critical - self.run >= BLINK
        same = face is self.face or {face, self.face} <= PRIMARY_LOST
        return replace(after, face=face, critical=now, run=self.run if same and (unbroken or blinked) else now)

    def began(self, limit: float, period: float, now: Moment) -> Moment | None:
        """Since when it has been critical, if that is for ``limit`` seconds by now; None while that is not certain."""
        if now - self.run >= limit:
            return self.run
        return self.since if now - self.since >= max(limit, period) else None
