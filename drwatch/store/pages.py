"""The pages that an earlier run left unsettled, what came of those of each trouble so far, and which of them stand."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC

from drwatch.core.delivery import UNSETTLED, Reach
from drwatch.core.glance import FIRST_GLANCE, glance
from drwatch.core.incident import Incident, Phase
from drwatch.core.paging import Page, PageReason, Row, RowState
from drwatch.core.sample import Moment
from drwatch.store.values import Reading, incident_of, legible, row_of


def load(
    db: sqlite3.Connection, living: Sequence[str], reading: Reading
) -> tuple[tuple[Row, ...], Mapping[str, Mapping[str, Reach]]]:
    """All rows of the events that have one which is not settled; the reach of these and of the ``living`` incidents."""
    states = sorted(UNSETTLED)
    marks = ", ".join("?" * len(states))
    lines = db.execute(
        f"""SELECT * FROM ledger WHERE event IN (SELECT event FROM ledger WHERE state IN ({marks}))
            ORDER BY created, event, channel""",
        states,
    )
    rows = tuple(legible(lines, lambda line: row_of(line, reading)))
    incidents = {*living, *(row.incident for row in rows)}
    return rows, {incident: _reach(db, incident, reading) for incident in incidents}


def _reach(db: sqlite3.Connection, incident: str, reading: Reading) -> Mapping[str, Reach]:
    lines = db.execute(
        "SELECT channel, created, state, ambiguous, hands FROM ledger WHERE incident = ? AND state != ?",
        (incident, RowState.RESERVE),
    )
    found: dict[str, Reach] = {}
    for line in lines:
        accepted = line["state"] == RowState.ACCEPTED
        perhaps = accepted or line["state"] in (RowState.SENDING, RowState.PERHAPS) or line["ambiguous"] > 0
        made = Reach(reading.moment(line, "created"), perhaps, accepted)
        before = found.get(line["channel"], made)
        found[line["channel"]] = Reach(
            newest=max(before.newest, made.newest, key=lambda at: at.loop),
            perhaps=before.perhaps or perhaps,
            accepted=before.accepted or accepted,
        )
    return found


def standing(db: sqlite3.Connection, channels: Collection[str], reading: Reading) -> tuple[Row, ...]:
    """Of each incident that is open, or whose end is still to be told, the latest page that was accepted, by channel.

    Where the ledger was begun anew since, it is what the incident itself still says.
    """
    over = (PageReason.RESOLVED, *sorted(UNSETTLED))
    marks = ", ".join("?" * len(UNSETTLED))
    ending = f"FROM ledger WHERE reason = ? AND state IN ({marks})"
    # The first condition is for the planner: without it all that was ever told is read.
    lines = db.execute(
        f"""SELECT l.* FROM ledger AS l JOIN incidents AS i ON i.id = l.incident AND l.created >= i.began
            WHERE l.incident IN (SELECT id FROM incidents WHERE phase = ? UNION SELECT incident {ending})
            AND (i.phase = ? OR (l.incident, l.channel) IN (SELECT incident, channel {ending})) ORDER BY l.created""",
        (Phase.OPEN, *over, Phase.OPEN, *over),
    )
    rows = [row for row in legible(lines, lambda line: row_of(line, reading)) if row.channel in channels]
    opened = db.execute("SELECT * FROM incidents WHERE phase = ?", (Phase.OPEN,))
    noted = {(row.incident, row.channel) for row in rows}
    lost = [
        _told(incident, channel, reading.now)
        for incident in legible(opened, lambda line: incident_of(line, reading))
        for channel in incident.told_through
        if channel in channels and (incident.id, channel) not in noted
    ]
    accepted = {(row.incident, row.channel): row for row in rows if row.state is RowState.ACCEPTED}
    return (*accepted.values(), *lost)


def _told(incident: Incident, channel: str, now: Moment) -> Row:
    """A page that was accepted and that the ledger no longer has, as far as its incident says it."""
    page = Page(incident, PageReason.STILL, (channel,))
    face = replace(incident, condition=page.alert.condition)
    return Row(
        event=page.event,
        channel=channel,
        incident=incident.id,
        reason=page.reason,
        severity=incident.severity,
        title=glance(face, PageReason.FIRST, page.event, None, now, UTC, drill=False).line(FIRST_GLANCE),
        body=incident.summary,
        created=incident.told_at or incident.began,
        due=now,
        state=RowState.ACCEPTED,
        alert=page.alert,
    )
