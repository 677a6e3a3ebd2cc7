"""What stands between drwatch and its database, in a sentence that says what to do."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path


class StoreError(Exception):
    """The database cannot be opened, read or written; the text says why and what to do, in one sentence."""


class StoreBusy(StoreError):
    """Another drwatch holds the database."""


def is_full(error: Exception) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def sentence(path: Path, error: Exception) -> str:
    """What is wrong and what to do about it."""
    if is_full(error):
        return f"{path}: the disk is full: free some space there"
    if isinstance(error, OSError):
        return f"{path}: {error.strerror}: check that drwatch may write there"
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    what = {
        sqlite3.SQLITE_READONLY: "it cannot be written: check its owner, its mode and whether the disk is read-only",
        sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that it exists and that drwatch may read and write there",
        sqlite3.SQLITE_PERM: "no permission: check its owner and mode",
        sqlite3.SQLITE_CORRUPT: "it is damaged: move it aside and restore a copy, or let drwatch begin a new one",
        sqlite3.SQLITE_NOTADB: "it is no SQLite database: move it aside",
        sqlite3.SQLITE_BUSY: "another program holds it: close whatever has it open",
        sqlite3.SQLITE_IOERR: "the disk fails: look into the kernel's log",
    }.get(code, str(error))
    return f"{path}: {what}"
