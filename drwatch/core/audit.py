"""Is drwatch itself well? Only then may it say that it lives: to systemd, and to the outside heartbeat."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum
from types import MappingProxyType

from drwatch.core.assessment import Assessment
from drwatch.core.incident import Incident, cut_off
from drwatch.core.paging import PageReason, Row, page
from drwatch.core.policy import Policy
from drwatch.core.proving import overdue, tried
from drwatch.core.sample import Key, Moment

JUDGED = 5.0
"""Seconds in which a judgement must have been completed."""

LOOKED = 60.0
"""Seconds in which some look must have come back, with a fact or without."""

SLACK = 30.0
"""Seconds that a look may take beyond two of its intervals: its deadline, and a machine that is busy."""

OVERDUE = 60.0
"""Seconds by which a page may be behind its time before nobody is sending it."""


class Check(StrEnum):
    """What the outside heartbeat asks for; the ``reason`` label of the metric."""

    JUDGING = "judging"
    PROBES = "probes"
    LEDGER = "ledger"
    ESCALATION = "escalation"
    DELIVERY = "delivery"
    CHANNELS = "channels"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Turn:
    """One look that comes round: every so many seconds, and when it last came back, whatever it brought."""

    key: Key
    every: float
    came: Moment


@dataclass(frozen=True, slots=True)
class Vitals:
    """How drwatch itself is: what fails of the audit, in a sentence each, and what became of the outside heartbeat."""

    failing: Mapping[Check, str] = field(default_factory=lambda: MappingProxyType({}))
    beats: bool = False
    """Whether there is one at all."""
    beaten: Moment | None = None
    """When it was last accepted."""
    trouble: str = ""
    """What the last attempt came to, where it was not."""


def stuck(assessment: Assessment | None, rows: Iterable[Row], now: Moment) -> str | None:
    """What is wrong that a new start may mend, as a sentence; None when nothing is: systemd goes by it."""
    if assessment is None:
        return "nothing has been judged yet"
    if now - assessment.at > JUDGED:
        return f"the last judgement is {now - assessment.at:.0f} s old"
    looks = [sight.latest.answered for sight in assessment.snapshot.sights.values()]
    if looks and now - max(looks, key=lambda at: at.loop) > LOOKED:
        return "no look has come back for a minute"
    late = [now - row.due for row in rows]
    if late and max(late) > OVERDUE:
        return f"a page is overdue by {max(late):.0f} s"
    return None


def audit(
    assessment: Assessment | None,
    incidents: Iterable[Incident],
    rows: Iterable[Row],
    turns: Iterable[Turn],
    policy: Policy,
    zone: tzinfo,
    started: Moment,
    now: Moment,
) -> Mapping[Check, str]:
    """All that keeps drwatch from saying that it would wake somebody, by what it is; empty when it would."""
    if assessment is None:
        return {Check.JUDGING: "nothing has been judged yet"}
    if now - assessment.at > JUDGED:
        return {Check.JUDGING: f"the last judgement is {now - assessment.at:.0f} s old"}
    found: dict[Check, str] = {}
    slow = [turn for turn in turns if now - turn.came > 2 * turn.every + SLACK]
    if slow:
        turn = max(slow, key=lambda each: now - each.came)
        name = " ".join(filter(None, (str(turn.key.probe), turn.key.target)))
        found[Check.PROBES] = f"the {name} look of {turn.key.node.name} has not come back for {now - turn.came:.0f} s"
    late = max((now - row.due for row in rows), default=0.0)
    if late > OVERDUE:
        found[Check.LEDGER] = f"a page is overdue by {late:.0f} s"
    forgotten = [each.id for each in incidents if _forgotten(each, policy, now)]
    if forgotten:
        found[Check.ESCALATION] = f"{forgotten[0]} should have been told a minute ago, and no page was made"
    if clusters := cut_off(assessment):
        found[Check.NETWORK] = f"drwatch's own network is lost: it sees nothing of {', '.join(sorted(clusters))}"
    found |= _channels(assessment, policy, zone, started, now)
    return found


_DEADLINES = frozenset({PageReason.FIRST, PageReason.ESCALATED, PageReason.STILL})


def _forgotten(incident: Incident, policy: Policy, now: Moment) -> bool:
    """Whether what was to be told a minute ago is untold still."""
    found = page(incident, policy.paging, policy.confirm.conclusive, now.plus(-OVERDUE))
    return found is not None and found.reason in _DEADLINES


def _channels(
    assessment: Assessment, policy: Policy, zone: tzinfo, started: Moment, now: Moment
) -> Mapping[Check, str]:
    paging, snapshot = policy.paging, assessment.snapshot
    failing = [
        health.failing_since
        for name in paging.channels
        if (health := snapshot.channels.get(name)) is not None and health.failing_since is not None
    ]
    found: dict[Check, str] = {}
    if failing and len(failing) == len(paging.channels) and all(now - since > OVERDUE for since in failing):
        found[Check.DELIVERY] = "no paging channel accepts anything"
    names = tried(snapshot.proofs, paging)
    if names and all(overdue(snapshot.proofs[name], paging.prove, zone, started, now) for name in names):
        found[Check.CHANNELS] = "no paging channel has proved for a day that it reaches anybody"
    return found
