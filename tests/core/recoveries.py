"""A recovery in words: what is seen of it second by second, and a tick of the daemon without the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from worlds import (
    POLICY,
    REFUSED,
    SHOP,
    at,
    body,
    coordinate,
    dead_host,
    look,
    primary,
    receiver,
    replication,
    well,
)

from drwatch.core.actuals import Outage
from drwatch.core.assessment import assess
from drwatch.core.dating import date
from drwatch.core.incident import Incident, advance
from drwatch.core.paging import page
from drwatch.core.policy import Endpoint, EndpointKind, Policy
from drwatch.core.roles import learn
from drwatch.core.sample import EndpointFact, IoState, Probe, ReplicationFact, Sample
from drwatch.core.snapshot import Snapshot

WITH_ENDPOINT = replace(POLICY, clusters=(replace(SHOP, endpoint=Endpoint(EndpointKind.DNS, "db.shop")),))
BEHIND = {"read": coordinate(9000), "io": IoState.CONNECTING, "io_errno": 2003}
"""The receiver of a standby whose source is dead."""


class Watch:
    """A daemon's tick, without the daemon: looks come in, and pages are accepted two tenths of a second after."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy, self.snapshot = policy, Snapshot()
        self.incidents: tuple[Incident, ...] = ()

    def see(self, samples: Sequence[Sample], now: float) -> None:
        for sample in samples:
            self.snapshot = self.snapshot.keep(sample)
        self.tick(now)

    def tick(self, now: float) -> None:
        assessment = assess(self.snapshot, self.policy, frozenset(), at(now))
        living = advance(self.incidents, assessment, self.policy, at(now)).living
        told = []
        for incident in living:
            event = page(incident, self.policy.paging, 5.0, at(now))
            told.append(event.incident if event else incident)
            if event:
                self.snapshot = self.snapshot.told("phone", True, False, "", at(now + 0.2))
        self.incidents = tuple(told)
        outages = date(self.snapshot.outages, assessment, self.incidents)
        self.snapshot = replace(learn(self.snapshot, assessment.snapshot), outages=outages)

    def die(self) -> None:
        """Well until second 1, killed before second 2, told within six seconds."""
        for second in (0, 1):
            self.see(well(second), second + 0.5)
        for second in range(2, 9):
            lost = replication(**BEHIND, executed=coordinate(1000))
            self.see([primary(REFUSED, second), body(dead_host(), second), receiver(lost, second)], second + 0.1)

    @property
    def outage(self) -> Outage:
        return self.snapshot.outages[-1]


def endpoint(leads_to: str, asked: float, ttl: float = 60.0) -> Sample:
    fact = EndpointFact(("10.0.0.2",), ttl, True, (leads_to,))
    return look(SHOP.endpoint_node, Probe.ENDPOINT, fact, asked, target="db.shop")


def applied(position: int, state: str = "has read all relay log", **but: object) -> ReplicationFact:
    """The receiver was stopped by hand; the applier is so far."""
    stopped = {**BEHIND, "io": IoState.NO, "executed": coordinate(position), "sql_state": state}
    return replication(**{**stopped, **but})
