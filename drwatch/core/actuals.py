"""What recoveries really took: each loss of a primary with its steps dated, and what later estimates learn from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from drwatch.core.sample import Moment

COMPONENTS = ("detect", "decide", "drain", "promote", "switch", "repair")
"""The parts of an outage that are dated; warming up has no end that could be seen."""

ACKNOWLEDGE = "acknowledge"
"""From the page to somebody's word: the first part of deciding, and all that is known of it before a takeover."""

REHEARSED = frozenset({"drain", "promote", "switch"})
"""The parts that a drill measures: nobody was woken for it, nobody had to decide, and nothing was broken."""


class Kind(StrEnum):
    """Whether it was in earnest; the ``kind`` label of the metrics."""

    DRILL = "drill"
    INCIDENT = "incident"


@dataclass(frozen=True, slots=True)
class Outage:
    """One loss of a primary. A step that was not seen is None; a repair has ``repaired``, a takeover the others.

    In a drill it is the loss that humans played, by closing the primary or stopping it.
    """

    cluster: str
    lost: str
    """The node that was the primary."""
    fault: Moment
    """When the first look was asked that failed."""
    detected: Moment | None = None
    """When the first page was accepted by a channel."""
    decided: Moment | None = None
    """When the first step of a human was seen: a receiver stopped by hand, or a standby opened."""
    drained: Moment | None = None
    """When the applier was last seen to move; it may yet move again until the standby is promoted."""
    promoted: Moment | None = None
    """When a standby was seen to take writes and to replicate from nobody."""
    switched: Moment | None = None
    """When the endpoint led to it and no cache could lead elsewhere any more."""
    repaired: Moment | None = None
    """When the lost primary served again, with no takeover."""
    ended: Moment | None = None
    standby: str = ""
    """The node that took over, or is about to."""
    loss: float | None = None
    """Seconds of commits that the takeover cost, at most."""
    kind: Kind = Kind.INCIDENT
    acknowledged: Moment | None = None
    """When somebody first said that they have it in hand."""

    def seconds(self, component: str) -> float | None:
        """How long one part took; None where an end of it was not seen, or a drill says nothing of it."""
        if self.kind is Kind.DRILL and component not in REHEARSED:
            return None
        if component in ("drain", "promote") and self.decided is not None and self.decided == self.promoted:
            # One look showed the first step and the last: how long there was between them, nobody saw.
            return None
        first, last = {
            "detect": (self.fault, self.detected),
            ACKNOWLEDGE: (self.detected, self.acknowledged),
            "decide": (self.detected, self.decided),
            "drain": (self.decided, self.drained if self.promoted else None),
            "promote": (self.drained, self.promoted),
            "switch": (self.promoted, self.switched),
            "repair": (self.fault, self.repaired),
        }[component]
        return None if first is None or last is None else max(0.0, last - first)


@dataclass(frozen=True, slots=True)
class Learned:
    """What the past says of one component."""

    seconds: float
    """The median."""
    count: int
    at: Moment
    """When the newest of them began."""

    kind: Kind
    """Of all of them."""

    @property
    def words(self) -> str:
        if self.kind is Kind.DRILL:
            day = f"{self.at.wall:%Y-%m-%d}"
            return (
                f"median of {self.count} drills, the last on {day}"
                if self.count > 1
                else f"measured in a drill on {day}"
            )
        return f"median of {self.count} measured" if self.count > 1 else "measured once"


def learned(outages: Iterable[Outage], cluster: str, component: str) -> Learned | None:
    """The median of what a component took in this cluster; None while it was never measured.

    Where an incident has measured it, drills count for nothing: by day, with both servers well, all goes faster.
    """
    past = [
        (each, seconds)
        for each in outages
        if each.cluster == cluster and (seconds := each.seconds(component)) is not None
    ]
    in_earnest = [(each, seconds) for each, seconds in past if each.kind is Kind.INCIDENT]
    taken = in_earnest or past
    if not taken:
        return None
    newest = max((each for each, _ in taken), key=lambda each: each.fault.loop)
    return Learned(median(seconds for _, seconds in taken), len(taken), newest.fault, newest.kind)


def last_takeover(outages: Iterable[Outage], cluster: str) -> Moment | None:
    """When a standby of this cluster was last seen to be promoted, in a drill or in earnest; None while never."""
    promoted = [each.promoted for each in outages if each.cluster == cluster and each.promoted is not None]
    return max(promoted, key=lambda at: at.loop, default=None)
