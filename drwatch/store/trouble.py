"""What stands between drwatch and its database, in a sentence that says what to do."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Final


class StoreError(Exception):
    """The database cannot be opened, read or written; the text says why and what to do, in one sentence."""


class StoreBusy(StoreError):
    """Another drwatch holds the database."""


class DiskAiling(StoreError):
    """The disk does not take what is written: it is full, read-only, failing or mute. It may be mended meanwhile."""


FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: Exception) -> bool:
    return _code(error) == sqlite3.SQLITE_FULL or (isinstance(error, OSError) and error.errno in FULL)


def is_damaged(error: Exception) -> bool:
    """Whether what the file holds is no database, or no longer a whole one."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def trouble(path: Path, error: Exception) -> StoreError:
    """The same error, as a sentence."""
    ailing = _code(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR) or (
        isinstance(error, OSError) and error.errno in (*FULL, errno.EROFS, errno.EIO)
    )
    return (DiskAiling if ailing else StoreError)(sentence(path, error))


def sentence(path: Path, error: Exception) -> str:
    """What is wrong and what to do about it."""
    if is_full(error):
        return f"{path}: the disk is full: free some space there"
    if isinstance(error, OSError):
        return f"{path}: {error.strerror}: check that drwatch may write there"
    what = {
        sqlite3.SQLITE_READONLY: "it cannot be written: check its owner, its mode and whether the disk is read-only",
        sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that it exists and that drwatch may read and write there",
        sqlite3.SQLITE_PERM: "no permission: check its owner and mode",
        sqlite3.SQLITE_CORRUPT: "it is damaged: move it aside and restore a copy, or let drwatch begin a new one",
        sqlite3.SQLITE_NOTADB: "it is no SQLite database: move it aside",
        sqlite3.SQLITE_BUSY: "another program holds it: close whatever has it open",
        sqlite3.SQLITE_IOERR: "the disk fails: look into the kernel's log",
    }.get(_code(error), str(error))
    return f"{path}: {what}"


def _code(error: Exception) -> int:
    """SQLite's primary result code; 0 where it is none of SQLite's."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
