"""When a server was seen to have been started anew."""

from __future__ import annotations

from drwatch.core.sample import Moment, Sample, ServerFact

WINDOW = 900.0
"""Seconds in which starts are counted."""

LOOP = 3
"""So many starts in the window are a crash loop, which no window of a few seconds sees."""

APART = 1.5
"""Seconds: the server counts its uptime in whole ones."""


def restarted(before: Sample | None, now: Sample) -> bool:
    """Whether the server was started between two fast looks; told by its own clock, whose steps move its uptime too."""
    then, here = before.found if before else None, now.found
    if not isinstance(then, ServerFact) or not isinstance(here, ServerFact):
        return False
    return (here.clock - then.clock).total_seconds() - (here.uptime - then.uptime) > APART


def started(starts: tuple[Moment, ...], before: Sample | None, now: Sample) -> tuple[Moment, ...]:
    """With the start that this look shows, if it shows one; those of long ago are left out."""
    begun = (now.asked.plus(-now.found.uptime),) if restarted(before, now) and isinstance(now.found, ServerFact) else ()
    return (*lately(starts, now.asked), *begun)


def lately(starts: tuple[Moment, ...], now: Moment) -> tuple[Moment, ...]:
    return tuple(start for start in starts if now - start < WINDOW)
