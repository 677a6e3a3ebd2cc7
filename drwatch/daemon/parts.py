"""What a watch is made of, and a simulation brings its own of."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from drwatch.core.assessment import Assessment
from drwatch.core.blackbox import Record
from drwatch.core.decision import Decision
from drwatch.core.incident import Incident
from drwatch.core.memory import Memory
from drwatch.core.message import Message
from drwatch.core.paging import Page, Row
from drwatch.core.sample import Key, Moment, Sample
from drwatch.core.silence import Silence
from drwatch.store import Loaded


class Look(Protocol):
    """One probe of one node."""

    @property
    def key(self) -> Key: ...
    @property
    def every(self) -> float: ...
    @property
    def wake(self) -> asyncio.Event:
        """Set by the look itself when it knows that something happened, or from outside to ask for a look now."""

    async def look(self) -> Sample:
        """Never raises for what the world did."""

    async def close(self) -> None: ...


@runtime_checkable
class HostReader(Protocol):
    """A look at a host that reads what its server names; it is told here what that is."""

    binlog: str | None
    """Whose binary log's size; None none's."""
    directories: tuple[str, ...]
    """Whose file systems' space."""


class Wording(Protocol):
    """What a channel is told of an event; never raises."""

    def write(self, page: Page, assessment: Assessment, channel: str) -> Message: ...


class Ledger(Protocol):
    """Where changes and pages are committed before anything is sent. Each call is one transaction or StoreError."""

    @property
    def lost(self) -> Sequence[str]:
        """What became of each file that another was begun in place of, in words."""

    async def load(self, now: Moment) -> Loaded: ...
    async def commit(
        self, incidents: Sequence[Incident], rows: Sequence[Row], decided: Sequence[Decision] = ()
    ) -> None: ...
    async def remember(self, held: Memory, synced: bool, records: Sequence[Record] = ()) -> None: ...
    async def silence(self, changed: Sequence[Silence]) -> None: ...
    async def prune(self, before: datetime) -> tuple[int, int]: ...
    async def ended_since(self, since: datetime, now: Moment) -> tuple[Incident, ...]: ...


class Measures(Protocol):
    """Durations that outlive an assessment."""

    def looked(self, key: Key, seconds: float) -> None: ...
    def ticked(self, seconds: float) -> None: ...
