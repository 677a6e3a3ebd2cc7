"""An incident's life: suspected, confirmed after its window, resolved after it has stayed away; or healed untold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from drwatch.core.ack import Ack
from drwatch.core.assessment import Assessment
from drwatch.core.evidence import Vote
from drwatch.core.finding import GRAVITY, PRIMARY, PRIMARY_LOST, Condition, Confidence, Finding, Severity
from drwatch.core.flap import Flap, IncidentKey
from drwatch.core.policy import Policy
from drwatch.core.sample import Moment
from drwatch.core.silence import Silence
from drwatch.core.worse import Worse


class Phase(StrEnum):
    SUSPECTED = "suspected"
    OPEN = "open"
    RESOLVED = "resolved"
    HEALED = "healed"
    """Over before its window ended: nobody was told, the history has it."""


ENDED = frozenset({Phase.RESOLVED, Phase.HEALED})

REDIAL = 7.0
"""Seconds after which drwatch has dialled again, whatever failed before: one dial in 5 s, and its deadline."""

NOTEWORTHY = 1.0
"""Seconds that a suspicion must have lasted to be worth a line in the history."""

PENDING = 5.0
"""Seconds that a suspicion must have lasted to outlive a restart of drwatch: shorter windows begin anew."""

EXPLAINED = 5.0
"""The same, of what a greater trouble explains: shorter, it would have been told to nobody anyway."""


Grade = tuple[bool, int]
"""How bad a trouble is: whether it is critical, and the gravity of its face."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One trouble from first sight to the end. Moments read back after a restart keep their age by the wall's hand."""

    id: str
    cluster: str
    topic: str
    subject: str
    condition: Condition
    severity: Severity
    summary: str
    evidence: tuple[str, ...]
    confidence: Confidence
    phase: Phase
    began: Moment
    condition_began: Moment
    """When it took its present face, or came back with it; within the primary's family the face may change."""
    last_true: Moment
    confirmed: Moment | None = None
    ended: Moment | None = None
    suppressed_by: Condition | None = None
    told_condition: Condition | None = None
    """The face that people were told last; None while nobody was told."""
    told_grade: Grade | None = None
    """The worst that people were told of it; None while nobody was told."""
    told_at: Moment | None = None
    told_steps: int = 0
    """How many steps of the escalation have been told."""
    told_through: tuple[str, ...] = ()
    """The channels it was told through: they hear of its end."""
    held: tuple[str, ...] = ()
    """The channels that are owed a page of it when their quiet hours end."""
    acknowledged: Ack | None = None
    """Who has it in hand; of one that is over, who had."""
    unseen_since: Moment | None = None
    """Since when only the witness does not see a primary that was lost before; while nobody was told."""
    worse: Worse | None = None
    """How a warning that was told has looked since it first looked critical, which has its own window."""
    pages: int = 0
    """Events made so far; the next one is numbered pages + 1."""
    votes: tuple[Vote, ...] = ()
    """How each chair voted last, in this run of drwatch."""
    silence: str = ""
    """The id of the silence that keeps it from people now."""
    freed: Moment | None = None
    """When what kept it from people last ended: a greater trouble, a silence, somebody's having it in hand.

    Its waits count from there."""
    unproved: bool = False
    """Whether nobody has looked yet if it is still true, as just after a start: nothing is told of it."""
    flaps: bool = False
    """Whether it comes and goes too often to be told each time."""
    unheard: bool = False
    """Whether it has come back while it flaps, since people were told of it last."""
    again: bool = False
    """Whether it has stayed for its window then."""
    window: float = 0.0
    """Seconds that its present face must last before it is told."""

    @property
    def key(self) -> IncidentKey:
        return (self.cluster, self.topic, self.subject)

    @property
    def grade(self) -> Grade:
        return self.severity is Severity.CRITICAL, GRAVITY.get(self.condition, 0)

    @property
    def worse_than_told(self) -> bool:
        """Whether it is worse than all that people were told of it."""
        return self.told_grade is not None and self.grade > self.told_grade


@dataclass(frozen=True, slots=True)
class Advance:
    """The incidents that live on, and those whose record must be written now."""

    living: tuple[Incident, ...]
    changed: tuple[Incident, ...]
    """New phases and new faces, ended ones included."""


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
"""Base 32 (RFC 4648)."""


def identity(finding: Finding, began: Moment) -> str:
    """Six letters, the same for the same trouble begun at the same instant; short enough to say on the phone."""
    text = f"{finding.cluster}|{finding.topic}|{finding.subject}|{began.wall.isoformat()}"
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 2
    return "".join(_LETTERS[number >> shift & 31] for shift in range(25, -1, -5))


