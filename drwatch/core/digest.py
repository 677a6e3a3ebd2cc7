"""Once a day, what nobody was woken for: what healed, flapped, was explained or silenced; and what is open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo

from drwatch.core.duration import span
from drwatch.core.finding import Condition, Severity
from drwatch.core.glance import DETAILS
from drwatch.core.incident import ENDED, Incident, Phase
from drwatch.core.paging import PageReason, Row
from drwatch.core.policy import Digest, Paging
from drwatch.core.sample import Moment

MOST = 40
"""Lines of one kind; so many more are counted."""


def turn(digest: Digest, zone: tzinfo, now: Moment) -> str:
    """The latest day whose digest is due: ISO text, which sorts. Each day comes once, whatever the clocks do on it."""
    today = now.wall.astimezone(zone).date()
    day = today if begins(today, digest, zone) <= now.wall else today - timedelta(days=1)
    return day.isoformat()


def begins(day: date, digest: Digest, zone: tzinfo) -> datetime:
    return datetime.combine(day, digest.at, zone).astimezone(UTC)


def since(before: str, digest: Digest, zone: tzinfo) -> datetime:
    """From when on there may be something that the digest of that day did not tell."""
    return begins(date.fromisoformat(before), digest, zone)


def rows(
    day: str, paging: Paging, past: Iterable[Incident], living: Sequence[Incident], zone: tzinfo, now: Moment
) -> tuple[Row, ...]:
    """One row for each channel; none when there is nothing to tell. ``past`` are the incidents that ended since."""
    if paging.digest is None:
        return ()
    parts = list(_parts([*(each for each in past if each.phase in ENDED), *living]))
    if not parts:
        return ()
    event = f"DIGEST.{day}"
    counts = ", ".join(f"{len(found)} {what}" for what, _, found in parts)
    body = "\n".join(line for _, heading, found in parts for line in _lines(heading, found, zone, now))
    return tuple(
        Row(
            event=event,
            channel=channel,
            # Each day is a story of its own: a later one does not take its place.
            incident=event,
            reason=PageReason.DIGEST,
            severity=Severity.WARNING,
            title=f"DIGEST drwatch: {counts} [{event}]",
            body="" if channel in paging.short else DETAILS if channel in paging.private else body,
            created=now,
            due=now,
        )
        for channel in paging.reached(paging.digest.to, now.wall)
    )


def _parts(incidents: Sequence[Incident]) -> Iterator[tuple[str, str, list[Incident]]]:
    """What there is to tell: a word for the title, a heading, and the incidents; nothing that has none."""
    untold = [each for each in incidents if each.told_at is None]
    lasting = [each for each in incidents if each.phase is Phase.OPEN]
    flapping = {(each.cluster, each.topic, each.subject) for each in incidents if each.condition is Condition.FLAPPING}
    passed = [
        each
        for each in untold
        if each.phase is Phase.RESOLVED
        and not (each.silence or each.suppressed_by)
        # Flapping has told of it.
        and (each.cluster, f"{Condition.FLAPPING} {each.topic}", each.subject) not in flapping
    ]
    kinds = (
        ("open", "Open now", [each for each in lasting if each.suppressed_by is None and not each.silence]),
        ("flapped", "Came and went", [each for each in incidents if each.condition is Condition.FLAPPING]),
        ("silenced", "Silenced, and told to nobody", [each for each in untold if each.silence]),
        (
            "explained",
            "Followed from a greater trouble, and told to nobody",
            [each for each in untold if each.suppressed_by is not None and not each.silence],
        ),
        ("passed", "Over before anybody was told (quiet hours, a step's delay)", passed),
        (
            "healed",
            "Healed before anybody was told",
            [each for each in untold if each.phase is Phase.HEALED and not each.silence and each.suppressed_by is None],
        ),
    )
    return ((what, heading, found) for what, heading, found in kinds if found)


def _lines(heading: str, incidents: list[Incident], zone: tzinfo, now: Moment) -> Iterator[str]:
    yield f"{heading}:"
    for each in sorted(incidents, key=lambda each: each.began.loop)[:MOST]:
        began = each.began.wall.astimezone(zone).strftime("%m-%d %H:%M:%S")
        lasted = span((each.last_true if each.phase in ENDED else now) - each.began)
        why = f" (explained by {each.suppressed_by})" if each.suppressed_by else ""
        where = " ".join(filter(None, (each.cluster, str(each.condition), each.subject)))
        yield f"  {began} {where} for {lasted}: {each.summary}{why} [{each.id}]"
    if len(incidents) > MOST:
        yield f"  … and {len(incidents) - MOST} more: drwatch incidents"
