"""A server: its held connections, the fresh login beside them, and the looks over each."""

from __future__ import annotations

import asyncio
import math
import ssl
from functools import partial

from drwatch.core.sample import Fact, Key, LoginFact, Node, Probe, Sample
from drwatch.probes.mysql.held import FAREWELL, Clock, HeldLook
from drwatch.probes.mysql.link import Link, Refusal
from drwatch.probes.mysql.pace import Pace, Vain
from drwatch.probes.mysql.pulse import Pulse
from drwatch.probes.mysql.replication_fact import read_replication
from drwatch.probes.mysql.server_fact import read_server
from drwatch.probes.mysql.wire import Address, Wire

IDLE = 30
"""Seconds that a session of ours may be silent before the server ends it; three looks, where those are rare."""


class LoginLook:
    """Each half minute a fresh login beside the held connection, which cannot see that newcomers are turned away."""

    def __init__(self, key: Key, every: float, link: Link, deadline: float, clock: Clock) -> None:
        self.key = key
        self.every = every
        self.wake = link.wake
        self._link = link
        self._deadline = deadline
        self._clock = clock

    async def look(self) -> Sample:
        """How long the login took, or why there was none. A dial that hangs is waited for by the next look."""
        reached = await self._link.reach(self._deadline)
        if isinstance(reached, Refusal):
            return Sample(self.key, reached.asked, reached.answered, reached.blind, reached.notes)
        asked, answered = await self._link.spend(FAREWELL)
        return Sample(self.key, asked, answered, LoginFact(answered - asked))

    async def close(self) -> None:
        await self._link.close(FAREWELL)


class MysqlServer:
    """One server: its fast and its slow connection, and the fresh login beside them. At most three at a time.

    ``deadline`` in seconds bounds each look, unless the slow one or the login has its own. ``tls`` is the context to
    verify the server with; None means plaintext.
    """

    def __init__(
        self,
        node: Node,
        host: str,
        port: int,
        user: str,
        password: str,
        tls: ssl.SSLContext | None,
        deadline: float,
        clock: Clock,
        *,
        every: float = 1.0,
        replication_every: float = 2.0,
        login_every: float = 30.0,
        replication_deadline: float | None = None,
        login_deadline: float | None = None,
    ) -> None:
        address = Address(host, port, user, password, tls, max(IDLE, math.ceil(3 * max(every, replication_every))))
        vain = Vain()
        patience = {
            Probe.SERVER: deadline,
            Probe.REPLICATION: replication_deadline or deadline,
            Probe.LOGIN: login_deadline or deadline,
        }

        def link(probe: Probe, leader: Link | None) -> Link:
            # The dial's own deadline is just before the look's, so that the look brings the dial's own account.
            return Link(address, Pace(vain), 0.95 * patience[probe], clock, leader)

        fast, pulse = link(Probe.SERVER, None), Pulse()

        async def fast_fact(wire: Wire, constants: dict[str, str]) -> tuple[Fact, tuple[str, ...]]:
            fact, notes = await read_server(wire, constants)
            pulse.note(fact)
            return fact, notes

        self.server_look = HeldLook(
            Key(node, Probe.SERVER), every, fast, fast_fact, patience[Probe.SERVER], clock, replace=True
        )
        self.replication_look = HeldLook(
            Key(node, Probe.REPLICATION),
            replication_every,
            link(Probe.REPLICATION, fast),
            partial(read_replication, pulse),
            patience[Probe.REPLICATION],
            clock,
            replace=False,
        )
        self.login_look = LoginLook(
            Key(node, Probe.LOGIN), login_every, link(Probe.LOGIN, fast), patience[Probe.LOGIN], clock
        )

    @property
    def looks(self) -> tuple[HeldLook, HeldLook, LoginLook]:
        return self.server_look, self.replication_look, self.login_look

    async def close(self) -> None:
        await asyncio.gather(*(look.close() for look in self.looks))
