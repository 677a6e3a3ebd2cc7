"""Who must be told of a trouble, and when: from what is so, and from when the program was there to see it.

The rules are the operator's own, said here once more: nothing of the ledger, nothing of the core's decisions on paging.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from drwatch.core.finding import Severity

STEPS = ((0.0, ("phone",)), (300.0, ("sms", "mail")))
"""After how many seconds who is told."""

REMIND = 600.0
IN_HAND = 3600.0
"""Seconds for which nobody is told of what somebody has acknowledged."""


@dataclass
class Trouble:
    """What is so, whoever knows of it."""

    id: str
    severity: Severity
    away: bool = False
    """Whether it is not so for a while."""
    over: bool = False
    hushed: float = -math.inf
    """Until when it is silenced, in loop seconds."""
    answered: bool = False
    """Whether somebody says that it is in hand, and has not been heard yet."""


@dataclass
class Required:
    """One page that one channel must get; a later one of the same trouble does as well."""

    channel: str
    at: float
    end: bool = False
    needed: float = math.inf
    """Until when: then somebody had it in hand or silenced it, or it was not so any more."""


@dataclass(frozen=True)
class Still:
    """From when to when nobody may be told of a trouble, and why."""

    why: str
    began: float
    ended: float = math.inf


@dataclass
class Course:
    """What had to be told of one trouble so far; ``turn`` is where a living program has looked at it.

    A turn that a kill cut off before it was written down is none: the next run's first turn makes up for it. So no
    tolerance is needed here for what crashes delay.
    """

    trouble: Trouble
    required: list[Required] = field(default_factory=list)
    stills: list[Still] = field(default_factory=list)
    pages: int = 0
    asked: tuple[str, ...] = ()
    """The channels that were to be told, and that hear of its end."""
    ended: float | None = None
    _since: float | None = None
    """From when everybody's patience counts; None while no program has seen it."""
    _told: float = -math.inf
    _told_as: Severity = Severity.WARNING
    _taken: float | None = None
    """Since when somebody has it in hand."""
    _taken_as: Severity = Severity.WARNING
    _seen_as: Severity = Severity.WARNING
    _again: bool = False
    """Whether a silence, or somebody's having it in hand, is over, and nobody was told since."""

    @property
    def why_still(self) -> str:
        """Why nobody may be told now; empty where somebody may."""
        return self.stills[-1].why if self.stills and self.stills[-1].ended == math.inf else ""

    def turn(self, now: float) -> None:
        if self.ended is not None or (self._since is None and (self.trouble.over or self.trouble.away)):
            return
        if self.trouble.over:
            self.ended = now
            self._still("over", now)
            self._require(self.asked, now, end=True)
            return
        if self.trouble.answered and self._since is not None:
            self._taken, self._taken_as = now, self._seen_as
        if self._since is None:
            self._since = now
        if not self.trouble.away:
            self._seen_as = self.trouble.severity
        if self._taken is not None and now - self._taken >= IN_HAND:
            self._taken = None
            self._freed(now)
        if self.why_still == "silenced" and self.trouble.hushed <= now:
            self._freed(now)
        worse = self._seen_as is Severity.CRITICAL and self._taken_as is not Severity.CRITICAL
        taken = self._taken is not None and not worse
        silenced = self.trouble.hushed > now
        self._still("silenced" if silenced else "in hand" if taken else "away" if self.trouble.away else "", now)
        if not self.why_still:
            self._require(self._whom(now), now)

    def _whom(self, now: float) -> tuple[str, ...]:
        assert self._since is not None
        critical = self.trouble.severity is Severity.CRITICAL
        due = [name for after, names in STEPS if now - self._since >= after for name in names]
        late = tuple(name for name in due if name not in self.asked)
        if self._taken is not None:
            # It is worse than what somebody took in hand: from now on everybody's patience begins anew.
            self._taken, self._since = None, now
            return self.asked or late
        if self.asked and critical and self._told_as is not Severity.CRITICAL:
            return self.asked + late
        if late:
            return (self.asked if self._again else ()) + late
        return self.asked if self._again or (critical and now - self._told >= REMIND) else ()

    def _freed(self, now: float) -> None:
        self._since, self._again = now, True

    def _still(self, why: str, now: float) -> None:
        if why == self.why_still:
            return
        if self.why_still:
            last = self.stills.pop()
            self.stills.append(Still(last.why, last.began, now))
        if why:
            self.stills.append(Still(why, now))
            for each in self.required:
                each.needed = min(each.needed, now)

    def _require(self, channels: Iterable[str], now: float, end: bool = False) -> None:
        made = [Required(name, now, end) for name in channels]
        if made:
            self.required += made
            self.pages += 1
            self.asked = tuple(dict.fromkeys((*self.asked, *(each.channel for each in made))))
            self._told, self._told_as, self._again = now, self.trouble.severity, False

    def last(self) -> Iterator[Required]:
        """The latest page that each channel must get."""
        yield from {each.channel: each for each in self.required}.values()