def window(finding: Finding, policy: Policy) -> float:
    """Seconds that this finding must last before it is told."""
    confirm = policy.confirm
    if (override := confirm.by_condition.get(finding.condition)) is not None:
        return override
    if finding.confirm is not None:
        return finding.confirm
    if finding.condition is Condition.PRIMARY_RESTARTING:
        return confirm.restarting
    by_confidence = {
        Confidence.CONCLUSIVE: confirm.conclusive,
        Confidence.LIKELY: confirm.likely,
        Confidence.ALONE: confirm.alone,
    }
    return by_confidence[finding.confidence]


_OUT = PRIMARY_LOST | {Condition.PRIMARY_RESTARTING}


def _suspect(finding: Finding, now: Moment) -> Incident:
    return Incident(
        id=identity(finding, now),
        cluster=finding.cluster,
        topic=finding.topic,
        subject=finding.subject,
        condition=finding.condition,
        severity=finding.severity,
        summary=finding.summary,
        evidence=finding.evidence,
        confidence=finding.confidence,
        phase=Phase.SUSPECTED,
        began=now,
        condition_began=now,
        last_true=now,
        suppressed_by=finding.suppressed_by,
        votes=finding.votes,
    )


def _seen(incident: Incident, finding: Finding, policy: Policy, now: Moment) -> Incident:
    """The incident with what the finding says of it now; confirmed when its window is over."""
    suspected = incident.phase is Phase.SUSPECTED
    # A dying host is mute, then out of reach: its faces share a window. A restart is none of them.
    same_loss = suspected and {finding.condition, incident.condition} <= PRIMARY_LOST
    changed_face = finding.condition is not incident.condition and not same_loss
    before, limit = incident, window(finding, policy)
    incident = replace(
        incident,
        condition=finding.condition,
        severity=finding.severity,
        summary=finding.summary,
        evidence=finding.evidence,
        confidence=finding.confidence,
        condition_began=now if changed_face else incident.condition_began,
        last_true=now,
        suppressed_by=finding.suppressed_by,
        votes=finding.votes,
        window=limit,
        unproved=False,
        unseen_since=before.unseen_since if finding.condition is Condition.PRIMARY_UNSEEN else None,
    )
    if not suspected:
        return _worsened(before, incident, limit, policy, now)
    if finding.suppressed_by is not None:
        # Its window opens when the greater trouble ends, or every echo of it would be told the second it is over.
        return replace(incident, condition_began=now, freed=now)
    allowance = policy.confirm.restarting
    free = incident.freed or incident.began
    # A trouble whose face keeps changing, such as a crash loop, is told when a restart's allowance is over.
    if now - incident.condition_began >= limit or now - free >= max(limit, allowance):
        return replace(incident, phase=Phase.OPEN, confirmed=now)
    if finding.condition is Condition.PRIMARY_UNSEEN and before.condition in _OUT:
        since = before.unseen_since or now
        if now - since >= REDIAL:
            return replace(incident, condition_began=since)
        # It is back, and drwatch's own next dial is seconds away: the history keeps what it was.
        return replace(before, condition_began=now, last_true=now, unseen_since=since)
    return incident


def _hushed(incident: Incident, silences: Iterable[Silence], now: Moment) -> Incident:
    """The incident under the silence that covers it, if one does.

    It is freed when its silence ends, and not when it takes a face that this one does not cover.
    """
    silences = tuple(silences)
    if not silences and not incident.silence:
        return incident
    name = next(
        (each.id for each in silences if each.covers(incident.cluster, incident.condition, incident.subject)), ""
    )
    ended = incident.silence and all(each.id != incident.silence for each in silences)
    return replace(incident, silence=name, freed=now if ended and not name else incident.freed)


def _in_hand(incident: Incident, now: Moment) -> Incident:
    """The incident without an acknowledgement that has run out: it is freed, and told anew."""
    ack = incident.acknowledged
    if ack is None or incident.phase is not Phase.OPEN or not ack.over(now):
        return incident
    return replace(incident, acknowledged=None, freed=now)


def _worsened(before: Incident, incident: Incident, limit: float, policy: Policy, now: Moment) -> Incident:
    """An open incident with its new face, unless that is critical where it was not, and has not lasted.

    As with a suspicion, a face that keeps changing has lasted when a restart's allowance is over.
    """
    critical = incident.severity is Severity.CRITICAL
    if before.severity is Severity.CRITICAL or not (critical or before.worse):
        return replace(incident, worse=None)
    period = policy.confirm.restarting
    face = incident.condition if critical else None
    worse = before.worse.look(face, period, now) if before.worse else Worse.first(incident.condition, now)
    if not critical:
        return replace(incident, worse=worse)
    if (began := worse.began(limit, period, now)) is not None:
        return replace(incident, worse=None, condition_began=began)
    return replace(before, last_true=now, suppressed_by=incident.suppressed_by, unproved=False, worse=worse)


