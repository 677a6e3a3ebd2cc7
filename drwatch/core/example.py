"""Events as they could come any night, for whoever tries how a page would read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from drwatch.core.assessment import Assessment, assess
from drwatch.core.finding import SEVERITY, Condition, Confidence
from drwatch.core.incident import Incident, Phase
from drwatch.core.paging import Page, PageReason
from drwatch.core.policy import Policy
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot

_NIGHT = (
    (Condition.PRIMARY_DOWN, PageReason.FIRST, Confidence.CONCLUSIVE),
    (Condition.PRIMARY_DOWN, PageReason.RESOLVED, Confidence.CONCLUSIVE),
    (Condition.RPO_BREACHED, PageReason.STILL, Confidence.ALONE),
)


def pages(policy: Policy, now: Moment) -> Iterator[tuple[Page, Assessment]]:
    """Of each cluster, and one that belongs to none; nothing has been looked at, so every figure is unknown."""
    assessment = assess(Snapshot(), policy, frozenset(), now)
    for cluster in policy.clusters:
        for condition, reason, confidence in _NIGHT:
            begun = _incident(condition, cluster.name, cluster.primary.node.name, now)
            yield Page(replace(begun, confidence=confidence), reason, policy.paging.channels), assessment
    broken = _incident(Condition.PAGING_BROKEN, "", "phone", now)
    yield Page(replace(broken, evidence=()), PageReason.FIRST, policy.paging.channels), assessment


def _incident(condition: Condition, cluster: str, subject: str, now: Moment) -> Incident:
    began = now.plus(-60.0)
    return Incident(
        id="ABCDEF",
        cluster=cluster,
        topic=str(condition),
        subject=subject,
        condition=condition,
        severity=SEVERITY[condition],
        summary=f"{subject} is what this example is about",
        evidence=("the witness saw one thing", "the standby saw another"),
        confidence=Confidence.CONCLUSIVE,
        phase=Phase.OPEN,
        began=began,
        condition_began=began,
        last_true=now,
        confirmed=began,
        told_condition=condition,
        pages=1,
    )
