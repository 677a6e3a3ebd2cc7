"""What people say who have been paged: heard by the next judgement, and answered when that is written down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from drwatch.core.ack import Answer, Refused
from drwatch.core.acknowledge import acknowledge
from drwatch.core.incident import Incident
from drwatch.core.sample import Moment

log = logging.getLogger("drwatch")


class Acknowledging:
    """``seconds`` is for how long an acknowledgement holds; ``said`` is called when somebody has said something."""

    def __init__(self, seconds: float, said: Callable[[], None]) -> None:
        self._seconds, self._said = seconds, said
        self._waiting: list[tuple[Answer, asyncio.Future[Incident]]] = []
        self._heard: list[tuple[Incident, asyncio.Future[Incident]]] = []

    async def take(self, answer: Answer) -> Incident:
        """The incident that is now in hand, once nobody is told of it any more. Raises Refused."""
        future: asyncio.Future[Incident] = asyncio.get_running_loop().create_future()
        self._waiting.append((answer, future))
        self._said()
        return await future

    def turn(self, incidents: Sequence[Incident], now: Moment) -> tuple[Incident, ...]:
        """The incidents with what has been said of them since."""
        living = {incident.id: incident for incident in incidents}
        waiting, self._waiting = self._waiting, []
        for answer, future in waiting:
            try:
                taken = acknowledge(answer, living.values(), self._seconds, now)
            except Refused as refused:
                if not future.done():
                    future.set_exception(refused)
                continue
            living[taken.id] = taken
            self._heard.append((taken, future))
        return tuple(living.values())

    @property
    def taken(self) -> frozenset[str]:
        """The incidents that the last turn has put into somebody's hands."""
        return frozenset(incident.id for incident, _ in self._heard)

    def settle(self) -> None:
        """What was heard is in the ledger, or the disk is dead and it holds from memory."""
        heard, self._heard = self._heard, []
        for incident, future in heard:
            assert incident.acknowledged is not None
            ack = incident.acknowledged
            fields = {"event": "acknowledged", "incident": incident.id, "by": ack.by, "origin": ack.origin}
            log.warning("%s has %s in hand (%s)", ack.by, incident.id, ack.origin, extra=fields)
            if not future.done():
                future.set_result(incident)
