"""The position timeline: what the primary had, and when it was asked. Data at risk is read off it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from drwatch.core import binlog, gtid
from drwatch.core.binlog import Coordinate
from drwatch.core.doubt import Doubt
from drwatch.core.gtid import GtidPosition, Gtids
from drwatch.core.sample import Moment, Node

KEPT_WHOLE = 600
"""Newest entries that are never thinned: ten minutes of looks."""

MOST = 2000
"""Entries at which the older ones are thinned; a year of looks at GRAIN leaves at most some 1,100 of them."""

GRAIN = 0.02
"""How far apart two entries may come to lie by thinning, as a share of their age: so much a claim may grow by it."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a primary's history, in whichever units its server knows; at least one is present."""

    gtid: Gtids | None
    binlog: Coordinate | None
    by_coordinate: bool = False
    """Whose receiver asks by coordinate: there the GTIDs may say only what was applied, or miss what has none."""

    def covers(self, other: Position) -> bool:
        """Whether all that ``other`` stands for is known to be in this position; False when they cannot be compared."""
        by_gtid = by_binlog = None
        if self.gtid is not None and other.gtid is not None:
            by_gtid = gtid.covers(self.gtid, other.gtid)
        if self.binlog is not None and other.binlog is not None:
            by_binlog = binlog.covers(self.binlog, other.binlog)
        first, second = (by_binlog, by_gtid) if self.by_coordinate else (by_gtid, by_binlog)
        return bool(second if first is None else first)

    def beyond(self, other: Position) -> bool:
        """Whether this position surely has what ``other`` lacks, in the unit that it is told by."""
        if not self.by_coordinate and self.gtid is not None and other.gtid is not None:
            return gtid.beyond(self.gtid, other.gtid)
        if self.by_coordinate and self.binlog is not None and other.binlog is not None:
            return binlog.beyond(self.binlog, other.binlog)
        return False

    def joined(self, other: Position) -> Position:
        """The furthest of both, unit by unit; of coordinates in different logs the other's."""
        place = self.binlog or other.binlog
        if self.binlog is not None and other.binlog is not None and not binlog.beyond(self.binlog, other.binlog):
            place = other.binlog
        return Position(gtid.union(other.gtid, self.gtid), place, other.by_coordinate)


@dataclass(frozen=True, slots=True)
class Entry:
    """At ``asked``, the moment before the question was sent, everything acknowledged by then was in ``position``."""

    asked: Moment
    position: Position
    known: Moment | None = None
    """When this position was first known, which a later sighting of it does not move."""
    measured: bool = False
    """Read off a file's size, which may run ahead of what is committed and is cut back by a recovery."""

    @property
    def since(self) -> Moment:
        return self.known or self.asked


