"""``drwatch check``: one look at everything, for Nagios and its kin, with no daemon and no memory."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from enum import IntEnum

from drwatch.config import Config
from drwatch.core.assessment import Assessment, assess
from drwatch.core.finding import Finding, Severity
from drwatch.core.message import span
from drwatch.core.sample import Probe
from drwatch.core.snapshot import Snapshot
from drwatch.daemon.build import looks
from drwatch.daemon.clock import clock
from drwatch.daemon.watch import Look

ROUNDS = 2
"""The second one places what the standby holds in what the primary was seen to have in the first."""


class State(IntEnum):
    """The exit statuses of a Nagios plugin (Monitoring Plugins guidelines)."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True)
class Answer:
    state: State
    assessment: Assessment

    @property
    def told(self) -> list[Finding]:
        return [finding for finding in self.assessment.findings if finding.suppressed_by is None]


async def look_once(config: Config) -> Answer:
    """Look round, and judge without waiting for any confirm window."""
    probes = [look for look in looks(config, clock) if look.key.probe is not Probe.LOGIN]
    nodes = frozenset(settings.node for settings in config.nodes)
    # With no memory, a node that the configuration names must be taken to exist: else a dead one were merely unseen.
    snapshot = Snapshot(alive=nodes, embodied=nodes)
    try:
        for _ in range(ROUNDS):
            snapshot = await _round(snapshot, [look for look in probes if look.every < float("inf")])
        wanted = assess(snapshot, config.policy, frozenset(), clock()).wanted
        snapshot = await _round(snapshot, [look for look in probes if look.key in wanted])
    finally:
        await asyncio.gather(*(look.close() for look in probes))
    assessment = assess(snapshot, config.policy, frozenset(), clock())
    return Answer(_state(assessment), assessment)


async def _round(snapshot: Snapshot, probes: list[Look]) -> Snapshot:
    for sample in await asyncio.gather(*(look.look() for look in probes)):
        snapshot = snapshot.keep(sample)
    return snapshot


def _state(assessment: Assessment) -> State:
    told = {finding.severity for finding in assessment.findings if finding.suppressed_by is None}
    if Severity.CRITICAL in told:
        return State.CRITICAL
    unknown = any(claim.seconds is None for view in assessment.clusters for claim in view.database)
    if unknown:
        return State.UNKNOWN
    return State.WARNING if told else State.OK


def plugin_line(answer: Answer) -> str:
    """One line: state, what is wrong, and the figures as performance data."""
    words = [f"{finding.condition} {finding.subject}: {finding.summary}" for finding in answer.told]
    figures, data = [], []
    for view in answer.assessment.clusters:
        goal = view.cluster.objectives
        for claim in view.database:
            if claim.seconds is None:
                figures.append(f"{claim.node.name} RPO unknown ({claim.unknown})")
                continue
            figures.append(f"{claim.node.name} RPO<={span(claim.seconds)}")
            data.append(f"'{view.cluster.name}/{claim.node.name} rpo'={claim.seconds:.3f}s;;{goal.rpo:g};0")
        for estimate in view.recovery:
            if estimate.seconds is not None:
                figures.append(f"RTO~{span(estimate.seconds)}")
                data.append(f"'{view.cluster.name}/{estimate.node.name} rto'={estimate.seconds:.0f}s;;{goal.rto:g};0")
    told = "; ".join([*words, *figures]).replace("|", "/")
    return f"DRWATCH {answer.state.name} - {told}" + (f" | {' '.join(data)}" if data else "")


def plugin_json(answer: Answer) -> str:
    findings = [
        {
            "condition": finding.condition,
            "severity": finding.severity,
            "cluster": finding.cluster,
            "subject": finding.subject,
            "summary": finding.summary,
            "evidence": list(finding.evidence),
        }
        for finding in answer.told
    ]
    return json.dumps({"state": answer.state.name, "findings": findings}, ensure_ascii=False)
