"""That somebody has an incident in hand: who, since when, from where, and until when nobody else is told of it."""

from __future__ import annotations

from dataclasses import dataclass

from drwatch.core.finding import GRAVITY, Condition, Severity
from drwatch.core.sample import Moment

WORDS = 300
"""Characters that a name or a note may have."""


class Refused(ValueError):
    """Nothing is acknowledged; the text says why and what to do, in one sentence."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody says who has been paged; ``incident`` is its id, ``origin`` is from where they say it."""

    incident: str
    by: str
    origin: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Ack:
    """Who has an incident in hand since when, for how long (seconds), and as what they took it on."""

    at: Moment
    seconds: float
    by: str
    origin: str
    condition: Condition
    severity: Severity
    note: str = ""

    @property
    def until(self) -> Moment:
        return self.at.plus(self.seconds)

    def over(self, now: Moment) -> bool:
        """By the loop's hand: a step of the wall clock wakes nobody."""
        return now - self.at >= self.seconds

    def more_severe(self, severity: Severity) -> bool:
        """Whether this is worse than what was taken on."""
        return severity is Severity.CRITICAL and self.severity is not Severity.CRITICAL

    def graver(self, condition: Condition) -> bool:
        """Whether this face is graver than the one that was taken on."""
        return GRAVITY.get(condition, 0) > GRAVITY.get(self.condition, 0)
