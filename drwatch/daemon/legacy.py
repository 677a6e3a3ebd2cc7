"""What one watch leaves to the next as the configuration is read again: a disk that takes nothing knows none of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from drwatch.core.blackbox import Record
from drwatch.core.decision import Decision
from drwatch.core.incident import Incident
from drwatch.core.memory import Memory
from drwatch.core.paging import Row
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot
from drwatch.daemon.parts import Ledger
from drwatch.store import Attempt, DiskAiling, Loaded, StoreError

log = logging.getLogger("drwatch")


@dataclass(frozen=True, slots=True)
class Owed:
    """A row that the ledger has not taken, and the attempts that go with it."""

    row: Row
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class Legacy:
    """Nothing, where there was no watch before in this process."""

    snapshot: Snapshot = Snapshot()  # noqa: RUF009 - immutable
    known: Loaded | None = None
    """What it would have found in the ledger, had that taken everything."""
    changes: Mapping[str, Incident] = field(default_factory=lambda: MappingProxyType({}))
    decided: tuple[Decision, ...] = ()
    """What was decided with those changes."""
    marks: Mapping[tuple[str, str], Owed] = field(default_factory=lambda: MappingProxyType({}))
    records: tuple[Record, ...] = ()
    taken: bool = True
    """Whether the ledger took the last of it."""


async def inherit(before: Legacy, ledger: Ledger, now: Moment) -> Loaded:
    """What to begin with: what is in the ledger, or in memory where the ledger lacks it. Raises StoreError."""
    known = before.known
    if known is not None and not before.taken:
        return known
    try:
        found = await ledger.load(now)
    except StoreError as broken:
        if known is None and not isinstance(broken, DiskAiling):
            raise
        log.error("what was known before cannot be read: %s", broken, extra={"event": "ledger"})
        return known or Loaded((), (), Memory(now))
    return known if known is not None and ledger.lost else found
