"""How the rows of the ledger come to be accepted: which channel, when again, who stands in, and when it is enough."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from drwatch.core.finding import Condition, Severity
from drwatch.core.incident import Incident, Phase
from drwatch.core.paging import ENDS, Outcome, Page, PageReason, Row, RowState, kept_quiet, must_be_told
from drwatch.core.policy import Paging
from drwatch.core.sample import Moment

BACKOFF = (2.0, 5.0, 15.0, 30.0, 60.0)
"""Seconds before the attempt after the first, the second, …; the last one repeats."""

REFUSED_AGAIN = 300.0
"""A channel that refused for good is tried again this often, so that a mended token is noticed."""

DOUBTFUL_AGAIN = 30.0
"""Seconds before the copy of an attempt that may have arrived: the same human would be woken twice."""

COPIES = 3
"""Attempts of one page through one channel that may have arrived; there is no fourth."""

PATIENCE = 5.0
"""Seconds in which a channel is to have taken a page before another one stands in for it.

That one has half as long, and so on: all there are have been asked within ten."""

WARNING_EXPIRES = 24 * 3600.0
"""Seconds after which a warning that nobody accepted is no longer news. A critical page never expires."""

NOTE_EXPIRES = 3600.0
"""The same, of a digest or a test: one that comes through at night would wake somebody for nothing."""

CROSSED = 2
"""Channels that must have taken a critical page before it counts as delivered: a service's word is no human's."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What came of an incident's pages on one channel so far."""

    newest: Moment
    """When the newest of them was made."""
    perhaps: bool = False
    """Whether one arrived, or may have."""
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """A channel that an event is written for, and as what."""

    channel: str
    reason: PageReason
    reserve: bool
    """Whether it is told only when another one fails."""


def order(paging: Paging, wall: datetime) -> tuple[str, ...]:
    """Every channel, in the order in which one is looked for that stands in at this instant (aware).

    First those that the escalation reaches, then the rest, and last of all those of people who are off duty.
    """
    off = off_duty(paging, wall)
    named = tuple(dict.fromkeys((*_reached(paging, wall), *paging.channels)))
    return (*(name for name in named if name not in off), *(name for name in named if name in off))


def off_duty(paging: Paging, wall: datetime) -> frozenset[str]:
    """The channels of people on a rota that no step of the escalation reaches at this instant (aware)."""
    theirs = {name for rota in paging.rotas for person in rota.people for name in person.channels}
    return frozenset(theirs.difference(_reached(paging, wall)))


def _reached(paging: Paging, wall: datetime) -> tuple[str, ...]:
    return paging.reached((name for step in paging.escalation for name in step.to), wall)


def addresses(event: Page, paging: Paging, reach: Mapping[str, Reach]) -> tuple[Address, ...]:
    """For whom an event is written; ``reach`` is its incident's, by channel.

    The end of a trouble goes wherever the trouble went. Where no page of it can have arrived it is one message that
    tells both. That a channel is broken is told through the others.
    """
    now = event.incident.told_at or event.incident.last_true
    channels, others = event.channels, order(paging, now.wall)
    if event.reason in ENDS:
        channels = tuple(dict.fromkeys((*channels, *(name for name in reach if name in others))))
    if event.incident.condition is Condition.PAGING_BROKEN:
        broken = event.incident.subject
        others = tuple(name for name in others if name != broken) or others
        channels = tuple(name for name in channels if name in others) or others[:1]
    told = [Address(name, _reason(event, name, reach), reserve=False) for name in channels]
    # Nobody is woken in the place of somebody else by a warning, and nobody who is off duty by an end.
    left = {name for name in others if kept_quiet(event.incident, name, paging, now)}
    if event.reason in ENDS:
        left |= off_duty(paging, now.wall)
    spare = [name for name in others if name not in channels and name not in left]
    return (*told, *(Address(name, _reason(event, name, reach, spare=True), reserve=True) for name in spare))


def _reason(event: Page, channel: str, reach: Mapping[str, Reach], spare: bool = False) -> PageReason:
    if event.reason not in ENDS:
        return event.reason
    came = reach.get(channel)
    # Of a channel that was asked and has no account, the ledger was lost: it may well have been told.
    missed = spare if came is None else not came.perhaps
    return PageReason.MISSED if missed else PageReason.RESOLVED


