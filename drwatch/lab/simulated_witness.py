"""What is drwatch's own in the simulator, beside the pair: the disk of its ledger, and the services of its channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from drwatch.core.blackbox import Record
from drwatch.core.decision import Decision
from drwatch.core.incident import Incident
from drwatch.core.memory import Memory
from drwatch.core.paging import Row
from drwatch.core.sample import Moment
from drwatch.core.silence import Silence
from drwatch.lab.inbox import PHONE
from drwatch.store import Attempt, DiskAiling, Loaded, Store


@dataclass
class Equipment:
    """All is well until it is struck."""

    disk_closed: bool = False
    refusing: set[str] = field(default_factory=set)
    """Channels whose services refuse for good what they are sent."""


def _refuse(equipment: Equipment, broken: bool) -> None:
    if broken:
        equipment.refusing.add(PHONE)
    else:
        equipment.refusing.discard(PHONE)


FAULTS: dict[str, Callable[[Equipment, bool], None]] = {
    "witness-disk-read-only": lambda equipment, broken: setattr(equipment, "disk_closed", broken),
    "phone-refuses": _refuse,
}
"""Those of drwatch.lab.equipment that are not the pair's."""


class SimulatedLedger:
    """The store on a disk that may close itself, which then takes nothing and gives what it has."""

    def __init__(self, store: Store, closed: Callable[[], bool]) -> None:
        self._store, self._closed = store, closed

    @property
    def lost(self) -> Sequence[str]:
        return self._store.lost

    async def load(self, now: Moment) -> Loaded:
        return await self._store.load(now)

    async def ended_since(self, since: datetime, now: Moment) -> tuple[Incident, ...]:
        return await self._store.ended_since(since, now)

    async def commit(
        self, incidents: Sequence[Incident], rows: Sequence[Row], decided: Sequence[Decision] = ()
    ) -> None:
        self._open()
        await self._store.commit(incidents, rows, decided)

    async def remember(self, held: Memory, synced: bool, records: Sequence[Record] = ()) -> None:
        self._open()
        await self._store.remember(held, synced, records)

    async def silence(self, changed: Sequence[Silence]) -> None:
        self._open()
        await self._store.silence(changed)

    async def mark(self, row: Row, attempt: Attempt | None = None) -> None:
        self._open()
        await self._store.mark(row, attempt)

    async def prune(self, before: datetime) -> tuple[int, int]:
        self._open()
        return await self._store.prune(before)

    def _open(self) -> None:
        if self._closed():
            raise DiskAiling(
                "drwatch.db: it cannot be written: check its owner, its mode and whether the disk is read-only"
            )
