"""Which pages are due, to whom and why; and the rows of the ledger that they become."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from drwatch.core.finding import ALWAYS_TOLD, GRAVITY, Condition, Severity
from drwatch.core.incident import Incident, Phase
from drwatch.core.policy import Paging, Step
from drwatch.core.sample import Moment


class PageReason(StrEnum):
    """Why we page now; the closed list."""

    FIRST = "first"
    ESCALATED = "escalated"
    """The next step's delay is over and the incident is still open."""
    CHANGED = "changed"
    """The trouble has another face, so another runbook; or it has become critical."""
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

UNASKING = ENDS | {PageReason.TEST, PageReason.DIGEST}
"""What asks nobody to take anything in hand, and is told whoever has."""


class Outcome(StrEnum):
    """What came of one attempt."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """For good: the channel itself is broken (bad token, no such topic)."""
    FAILED = "failed"
    """Surely not delivered; worth another attempt."""
    AMBIGUOUS = "ambiguous"
    """Perhaps delivered: a time-out, a killed attempt."""


class Killed(StrEnum):
    """What of the couriers had to be killed."""

    ATTEMPT = "attempt"
    """At its limit."""
    COURIER = "courier"
    """It was stuck, or did not get ready."""


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


Held = Mapping[str, Mapping[str, datetime]]
"""By incident the channels from which quiet hours keep a page of it, and until when (aware UTC)."""


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
    asks: bool = False
    """Whether somebody is to take what it tells of in hand."""
    quiet: bool = False
    """Whether nobody need hear of it now: a test, a digest."""
    test: bool = False
    missed: bool = False
    """Whether it tells at once that there was a trouble and that it is over."""
    alert: Alert | None = None
    """None of what is about no incident: a test, a digest."""

    @property
    def incident(self) -> str:
        return self.event.partition(".")[0]

    @property
    def key(self) -> str:
        """What a service with incidents of its own is to know it by: what belongs to no open one is one by itself."""
        return self.event if self.quiet or self.missed else self.incident


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
    """How many attempts came back as one that may have arrived; not counted are those that a crash cut off."""
    state: RowState = RowState.DUE
    detail: str = ""
    """What the last attempt came to, without secrets."""
    instead: str = ""
    """The channel that this one stands in for; empty for one that was asked for."""
    tried: Moment | None = None
    """When it was first its channel's to take, in this run of drwatch."""
    alert: Alert | None = None

    @property
    def letter(self) -> Letter:
        over, quiet = self.reason in ENDS, self.reason in (PageReason.TEST, PageReason.DIGEST)
        return Letter(
            self.channel,
            self.event,
            self.title,
            self.body,
            self.severity,
            over,
            asks=self.reason not in UNASKING,
            quiet=quiet,
            test=self.reason is PageReason.TEST,
            missed=self.reason is PageReason.MISSED,
            alert=self.alert,
        )


_REMINDERS = {Condition.UNPROTECTED: 6.0, Condition.FLAPPING: 6.0}
"""Times the ordinary wait: nothing is down meanwhile, and a rebuild takes hours; or it is only down now and then."""


def _another_face(incident: Incident, settle: float, longest: float, now: Moment) -> bool:
    """Whether the trouble has become another one that is no less grave, and has stayed so."""
    told = incident.told_condition
    # Each page of an incident doubles the wait, so that faces that come and go do not page at every change. What is
    # worse than anything told before waits for none of that: it is so no more often than there are ranks.
    doubled = 1 if incident.worse_than_told else 2 ** min(max(0, incident.pages - 1), 10)
    patience = max(incident.window, min(longest, max(settle, 1.0) * doubled))
    if told is None or told is incident.condition or now - incident.condition_began < patience:
        return False
    return GRAVITY.get(incident.condition, 0) >= GRAVITY.get(told, 0)


def _recipients(steps: Iterable[Step], paging: Paging, now: Moment) -> tuple[str, ...]:
    """Whom these steps reach at this moment: of a rota, whoever is on duty."""
    return paging.reached((name for step in steps for name in step.to), now.wall)


