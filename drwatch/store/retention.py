"""What is old enough to be forgotten, in small steps: a page must never wait for a spring cleaning."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Final

from drwatch.core.incident import ENDED
from drwatch.core.paging import RowState

STEP: Final = 200
"""Lines of a table that one transaction deletes, and pages of the file that it gives back: some milliseconds."""

_ENDED: Final = f"({', '.join(repr(str(phase)) for phase in sorted(ENDED))})"

_OLD: Final = (
    ("incidents", "id, began", f"phase IN {_ENDED} AND ended < ?"),
    # Triggers let none of these go before its incident, and no attempt before its page.
    *(
        (
            table,
            f"incident, began, {key}",
            f"""at < ? AND NOT EXISTS (SELECT 1 FROM incidents AS kept
                WHERE kept.id = {table}.incident AND kept.began = {table}.began)""",
        )
        for table, key in (("acknowledgements", "at"), ("decisions", "number"))
    ),
    # What an incident was told by is told again to an Alertmanager for as long as it lives, after a restart too.
    (
        "ledger",
        "event, channel",
        f"""state NOT IN ('{RowState.DUE}', '{RowState.SENDING}') AND created < ? AND NOT EXISTS (
           SELECT 1 FROM incidents AS kept
           WHERE kept.id = ledger.incident AND kept.began <= ledger.created AND kept.phase NOT IN {_ENDED})""",
    ),
    (
        "attempts",
        "event, channel, started",
        """started < ? AND NOT EXISTS (SELECT 1 FROM ledger AS kept
           WHERE kept.event = attempts.event AND kept.channel = attempts.channel)""",
    ),
    ("votes", "incident, began, condition", "at < ?"),
    ("silences", "id", "until < ?"),
)
"""Table, key, and what of it is over. The black box is for good, and what has not ended is kept however old it is."""


def prune(db: sqlite3.Connection, before: str) -> int:
    """Delete some lines that ended before that moment, as UTC text; how many. Call it in a transaction."""
    deleted = 0
    for table, key, over in _OLD:
        some = f"SELECT {key} FROM {table} WHERE {over} LIMIT {STEP}"
        deleted += db.execute(f"DELETE FROM {table} WHERE ({key}) IN ({some})", (before,)).rowcount
    return deleted


def shrink(db: sqlite3.Connection) -> int:
    """Give some unused pages of the file back to the disk; how many are left. Not in a transaction."""
    db.execute(f"PRAGMA incremental_vacuum({STEP})").fetchall()
    return int(db.execute("PRAGMA freelist_count").fetchone()[0])


def make_shrinkable(db: sqlite3.Connection) -> None:
    """Let the file be one that can be shrunk in steps: from the first table on, or by rewriting it once."""
    if db.execute("PRAGMA auto_vacuum").fetchone()[0] == 2:
        return
    db.execute("PRAGMA auto_vacuum=INCREMENTAL")
    if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        # Without the room for it the file goes on as it is: what is freed in it is used again.
        with suppress(sqlite3.OperationalError):
            db.execute("VACUUM")