def retry_after(row: Row, outcome: Outcome, chance: float, asked: float | None = None) -> float:
    """Seconds until a row that was not accepted is tried again; full jitter, ``chance`` in 0..1 drawn by the caller.

    ``asked`` is for how long the service wants to be left alone (Retry-After), where it said so.
    """
    if outcome is Outcome.REFUSED:
        return REFUSED_AGAIN
    seconds = BACKOFF[min(max(row.attempts, 1), len(BACKOFF)) - 1] * chance
    if outcome is Outcome.AMBIGUOUS:
        return DOUBTFUL_AGAIN + seconds
    # Nobody may tell a pager to be silent for a day.
    return max(0.5, seconds, min(asked or 0.0, REFUSED_AGAIN))


def after(row: Row, outcome: Outcome, detail: str, due: float, now: Moment) -> Row:
    """The row after an attempt, next tried in ``due`` seconds if it is to be tried again."""
    row = replace(row, detail=detail, ambiguous=row.ambiguous + (outcome is Outcome.AMBIGUOUS))
    if outcome is Outcome.ACCEPTED:
        return replace(row, state=RowState.ACCEPTED)
    if outcome is Outcome.AMBIGUOUS and row.ambiguous >= COPIES:
        words = f"{detail}; so did {row.ambiguous - 1} before it, and there is no further copy"
        return replace(row, state=RowState.PERHAPS, detail=words)
    return replace(row, state=RowState.DUE, due=now.plus(due))


def expired(row: Row, now: Moment) -> bool:
    """Whether nobody need be told any more. Who was told of a trouble is told of its end, however late."""
    if row.reason in (PageReason.DIGEST, PageReason.TEST):
        return now - row.created >= NOTE_EXPIRES
    if row.severity is Severity.CRITICAL or row.reason is PageReason.RESOLVED:
        return False
    return now - row.created >= WARNING_EXPIRES


def overtaken(row: Row, reach: Mapping[str, Reach]) -> bool:
    """Whether a later page of the same incident went to the same channel: a human wants the latest, and once."""
    came = reach.get(row.channel)
    return came is not None and came.newest.loop > row.created.loop


def interrupted(row: Row, now: Moment) -> Row:
    """A row of an earlier run or watch: what was being sent when that ended may have arrived, and is due again.

    One that is to wait longer than a channel is given has been in trouble since before.
    """
    if row.state is RowState.DUE and row.attempts and row.due - now >= PATIENCE:
        return replace(row, tried=row.tried or now)
    if row.state is not RowState.SENDING:
        return row
    return replace(row, state=RowState.DUE, due=now, detail="drwatch ended during the attempt: it may have arrived")


def cut_off(row: Row, now: Moment) -> Row:
    """The row as an orderly end of its watch, or a reload, leaves it: what was being sent is one that may have arrived.

    However many those are, it stays due: who stands in for it is looked for by the next watch.
    """
    if row.state is not RowState.SENDING:
        return row
    words = "drwatch was stopped during the attempt: it may have arrived"
    return replace(
        row, state=RowState.DUE, ambiguous=row.ambiguous + 1, due=now.plus(DOUBTFUL_AGAIN), tried=now, detail=words
    )


def ending(row: Row, event: Collection[Row], reach: Mapping[str, Reach], now: Moment) -> tuple[RowState, str] | None:
    """How a row that is due ends without another attempt, and why; None when it is to be sent.

    ``event`` are the rows of its event, ``reach`` is its incident's, by channel.
    """
    if expired(row, now):
        return RowState.EXPIRED, "it is no longer news"
    if overtaken(row, reach):
        return RowState.EXPIRED, "a later page of the same incident takes its place"
    if row.ambiguous >= COPIES:
        return RowState.PERHAPS, f"it may have arrived {row.ambiguous} times, and there is no further copy"
    taken = sum(other.state is RowState.ACCEPTED for other in event)
    # What another channel has taken proves nothing of the one that is tested.
    if row.ambiguous and row.reason is not PageReason.TEST and taken >= _enough(row):
        return RowState.PERHAPS, "it may have arrived, and other channels have taken it"
    if row.instead and taken >= max(1, _wanted(event)):
        return RowState.EXPIRED, "it is no longer needed: other channels have taken it"
    return None