def _told_through(incident: Incident, paging: Paging, now: Moment) -> tuple[str, ...]:
    """The channels on which somebody waits for the end."""
    if incident.told_through:
        return tuple(name for name in incident.told_through if name in paging.channels)
    # A ledger of before this was noted says by how many steps only.
    return _recipients(paging.escalation[: incident.told_steps], paging, now)


def must_be_told(severity: Severity, condition: Condition) -> bool:
    """Whether it is told at any hour, and to anybody, rather than to nobody."""
    return severity is Severity.CRITICAL or condition in ALWAYS_TOLD


def quiet_until(
    severity: Severity, condition: Condition, names: Iterable[str], paging: Paging, wall: datetime
) -> Mapping[str, datetime]:
    """Of these channels those from which quiet hours keep it at this instant (aware), and until when (aware UTC)."""
    if must_be_told(severity, condition):
        return {}
    quiet = {name: paging.quiet[name] for name in names if name in paging.quiet}
    return {name: hours.until(wall) for name, hours in quiet.items() if hours.covers(wall)}


def held_back(incident: Incident, paging: Paging, settle: float, now: Moment) -> Mapping[str, datetime]:
    """From which channels quiet hours keep a page of this now, and until when (aware UTC).

    Whatever else hides it is said elsewhere. ``settle`` is as in ``due``.
    """
    hidden = incident.suppressed_by is not None or incident.silence or incident.acknowledged is not None
    if incident.phase is not Phase.OPEN or hidden:
        return {}
    found = due(incident, paging, settle, now)
    names = dict.fromkeys((*_owed(incident, paging, now), *(found[1] if found else ())))
    return quiet_until(incident.severity, incident.condition, names, paging, now.wall)


def kept_quiet(incident: Incident, channel: str, paging: Paging, now: Moment) -> bool:
    """Whether quiet hours keep a page of this from a channel: of a warning alone, never that nobody would be paged."""
    return channel in quiet_until(incident.severity, incident.condition, (channel,), paging, now.wall)


def _owed(incident: Incident, paging: Paging, now: Moment) -> tuple[str, ...]:
    """The channels that are to have the page which quiet hours keep back: in the place of whoever is off duty by now,
    those of whoever is on duty and was not told."""
    if not incident.held:
        return ()
    told = _recipients(paging.escalation[: incident.told_steps], paging, now)
    heard = _told_through(incident, paging, now)
    return tuple(name for name in told if name in incident.held or name not in heard)


def _outgrown(incident: Incident, paging: Paging, settle: float, now: Moment) -> bool:
    """Whether it has become worse than what somebody has in hand. A higher severity has lasted already."""
    ack = incident.acknowledged
    if ack is None or ack.more_severe(incident.severity):
        return ack is not None
    return ack.graver(incident.condition) and _another_face(incident, settle, paging.remind, now)


def first_told(severity: Severity, condition: Condition, steps: int, paging: Paging, wall: datetime) -> int:
    """How many of the first ``steps`` of the escalation are told of what nobody was told yet, at this instant (aware).

    A warning is told to nobody before those who come first, and who may take it in hand, can hear of it.
    """
    if must_be_told(severity, condition):
        return steps
    for count, step in enumerate(paging.escalation[:steps], 1):
        if paging.reached((name for each in paging.escalation[:count] for name in each.to), wall):
            return sum(1 for each in paging.escalation[:steps] if each.after <= step.after)
    return steps


