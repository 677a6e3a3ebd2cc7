"""A database that is damaged, or gone from under a running drwatch: kept aside, so that a new one can begin."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from drwatch.core.delivery import UNSETTLED
from drwatch.core.incident import ENDED
from drwatch.store.trouble import StoreError

KEPT: Final = 10
"""Damaged files beside the database, over which the disk is at fault and no new one is begun."""

TAIL: Final = ("-wal", "-shm")
"""What SQLite has beside a database, found by these endings of the name."""


class Gone(FileNotFoundError):
    """The file is no longer the one that was opened: what is written there would be found by nobody."""


def gone(path: Path) -> str:
    """Make room for a new file, or for one that somebody has put there; what became of the old one, in words."""
    # The log belongs to the file that is gone: another database would have it for its own.
    for ending in TAIL:
        path.with_name(path.name + ending).unlink(missing_ok=True)
    return "was replaced by another file" if path.exists() else "was removed from the disk"


def move(path: Path) -> str:
    """Move the file out of the way; what became of it, in words. Raises OSError, or StoreError for one too many.

    Its new name has the time when it was last written, in UTC.
    """
    if len([each for each in path.parent.glob(f"{path.name}.damaged-*") if not each.name.endswith(TAIL)]) >= KEPT:
        raise StoreError(
            f"{path}: it is damaged, and so are {KEPT} before it: look at the disk, then move the damaged files away"
        )
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    stem = f"{path.name}.damaged-{written:%Y%m%dT%H%M%SZ}"
    names = (stem, *(f"{stem}.{number}" for number in range(2, KEPT + 2)))
    kept = next(name for name in names if not path.with_name(name).exists())
    # Its log first: a new database that finds an old log of its name would have it for its own.
    for ending in TAIL:
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(path.with_name(kept + ending))
    path.rename(path.with_name(kept))
    return f"was damaged and is kept as {kept}"


def proofread(path: Path, inode: int) -> None:
    """Read from the disk what a restart would need. Raises Gone, or sqlite3.Error for what cannot be read.

    ``inode`` is the file's that was opened.

    The writer's connection answers from its cache what somebody has overwritten or removed meanwhile. Through SQLite:
    whoever opens the file himself and closes it gives up every lock that SQLite has on it.
    """
    if not path.exists() or path.stat().st_ino != inode:
        raise Gone(errno.ENOENT, os.strerror(errno.ENOENT))
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", timeout=1.0, uri=True)) as db:
        ended, waiting = sorted(ENDED), sorted(UNSETTLED)
        marks = ", ".join("?" * len(ended))
        db.execute(f"SELECT count(*) FROM incidents WHERE phase NOT IN ({marks})", ended).fetchone()
        db.execute(
            "SELECT * FROM ledger WHERE event IN (SELECT event FROM ledger WHERE state IN (?, ?))", waiting
        ).fetchall()
        for table in ("memory", "timeline", "silences"):
            db.execute(f"SELECT * FROM {table}").fetchall()
