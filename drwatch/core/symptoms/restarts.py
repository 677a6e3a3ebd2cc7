"""A primary that was started anew: once, for the history; again and again, a crash loop that no short window sees."""

from __future__ import annotations

import math
from collections.abc import Iterator

from drwatch.core.finding import Condition, Finding
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot
from drwatch.core.starts import LOOP, WINDOW, lately
from drwatch.core.view import ClusterView

SHOWN = 60.0
"""Seconds for which one start is shown; then it is a line in the history."""


def findings(view: ClusterView, snapshot: Snapshot, now: Moment) -> Iterator[Finding]:
    primary = view.cluster.primary.node
    starts = lately(snapshot.starts.get(primary, ()), now)
    loops = len(starts) >= LOOP
    if not starts or (not loops and now - starts[-1] >= SHOWN):
        return
    times = ", ".join(f"{start.wall:%H:%M:%S%z}" for start in starts)
    summary = f"the database server on {primary.name} was restarted"
    if loops:
        summary = f"CRASH LOOP: the server on {primary.name} was started {len(starts)} times in {WINDOW / 60:.0f} min"
    yield Finding(
        Condition.PRIMARY_RESTARTED,
        view.cluster.name,
        primary.name,
        summary,
        (f"server: by its uptime it was started at {times}",),
        # One start wakes nobody: it is over before any window, and the history has it.
        confirm=0.0 if loops else math.inf,
        urgent=loops,
    )
