"""Jobs on the nodes that say when they have run: what was heard of each; a restart must not forget it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from drwatch.core.sample import Moment

AWAY = 50
"""Absences of drwatch that are remembered of one job."""


class Said(StrEnum):
    """What a job says; the last part of its address."""

    DONE = "done"
    START = "start"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Heard:
    """Of one job: since when it is awaited, and when it last said that it is done, has begun, has failed."""

    since: Moment
    done: Moment | None = None
    started: Moment | None = None
    failed: Moment | None = None
    deaf: tuple[tuple[Moment, Moment], ...] = ()
    """From when to when drwatch was away since it was last done: a word of it met nobody then."""

    def missed_by_us(self, every: float, grace: float) -> bool:
        """Whether the word that it is done, every so many seconds, may have come while drwatch was away."""
        last = self.done or self.since
        return any(back - last >= every - grace and away - last < every + grace for away, back in self.deaf)

    def running(self, grace: float) -> Moment | None:
        """Since when it runs, unless it may have said that it had ended while drwatch was away."""
        began = self.started
        if began is None or any(back - began > 0 and away - began < grace for away, back in self.deaf):
            return None
        return began

    def away(self, begin: Moment, end: Moment) -> Heard:
        return replace(self, deaf=(*self.deaf, (begin, end))[-AWAY:])

    def hear(self, said: Said, now: Moment) -> Heard:
        match said:
            case Said.DONE:
                return replace(self, done=now, started=None, failed=None, deaf=())
            case Said.START:
                return replace(self, started=now)
            case Said.FAIL:
                return replace(self, failed=now, started=None)
