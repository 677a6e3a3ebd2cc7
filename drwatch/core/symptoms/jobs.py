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
        # The next one is heard of again.
        missable = heard.missed_by_us(job.every, job.grace)
        patience = job.every + job.grace + (job.every if missable else 0.0)
        if heard.failed is not None:
            summary = f"the job {job.name} says that it failed, {span(now - heard.failed)} ago"
        elif (began := heard.running(job.grace)) is not None and now - began > job.grace:
            summary = (
                f"the job {job.name} began {span(now - began)} ago and has not ended: its grace is {span(job.grace)}"
            )
        elif age > patience:
            what = "has not been done" if heard.done else "has never said that it was done, awaited"
            what = "was not heard to be done, nor was drwatch there all the time," if missable else what
            rhythm = f"every {span(job.every)} with a grace of {span(job.grace)}"
            summary = f"the job {job.name} {what} for {span(age)}: it is to be {rhythm}"
        else:
            continue
        yield Finding(Condition.JOB_MISSED, cluster, job.name, summary)
