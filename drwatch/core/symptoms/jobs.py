"""Jobs on the nodes, such as a backup, that did not say in time that they have run."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.duration import span
from drwatch.core.finding import Condition, Finding
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import ClusterView


def findings(view: ClusterView, snapshot: Snapshot, now: Moment) -> Iterator[Finding]:
    """One that was never heard of is given its first interval and its grace, from when it was configured."""
    cluster = view.cluster.name
    for job in view.cluster.jobs:
        heard = snapshot.jobs.get((cluster, job.name))
        if heard is None:
            continue
        age = now - (heard.done or heard.since)
        if heard.failed is not None:
            summary = f"the job {job.name} says that it failed, {span(now - heard.failed)} ago"
        elif heard.started is not None and now - heard.started > job.grace:
            running = span(now - heard.started)
            summary = f"the job {job.name} began {running} ago and has not ended: its grace is {span(job.grace)}"
        elif age > job.every + job.grace:
            what = "has not been done" if heard.done else "has never said that it was done, awaited"
            rhythm = f"every {span(job.every)} with a grace of {span(job.grace)}"
            summary = f"the job {job.name} {what} for {span(age)}: it is to be {rhythm}"
        else:
            continue
        yield Finding(Condition.JOB_MISSED, cluster, job.name, summary)