def stand_ins(
    rows: Sequence[Row],
    channels: Sequence[str],
    reach: Mapping[str, Reach],
    now: Moment,
    off_duty: Collection[str] = frozenset(),
) -> tuple[Row, ...]:
    """Reserve rows of an event that become due now, because channels that were asked do not take it.

    ``rows`` are all of that event's, ``channels`` those that there are, in the order in which they stand in, ``reach``
    its incident's. Who is off duty is asked in somebody else's place only by what must be told.
    """
    gone = [row for row in rows if row.channel not in channels]
    troubled = [row for row in rows if row in gone or (_troubled(row, rows, now) and not overtaken(row, reach))]
    good = [row for row in rows if row not in troubled and row.state is not RowState.RESERVE]
    lacking = _wanted(rows) - len(good)
    replaced = {row.instead for row in rows}
    failed = [row.channel for row in troubled if row.channel not in replaced] or [row.channel for row in troubled]
    spare = {row.channel: row for row in rows if row.state is RowState.RESERVE}
    # Who has heard something later of this incident need not hear this.
    able = [name for name in channels if name in spare and not overtaken(spare[name], reach)]
    able = [name for name in able if name not in off_duty or _at_any_hour(spare[name])]
    return tuple(
        replace(spare[name], state=RowState.DUE, due=now, instead=failed[min(number, len(failed) - 1)])
        for number, name in enumerate(able[: max(0, lacking)])
    )


def _at_any_hour(row: Row) -> bool:
    return row.alert is None or must_be_told(row.severity, row.alert.condition)


def inheriting(fresh: Iterable[Row], waiting: Iterable[Row]) -> tuple[Row, ...]:
    """Stand-ins, as asked for themselves where they take the place of a page that their channel was itself to get.

    That one will not be sent any more, so this one must be, whoever else takes it. ``waiting`` are the incident's other
    rows that are not settled.
    """
    asked = {row.channel for row in waiting if not row.instead}
    return tuple(replace(row, instead="") if row.channel in asked else row for row in fresh)


def patience(row: Row, event: Iterable[Row]) -> float:
    """Seconds in which its channel is to have taken it; ``event`` are the rows of its event."""
    before = {each.channel: each.instead for each in event}
    seconds, stands_for = PATIENCE, row.instead
    while stands_for:
        seconds, stands_for = seconds / 2, before.get(stands_for, "")
    return seconds


def _troubled(row: Row, event: Iterable[Row], now: Moment) -> bool:
    """Whether its channel has not taken it, and will not within the time that one is given."""
    if row.state is RowState.PERHAPS:
        return True
    if row.state not in UNSETTLED or row.tried is None:
        return False
    until = now if row.state is RowState.SENDING else max(now, row.due, key=lambda at: at.loop)
    return until - row.tried >= patience(row, event)


def _enough(row: Row) -> int:
    return CROSSED if row.severity is Severity.CRITICAL and row.reason not in ENDS else 1


def _wanted(event: Iterable[Row]) -> int:
    """How many channels are to take an event: as many as it was written for, and no more than it needs."""
    asked = [row for row in event if row.state is not RowState.RESERVE and not row.instead]
    return min(len(asked), max(map(_enough, asked), default=0))


UNSETTLED = frozenset({RowState.DUE, RowState.SENDING})


def unsettled(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(row for row in rows if row.state in UNSETTLED)


def settled(reach: Mapping[str, Reach], row: Row) -> Mapping[str, Reach]:
    """An incident's reach with what has become of one of its rows."""
    before = reach.get(row.channel, Reach(row.created))
    accepted = row.state is RowState.ACCEPTED
    perhaps = accepted or row.state is RowState.PERHAPS or row.ambiguous > 0
    newest = max(before.newest, row.created, key=lambda at: at.loop)
    return {**reach, row.channel: Reach(newest, before.perhaps or perhaps, before.accepted or accepted)}


def arriving(reach: Mapping[str, Reach], rows: Iterable[Row]) -> Mapping[str, Reach]:
    """An incident's reach at this instant: what is on its way may have arrived."""
    going = {row.channel for row in rows if row.state is RowState.SENDING}
    return {name: replace(came, perhaps=came.perhaps or name in going) for name, came in reach.items()}


def undelivered(incidents: Iterable[Incident], reach: Callable[[str], Mapping[str, Reach]]) -> tuple[Incident, ...]:
    """Critical incidents that people were to be told of, that fewer than two channels have taken a page of, and that
    nobody has in hand: only that proves that a human has heard."""
    return tuple(
        incident
        for incident in incidents
        if incident.phase is Phase.OPEN
        and incident.severity is Severity.CRITICAL
        and incident.pages
        and incident.acknowledged is None
        and sum(came.accepted for came in reach(incident.id).values()) < CROSSED
    )
