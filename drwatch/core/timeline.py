"""The position timeline: what the primary had, and when it was asked. Data at risk is read off it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from drwatch.core import binlog, gtid
from drwatch.core.binlog import Coordinate
from drwatch.core.gtid import Gtids
from drwatch.core.sample import Moment

KEPT_WHOLE = 600
"""Newest entries that are never thinned: ten minutes of looks."""

MOST = 1200


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

    def undone_by(self, later: Position) -> bool:
        """Whether a later look shows less than this one: restored from a copy, or its logs were reset (traps.md 9).

        Of coordinates only the file's number tells: a size read over SSH may run ahead of what is committed.
        """
        if self.gtid is not None and later.gtid is not None:
            return gtid.covers(later.gtid, self.gtid) is False
        if self.binlog is not None and later.binlog is not None:
            return self.binlog.base == later.binlog.base and later.binlog.number < self.binlog.number
        return False


@dataclass(frozen=True, slots=True)
class Entry:
    """At ``asked``, the moment before the question was sent, everything acknowledged by then was in ``position``."""

    asked: Moment
    position: Position
    known: Moment | None = None
    """When this position was first known, which a later sighting of it does not move."""

    @property
    def since(self) -> Moment:
        return self.known or self.asked


@dataclass(frozen=True, slots=True)
class Timeline:
    """Entries, oldest first. Bounded: old ones are thinned, which can only make a claim larger, never too small."""

    entries: tuple[Entry, ...] = ()
    rewound: bool = False
    """The position once went back: positions are used twice, and what a standby holds says nothing any more."""
    sure_from: Moment | None = None
    """How old the entries from before are, nobody knows: the witness's machine restarted and its clock went back."""

    def add(self, entry: Entry) -> Timeline:
        """With one look more; a position seen again only moves its last sighting, so an idle primary costs nothing."""
        kept = self.entries
        if kept and kept[-1].position == entry.position:
            return replace(self, entries=(*kept[:-1], replace(entry, known=kept[-1].since)))
        newer = bool(kept) and kept[-1].asked.loop <= entry.asked.loop
        rewound = self.rewound or (newer and kept[-1].position.undone_by(entry.position))
        if len(kept) >= MOST:
            old, new = kept[:-KEPT_WHOLE], kept[-KEPT_WHOLE:]
            kept = (*old[::2], *new)
        return replace(self, entries=(*kept, entry), rewound=rewound)

    @property
    def newest(self) -> Entry | None:
        return self.entries[-1] if self.entries else None

    def known_by(self, moment: Moment) -> Iterator[Entry]:
        """The entries that were known before a moment, newest first."""
        return (entry for entry in reversed(self.entries) if entry.since.loop < moment.loop)

    def newest_within(self, have: Position) -> Entry | None:
        """The newest entry that ``have`` covers wholly; None when there is none."""
        return next((entry for entry in reversed(self.entries) if have.covers(entry.position)), None)

    def first_beyond(self, have: Position) -> Entry | None:
        """The oldest entry that ``have`` does not cover, after the newest that it does; None when it covers all."""
        beyond = None
        for entry in reversed(self.entries):
            if have.covers(entry.position):
                break
            beyond = entry
        return beyond


def timeline(entries: Iterable[Entry]) -> Timeline:
    made = Timeline()
    for entry in entries:
        made = made.add(entry)
    return made
