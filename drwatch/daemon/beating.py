"""The outside heartbeat in its rhythm: only the audit lets it go out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from drwatch.core.audit import Check, Vitals
from drwatch.core.sample import Moment
from drwatch.daemon.clock import Clock

log = logging.getLogger("drwatch")

LOOK = 1.0
"""Seconds between two audits while one is awaited that passes."""

AGAIN = 15.0
"""Seconds after which a beat that was not accepted is tried again."""


class Heart(Protocol):
    async def beat(self) -> str:
        """Empty when it was accepted, else why not in one sentence, without secrets."""


class Beating:
    """Beats every so many seconds while the audit passes, and says when that changes; with no heart it only audits."""

    def __init__(
        self, heart: Heart | None, every: float, audit: Callable[[], Mapping[Check, str]], clock: Clock
    ) -> None:
        self._heart, self._every, self._audit, self._clock = heart, every, audit, clock
        self._beaten: Moment | None = None
        self._trouble = ""

    @property
    def vitals(self) -> Vitals:
        return Vitals(self._audit(), self._heart is not None, self._beaten, self._trouble)

    async def run(self) -> None:
        """Until cancelled."""
        quiet = False
        while self._heart is not None:
            failing = self._audit()
            if failing:
                if not quiet:
                    words = "; ".join(failing.values())
                    log.error("no heartbeat is sent: %s", words, extra={"event": "heartbeat"})
                quiet = True
                await asyncio.sleep(LOOK)
                continue
            quiet = False
            began = self._clock()
            await self._beat(self._heart)
            pause = min(AGAIN, self._every) if self._trouble else self._every
            await asyncio.sleep(max(0.0, pause - (self._clock() - began)))

    async def _beat(self, heart: Heart) -> None:
        before, self._trouble = self._trouble, await heart.beat()
        if not self._trouble:
            self._beaten = self._clock()
        if self._trouble != before:
            level = logging.WARNING if self._trouble else logging.INFO
            log.log(level, "the heartbeat: %s", self._trouble or "accepted again", extra={"event": "heartbeat"})
