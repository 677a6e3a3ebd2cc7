"""A trouble that comes and goes: one page says so, and each coming is none."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.duration import span
from drwatch.core.finding import PRIMARY, Condition, Finding
from drwatch.core.policy import Policy
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import ClusterView


def findings(view: ClusterView, policy: Policy, snapshot: Snapshot, now: Moment) -> Iterator[Finding]:
    for (cluster, topic, subject), flap in snapshot.flaps.items():
        if cluster != view.cluster.name or flap.since is None:
            continue
        what = "a trouble of the primary" if topic == PRIMARY else topic
        summary = f"{what} comes and goes on {subject}: {flap.changes} changes in {span(now - flap.since)}"
        is_so = "it is so now" if flap.true else "it is not so now"
        evidence = (
            f"{is_so}, for {span(now - (flap.changed or now))}; once that is {span(policy.flapping.steady)}, what is "
            "true and not told yet is told",
        )
        yield Finding(
            Condition.FLAPPING, cluster, subject, summary, evidence, confirm=0.0, about=topic, urgent=flap.critical
        )
