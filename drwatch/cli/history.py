"""A line for each thing that happened."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from drwatch.cli.words import moment, one_line
from drwatch.core.actuals import COMPONENTS, Kind, Outage
from drwatch.core.drill import Drill
from drwatch.core.duration import span
from drwatch.store import Past


def incident(line: Past, zone: ZoneInfo) -> str:
    """One incident of the history: id, when, how long, what, and how many pages it took."""
    ended = f"to {moment(line.ended, zone)} ({span((line.ended - line.began).total_seconds())})" if line.ended else "on"
    pages = f"{line.told or 'no'} page{'' if line.told == 1 else 's'}"
    why = f", explained by {line.suppressed_by}" if line.suppressed_by else ""
    why += f", silenced by {line.silence}" if line.silence else ""
    why += f", {one_line(line.acks[-1].by)} had it in hand" if line.acks else ""
    where = f"{line.cluster}: " if line.cluster else ""
    return (
        f"{line.id}  from {moment(line.began, zone)} {ended}  {line.phase}  {line.severity.upper()} "
        f"{where}{line.condition} {line.subject}: {one_line(line.summary)} ({pages}{why})"
    )


def drill(drill: Drill, outages: Iterable[Outage], zone: ZoneInfo) -> str:
    """One drill of the history, with what was measured in it."""
    measured = [
        f"{each.lost} to {each.standby}: "
        + ", ".join(f"{part} {span(took)}" for part in COMPONENTS if (took := each.seconds(part)) is not None)
        for each in outages
        if each.cluster == drill.cluster
        and each.kind is Kind.DRILL
        and each.promoted is not None
        and drill.began.wall <= each.promoted.wall <= drill.until.wall
    ]
    lasted = span((drill.until.wall - drill.began.wall).total_seconds())
    times = f"from {moment(drill.began.wall, zone)} to {moment(drill.until.wall, zone)} ({lasted})"
    return f"DRILL   {times}  {drill.cluster}: {'; '.join(measured) or 'no takeover was seen in it'}"
