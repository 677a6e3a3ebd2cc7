"""The daily digest: when it is due, and what it is made of."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Protocol

from drwatch.core.digest import rows, since, turn
from drwatch.core.incident import Incident
from drwatch.core.paging import Row
from drwatch.core.policy import Paging
from drwatch.core.sample import Moment
from drwatch.store import StoreError

log = logging.getLogger("drwatch")


class History(Protocol):
    async def ended_since(self, since: datetime, now: Moment) -> tuple[Incident, ...]: ...


class Digesting:
    """``done`` is the day whose digest was told last, empty before the first."""

    def __init__(self, paging: Paging, zone: tzinfo, ledger: History) -> None:
        self._paging, self._zone, self._ledger = paging, zone, ledger

    async def turn(self, done: str, living: Sequence[Incident], now: Moment) -> tuple[str, tuple[Row, ...]]:
        """The day that is done after this moment, and the rows that tell of it."""
        digest = self._paging.digest
        if digest is None:
            return done, ()
        day = turn(digest, self._zone, now)
        if day <= done or not done:
            # Of the time before the first start there is nothing to tell.
            return max(day, done), ()
        try:
            past = await self._ledger.ended_since(since(done, digest, self._zone), now)
        except StoreError as broken:
            log.error("the digest lacks what is over: %s", broken, extra={"event": "ledger"})
            past = ()
        return day, rows(day, self._paging, past, living, self._zone, now)