def due(
    incident: Incident, paging: Paging, settle: float, now: Moment
) -> tuple[PageReason, tuple[str, ...], int] | None:
    """What to tell of an incident now: reason, channels and the steps told by then; None when there is nothing.

    ``settle`` is how long a changed face must last, in seconds.
    """
    if incident.phase is Phase.RESOLVED:
        heard = _told_through(incident, paging, now)
        return (PageReason.RESOLVED, heard, incident.told_steps) if heard else None
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
    told = _recipients(paging.escalation[: incident.told_steps], paging, now)
    if incident.acknowledged is not None:
        if not _outgrown(incident, paging, settle, now):
            return None
        if told:
            return PageReason.CHANGED, told, incident.told_steps
    # Who silenced it has seen it: the next step's patience begins when that is over.
    since = max(incident.confirmed, incident.freed or incident.confirmed, key=lambda at: at.loop)
    steps = sum(1 for step in paging.escalation if now - since >= step.after)
    if not incident.told_steps:
        steps = first_told(incident.severity, incident.condition, steps, paging, now.wall)
    late = _recipients(paging.escalation[incident.told_steps : steps], paging, now)
    if incident.again:
        return PageReason.AGAIN, tuple(dict.fromkeys(told + late)), max(steps, incident.told_steps)
    if incident.unheard:
        # It is back, and within its window: nobody has had this one to act on.
        return None
    if told and incident.told_condition is incident.condition and incident.worse_than_told:
        # The same face has become critical, and that has lasted.
        return PageReason.CHANGED, tuple(dict.fromkeys(told + late)), max(steps, incident.told_steps)
    # A silence or a greater trouble is over, and this is not: it may have been taken for a part of that.
    again = told if _freed_since_told(incident) else ()
    if steps > incident.told_steps:
        reason = PageReason.ESCALATED if told else PageReason.FIRST
        return reason, tuple(dict.fromkeys(again + late)), steps
    if _another_face(incident, settle, paging.remind, now):
        return PageReason.CHANGED, told, incident.told_steps
    if again:
        return PageReason.STILL, again, incident.told_steps
    if (
        incident.severity is Severity.CRITICAL
        and incident.told_at is not None
        and now - incident.told_at >= _reminder(incident, paging)
    ):
        return PageReason.STILL, told, incident.told_steps
    ended = tuple(name for name in _owed(incident, paging, now) if not kept_quiet(incident, name, paging, now))
    return (PageReason.STILL, ended, incident.told_steps) if ended else None


def _freed_since_told(incident: Incident) -> bool:
    told, freed = incident.told_at, incident.freed
    return told is not None and freed is not None and freed.loop > told.loop


def _reminder(incident: Incident, paging: Paging) -> float:
    """Seconds between two pages of what is critical and nobody has in hand."""
    told = paging.escalation[: incident.told_steps]
    own = told[-1].remind if told else None
    return (paging.remind if own is None else own) * _REMINDERS.get(incident.condition, 1.0)


def page(incident: Incident, paging: Paging, settle: float, now: Moment) -> Page | None:
    """The event to tell of an incident now, the incident marked as told; None when there is nothing to tell.

    What quiet hours keep from one channel is owed to it when they end; what they keep from the whole first step is not
    told at all yet.
    """
    found = due(incident, paging, settle, now)
    if found is None:
        return None
    reason, channels, steps = found
    over = reason is PageReason.RESOLVED
    loud = tuple(name for name in channels if over or not kept_quiet(incident, name, paging, now))
    if not loud:
        return None
    told = replace(
        incident,
        # A resolve ends what people were told of, whatever face the trouble took on its way out.
        told_condition=incident.told_condition if over else incident.condition,
        told_grade=incident.told_grade if over else max(incident.grade, incident.told_grade or incident.grade),
        told_at=now,
        told_steps=steps,
        told_through=tuple(dict.fromkeys((*_told_through(incident, paging, now), *loud))),
        held=tuple(dict.fromkeys(name for name in (*_owed(incident, paging, now), *channels) if name not in loud)),
        pages=incident.pages + 1,
    )
    if reason is PageReason.FIRST and not must_be_told(incident.severity, incident.condition):
        # However late that is, the later steps are as much later as they were to be.
        told = replace(told, freed=now.plus(-paging.escalation[steps - 1].after))
    if incident.acknowledged is not None and not over:
        # Whoever had it in hand had a lesser trouble there: from now on everybody's patience begins anew.
        told = replace(told, acknowledged=None, freed=now)
    return Page(told, reason, loud)
