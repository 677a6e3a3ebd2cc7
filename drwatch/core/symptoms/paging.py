"""Paging channels that do not take a page, or have not been seen to take one for too long."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.duration import span
from drwatch.core.finding import Condition, Finding
from drwatch.core.policy import Paging
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot

NIGHT = 12 * 3600.0
"""Seconds of the day in which no test is sent: a proof may become so much older than it should."""

TRIED = 300.0
"""Seconds that the attempts of a test that has just become due are given."""


def findings(snapshot: Snapshot, paging: Paging, now: Moment) -> Iterator[Finding]:
    for channel, health in snapshot.channels.items():
        if not health.broken:
            continue
        what = "refuses for good" if health.refused else "does not accept"
        summary = f"the paging channel {channel} {what}: {health.detail}"
        yield Finding(Condition.PAGING_BROKEN, "", channel, summary, confirm=0.0 if health.refused else 60.0)
    for channel in paging.channels:
        proof, last = snapshot.proofs.get(channel), snapshot.channels.get(channel)
        if proof is None or channel in paging.unproved or (last is not None and last.broken):
            continue
        age = now - (proof.accepted or proof.since)
        if age > paging.prove.every + NIGHT:
            never = "" if proof.accepted else ", nor ever"
            summary = f"the paging channel {channel} has taken neither page nor test for {span(age)}{never}"
            yield Finding(Condition.PAGING_BROKEN, "", channel, summary, confirm=TRIED)