def _unseen(incident: Incident, policy: Policy, flap: Flap | None, now: Moment) -> Incident:
    """The incident when its finding is gone."""
    if incident.phase is Phase.SUSPECTED:
        return replace(incident, phase=Phase.HEALED, ended=now)
    # While it flaps it is one incident, and over when it has been away for good.
    hold = max(policy.hold, policy.flapping.steady) if flap and flap.since else policy.hold
    if now - incident.last_true >= hold:
        return replace(incident, phase=Phase.RESOLVED, ended=incident.last_true)
    blinded = incident.suppressed_by is Condition.WITNESS_ISOLATED
    kept = None if blinded else incident.suppressed_by
    # A face that comes back has to last anew.
    return replace(incident, condition_began=now, unproved=False, suppressed_by=kept, worse=None)


def _worth_writing(before: Incident | None, after: Incident) -> bool:
    if after.phase is Phase.SUSPECTED:
        return before is not None and before.last_true - before.began < PENDING <= after.last_true - after.began
    if after.phase is Phase.HEALED:
        return after.last_true - after.began >= (NOTEWORTHY if after.suppressed_by is None else EXPLAINED)
    return (
        before is None
        or before.phase is not after.phase
        or before.condition is not after.condition
        or before.suppressed_by is not after.suppressed_by
        or before.silence != after.silence
        or before.acknowledged != after.acknowledged
    )


def awake(incidents: Iterable[Incident], asleep: float) -> tuple[Incident, ...]:
    """The incidents of an earlier run, after so many seconds in which nobody looked: no suspicion has lasted those.

    Where a ledger of before this was noted does not say how bad it was told, it was told as it stands.
    """

    def after(each: Incident) -> Incident:
        if each.phase is not Phase.SUSPECTED:
            return each if each.told_at is None else replace(each, told_grade=each.told_grade or each.grade)
        free = each.freed or each.began
        return replace(each, condition_began=each.condition_began.plus(asleep), freed=free.plus(asleep))

    return tuple(map(after, incidents))


def _by_key(findings: Iterable[Finding]) -> Iterable[Finding]:
    """One finding for each thing that can be told of: of two (two standbys' copies of one file set), one to tell."""
    found: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        key = (finding.cluster, finding.topic, finding.subject)
        if key not in found or (found[key].suppressed_by is not None and finding.suppressed_by is None):
            found[key] = finding
    return found.values()


def _unproved(incident: Incident, assessment: Assessment, policy: Policy) -> bool:
    """Whether the finding is absent only because nobody has looked yet, as just after a start.

    A channel that has not taken the one page that was tried since is not mended either.
    """
    if incident.condition is Condition.PAGING_BROKEN:
        health = assessment.snapshot.channels.get(incident.subject)
        return incident.subject in policy.paging.channels and (health is None or health.failing_since is not None)
    return incident.cluster in assessment.unsettled


def cut_off(assessment: Assessment) -> frozenset[str]:
    """Clusters of which the witness, whose own network is lost, sees nothing: what was true there is not over."""
    lost = (finding for finding in assessment.findings if finding.condition is Condition.WITNESS_ISOLATED)
    return frozenset(finding.cluster for finding in lost)


def advance(incidents: Iterable[Incident], assessment: Assessment, policy: Policy, now: Moment) -> Advance:
    """One tick of every incident's life.

    A finding that is absent only because its cluster has not been looked at yet (just after a start), or cannot be from
    a witness that is cut off, ends nothing. Nor does the second in which the chairs are asked end a suspicion.
    """
    unseen = cut_off(assessment)
    known = {incident.key: incident for incident in incidents}
    living: list[Incident] = []
    changed: list[Incident] = []
    for finding in _by_key(assessment.findings):
        before = known.pop((finding.cluster, finding.topic, finding.subject), None)
        after = _seen(before or _suspect(finding, now), finding, policy, now)
        after = _in_hand(_hushed(after, assessment.silences, now), now)
        living.append(after)
        if _worth_writing(before, after):
            changed.append(after)
    for before in known.values():
        suspected, unproved = before.phase is Phase.SUSPECTED, _unproved(before, assessment, policy)
        if suspected and (unproved or (before.topic == PRIMARY and before.cluster in assessment.judging)):
            living.append(before)
            continue
        if unproved:
            after = replace(before, last_true=now, unproved=before.cluster in assessment.unsettled)
        elif before.phase is Phase.OPEN and before.cluster in unseen:
            # Nobody sees its face either: one that it took just before has still to last.
            after = replace(before, last_true=now, condition_began=now, worse=None)
            after = replace(after, suppressed_by=Condition.WITNESS_ISOLATED)
        else:
            after = _unseen(before, policy, assessment.snapshot.flaps.get(before.key), now)
        after = _in_hand(_hushed(after, assessment.silences, now), now)
        if after.phase not in ENDED:
            living.append(after)
        if _worth_writing(before, after):
            changed.append(after)
    return Advance(tuple(living), tuple(changed))
