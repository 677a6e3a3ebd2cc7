"""A connection to the file: ours, of a version that we know, and written for good at each commit."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from drwatch.store.retention import make_shrinkable
from drwatch.store.schema import APPLICATION, MIGRATIONS
from drwatch.store.trouble import StoreError

ROOM: Final = 2**18
"""Free bytes without which nothing is opened. SQLite maps a file of 32 kB beside the database into memory, with holes
in it where the file system's blocks are small; a page that finds no room for one is a SIGBUS, and ends the process."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file for writing, make it if need be, and bring it to the present schema. Raises StoreError."""
    if not has_room(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(path, timeout=2.0, isolation_level=None)
    try:
        db.row_factory = sqlite3.Row
        # Before anything is changed: the file may be somebody else's.
        version = check_version(db, path)
        path.chmod(0o600)
        make_shrinkable(db)
        # A short log: on a full disk it is the log that needs the room, 24 kB a page.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-512", "wal_autocheckpoint=64"):
            db.execute(f"PRAGMA {pragma}")
        _migrate(db, version)
    except BaseException:
        db.close()
        raise
    return db


def has_room(path: Path) -> bool:
    disk = os.statvfs(path.parent)
    return disk.f_bavail * disk.f_frsize >= ROOM


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        # A full disk has ended the transaction already, and a ROLLBACK without one is an error of its own.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def check_version(db: sqlite3.Connection, path: Path) -> int:
    """The file's schema version; raises StoreError for a file that is not ours, or newer than this program."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    application = int(db.execute("PRAGMA application_id").fetchone()[0])
    tables = int(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if application != APPLICATION and (application or version or tables):
        raise StoreError(f"{path}: this is another program's database: give drwatch a file of its own")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path}: written by a newer drwatch (schema {version}, this one knows {len(MIGRATIONS)}): "
            "start the newer one, or move the file aside"
        )
    return version


def _migrate(db: sqlite3.Connection, version: int) -> None:
    for number in range(version, len(MIGRATIONS)):
        with transaction(db):
            for statement in MIGRATIONS[number]:
                db.execute(statement)
            db.execute(f"PRAGMA application_id={APPLICATION}")
            db.execute(f"PRAGMA user_version={number + 1}")
