"""Global transaction identifiers: MySQL's sets and MariaDB's positions, compared without asking a server.

Sources: MySQL manual, "GTID Format and Storage" (tags since 8.3: ``uuid:tag:1-5``); MariaDB knowledge base,
"Global Transaction ID" (``domain-server-sequence``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TAG = re.compile(r"[a-z_][a-z0-9_]{0,31}")
_INTERVAL = re.compile(r"(\d+)(?:-(\d+))?")
_MARIADB = re.compile(r"(\d+)-(\d+)-(\d+)")

Interval = tuple[int, int]
Source = tuple[str, str]
"""A MySQL originator: (uuid, tag); the tag is empty for an untagged transaction."""


class GtidError(ValueError):
    """The text is no GTID set or position."""


def _normalise(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    merged: list[Interval] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def _without(intervals: tuple[Interval, ...], taken: tuple[Interval, ...]) -> tuple[Interval, ...]:
    left: list[Interval] = []
    for start, last in intervals:
        first = start
        for taken_first, taken_last in taken:
            if taken_last < first or taken_first > last:
                continue
            if taken_first > first:
                left.append((first, taken_first - 1))
            first = taken_last + 1
        if first <= last:
            left.append((first, last))
    return tuple(left)


@dataclass(frozen=True, slots=True)
class GtidSet:
    """MySQL: which transactions, as inclusive intervals per originator, sorted and merged."""

    intervals: tuple[tuple[Source, tuple[Interval, ...]], ...] = ()

    @classmethod
    def of(cls, parts: Iterable[tuple[Source, Iterable[Interval]]]) -> GtidSet:
        gathered: dict[Source, list[Interval]] = {}
        for source, intervals in parts:
            gathered.setdefault(source, []).extend(intervals)
        return cls(tuple((source, _normalise(gathered[source])) for source in sorted(gathered) if gathered[source]))

    @classmethod
    def parse(cls, text: str) -> GtidSet:
        """Read ``uuid[:tag]:1-5:7[:tag:1-3],uuid:…``; raises GtidError on anything else."""
        parts: list[tuple[Source, list[Interval]]] = []
        for entry in filter(None, (piece.strip() for piece in text.lower().split(","))):
            uuid, *rest = (field.strip() for field in entry.split(":"))
            if not _UUID.fullmatch(uuid) or not rest:
                raise GtidError(f"not a GTID set: {entry[:80]!r}")
            tag = ""
            if not _INTERVAL.fullmatch(rest[-1]):
                raise GtidError(f"not a GTID set, its last interval is missing: {entry[:80]!r}")
            for field in rest:
                if found := _INTERVAL.fullmatch(field):
                    first, last = int(found[1]), int(found[2] or found[1])
                    if not 1 <= first <= last:
                        raise GtidError(f"not a GTID interval: {field[:80]!r}")
                    parts.append(((uuid, tag), [(first, last)]))
                elif _TAG.fullmatch(field):
                    tag = field
                else:
                    raise GtidError(f"not a GTID set: {entry[:80]!r}")
        return cls.of(parts)

    def __str__(self) -> str:
        def text(intervals: tuple[Interval, ...]) -> str:
            return ":".join(str(first) if first == last else f"{first}-{last}" for first, last in intervals)

        return ",".join(
            f"{uuid}:{tag + ':' if tag else ''}{text(intervals)}" for (uuid, tag), intervals in self.intervals
        )

    def __or__(self, other: GtidSet) -> GtidSet:
        return GtidSet.of([*self.intervals, *other.intervals])

    def __sub__(self, other: GtidSet) -> GtidSet:
        taken = dict(other.intervals)
        return GtidSet.of((source, _without(have, taken.get(source, ()))) for source, have in self.intervals)

    def __len__(self) -> int:
        return self.count

    @property
    def count(self) -> int:
        # Two servers' whole ranges are more than len() can say.
        return sum(last - first + 1 for _, intervals in self.intervals for first, last in intervals)

    def covers(self, other: GtidSet) -> bool:
        """Whether every transaction of ``other`` is in this set."""
        have = dict(self.intervals)
        return all(
            any(start <= first and last <= end for start, end in have.get(source, ()))
            for source, intervals in other.intervals
            for first, last in intervals
        )

    def of_uuid(self, uuid: str) -> GtidSet:
        return GtidSet(tuple(part for part in self.intervals if part[0][0] == uuid.lower()))

    def oldest(self) -> GtidSet:
        """The lowest-numbered transaction of each originator."""
        return GtidSet(tuple((source, ((have[0][0], have[0][0]),)) for source, have in self.intervals))

    def newest(self) -> GtidSet:
        """The highest-numbered transaction of each originator: the one that may have arrived in part only."""
        return GtidSet(tuple((source, ((have[-1][1], have[-1][1]),)) for source, have in self.intervals))


@dataclass(frozen=True, slots=True)
class GtidPosition:
    """MariaDB: the last (server id, sequence number) of each replication domain, sorted by domain."""

    domains: tuple[tuple[int, int, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> GtidPosition:
        """Read ``0-1-100,1-2-5``; raises GtidError on anything else."""
        last: dict[int, tuple[int, int, int]] = {}
        for entry in filter(None, (piece.strip() for piece in text.split(","))):
            found = _MARIADB.fullmatch(entry)
            if not found:
                raise GtidError(f"not a GTID position: {entry[:80]!r}")
            gtid = (int(found[1]), int(found[2]), int(found[3]))
            if gtid[0] not in last or last[gtid[0]][2] < gtid[2]:
                last[gtid[0]] = gtid
        return cls(tuple(last[domain] for domain in sorted(last)))

    def __str__(self) -> str:
        return ",".join(f"{domain}-{server}-{sequence}" for domain, server, sequence in self.domains)

    def __or__(self, other: GtidPosition) -> GtidPosition:
        last: dict[int, tuple[int, int, int]] = {}
        for gtid in (*self.domains, *other.domains):
            if gtid[0] not in last or last[gtid[0]][2] < gtid[2]:
                last[gtid[0]] = gtid
        return GtidPosition(tuple(last[domain] for domain in sorted(last)))

    def covers(self, other: GtidPosition) -> bool:
        """Whether each domain of ``other`` is here and at least as far; a domain that is absent is not zero."""
        have = {domain: sequence for domain, _, sequence in self.domains}
        return all(domain in have and have[domain] >= sequence for domain, _, sequence in other.domains)

    def ahead_of(self, other: GtidPosition) -> int:
        """How many sequence numbers this position is past ``other`` in the domains of both; gaps are legal.

        A domain that is absent there is not at zero: the copy that it was set up from may hold all of it.
        """
        have = {domain: sequence for domain, _, sequence in other.domains}
        return sum(max(0, sequence - have.get(domain, sequence)) for domain, _, sequence in self.domains)

    def written_by(self, server_id: int) -> GtidPosition:
        return GtidPosition(tuple(gtid for gtid in self.domains if gtid[1] == server_id))


@dataclass(frozen=True, slots=True)
class GtidState:
    """MariaDB's gtid_binlog_state: the last sequence number of each (domain, server), sorted.

    A position keeps one server a domain: a stray write is gone from it once the primary's number passes its own.
    """

    last: tuple[tuple[int, int, int], ...] = ()
    """(domain, server id, sequence number)."""

    @classmethod
    def parse(cls, text: str) -> GtidState:
        """Read ``0-1-100,0-2-7,1-2-5``; raises GtidError on anything else."""
        last: dict[tuple[int, int], int] = {}
        for entry in filter(None, (piece.strip() for piece in text.split(","))):
            found = _MARIADB.fullmatch(entry)
            if not found:
                raise GtidError(f"not a GTID state: {entry[:80]!r}")
            writer = (int(found[1]), int(found[2]))
            last[writer] = max(last.get(writer, 0), int(found[3]))
        return cls(tuple((*writer, last[writer]) for writer in sorted(last)))

    def __str__(self) -> str:
        return ",".join(f"{domain}-{server}-{sequence}" for domain, server, sequence in self.last)

    def beyond(self, other: GtidState) -> GtidState:
        """The writers that are further here than there, or unknown there."""
        there = {(domain, server): sequence for domain, server, sequence in other.last}
        return GtidState(tuple(gtid for gtid in self.last if gtid[2] > there.get(gtid[:2], 0)))

    def not_by(self, server_id: int) -> GtidState:
        return GtidState(tuple(gtid for gtid in self.last if gtid[1] != server_id))

    def past(self, position: GtidPosition) -> GtidState:
        """Without what a position has passed: applied there once, and perhaps not written to its binary log."""
        applied = {domain: sequence for domain, _, sequence in position.domains}
        return GtidState(tuple(gtid for gtid in self.last if gtid[2] > applied.get(gtid[0], 0)))


Gtids = GtidSet | GtidPosition


def covers(have: Gtids, wanted: Gtids) -> bool | None:
    """Whether ``wanted`` is wholly in ``have``; None when one is MySQL's and the other MariaDB's."""
    match have, wanted:
        case GtidSet(), GtidSet():
            return have.covers(wanted)
        case GtidPosition(), GtidPosition():
            return have.covers(wanted)
    return None


def missing(wanted: Gtids, have: Gtids) -> int | None:
    """How many transactions of ``wanted`` are not in ``have``; None when they cannot be compared."""
    match wanted, have:
        case GtidSet(), GtidSet():
            return (wanted - have).count
        case GtidPosition(), GtidPosition():
            return wanted.ahead_of(have)
    return None


def beyond(one: Gtids, other: Gtids) -> bool:
    """Whether ``one`` surely has what ``other`` lacks.

    A MariaDB domain that is absent in ``other`` proves nothing: its binary log may never have held any of it.
    """
    return bool(missing(one, other))


def union(one: Gtids | None, other: Gtids | None) -> Gtids | None:
    """Both together; the first alone when they are of different kinds."""
    if one == other:
        return one
    match one, other:
        case GtidSet(), GtidSet():
            return one | other
        case GtidPosition(), GtidPosition():
            return one | other
        case None, _:
            return other
    return one
