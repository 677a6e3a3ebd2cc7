"""Binary log coordinates: the position of servers that have no GTIDs."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(r"(.*)\.(\d+)")


class CoordinateError(ValueError):
    """The file name is no binary log's."""


@dataclass(frozen=True, slots=True)
class Coordinate:
    """A byte position in a numbered binary log file, such as ``mysql-bin.000012`` and 4711."""

    file: str
    position: int

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.file) or self.position < 0:
            raise CoordinateError(f"not a binary log coordinate: {self.file[:80]!r} {self.position}")

    def __str__(self) -> str:
        return f"{self.file}:{self.position}"

    @property
    def base(self) -> str:
        return self.file.rpartition(".")[0]

    @property
    def number(self) -> int:
        # Past 999999 the suffix grows a digit, so the names do not sort as text.
        return int(self.file.rpartition(".")[2])


def covers(have: Coordinate, wanted: Coordinate) -> bool | None:
    """Whether ``have`` has reached ``wanted``; None when the two are of different logs."""
    if have.base != wanted.base:
        return None
    return (have.number, have.position) >= (wanted.number, wanted.position)


def bytes_between(have: Coordinate, wanted: Coordinate) -> int | None:
    """At least how many bytes lie from ``have`` to ``wanted``; None when the two are of different logs.

    Across a rotation the rest of the older file is not known here, so only the newer file's bytes are counted.
    """
    if have.base != wanted.base:
        return None
    if have.number == wanted.number:
        return max(0, wanted.position - have.position)
    return wanted.position if wanted.number > have.number else 0
