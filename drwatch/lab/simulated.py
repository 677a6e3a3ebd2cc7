"""The simulator's clock, looks and phone, behind the interfaces of the real ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from drwatch.core.paging import Letter, Outcome
from drwatch.core.sample import Blind, Fact, Key, Moment, Node, Reason, Sample

EPOCH = ContextVar("EPOCH", default=datetime(2026, 11, 23, 2, 14, tzinfo=UTC))
"""The wall clock at the loop's zero: 03:14 in Oslo, where a story has no time of its own."""

DEADLINE = 1.0
LATENCY = 0.002


def clock() -> Moment:
    """Both hands of the virtual clock."""
    seconds = loop_time()
    return Moment(seconds, EPOCH.get() + timedelta(seconds=seconds))


def loop_time() -> float:
    """The loop's hand alone."""
    return asyncio.get_running_loop().time()


_PATIENT = frozenset({Reason.CONNECT_TIMEOUT, Reason.QUERY_TIMEOUT, Reason.NO_HANDSHAKE})


class Settling(Protocol):
    def settle(self) -> None: ...
    def lag(self, node: Node) -> float: ...


class SimulatedLook:
    """One probe; what finds nobody takes as long to find that out as the real one."""

    def __init__(self, world: Settling, key: Key, every: float, find: Callable[[], Fact | Blind]) -> None:
        self.key, self.every, self._world, self._find = key, every, world, find
        self.wake = asyncio.Event()

    async def look(self) -> Sample:
        asked = clock()
        await asyncio.sleep(LATENCY + self._world.lag(self.key.node))
        self._world.settle()
        found = self._find()
        if isinstance(found, Blind) and found.reason in _PATIENT:
            await asyncio.sleep(DEADLINE)
            found = self._find()
        return Sample(self.key, asked, clock(), found)

    async def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class Accepted:
    outcome: Outcome = Outcome.ACCEPTED
    detail: str = ""
    wait: float | None = None


class Heard(NamedTuple):
    """A page that a channel has accepted, at so many loop seconds."""

    at: float
    channel: str
    title: str
    body: str


class SimulatedPhone:
    """A carrier whose channels accept whatever reaches them, but for those whose service refuses it for good."""

    def __init__(self, reached: Callable[[], bool] = lambda: True, refusing: Collection[str] = ()) -> None:
        self._reached, self._refusing = reached, refusing
        self.pages: list[Heard] = []

    async def start(self) -> Mapping[str, str]:
        """Nothing to get ready, and nothing wrong."""
        return {}

    async def send(self, letter: Letter) -> Accepted:
        if not self._reached():
            return Accepted(Outcome.FAILED, "no answer")
        if letter.channel in self._refusing:
            return Accepted(Outcome.REFUSED, "401 Unauthorized")
        self.pages.append(Heard(clock().loop, letter.channel, letter.title, letter.body))
        return Accepted()

    async def close(self) -> None:
        """Nothing is held."""
