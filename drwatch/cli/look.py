"""``drwatch check``: one look at everything, for Nagios and its kin, with no daemon and no memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from drwatch.cli.words import one_line
from drwatch.config import Config
from drwatch.core.assessment import Assessment, assess
from drwatch.core.duration import at_most, span
from drwatch.core.finding import Condition, Finding, Severity
from drwatch.core.sample import Probe
from drwatch.core.snapshot import Snapshot
from drwatch.daemon.build import looks
from drwatch.daemon.clock import clock
from drwatch.daemon.parts import Look

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
    assessment: Assessment

    @property
    def told(self) -> list[Finding]:
        """What is wrong. That nobody knows a figure is no finding here: the figure itself says so, and why."""
        unknown = {(figure.cluster, figure.name) for figure in _figures(self.assessment) if figure.seconds is None}
        return [
            finding
            for finding in self.assessment.findings
            if finding.suppressed_by is None
            and (finding.cluster, f"{finding.subject} {_FIGURE.get(finding.condition)}") not in unknown
        ]

    @property
    def state(self) -> State:
        """A figure that is unknown is CRITICAL where the pair is why, and UNKNOWN where it is drwatch that cannot see.

        This look has no memory: it cannot tell for how long nobody has known, and so allows no time for it.
        """
        told = self.told
        if any(finding.severity is Severity.CRITICAL for finding in told):
            return State.CRITICAL
        if any(claim.seconds is None for view in self.assessment.clusters for claim in view.database):
            blind = not told or any(finding.condition in _OWN_SIGHT for finding in told)
            return State.UNKNOWN if blind else State.CRITICAL
        if told:
            return State.WARNING
        return State.UNKNOWN if any(figure.seconds is None for figure in _figures(self.assessment)) else State.OK


_FIGURE = {Condition.RPO_BREACHED: "rpo", Condition.RTO_BREACHED: "rto"}
_OWN_SIGHT = frozenset({Condition.ACCESS_DENIED, Condition.PROBE_BLIND})


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
    return Answer(assess(snapshot, config.policy, frozenset(), clock()))


async def _round(snapshot: Snapshot, probes: list[Look]) -> Snapshot:
    for sample in await asyncio.gather(*(look.look() for look in probes)):
        snapshot = snapshot.keep(sample)
    return snapshot


def plugin_line(answer: Answer) -> str:
    """One line: state, what is wrong, and the figures as performance data."""
    words = [f"{finding.condition} {finding.subject}: {finding.summary}" for finding in answer.told]
    figures = [figure.words for figure in _figures(answer.assessment)]
    data = " ".join(figure.data for figure in _figures(answer.assessment) if figure.data)
    return _line(answer.state, "; ".join([*words, *figures])) + (f" | {data}" if data else "")


def plugin_json(answer: Answer) -> str:
    """The same for scripts; a figure that is unknown is null, with the reason beside it."""
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
    figures = [
        {
            "cluster": figure.cluster,
            "figure": figure.name,
            "seconds": figure.seconds,
            "objective_seconds": figure.limit,
            "unknown": figure.unknown,
        }
        for figure in _figures(answer.assessment)
    ]
    return _json(answer.state, plugin_line(answer).partition(" | ")[0], findings, figures)


def unable(sentence: str, as_json: bool) -> str:
    """What to print on stdout, where Nagios reads it, when there could be no look at all."""
    line = _line(State.UNKNOWN, sentence)
    return _json(State.UNKNOWN, line, [], []) if as_json else line


@dataclass(frozen=True)
class _Figure:
    """A figure of one standby against its objective, seconds; ``name`` as in the performance data."""

    cluster: str
    name: str
    words: str
    seconds: float | None
    limit: float
    unknown: str | None

    @property
    def data(self) -> str:
        """`'label'=value;warn;crit;min`, nothing where the value is unknown: a 0 would be drawn as one."""
        if self.seconds is None:
            return ""
        return f"'{self.cluster}/{self.name}'={self.seconds:.3f}s;;{self.limit:g};0"


def _figures(assessment: Assessment) -> Iterator[_Figure]:
    for view in assessment.clusters:
        goal, cluster = view.cluster.objectives, view.cluster.name
        for claim in view.database:
            name = claim.node.name
            words = f"RPO unknown ({claim.unknown})" if claim.seconds is None else f"RPO<={at_most(claim.seconds)}"
            yield _Figure(cluster, f"{name} rpo", f"{name} {words}", claim.seconds, goal.rpo, claim.unknown or None)
        for node, files, copy in view.copies:
            seconds = None if copy is None else copy.seconds
            unknown = "no marker was ever seen" if copy is None else copy.unknown
            words = f"unknown ({unknown})" if seconds is None else f"<={at_most(seconds)}"
            name = f"{node.name} files/{files.name}"
            yield _Figure(cluster, name, f"{name} {words}", seconds, files.stale_after, unknown or None)
        for estimate in view.recovery:
            name = estimate.node.name
            words = f"RTO unknown ({estimate.unknown})" if estimate.seconds is None else f"RTO~{span(estimate.seconds)}"
            yield _Figure(
                cluster, f"{name} rto", f"{name} {words}", estimate.seconds, goal.rto, estimate.unknown or None
            )


def _line(state: State, words: str) -> str:
    # What follows a bar is performance data, and what follows a line end is seen by nobody.
    return f"DRWATCH {state.name} - {one_line(words).replace('|', '/')}"


def _json(
    state: State, line: str, findings: Sequence[Mapping[str, object]], figures: Sequence[Mapping[str, object]]
) -> str:
    return json.dumps({"state": state.name, "line": line, "findings": findings, "figures": figures}, ensure_ascii=False)
