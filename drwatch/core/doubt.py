"""Whether a coordinate that a standby holds is of its source's present history, after the source was started anew.

Restored while nobody looked, a source may stand past the place last seen of it and before its standby's: in that file
the same coordinate means other rows. Until the looks tell, nothing that was seen of the source since counts as held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from drwatch.core import binlog
from drwatch.core.binlog import Coordinate
from drwatch.core.sample import Moment

REFUSED = (1236, 13114)
"""The source cannot read what the receiver asks for; MySQL 8 and later have a number of their own."""

RESTORING = 1.5
"""Seconds in which no server is stopped, restored and started again."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Of one standby. It ends where the standby's place moves, or is the source's own, or all that it has is older."""

    since: Moment
    """The newest look of the source from before: what later ones showed does not count."""
    began: Coordinate
    """Where the source was first seen to stand after its start."""
    seen: Moment
    """When that had been answered."""
    stood: Coordinate | None = None
    """The standby's place, by the first look that was sent after that."""
    stood_by: Moment | None = None
    short: bool = False
    """The source, asked later, said less: a commit of it may wait for its answer, or it has lost what was sent."""
    refused: bool = False
    """The source cannot serve that place (1236)."""

    @property
    def proved(self) -> bool:
        return self.short and self.refused

    def moved(self, to: Callable[[Moment], Moment]) -> Doubt:
        """On another clock."""
        stood_by = self.stood_by and to(self.stood_by)
        return replace(self, since=to(self.since), seen=to(self.seen), stood_by=stood_by)

    def again(self, answered: Moment) -> Doubt:
        """The source was started once more: what the standby was seen to do meanwhile tells nothing."""
        return Doubt(self.since, self.began, answered)

    def held(self, place: Coordinate, refused: bool, asked: Moment, answered: Moment) -> Doubt | None:
        """With a look of the standby; None when the doubt is over."""
        if asked.loop < self.seen.loop:
            return self
        if not binlog.beyond(place, self.began) or (self.stood is not None and binlog.beyond(place, self.stood)):
            return None
        if self.stood is None:
            return replace(self, stood=place, stood_by=answered, refused=refused)
        return replace(self, refused=refused)

    def said(self, place: Coordinate, asked: Moment) -> Doubt | None:
        """With a look of the source; None when the doubt is over."""
        if self.stood is None or self.stood_by is None or asked.loop < self.stood_by.loop:
            return self
        if place == self.stood:
            return None
        return replace(self, short=self.short or binlog.beyond(self.stood, place))
