"""Paging channels that do not take a page."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.finding import Condition, Finding
from drwatch.core.snapshot import Snapshot


def findings(snapshot: Snapshot) -> Iterator[Finding]:
    for channel, health in snapshot.channels.items():
        if health.failing_since is None:
            continue
        what = "refuses for good" if health.refused else "does not accept"
        summary = f"the paging channel {channel} {what}: {health.detail}"
        yield Finding(Condition.PAGING_BROKEN, "", channel, summary, confirm=0.0 if health.refused else 60.0)
