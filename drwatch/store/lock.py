"""The lock: SQLite would let a second daemon in without a word, and every page would be sent twice."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from drwatch.store.trouble import StoreBusy


def take_lock(path: Path) -> int:
    """Lock the database for as long as the returned descriptor is open. Raises StoreBusy, or OSError."""
    descriptor = _open(path.with_name(f"{path.name}.lock"))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = ""
        with suppress(IsADirectoryError):
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
        os.close(descriptor)
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        who = f"another drwatch (process {holder})" if holder else "another drwatch"
        raise StoreBusy(
            f"{path}: {who} is running on this database: stop it first, or give this one its own state"
        ) from None
    return descriptor


def sign(descriptor: int) -> None:
    """Say whose lock it is. Best effort."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def release(descriptor: int) -> None:
    """Without closing it: that waits for the disk too where what it was signed with is not written yet."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def _open(lock: Path) -> int:
    try:
        return os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.ENOSPC, errno.EDQUOT):
            raise
        # Nothing can be written there, and a lock needs no writing.
        return os.open(lock if lock.exists() else lock.parent, os.O_RDONLY)