@dataclass(frozen=True, slots=True)
class Timeline:
    """Entries, oldest first. Bounded: old ones are thinned, which can only make a claim larger, never too small."""

    entries: tuple[Entry, ...] = ()
    rewound: frozenset[Node] = frozenset()
    """The standbys that it fed when its position went back: positions are used twice, so what these hold says nothing
    any more, until a human says that they were rebuilt."""
    sure_from: Moment | None = None
    """How old the entries from before are, nobody knows: the witness's machine restarted and its clock went back."""
    told: Position | None = None
    """The newest that the server itself said, in each unit."""
    told_at: Moment | None = None
    """When that had been answered."""
    doubts: Mapping[Node, Doubt] = field(default_factory=lambda: MappingProxyType({}))
    """The standbys whose coordinate may be of what the server held before it was started anew."""

    def add(self, entry: Entry) -> Timeline:
        """With one look more; a position seen again only moves its last sighting, so an idle primary costs nothing."""
        kept, told, told_at = self.entries, self.told, self.told_at
        newest = kept[-1] if kept else None
        if entry.measured and self._shorter(entry.position.binlog):
            # Cut back by a recovery, or begun anew by a reset: the server itself will say which.
            return self
        if not entry.measured and (told_at is None or entry.asked.loop >= told_at.loop):
            told, told_at = _latest(told, entry.position), entry.since
        if newest is not None and newest.position == entry.position:
            asked = max(newest.asked, entry.asked, key=lambda moment: moment.loop)
            kept = (*kept[:-1], replace(newest, asked=asked, known=newest.since))
        else:
            kept = (*(_thinned(kept) if len(kept) >= MOST else kept), entry)
        return replace(self, entries=kept, told=told, told_at=told_at)

    def _shorter(self, place: Coordinate | None) -> bool:
        entries = (entry.position.binlog for entry in reversed(self.entries))
        before = (next(filter(None, entries), None), self.told.binlog if self.told else None)
        return place is not None and any(known is not None and binlog.beyond(known, place) for known in before)

    def undone_by(self, entry: Entry) -> bool:
        """Whether this look shows less than the server said before: restored from a copy, or its logs were reset.

        A look that was sent before the earlier answer came may be the older one of the two, and tells nothing.
        """
        told, now = self.told, entry.position
        if told is None or self.told_at is None or entry.asked.loop < self.told_at.loop:
            return False
        if told.gtid is not None and now.gtid is not None and _gone_back(told.gtid, now.gtid):
            return True
        # A busy server may have come to its old number again by now; its coordinate tells all the same.
        if told.binlog is None or now.binlog is None or told.binlog.base != now.binlog.base:
            return False
        if entry.measured:
            return now.binlog.number < told.binlog.number
        return binlog.beyond(told.binlog, now.binlog)

    def cleared(self, standby: Node) -> Timeline:
        """With nothing held against a standby: it was made anew."""
        doubts = {node: doubt for node, doubt in self.doubts.items() if node != standby}
        return replace(self, rewound=self.rewound - {standby}, doubts=MappingProxyType(doubts))

    def in_later_file(self, entry: Entry) -> bool:
        """Whether this look shows a file that the ones before did not: by a rotation, or a start."""
        place, newest = entry.position.binlog, self.newest
        before = [each.binlog for each in (self.told, newest and newest.position) if each and each.binlog]
        return place is not None and any(place.base == old.base and place.number > old.number for old in before)

    @property
    def newest(self) -> Entry | None:
        return self.entries[-1] if self.entries else None

    @property
    def sizes(self) -> Mapping[int, int]:
        """How long each binary log file was last seen to be, at least, by its number."""
        sizes: dict[int, int] = {}
        for entry in self.entries:
            if (place := entry.position.binlog) is not None:
                sizes[place.number] = max(place.position, sizes.get(place.number, 0))
        return sizes

    def known_by(self, moment: Moment) -> Iterator[Entry]:
        """The entries that were known before a moment, newest first."""
        return (entry for entry in reversed(self.entries) if entry.since.loop < moment.loop)

    def newest_within(self, have: Position, until: Moment | None = None) -> Entry | None:
        """The newest entry that ``have`` covers wholly, of those up to ``until``; None when there is none."""
        entries = (entry for entry in reversed(self.entries) if until is None or entry.asked.loop <= until.loop)
        return next((entry for entry in entries if have.covers(entry.position)), None)

    def first_beyond(self, have: Position) -> Entry | None:
        """The oldest entry that ``have`` does not cover, after the newest that it does; None when it covers all."""
        beyond = None
        for entry in reversed(self.entries):
            if have.covers(entry.position):
                break
            beyond = entry
        return beyond


def _latest(before: Position | None, now: Position) -> Position:
    """The newer word in each unit; a unit that it does not speak of stands as it was."""
    if before is None:
        return now
    return Position(before.gtid if now.gtid is None else now.gtid, before.binlog if now.binlog is None else now.binlog)


def _gone_back(before: Gtids, now: Gtids) -> bool:
    match before, now:
        case GtidPosition(), GtidPosition():
            # One domain of several may have been dropped on purpose (FLUSH BINARY LOGS DELETE_DOMAIN_ID).
            return before.ahead_of(now) > 0 or (bool(before.domains) and not now.domains)
    return gtid.covers(now, before) is False


def _thinned(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Without those of the older entries whose neighbours lie close together for their age."""
    old, new = entries[:-KEPT_WHOLE], entries[-KEPT_WHOLE:]
    now = new[-1].asked
    kept = [old[0]]
    for entry, after in zip(old[1:], (*old[2:], new[0]), strict=True):
        if after.asked - kept[-1].asked > GRAIN * (now - after.asked):
            kept.append(entry)
    while len(kept) > (MOST - KEPT_WHOLE) * 4 // 5:
        # A clock that makes no sense must not make it grow for ever.
        kept = kept[::2]
    return (*kept, *new)


def timeline(entries: Iterable[Entry]) -> Timeline:
    made = Timeline()
    for entry in entries:
        made = made.add(entry)
    return made
