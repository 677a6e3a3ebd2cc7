"""The tables, and how a file of an earlier drwatch comes to have them."""

from __future__ import annotations

from typing import Final

APPLICATION: Final = 0x64727761
"""SQLite's application_id of our files: 'drwa'."""

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE incidents (
            id TEXT NOT NULL, cluster TEXT NOT NULL, topic TEXT NOT NULL, subject TEXT NOT NULL,
            condition TEXT NOT NULL, severity TEXT NOT NULL, summary TEXT NOT NULL, evidence TEXT NOT NULL,
            confidence TEXT NOT NULL, phase TEXT NOT NULL, began TEXT NOT NULL, condition_began TEXT NOT NULL,
            last_true TEXT NOT NULL, confirmed TEXT, ended TEXT, suppressed_by TEXT, told_condition TEXT,
            told_at TEXT, told_steps INTEGER NOT NULL, pages INTEGER NOT NULL,
            PRIMARY KEY (id, began)) WITHOUT ROWID""",
        "CREATE INDEX incidents_by_began ON incidents (began)",
        """CREATE TABLE ledger (
            event TEXT NOT NULL, channel TEXT NOT NULL, incident TEXT NOT NULL, reason TEXT NOT NULL,
            severity TEXT NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL, created TEXT NOT NULL, due TEXT NOT NULL,
            attempts INTEGER NOT NULL, ambiguous INTEGER NOT NULL, state TEXT NOT NULL, detail TEXT NOT NULL,
            PRIMARY KEY (event, channel)) WITHOUT ROWID""",
        "CREATE INDEX ledger_by_state ON ledger (state)",
        "CREATE INDEX ledger_by_incident ON ledger (incident)",
        """CREATE TABLE attempts (
            event TEXT NOT NULL, channel TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, outcome TEXT,
            detail TEXT NOT NULL, PRIMARY KEY (event, channel, started)) WITHOUT ROWID""",
        """CREATE TABLE alive (
            cluster TEXT NOT NULL, node TEXT NOT NULL, seen TEXT NOT NULL,
            PRIMARY KEY (cluster, node)) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE timeline (
            cluster TEXT NOT NULL, node TEXT NOT NULL, since REAL NOT NULL, asked REAL NOT NULL, wall TEXT NOT NULL,
            position TEXT NOT NULL, PRIMARY KEY (cluster, node, since)) WITHOUT ROWID""",
        "CREATE TABLE memory (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "INSERT INTO memory SELECT 'alive', json_group_array(json_array(cluster, node)) FROM alive",
        "DROP TABLE alive",
    ),
    (
        """CREATE TABLE blackbox (
            number INTEGER PRIMARY KEY, cluster TEXT NOT NULL, node TEXT NOT NULL, died TEXT NOT NULL,
            incident TEXT NOT NULL, body TEXT NOT NULL, digest TEXT NOT NULL)""",
        *(
            f"""CREATE TRIGGER blackbox_{deed} BEFORE {deed} ON blackbox {when}
            BEGIN SELECT RAISE(ABORT, 'the black box can only be added to'); END"""
            for deed, when in (
                ("UPDATE", ""),
                ("DELETE", ""),
                # An INSERT OR REPLACE would run no DELETE trigger.
                ("INSERT", "WHEN NEW.number <= (SELECT max(number) FROM blackbox)"),
            )
        ),
    ),
    (
        """CREATE TABLE votes (
            incident TEXT NOT NULL, began TEXT NOT NULL, condition TEXT NOT NULL, at TEXT NOT NULL,
            confidence TEXT NOT NULL, evidence TEXT NOT NULL, votes TEXT NOT NULL,
            PRIMARY KEY (incident, began, condition)) WITHOUT ROWID""",
    ),
    (
        """CREATE TABLE silences (
            id TEXT PRIMARY KEY, cluster TEXT NOT NULL, began TEXT NOT NULL, seconds REAL NOT NULL, until TEXT NOT NULL,
            reason TEXT NOT NULL, by TEXT NOT NULL, condition TEXT, node TEXT NOT NULL, ended TEXT,
            ended_by TEXT NOT NULL) WITHOUT ROWID""",
        "CREATE INDEX silences_by_until ON silences (until)",
        "ALTER TABLE incidents ADD COLUMN silence TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE incidents ADD COLUMN freed TEXT",
    ),
    (
        "ALTER TABLE incidents ADD COLUMN hands TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE ledger ADD COLUMN hands TEXT NOT NULL DEFAULT ''",
    ),
    ("ALTER TABLE ledger ADD COLUMN alert TEXT",),
    (
        """CREATE TABLE acknowledgements (
            incident TEXT NOT NULL, began TEXT NOT NULL, at TEXT NOT NULL, seconds REAL NOT NULL, by TEXT NOT NULL,
            origin TEXT NOT NULL, condition TEXT NOT NULL, severity TEXT NOT NULL, note TEXT NOT NULL,
            PRIMARY KEY (incident, began, at)) WITHOUT ROWID""",
        *(
            f"""CREATE TRIGGER acknowledgements_{deed} BEFORE {deed} ON acknowledgements {when}
            BEGIN SELECT RAISE({what}); END"""
            for deed, when, what in (
                ("UPDATE", "", "ABORT, 'an acknowledgement is never changed'"),
                # Its record goes with its incident's, and not before.
                (
                    "DELETE",
                    "WHEN EXISTS (SELECT 1 FROM incidents WHERE id = OLD.incident AND began = OLD.began)",
                    "ABORT, 'an acknowledgement stays as long as its incident'",
                ),
                # An INSERT OR REPLACE would run no DELETE trigger.
                (
                    "INSERT",
                    "WHEN EXISTS (SELECT 1 FROM acknowledgements AS kept "
                    "WHERE kept.incident = NEW.incident AND kept.began = NEW.began AND kept.at = NEW.at)",
                    "IGNORE",
                ),
            )
        ),
        "ALTER TABLE incidents ADD COLUMN acknowledged TEXT",
        "ALTER TABLE incidents ADD COLUMN told_through TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE incidents ADD COLUMN held TEXT NOT NULL DEFAULT '[]'",
    ),
    ("ALTER TABLE ledger ADD COLUMN instead TEXT NOT NULL DEFAULT ''",),
    ("ALTER TABLE silences ADD COLUMN hands TEXT NOT NULL DEFAULT ''",),
    (
        """CREATE TABLE decisions (
            incident TEXT NOT NULL, began TEXT NOT NULL, number INTEGER NOT NULL, at TEXT NOT NULL,
            phase TEXT NOT NULL, condition TEXT NOT NULL, severity TEXT NOT NULL, suppressed_by TEXT,
            silence TEXT NOT NULL, in_hand TEXT NOT NULL, flaps INTEGER NOT NULL, told TEXT, kept TEXT NOT NULL,
            withheld TEXT NOT NULL, event TEXT NOT NULL, reason TEXT, channels TEXT NOT NULL,
            PRIMARY KEY (incident, began, number)) WITHOUT ROWID""",
        *(
            f"""CREATE TRIGGER {table}_{deed} BEFORE {deed} ON {table} WHEN {when} BEGIN SELECT RAISE({what}); END"""
            for table, deed, when, what in (
                ("decisions", "UPDATE", "TRUE", "ABORT, 'what was decided is never changed'"),
                (
                    "decisions",
                    "DELETE",
                    "EXISTS (SELECT 1 FROM incidents WHERE id = OLD.incident AND began = OLD.began)",
                    "ABORT, 'what was decided stays as long as its incident'",
                ),
                (
                    "decisions",
                    "INSERT",
                    "EXISTS (SELECT 1 FROM decisions AS kept WHERE kept.incident = NEW.incident "
                    "AND kept.began = NEW.began AND kept.number = NEW.number)",
                    "IGNORE",
                ),
                ("attempts", "UPDATE", "OLD.ended IS NOT NULL", "ABORT, 'an attempt that is over is never changed'"),
                (
                    "attempts",
                    "DELETE",
                    "EXISTS (SELECT 1 FROM ledger WHERE event = OLD.event AND channel = OLD.channel)",
                    "ABORT, 'an attempt stays as long as its page'",
                ),
                (
                    "attempts",
                    "INSERT",
                    "EXISTS (SELECT 1 FROM attempts AS kept WHERE kept.event = NEW.event "
                    "AND kept.channel = NEW.channel AND kept.started = NEW.started AND kept.ended IS NOT NULL)",
                    "IGNORE",
                ),
            )
        ),
    ),
    ("ALTER TABLE incidents ADD COLUMN told_grade TEXT",),
)
"""Statements that bring a file from one schema version to the next; the version is their count."""

INCIDENT: Final = (
    "id", "cluster", "topic", "subject", "condition", "severity", "summary", "evidence", "confidence", "phase", "began",
    "condition_began", "last_true", "confirmed", "ended", "suppressed_by", "told_condition", "told_at", "told_steps",
    "pages", "silence", "freed", "acknowledged", "told_through", "held", "told_grade", "hands",
)  # fmt: skip
ROW: Final = (
    "event", "channel", "incident", "reason", "severity", "title", "body", "created", "due", "attempts", "ambiguous",
    "state", "detail", "alert", "instead", "hands",
)  # fmt: skip
"""The last of each holds the loop's hand of its moments, whose wall's hand stands in their own columns."""
