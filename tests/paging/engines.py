"""Letters for alert engines, and a channel of Alertmanagers with the courier that carries them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from drwatch.core.finding import Condition, Severity
from drwatch.core.hush import Hush
from drwatch.core.paging import Alert, Letter
from drwatch.core.sample import Moment
from drwatch.paging.alertmanager import Alertmanager
from drwatch.paging.apprise import Courier
from drwatch.paging.hushing import Pace
from drwatch.paging.peers import Peers


def clock() -> Moment:
    return Moment(asyncio.get_running_loop().time(), datetime.now(UTC))


def letter(
    number: int = 1,
    *,
    incident: str = "ABCDEF",
    condition: Condition = Condition.PRIMARY_DOWN,
    severity: Severity = Severity.CRITICAL,
    resolved: bool = False,
    missed: bool = False,
) -> Letter:
    """One event of an incident that began a minute ago."""
    now = datetime.now(UTC)
    about = Alert("shop", condition, "oslo-a", now - timedelta(minutes=1), now if resolved else None)
    title = f"{'RESOLVED' if resolved else 'CRITICAL'} shop: {condition} oslo-a [{incident}.{number}]"
    return Letter("engine", f"{incident}.{number}", title, "what to do", severity, resolved, missed=missed, alert=about)


def hush(incident: str = "ABCDEF", by: str = "anna", lasts: float = 3600.0) -> Hush:
    """Somebody has it in hand for so many seconds from now."""
    return Hush(incident, by, "in hand: on it", datetime.now(UTC) + timedelta(seconds=lasts))


class Channel:
    """One channel of Alertmanagers; ``open`` are the incidents that drwatch holds for open, ``hushed`` those of which
    nobody is to be told, once drwatch has ``judged``."""

    def __init__(
        self,
        *addresses: str,
        every: float = 60.0,
        standing: Iterable[Letter] = (),
        headers: dict[str, str] | None = None,
        ca: str | None = None,
        pace: Pace = Pace(),  # noqa: B008 - immutable
    ) -> None:
        self.open = {"ABCDEF"}
        self.hushed: dict[str, Hush] = {}
        self.judged = True
        self.courier = Courier({})
        self.engine = Alertmanager(
            Peers(addresses, headers or {}, ca),
            self.courier.ask,
            clock,
            lambda: self.open,
            lambda: self.hushed if self.judged else None,
            standing,
            every,
            pace,
        )
        self._keeping: asyncio.Task[None] | None = None

    def keep(self) -> None:
        self._keeping = asyncio.create_task(self.engine.keep())

    async def close(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self.courier.close()
        await self.engine.close()
