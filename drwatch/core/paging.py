"""Which pages are due, to whom and why; and the rows of the ledger that they become."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from drwatch.core.finding import ALWAYS_TOLD, Condition, Severity
from drwatch.core.incident import Incident, Phase
from drwatch.core.policy import Paging
from drwatch.core.sample import Moment


class PageReason(StrEnum):
    """Why we page now; the closed list."""

    FIRST = "first"
    ESCALATED = "escalated"
    """The next step's delay is over and the incident is still open."""
    CHANGED = "changed"
    """The trouble has another face, so another runbook."""
    AGAIN = "again"
    """It has come back, and stayed for its window, while it flaps: what is told each time."""
    STILL = "still"
    RESOLVED = "resolved"
    MISSED = "missed"
    """It is over, and no page of it can have arrived here while it lasted: one message for both."""
    TEST = "test"
    DIGEST = "digest"
    """Once a day, what nobody was woken for."""


ENDS = frozenset({PageReason.RESOLVED, PageReason.MISSED})


class Outcome(StrEnum):
    """What came of one attempt."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """For good: the channel itself is broken (bad token, no such topic)."""
    FAILED = "failed"
    """Surely not delivered; worth another attempt."""
    AMBIGUOUS = "ambiguous"
    """Perhaps delivered: a time-out, a killed attempt."""


class RowState(StrEnum):
    DUE = "due"
    SENDING = "sending"
    """An attempt was begun; after a crash it may have arrived, and is due."""
    RESERVE = "reserve"
    """Written for a channel that is told only when another one fails."""
    ACCEPTED = "accepted"
    PERHAPS = "perhaps"
    """It may have arrived, and is not sent again."""
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Page:
    """One event to tell: an incident, why now, and through which channels."""

    incident: Incident
    reason: PageReason
    channels: tuple[str, ...]

    @property
    def event(self) -> str:
        """The same id on every channel and on every copy."""
        return f"{self.incident.id}.{self.incident.pages}"

    @property
    def alert(self) -> Alert:
        incident = self.incident
        ended = (incident.ended or incident.last_true).wall if self.reason in ENDS else None
        condition = incident.told_condition or incident.condition
        return Alert(incident.cluster, condition, incident.subject, incident.began.wall, ended)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of one attempt to deliver a page."""

    outcome: Outcome
    detail: str
    """One sentence, without secrets."""
    seconds: float
    wait: float | None = None
    """Seconds for which the service asked to be left alone (Retry-After); None where it did not say."""


@dataclass(frozen=True, slots=True)
class Alert:
    """What a page is about, in what an alert engine knows it again by: the same as long as people were told of it."""

    cluster: str
    condition: Condition
    subject: str
    began: datetime
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """One event as it is told through one channel."""

    channel: str
    event: str
    """The ledger's event id; what is before its point is the incident's id."""
    title: str
    body: str
    severity: Severity
    resolved: bool = False
    quiet: bool = False
    """Whether nobody need hear of it now: a test, a digest."""
    alert: Alert | None = None
    """None of what is about no incident: a test, a digest."""

    @property
    def incident(self) -> str:
        return self.event.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the ledger: an event on a channel, and how far it has come."""

    event: str
    channel: str
    incident: str
    reason: PageReason
    severity: Severity
    title: str
    body: str
    created: Moment
    due: Moment
    attempts: int = 0
    ambiguous: int = 0
    """How many attempts came back as one that may have arrived; not counted are those that drwatch's end cut off."""
    state: RowState = RowState.DUE
    detail: str = ""
    """What the last attempt came to, without secrets."""
    instead: str = ""
    """The channel that this one stands in for; empty for one that was asked for."""
    tried: Moment | None = None
    """When this run of drwatch first tried it."""
    alert: Alert | None = None

    @property
    def letter(self) -> Letter:
        over, quiet = self.reason in ENDS, self.reason in (PageReason.TEST, PageReason.DIGEST)
        return Letter(self.channel, self.event, self.title, self.body, self.severity, over, quiet, self.alert)


