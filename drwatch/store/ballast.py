"""The ballast: a file beside the database that is given up when the disk is full."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

BALLAST: Final = 2**20
"""Bytes kept in a file of their own, given up when the disk is full: on a full disk not even a DELETE works."""

PLENTY: Final = 4 * BALLAST
"""Free bytes that it takes to lay the ballast in, at the start or after it was given up."""


def lay_in(path: Path) -> None:
    """Best effort: without it a full disk is only met sooner."""
    name = _beside(path)
    with suppress(OSError):
        disk = os.statvfs(path.parent)
        if name.exists() or disk.f_bavail * disk.f_frsize < PLENTY:
            return
        # Random, so that no file system compresses it away.
        name.touch(0o600)
        name.write_bytes(os.urandom(BALLAST))


def give_up(path: Path) -> bool:
    """Whether there was any."""
    try:
        _beside(path).unlink()
    except OSError:
        return False
    return True


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.ballast")
