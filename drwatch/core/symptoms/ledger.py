"""A history that drwatch cannot keep, or has lost."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.finding import Condition, Finding
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot

SUBJECT = "ledger"

PATIENCE = 10.0
"""Seconds that the disk must take nothing: a copy that is being made of the file holds it for moments."""

REMEMBERED = 600.0
"""Seconds for which a file that was lost is a trouble: what it held is gone for good, and soon no news."""


def findings(snapshot: Snapshot, now: Moment) -> Iterator[Finding]:
    health = snapshot.ledger
    if health.begun is not None and now - health.begun < REMEMBERED:
        summary = f"drwatch's history {health.lost}: a new one is begun, earlier incidents and claims are not in it"
        summary += ", and the ends of earlier pages may not be told" if health.unread else ""
        yield Finding(Condition.HISTORY_LOST, "", SUBJECT, summary, confirm=0.0)
    elif health.failing_since is not None:
        summary = f"drwatch pages from memory, a restart may repeat or forget pages: {health.detail}"
        yield Finding(Condition.HISTORY_LOST, "", SUBJECT, summary, confirm=PATIENCE)