_RANK = {
    Condition.PRIMARY_UNSEEN: 0,
    Condition.PRIMARY_SATURATED: 1,
    Condition.PRIMARY_RESTARTING: 2,
    Condition.PRIMARY_HUNG: 3,
    Condition.PRIMARY_DOWN: 3,
    Condition.PRIMARY_HOST_DOWN: 3,
    Condition.PRIMARY_DISK_STALLED: 3,
}


_REMINDERS = {Condition.UNPROTECTED: 6.0}
"""Times the ordinary wait: nothing is down meanwhile, and a rebuild takes hours."""


def _another_face(incident: Incident, settle: float, longest: float, now: Moment) -> bool:
    """Whether the trouble has become another one that is no less grave, and has stayed so."""
    told = incident.told_condition
    # Each page of an incident doubles the wait, so that faces that come and go do not page at every change.
    patience = max(incident.window, min(longest, max(settle, 1.0) * 2 ** min(max(0, incident.pages - 1), 10)))
    if told is None or told is incident.condition or now - incident.condition_began < patience:
        return False
    return _RANK.get(incident.condition, 0) >= _RANK.get(told, 0)


def due(
    incident: Incident, paging: Paging, settle: float, now: Moment
) -> tuple[PageReason, tuple[str, ...], int] | None:
    """What to tell of an incident now: reason, channels and the steps told by then; None when there is nothing.

    ``settle`` is how long a changed face must last, in seconds.
    """
    told = tuple(dict.fromkeys(name for step in paging.escalation[: incident.told_steps] for name in step.to))
    if incident.phase is Phase.RESOLVED:
        return (PageReason.RESOLVED, told, incident.told_steps) if told else None
    if incident.phase is not Phase.OPEN or incident.confirmed is None:
        return None
    if incident.suppressed_by is not None or incident.silence or incident.unproved:
        return None
    if incident.flaps and incident.condition not in ALWAYS_TOLD:
        # Flapping says so; what is true when it ends is told then.
        return None
    if now - incident.last_true > 0:
        # Not true now: it is being held back from its resolve, and nobody need be woken for it any more.
        return None
    # Who silenced it has seen it: the next step's patience begins when that is over.
    since = max(incident.confirmed, incident.freed or incident.confirmed, key=lambda at: at.loop)
    steps = sum(1 for step in paging.escalation if now - since >= step.after)
    late = tuple(dict.fromkeys(name for step in paging.escalation[incident.told_steps : steps] for name in step.to))
    if incident.again:
        return PageReason.AGAIN, tuple(dict.fromkeys(told + late)), max(steps, incident.told_steps)
    if incident.unheard:
        # It is back, and within its window: nobody has had this one to act on.
        return None
    if steps > incident.told_steps:
        return PageReason.ESCALATED if told else PageReason.FIRST, late, steps
    if _another_face(incident, settle, paging.remind, now):
        return PageReason.CHANGED, told, incident.told_steps
    if (
        told
        and incident.told_at is not None
        and incident.freed is not None
        and incident.freed.loop > incident.told_at.loop
    ):
        # A silence or a greater trouble is over, and this is not: it may have been taken for a part of that.
        return PageReason.STILL, told, incident.told_steps
    if (
        incident.severity is Severity.CRITICAL
        and incident.told_at is not None
        and now - incident.told_at >= paging.remind * _REMINDERS.get(incident.condition, 1.0)
    ):
        return PageReason.STILL, told, incident.told_steps
    return None


def page(incident: Incident, paging: Paging, settle: float, now: Moment) -> Page | None:
    """The event to tell of an incident now, the incident marked as told; None when there is nothing to tell."""
    found = due(incident, paging, settle, now)
    if found is None:
        return None
    reason, channels, steps = found
    # A resolve ends what people were told of, whatever face the trouble took on its way out.
    face = incident.told_condition if reason is PageReason.RESOLVED else incident.condition
    told = replace(incident, told_condition=face, told_at=now, told_steps=steps, pages=incident.pages + 1)
    return Page(told, reason, channels)
