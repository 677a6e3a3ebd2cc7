"""Incidents as JSON: those that are alive, those of the history, what was put down at a death; and findings."""

from __future__ import annotations

from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from drwatch.core.finding import Finding
from drwatch.core.incident import Incident
from drwatch.core.paging import Held
from drwatch.core.sample import Moment
from drwatch.store import Boxed, Past
from drwatch.web.acks import ack_json
from drwatch.web.text import text_of

Json = dict[str, Any]


def incident_json(incident: Incident, now: Moment | None = None, held: Held = MappingProxyType({})) -> Json:
    """One incident that is alive; ``now`` gives its age."""
    return {
        "id": incident.id,
        "cluster": incident.cluster,
        "subject": incident.subject,
        "condition": incident.condition,
        "severity": incident.severity,
        "phase": incident.phase,
        "confidence": incident.confidence,
        "summary": incident.summary,
        "evidence": list(incident.evidence),
        "votes": [asdict(vote) for vote in incident.votes],
        "began_at": text_of(incident.began),
        "confirmed_at": text_of(incident.confirmed),
        "ended_at": text_of(incident.ended),
        "age_seconds": now - incident.began if now else None,
        "suppressed_by": incident.suppressed_by,
        "silence": incident.silence or None,
        "acknowledged": None if incident.acknowledged is None else ack_json(incident.acknowledged),
        "held_back": [{"channel": name, "until": text_of(until)} for name, until in held.get(incident.id, {}).items()],
        "told_condition": incident.told_condition,
        "told_at": text_of(incident.told_at),
        "pages": incident.pages,
    }


def past_json(past: Past) -> Json:
    """One incident out of the history."""
    return {
        "id": past.id,
        "cluster": past.cluster,
        "subject": past.subject,
        "condition": past.condition,
        "severity": past.severity,
        "phase": past.phase,
        "summary": past.summary,
        "began_at": text_of(past.began),
        "confirmed_at": text_of(past.confirmed),
        "ended_at": text_of(past.ended),
        "suppressed_by": past.suppressed_by,
        "silence": past.silence or None,
        "pages": past.pages,
        "told": past.told,
        "acknowledgements": [ack_json(each) for each in past.acks],
    }


def boxed_json(boxed: Boxed) -> Json:
    """One record of the black box."""
    return {"number": boxed.number, "digest": boxed.digest, "broken": boxed.broken, **boxed.body}


def finding_json(finding: Finding) -> Json:
    return {
        "condition": finding.condition,
        "severity": finding.severity,
        "subject": finding.subject,
        "summary": finding.summary,
        "evidence": list(finding.evidence),
        "confidence": finding.confidence,
        "suppressed_by": finding.suppressed_by,
    }
