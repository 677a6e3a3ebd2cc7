"""The pages that an earlier run left unsettled, and what came of those of each trouble so far."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from drwatch.core.delivery import UNSETTLED, Reach
from drwatch.core.paging import Row, RowState
from drwatch.store.values import Reading, legible, row_of


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
