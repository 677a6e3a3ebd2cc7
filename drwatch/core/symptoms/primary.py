"""What the verdict says of the primary, in words that stand alone on a phone."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.finding import Condition, Finding
from drwatch.core.view import ClusterView

_SUMMARY = {
    Condition.PRIMARY_DOWN: "the database server on {name} is dead, its host is alive",
    Condition.PRIMARY_HOST_DOWN: "the host {name} is gone, its database with it",
    Condition.PRIMARY_HUNG: "the database server on {name} hangs: its process is there and answers nobody",
    Condition.PRIMARY_RESTARTING: "the database server on {name} is restarting or recovering and serves nobody",
    Condition.PRIMARY_DISK_STALLED: "the disk of {name} takes nothing: it is read-only, or what was begun does not end",
    Condition.PRIMARY_DISK_FULL: "{name} has no room on its disk: the database commits nothing",
    Condition.PRIMARY_WRITES_STALLED: "writes hang on {name}: it answers, and commits nothing",
    Condition.PRIMARY_SATURATED: "{name} has no free connection: the application gets 'Too many connections'",
    Condition.PRIMARY_UNSEEN: "only the witness cannot see {name}; others do",
    Condition.WITNESS_ISOLATED: "the WITNESS has lost its network: nothing is known of {name} or its standby",
}


def findings(view: ClusterView) -> Iterator[Finding]:
    verdict, name = view.verdict, view.cluster.primary.node.name
    if verdict.condition is None:
        return
    summary = _SUMMARY[verdict.condition].format(name=name)
    if verdict.condition is Condition.PRIMARY_HUNG and not verdict.host_answers:
        summary = f"the database server on {name} hangs: it answers nobody"
    if verdict.condition is Condition.PRIMARY_DOWN and not verdict.host_answers:
        summary = f"the database server on {name} is dead"
    yield Finding(
        condition=verdict.condition,
        cluster=view.cluster.name,
        subject=name,
        summary=summary,
        evidence=verdict.evidence,
        confidence=verdict.confidence,
        votes=verdict.votes,
    )
