"""Which conditions have an open incident; those that have none are shown too, at 0."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import product

from drwatch.core.assessment import Assessment
from drwatch.core.finding import SEVERITY, Condition, Severity
from drwatch.core.hush import Cause, cause
from drwatch.core.incident import Incident, Phase
from drwatch.core.paging import Held
from drwatch.exporter.families import Sheet

WITNESS_CONDITIONS = frozenset({Condition.PAGING_BROKEN, Condition.HISTORY_LOST})
"""Those that are about drwatch itself and no cluster."""


def put_incidents(sheet: Sheet, assessment: Assessment, incidents: Sequence[Incident]) -> None:
    firing = {
        (incident.cluster, incident.condition): incident.severity
        for incident in incidents
        if incident.phase is Phase.OPEN and incident.suppressed_by is None
    }
    put_unanswered(sheet, assessment, incidents)
    in_hand = {
        (incident.cluster, incident.condition)
        for incident in incidents
        if incident.phase is Phase.OPEN and incident.acknowledged is not None
    }
    of_clusters = product((view.cluster.name for view in assessment.clusters), set(Condition) - WITNESS_CONDITIONS)
    every = {*of_clusters, *product(("",), WITNESS_CONDITIONS), *firing}
    for cluster, condition in sorted(every):
        labels = (cluster, condition, firing.get((cluster, condition), SEVERITY[condition]))
        sheet.put("drwatch_incident_firing", labels, (cluster, condition) in firing)
        sheet.put("drwatch_incident_acknowledged", labels, (cluster, condition) in in_hand)


def put_suppressed(sheet: Sheet, assessment: Assessment, incidents: Sequence[Incident], held: Held) -> None:
    clusters = (*(view.cluster.name for view in assessment.clusters), "")
    found = Counter((each.cluster, cause(each, kept_back=each.id in held)) for each in incidents)
    for cluster, why in product(clusters, Cause):
        sheet.put("drwatch_incident_suppressed", (cluster, why), found[cluster, why])


def put_unanswered(sheet: Sheet, assessment: Assessment, incidents: Sequence[Incident]) -> None:
    ages = dict.fromkeys((*(view.cluster.name for view in assessment.clusters), ""), 0.0)
    for each in incidents:
        told = each.phase is Phase.OPEN and each.told_at is not None and each.confirmed is not None
        if told and each.severity is Severity.CRITICAL and each.acknowledged is None and each.cluster in ages:
            assert each.confirmed is not None
            ages[each.cluster] = max(ages[each.cluster], assessment.at - each.confirmed)
    for cluster, age in ages.items():
        sheet.put("drwatch_incident_unanswered_seconds", (cluster,), age)
