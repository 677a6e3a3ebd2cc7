"""Which server answers at an endpoint: it may lead to one today and, through a load balancer, to another tomorrow."""

from __future__ import annotations

import asyncio
import ssl

from drwatch.core.sample import Blind, Key, LoginFact, Moment, Node, Probe, Reason, Sample
from drwatch.probes.mysql import faults, statements
from drwatch.probes.mysql.faults import Rung
from drwatch.probes.mysql.held import FAREWELL, Clock
from drwatch.probes.mysql.link import Link, Refusal
from drwatch.probes.mysql.pace import Pace, Vain
from drwatch.probes.mysql.wire import Address

IDENTITY = statements.fast(("server_id",))


class AnsweringLook:
    """A fresh login each time, since a held one would stay with the server that it once came to."""

    def __init__(
        self,
        node: Node,
        host: str,
        port: int,
        user: str,
        password: str,
        tls: ssl.SSLContext | None,
        *,
        every: float,
        deadline: float,
        clock: Clock,
    ) -> None:
        self.key = Key(node, Probe.LOGIN, host)
        self.every = every
        self._deadline, self._clock = deadline, clock
        self._link = Link(Address(host, port, user, password, tls), Pace(Vain()), 0.95 * deadline, clock, None)
        self.wake = self._link.wake

    async def look(self) -> Sample:
        """A LoginFact that names the server, or why there is none."""
        reached = await self._link.reach(self._deadline)
        if isinstance(reached, Refusal):
            return Sample(self.key, reached.asked, reached.answered, reached.blind, reached.notes)
        asked = self._clock()
        try:
            async with asyncio.timeout(self._deadline):
                (row,) = await reached.rows(IDENTITY)
                server = int(str(row["server_id"]))
        except TimeoutError:
            return self._lost(asked, Blind(Reason.QUERY_TIMEOUT, "logged in, and then no answer"))
        except faults.WORLD as error:
            return self._lost(asked, faults.blind(error, Rung.OPEN))
        except (ValueError, KeyError):
            return self._lost(asked, Blind(Reason.GARBLED, "the server does not say which one it is"))
        dialled, logged_in = await self._link.spend(FAREWELL)
        return Sample(self.key, asked, self._clock(), LoginFact(logged_in - dialled, server))

    def _lost(self, asked: Moment, found: Blind) -> Sample:
        if wire := self._link.drop(found):
            wire.abort()
        return Sample(self.key, asked, self._clock(), found)

    async def close(self) -> None:
        await self._link.close(FAREWELL)
