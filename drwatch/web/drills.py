"""Takeovers as JSON: drills that were announced, how one would go, and what past takeovers took."""

from __future__ import annotations

from typing import Any

from drwatch.core.actuals import COMPONENTS, Outage
from drwatch.core.assessment import Assessment
from drwatch.core.drill import Drill, running
from drwatch.core.preflight import Preflight
from drwatch.web.text import text_of

Json = dict[str, Any]


def drills_json(assessment: Assessment, cluster: str) -> list[Json]:
    drills = assessment.snapshot.drills
    on = running(drills, cluster, assessment.at)
    return [drill_json(each, each is on) for each in drills if each.cluster == cluster]


def drill_json(drill: Drill, on: bool) -> Json:
    """One drill; ``on`` while it is not over."""
    return {"began_at": text_of(drill.began), "until": text_of(drill.until), "on": on}


def rehearsal_json(answer: Preflight) -> Json:
    """How a planned takeover with one standby would go."""
    return {
        "standby": answer.standby,
        "decision": answer.decision,
        "checks": [{"passed": check.passed, "sentence": check.sentence} for check in answer.checks],
        "steps": [{"why": step.why, "line": step.line} for step in answer.takeover],
    }


def outage_json(outage: Outage) -> Json:
    return {
        "kind": outage.kind,
        "lost": outage.lost,
        "standby": outage.standby,
        "fault_at": text_of(outage.fault),
        "ended_at": text_of(outage.ended),
        "loss_seconds": outage.loss,
        "took": {component: outage.seconds(component) for component in COMPONENTS},
    }
