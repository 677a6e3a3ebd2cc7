"""What was decided of an incident, and when: a line for each change, from which anybody can tell later why it paged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from drwatch.core.finding import Condition, Severity
from drwatch.core.incident import ENDED, Incident, Phase
from drwatch.core.paging import PageReason, Row, RowState, held_back
from drwatch.core.policy import Policy
from drwatch.core.sample import Moment
from drwatch.core.waiting import withheld

LINES = 500
"""Lines of one incident, after which only its pages and its end are added: what explains it may come and go."""


@dataclass(frozen=True, slots=True)
class Stand:
    """How an incident stands, as far as that decides whether anybody is told of it."""

    phase: Phase
    condition: Condition
    severity: Severity
    suppressed_by: Condition | None = None
    silence: str = ""
    in_hand: str = ""
    """Who has it in hand; empty while nobody has."""
    flaps: bool = False
    told: Condition | None = None
    """The face that people were told last; None while nobody was, and once what they were to be told is withdrawn."""
    kept: tuple[str, ...] = ()
    """The channels from which quiet hours keep it."""
    withheld: str = ""
    """The page that was kept back last, because what it tells of was not so."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One line: how an incident stood from then on, and the page that was made then, if one was; moments aware UTC."""

    incident: str
    began: datetime
    number: int
    """The so manieth line of its incident."""
    at: datetime
    stand: Stand
    event: str = ""
    reason: PageReason | None = None
    channels: tuple[str, ...] = ()
    """For whom the page was written; who stands in for them is found out later."""


Decided = Mapping[str, Decision]
"""The last line of each incident, by its id."""


def decisions(
    before: Decided,
    incidents: Iterable[Incident],
    written: Collection[str],
    made: Sequence[Row],
    waiting: Sequence[Row],
    policy: Policy,
    now: Moment,
) -> tuple[Decision, ...]:
    """The lines that are to be added now, at most one for each incident.

    ``written`` are the ids of incidents that are written down now, ``made`` the rows of the pages that are made now,
    ``waiting`` those that are not settled. A suspicion that is not worth a line of the history is not worth one here.
    """
    lines: list[Decision] = []
    for incident in incidents:
        last = before.get(incident.id)
        if incident.phase is not Phase.OPEN and incident.id not in written and last is None:
            continue
        stand = _stand(incident, last, waiting, policy, now)
        page = [row for row in made if row.incident == incident.id]
        if last is not None and not page:
            full = last.number >= LINES and incident.phase not in ENDED
            if full or stand == last.stand:
                continue
        number = 1 if last is None else last.number + 1
        line = Decision(incident.id, incident.began.wall, number, now.wall, stand)
        lines.append(_with_page(line, page) if page else line)
    return tuple(lines)


def after(before: Decided, made: Iterable[Decision]) -> Decided:
    """The last lines of the incidents that live on, with those that were just made."""
    lines = {**before, **{line.incident: line for line in made}}
    return {name: line for name, line in lines.items() if line.stand.phase not in ENDED}


def _stand(incident: Incident, last: Decision | None, waiting: Sequence[Row], policy: Policy, now: Moment) -> Stand:
    kept = tuple(held_back(incident, policy.paging, policy.confirm.conclusive, now))
    if last is not None and incident.phase is Phase.OPEN and (incident.unproved or now - incident.last_true > 0):
        # A trouble that is away for a second, or that nobody has looked at since a start, changes no quiet hours.
        kept = last.stand.kept
    due = (row for row in waiting if row.incident == incident.id and row.state is RowState.DUE and now - row.due >= 0)
    back = next((row.event for row in due if withheld(row, (incident,), now)), "")
    return Stand(
        phase=incident.phase,
        condition=incident.condition,
        severity=incident.severity,
        suppressed_by=incident.suppressed_by,
        silence=incident.silence,
        in_hand=incident.acknowledged.by if incident.acknowledged is not None else "",
        flaps=incident.flaps,
        told=incident.told_condition,
        kept=kept,
        # Once for each page: what comes and goes would else write a line each time.
        withheld=back or (last.stand.withheld if last is not None else ""),
    )


def _with_page(line: Decision, page: Sequence[Row]) -> Decision:
    asked = [row for row in page if row.state is not RowState.RESERVE]
    # Where its end is told, some may have missed all of it: that is said with each page.
    reasons = [row.reason for row in asked]
    reason = PageReason.RESOLVED if PageReason.RESOLVED in reasons else reasons[0]
    return replace(line, event=page[0].event, reason=reason, channels=tuple(row.channel for row in asked))
