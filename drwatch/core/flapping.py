"""Which troubles come and go too often to be told each time, and what of them is told all the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from drwatch.core.assessment import Assessment
from drwatch.core.finding import ALWAYS_TOLD, Condition, Finding, Severity
from drwatch.core.flap import Flap, IncidentKey
from drwatch.core.incident import Advance, Incident, Phase, cut_off, window
from drwatch.core.policy import Policy
from drwatch.core.sample import Moment
from drwatch.core.silence import NEVER

UNCOUNTED = NEVER | {Condition.FLAPPING}
"""What is told each time it comes: that nobody would be told, and that something flaps."""

Flaps = Mapping[IncidentKey, Flap]


def flap(
    before: Iterable[Incident], step: Advance, assessment: Assessment, policy: Policy, now: Moment
) -> tuple[Advance, Flaps]:
    """The step with those marked that flap, and what is to be remembered of all comings and goings.

    ``before`` are the incidents that the step was made from.
    """
    limits, flaps = policy.flapping, dict(assessment.snapshot.flaps)
    true = {(finding.cluster, finding.topic, finding.subject): finding for finding in assessment.findings}
    unseen = assessment.unsettled | cut_off(assessment)
    opened = {incident.key for incident in before if incident.phase is Phase.OPEN}
    for incident in step.living:
        if incident.key not in opened and _is_news(incident):
            flaps[incident.key] = flaps.get(incident.key, Flap()).open(limits.times, limits.within, now)
        if incident.key in flaps and _is_grave(incident):
            flaps[incident.key] = replace(flaps[incident.key], critical=True)
    for key, held in list(flaps.items()):
        # What nobody sees, just after a start or from a witness that is cut off, is no change.
        turned = held if key[0] in unseen else held.turn(key in true, policy.hold, now)
        flaps[key] = turned
        if turned.steady(limits.steady, now) or turned.forgotten(limits.within, now):
            del flaps[key]
    living = tuple(_marked(each, flaps.get(each.key), true.get(each.key), policy, now) for each in step.living)
    return replace(step, living=living), MappingProxyType(flaps)


def _is_news(incident: Incident) -> bool:
    """Whether people are told of it when it is confirmed: what is explained or silenced has come to nobody."""
    kept = incident.suppressed_by is not None or incident.silence or incident.condition in UNCOUNTED
    return incident.phase is Phase.OPEN and not kept


def _is_grave(incident: Incident) -> bool:
    """Whether people would be woken for it, were it not that it flaps."""
    grave = incident.severity is Severity.CRITICAL and incident.condition not in ALWAYS_TOLD
    return grave and _is_news(incident)


def _marked(incident: Incident, flap: Flap | None, finding: Finding | None, policy: Policy, now: Moment) -> Incident:
    if flap is None or flap.since is None:
        marked = incident.flaps or incident.unheard or incident.again
        return replace(incident, flaps=False, unheard=False, again=False) if marked else incident
    told, back, since = incident.told_at, flap.back, flap.changed
    unheard = told is not None and back is not None and back.loop > told.loop
    stays = finding is not None and since is not None and now - since >= window(finding, policy)
    return replace(incident, flaps=True, unheard=unheard, again=unheard and stays)
