"""Once a day what is older than it need be is forgotten, a little at a time."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Final, Protocol

from drwatch.daemon.clock import Clock
from drwatch.store import StoreError

log = logging.getLogger("drwatch")

FIRST: Final = 600.0
"""Seconds after the start: whoever starts drwatch in an outage has the disk to himself."""

DAY: Final = 86400.0

BREATH: Final = 0.5
"""Seconds between two steps, in which others write."""


class Pruned(Protocol):
    async def prune(self, before: datetime) -> tuple[int, int]: ...


async def forget(ledger: Pruned, keep: float, clock: Clock) -> None:
    """Prune for ever; ``keep`` is in seconds."""
    await asyncio.sleep(FIRST)
    while True:
        try:
            if forgotten := await _prune(ledger, clock().wall - timedelta(seconds=keep)):
                log.info("%d lines of the history are forgotten", forgotten, extra={"event": "ledger"})
        except StoreError as broken:
            log.error("the history cannot be pruned: %s", broken, extra={"event": "ledger"})
        await asyncio.sleep(DAY)


async def _prune(ledger: Pruned, before: datetime) -> int:
    forgotten, left, last = 0, 1, 0
    # What is left grows less with each step, or there is nothing to be done about it.
    while left:
        deleted, left = await ledger.prune(before)
        forgotten += deleted
        if not deleted and left == last:
            break
        last = left
        await asyncio.sleep(BREATH)
    return forgotten
