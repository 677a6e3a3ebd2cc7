"""Pages that wait for a channel to take them: which need not be sent any more, and which may not leave now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from drwatch.core.delivery import Reach
from drwatch.core.finding import SEVERITY, Condition, Severity
from drwatch.core.incident import Incident, Phase
from drwatch.core.paging import UNASKING, Row
from drwatch.core.sample import Moment

DOUBTED = 10.0
"""Seconds after a start in which a page of what was not so before it waits for somebody to look: a death that is one
must be told soon, whoever can look."""


def answered(row: Row, incidents: Iterable[Incident], unwatched: Collection[str] = ()) -> str:
    """Why a page need not be sent any more: it was withdrawn, or somebody has the incident in hand or silenced it.

    Empty when it must be. What is true when that ends is told then, whether or not this page had arrived.
    ``unwatched`` are the ids of incidents whose cluster is in the configuration no more.
    """
    if row.reason in UNASKING:
        return ""
    if row.incident in unwatched:
        return "its cluster is no longer watched"
    incident = _open(row, incidents)
    if incident is None:
        return ""
    if incident.acknowledged is not None:
        return f"{incident.acknowledged.by} has acknowledged it"
    if row.severity is Severity.CRITICAL and not _told_as_critical(incident):
        return f"what it tells of passed before any channel took it: it is {incident.condition} now"
    return f"it is silenced ({incident.silence})" if incident.silence else ""


def away(incidents: Iterable[Incident], before: Collection[str], now: Moment) -> frozenset[str]:
    """The ids of open incidents that are not so now; of what nobody has looked at since a start, of ``before``."""
    opened = (each for each in incidents if each.phase is Phase.OPEN)
    return frozenset(each.id for each in opened if _is_away(each, before, now))


def withheld(
    row: Row,
    incidents: Iterable[Incident],
    judged: Moment,
    began: Moment | None = None,
    before: Collection[str] = frozenset(),
) -> bool:
    """Whether a page may not leave now, because what it tells of is not so, as of the last judgement.

    It is to leave when that is so again; of what stays away, the end takes its place. ``began`` is when this run did:
    before anybody has looked, it is for a while as an earlier one left it, when those of ``before`` were not so.
    """
    incident = _open(row, incidents)
    if row.reason in UNASKING or incident is None:
        return False
    if incident.unproved and (began is None or judged - began >= DOUBTED):
        return False
    critical = row.severity is Severity.CRITICAL
    # Pages of the witness's own network can leave only while that is back.
    over = _is_away(incident, before, judged) and incident.condition is not Condition.WITNESS_ISOLATED
    milder = critical and incident.severity is not Severity.CRITICAL and not _critical_again(incident)
    return over or milder or _explained(incident, critical)


def withdrawn(incident: Incident, reach: Mapping[str, Reach]) -> Incident:
    """The incident as one that nobody was told of, where its pages cannot have arrived and it has been milder than they
    say for the window of what it is now.

    What it is now is told then. Those whom it was to reach hear of its end all the same. ``reach`` is its own: where
    that is empty, there is no account of what arrived.
    """
    milder = _told_as_critical(incident) and incident.severity is not Severity.CRITICAL
    since = incident.worse.critical if incident.worse else incident.condition_began
    if incident.phase is not Phase.OPEN or not milder:
        return incident
    # Before anybody has looked, nobody knows what it has to last.
    if incident.unproved or incident.last_true - since < incident.window:
        return incident
    if incident.acknowledged is not None or not reach or any(came.perhaps for came in reach.values()):
        return incident
    return replace(incident, told_condition=None, told_grade=None, told_at=None, told_steps=0, held=())


def _is_away(incident: Incident, before: Collection[str], now: Moment) -> bool:
    return incident.id in before if incident.unproved else now - incident.last_true > 0


def _explained(incident: Incident, critical: bool) -> bool:
    """Whether a greater trouble is told in its place: of what is critical, one that is told at any hour.

    What was so when the witness was cut off is the last that anybody knows.
    """
    cause = incident.suppressed_by
    if cause is None or cause is Condition.WITNESS_ISOLATED:
        return False
    return not critical or SEVERITY[cause] is Severity.CRITICAL


def _critical_again(incident: Incident) -> bool:
    """Whether it looks critical now, though it has yet to last as that."""
    return incident.worse is not None and incident.worse.critical == incident.worse.looked


def _open(row: Row, incidents: Iterable[Incident]) -> Incident | None:
    return next((each for each in incidents if each.id == row.incident and each.phase is Phase.OPEN), None)


def _told_as_critical(incident: Incident) -> bool:
    return incident.told_grade is not None and incident.told_grade[0]
