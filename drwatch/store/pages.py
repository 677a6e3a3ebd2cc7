"""The pages that an earlier run left unsettled, and what came of those of each trouble so far."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from drwatch.core.delivery import UNSETTLED, Reach
from drwatch.core.paging import Row, RowState
from drwatch.store.values import Reading, row_of


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
    rows = tuple(row_of(line, reading) for line in lines)
    incidents = {*living, *(row.incident for row in rows)}
    return rows, {incident: _reach(db, incident, reading) for incident in incidents}


def _reach(db: sqlite3.Connection, incident: str, reading: Reading) -> Mapping[str, Reach]:
    # The other columns are those of the newest line, as SQLite promises beside one max().
    lines = db.execute(
        """SELECT *, max(created), sum(state = ?) AS accepted, sum(state IN (?, ?) OR ambiguous > 0) AS perhaps
           FROM ledger WHERE incident = ? AND state != ? GROUP BY channel""",
        (RowState.ACCEPTED, RowState.SENDING, RowState.PERHAPS, incident, RowState.RESERVE),
    )
    return {
        line["channel"]: Reach(
            newest=row_of(line, reading).created,
            perhaps=bool(line["perhaps"] or line["accepted"]),
            accepted=bool(line["accepted"]),
        )
        for line in lines
    }
