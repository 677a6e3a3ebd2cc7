"""Pages that an earlier run left, as the channels that there are now are to have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import tzinfo

from drwatch.core.delivery import off_duty, order
from drwatch.core.finding import Condition
from drwatch.core.glance import DETAILS, FIRST_GLANCE, SMS, gsm, retold, septets
from drwatch.core.paging import ENDS, Alert, PageReason, Row, RowState, quiet_until
from drwatch.core.policy import Paging
from drwatch.core.sample import Moment


def readdressed(rows: Iterable[Row], paging: Paging, zone: tzinfo, now: Moment) -> tuple[Row, ...]:
    """These rows, which are all of events that are not settled, and beside them those of channels that have none yet.

    A channel that was added, or whose people are on duty by now, can stand in for one that takes nothing. One that is
    private by now is sent no name that was written for it before.
    """
    events: dict[str, list[Row]] = {}
    for row in rows:
        events.setdefault(row.event, []).append(_veiled(row, zone, now) if row.channel in paging.private else row)
    return tuple(each for event in events.values() for each in (*event, *_spare(event, paging, zone, now)))


def _veiled(row: Row, zone: tzinfo, now: Moment) -> Row:
    """A page in words without a name, where it may have others. A test has none, nor has a digest's title."""
    if row.reason is PageReason.TEST or row.body == DETAILS or row.body.endswith(f"\n{DETAILS}"):
        return row
    title = row.title if row.reason is PageReason.DIGEST else _line(row, row.reason, not row.body, True, zone, now)
    return replace(row, title=title, body=row.body and DETAILS)


def _spare(event: Sequence[Row], paging: Paging, zone: tzinfo, now: Moment) -> Iterator[Row]:
    """What is about no incident, a test or a digest, is for its own channel alone."""
    fullest = max(event, key=lambda row: len(row.body))
    if fullest.alert is None:
        return
    for channel in _able(fullest, fullest.alert, paging, now):
        if all(row.channel != channel for row in event):
            yield _written(fullest, channel, paging, zone, now)


def _able(row: Row, alert: Alert, paging: Paging, now: Moment) -> Iterator[str]:
    """Who may be woken in the place of somebody else, as when an event is written."""
    names = order(paging, now.wall)
    left = {*quiet_until(row.severity, alert.condition, names, paging, now.wall)}
    if row.reason in ENDS:
        left |= off_duty(paging, now.wall)
    if alert.condition is Condition.PAGING_BROKEN:
        left.add(alert.subject)
    return (name for name in names if name not in left)


def _written(row: Row, channel: str, paging: Paging, zone: tzinfo, now: Moment) -> Row:
    """The event in reserve for a channel that never had a page of it, in words that it may have, and has room for."""
    short, private = channel in paging.short, channel in paging.private
    reason = PageReason.MISSED if row.reason in ENDS else row.reason
    anew = short or private or reason is not row.reason
    return Row(
        event=row.event,
        channel=channel,
        incident=row.incident,
        reason=reason,
        severity=row.severity,
        title=_line(row, reason, short, private, zone, now) if anew else row.title,
        body="" if short else DETAILS if private else row.body,
        created=row.created,
        due=now,
        state=RowState.RESERVE,
        alert=row.alert,
    )


def _line(row: Row, reason: PageReason, short: bool, private: bool, zone: tzinfo, now: Moment) -> str:
    """Its title as it would be written now, without the figures of its time."""
    line = retold(row, reason, now, zone)
    if private:
        line = replace(line, subject="")
    if short:
        return replace(line, cluster=gsm(line.cluster), subject=gsm(line.subject)).line(SMS, septets)
    return line.line(FIRST_GLANCE)
