"""Jobs on the nodes: when each last said that it had run, as JSON and on the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drwatch.core.assessment import Assessment
from drwatch.core.duration import span
from drwatch.core.finding import Condition
from drwatch.core.job import Heard
from drwatch.core.policy import Job
from drwatch.core.sample import Moment
from drwatch.core.view import ClusterView
from drwatch.web.markup import Markup, tag
from drwatch.web.text import text_of

Json = dict[str, Any]


def job_json(assessment: Assessment, cluster: str, job: Job) -> Json:
    """One job; ``missed`` is what is wrong with it now, empty when nothing is."""
    heard = assessment.snapshot.jobs.get((cluster, job.name))
    done = heard.done if heard else None
    return {
        "name": job.name,
        "done_at": text_of(done),
        "age_seconds": assessment.at - done if done else None,
        "started_at": text_of(heard.started) if heard else None,
        "failed_at": text_of(heard.failed) if heard else None,
        "every_seconds": job.every,
        "grace_seconds": job.grace,
        "missed": _missed(assessment, cluster, job),
    }


def jobs(assessment: Assessment, view: ClusterView) -> Iterator[Markup]:
    """The table for people, where there are any."""
    cluster, lines = view.cluster.name, []
    for job in view.cluster.jobs:
        heard, missed = assessment.snapshot.jobs.get((cluster, job.name)), _missed(assessment, cluster, job)
        state = tag("span", missed or _words(heard, assessment.at), class_="bad" if missed else _colour(heard))
        rhythm = tag("small", f"every {span(job.every)}, with a grace of {span(job.grace)}")
        lines.append(tag("tr", tag("th", job.name), tag("td", state, rhythm)))
    if lines:
        yield tag("h3", "Jobs")
        yield tag("table", *lines)


def _missed(assessment: Assessment, cluster: str, job: Job) -> str:
    """In a sentence what the job is complained of."""
    found = (each for each in assessment.findings if each.condition is Condition.JOB_MISSED)
    return next((each.summary for each in found if (each.cluster, each.subject) == (cluster, job.name)), "")


def _words(heard: Heard | None, now: Moment) -> str:
    done = f"done {span(now - heard.done)} ago" if heard and heard.done else "not heard of yet"
    return done if heard is None or heard.started is None else f"{done}, begun {span(now - heard.started)} ago"


def _colour(heard: Heard | None) -> str:
    return "good" if heard and heard.done else "faint"
