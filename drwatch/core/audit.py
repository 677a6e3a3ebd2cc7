"""Is drwatch itself well? Only then may it say that it lives: to systemd, and to the outside heartbeat."""

from __future__ import annotations

from collections.abc import Iterable

from drwatch.core.assessment import Assessment
from drwatch.core.paging import Row
from drwatch.core.sample import Moment

JUDGED = 5.0
"""Seconds in which a judgement must have been completed."""

LOOKED = 60.0
"""Seconds in which some look must have come back, with a fact or without."""

OVERDUE = 60.0
"""Seconds by which a page may be behind its time before nobody is sending it."""


def audit(assessment: Assessment | None, rows: Iterable[Row], now: Moment) -> str | None:
    """What is wrong with drwatch, as a sentence; None when all is well."""
    if assessment is None:
        return "nothing has been judged yet"
    if now - assessment.at > JUDGED:
        return f"the last judgement is {now - assessment.at:.0f} s old"
    looks = [sight.latest.answered for sight in assessment.snapshot.sights.values()]
    if looks and now - max(looks, key=lambda at: at.loop) > LOOKED:
        return "no look has come back for a minute"
    late = [now - row.due for row in rows]
    if late and max(late) > OVERDUE:
        return f"a page is overdue by {max(late):.0f} s"
    return None
