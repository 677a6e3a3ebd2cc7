"""Binary log coordinates: the position of servers that have no GTIDs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

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


def beyond(one: Coordinate, other: Coordinate) -> bool:
    """Whether ``one`` is further in the same log."""
    return covers(other, one) is False


def bytes_between(have: Coordinate, wanted: Coordinate, sizes: Mapping[int, int] = MappingProxyType({})) -> int | None:
    """At least how many bytes lie from ``have`` to ``wanted``; None when the two are of different logs.

    ``sizes`` says how long each file is known to have become, by its number: what nobody saw of a file is not counted.
    """
    if have.base != wanted.base:
        return None
    if have.number == wanted.number:
        return max(0, wanted.position - have.position)
    if have.number > wanted.number:
        return 0
    rest = max(0, sizes.get(have.number, 0) - have.position)
    between = sum(size for number, size in sizes.items() if have.number < number < wanted.number)
    return rest + between + wanted.position
