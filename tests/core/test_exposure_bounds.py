"""Generated histories of a pair: the claim is never below the truth, and what was seen missing never above it.

Truth: from the acknowledgement of the first commit that the standby lacks until now, or until the primary's death.
The machine plays a primary that commits while it is being looked at, a receiver that lags, tears the newest
transaction, stops and starts, an applier that lags, blind spells, rotations of the log, and a death whose last bytes
may still be on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from worlds import (
    PRIMARY,
    SHOP,
    STANDBY,
    at,
    body,
    channel,
    coordinate,
    dead_host,
    gtids,
    host,
    position,
    primary,
    receiver,
    server,
    standby,
    standby_server,
)

from drwatch.core.binlog import Coordinate
from drwatch.core.exposure import Exposure, of_database
from drwatch.core.gtid import Gtids
from drwatch.core.sample import Blind, Flavour, IoState, Reason, ReplicationFact
from drwatch.core.snapshot import Snapshot

steps = st.integers(0, 6)
spans = st.sampled_from([0.0, 0.01, 0.3, 1.0, 7.0, 90.0])
ENDS = 0.000001


@dataclass
class Truth:
    acknowledged: list[float] = field(default_factory=list)
    places: list[Coordinate] = field(default_factory=lambda: [coordinate(4)])
    """Where the log ended after each commit."""
    written: list[int] = field(default_factory=lambda: [4])
    """Bytes of all files together by then."""
    received: int = 0
    torn: bool = False
    applied: int = 0
    on_the_wire: int = 0
    death: float | None = None

    def seconds(self, now: float) -> float:
        lacking = self.acknowledged[self.received :]
        return (self.death if self.death is not None else now) - lacking[0] if lacking else 0.0


class Pair(RuleBasedStateMachine):
    """MySQL 8 with GTIDs; the subclasses count otherwise."""

    mariadb = False
    uses_gtid = True
    has_gtid = True
    has_coordinate = False
    version = (8, 0, 36)
    torn_is_counted = False

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.truth = Truth()
        self.world = Snapshot()
        self.connected = True
        self.frozen: Exposure | None = None
        self.lacking_then: tuple[int, int] | None = None
        """Transactions, and bytes at most, that the standby lacked at its last look."""
        self.last_look: float | None = None

    @initialize(commits=st.integers(1, 5))
    def begins_in_step(self, commits: int) -> None:
        self.commit(commits, 100)
        self.truth.received = self.truth.applied = len(self.truth.acknowledged)
        self.look_at_primary(0.0, 0.0, 0)
        self.look_at_standby(0.0, 0)

    def _gtids(self, last: int) -> Gtids | None:
        if not self.has_gtid:
            return None
        return position(last) if self.mariadb else gtids(last)

    @rule(seconds=spans)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.truth.death is None)
    @rule(count=steps, size=st.integers(1, 10_000))
    def commit(self, count: int, size: int) -> None:
        for _ in range(count):
            last = self.truth.places[-1]
            self.truth.places.append(Coordinate(last.file, last.position + size))
            self.truth.written.append(self.truth.written[-1] + size)
            self.truth.acknowledged.append(self.now)

    @precondition(lambda self: self.truth.death is None)
    @rule()
    def the_log_rotates(self) -> None:
        last = self.truth.places[-1]
        self.truth.places[-1] = coordinate(4, last.number + 1)
        self.truth.written[-1] += 4

    @precondition(lambda self: self.connected)
    @rule(count=steps, torn=st.booleans())
    def receive(self, count: int, torn: bool) -> None:
        truth = self.truth
        there = len(truth.acknowledged) if truth.death is None else truth.on_the_wire
        truth.received = max(truth.received, min(there, truth.received + count))
        truth.torn = torn and truth.received < there

    @rule(count=steps)
    def apply(self, count: int) -> None:
        self.truth.applied = min(self.truth.received, self.truth.applied + count)

    @rule(connected=st.booleans())
    def the_receiver_stops_or_starts(self, connected: bool) -> None:
        self.connected = connected and self.truth.death is None

    @precondition(lambda self: self.truth.death is None)
    @rule(before=spans, after=spans, commits=steps)
    def look_at_primary(self, before: float, after: float, commits: int) -> None:
        asked = self.now
        self.now += before
        self.commit(commits, 50)
        last = len(self.truth.acknowledged)
        fact = server(
            self._gtids(last),
            flavour=Flavour.MARIADB if self.mariadb else Flavour.MYSQL,
            version=self.version,
            binlog=self.truth.places[-1] if self.has_coordinate else None,
        )
        if not self.has_gtid:
            fact = replace(fact, gtid=None)
        self.now += after
        self.world = self.world.keep(primary(fact, asked, self.now - asked))
        self.last_look = asked

    @rule(took=spans, comes=steps)
    def look_at_standby(self, took: float, comes: int) -> None:
        asked, truth = self.now, self.truth
        lacking = len(truth.acknowledged) - truth.received
        octets = truth.written[-1] - truth.written[truth.received]
        self.lacking_then = lacking, octets
        if self.connected:
            self.receive(comes, False)
        retrieved = truth.received + (1 if truth.torn and self.torn_is_counted else 0)
        here = truth.places[truth.received]
        read = Coordinate(here.file, here.position + (1 if truth.torn else 0))
        applied = self._gtids(truth.applied)
        fact = standby_server(
            applied,
            flavour=Flavour.MARIADB if self.mariadb else Flavour.MYSQL,
            version=self.version,
            gtid_applied=applied if self.mariadb else None,
        )
        feed = channel(
            io=IoState.YES if self.connected else IoState.NO,
            read=read,
            executed=truth.places[truth.applied],
            retrieved_gtid=self._gtids(retrieved) if self.uses_gtid else None,
            executed_gtid=applied if self.uses_gtid and not self.mariadb else None,
            uses_gtid=self.uses_gtid,
        )
        if not self.has_gtid:
            fact = replace(fact, gtid=None)
        self.world = self.world.keep(standby(fact, asked)).keep(
            receiver(ReplicationFact((feed,)), asked, self.now - asked)
        )
        self.now += took

    @rule(which=st.sampled_from([primary, standby, receiver]), reason=st.sampled_from(Reason), took=spans)
    def a_look_is_blind(self, which: object, reason: Reason, took: float) -> None:
        assert callable(which)
        self.world = self.world.keep(which(Blind(reason), self.now, took))
        self.now += took

    @precondition(lambda self: self.truth.death is None)
    @rule(state=st.sampled_from("STD"))
    def look_at_the_living_host(self, state: str) -> None:
        self.world = self.world.keep(body(host(state), self.now))

    @precondition(lambda self: self.truth.death is None)
    @rule(on_the_wire=steps)
    def the_primary_is_killed(self, on_the_wire: int) -> None:
        self.look_at_the_living_host("S")
        self.truth.death = self.now
        self.truth.on_the_wire = min(len(self.truth.acknowledged), self.truth.received + on_the_wire)
        self.connected = self.truth.on_the_wire > self.truth.received

    @precondition(lambda self: self.truth.death is not None)
    @rule(took=spans)
    def look_at_the_corpse(self, took: float) -> None:
        self.world = self.world.keep(primary(Blind(Reason.REFUSED), self.now, took)).keep(
            body(dead_host(), self.now, took)
        )
        self.now += took

    @precondition(lambda self: self.truth.death is not None)
    @rule()
    def the_primary_comes_back_and_only_its_host_is_seen(self) -> None:
        self.truth.death = None
        self.now += 0.1
        self.look_at_the_living_host("S")

    @rule()
    def the_standby_restarts_and_loses_what_it_had_not_applied(self) -> None:
        self.truth.received, self.truth.torn = self.truth.applied, False
        self.look_at_standby(0.0, 0)

    def claim(self) -> Exposure:
        return of_database(SHOP, self.world, STANDBY, at(self.now))

    @invariant()
    def seconds_are_never_below_the_truth(self) -> None:
        claim = self.claim()
        if claim.seconds is not None:
            assert claim.seconds >= self.truth.seconds(self.now) - ENDS

    @invariant()
    def seconds_are_never_below_the_age_of_the_last_look(self) -> None:
        claim = self.claim()
        if claim.seconds is not None and self.last_look is not None and not claim.frozen:
            assert claim.seconds >= self.now - self.last_look - ENDS

    @invariant()
    def what_was_seen_missing_is_never_above_the_truth(self) -> None:
        claim = self.claim()
        if self.lacking_then is not None:
            assert (claim.transactions_seen or 0) <= self.lacking_then[0]
            assert (claim.bytes_seen or 0) <= self.lacking_then[1]

    @invariant()
    def only_proof_of_death_freezes(self) -> None:
        claim = self.claim()
        assert claim.frozen == (claim.known and PRIMARY in self.world.deaths)
        if claim.frozen:
            assert self.truth.death is not None
            later = of_database(SHOP, self.world, STANDBY, at(self.now + 3600))
            assert later == claim
        elif claim.seconds is not None:
            later = of_database(SHOP, self.world, STANDBY, at(self.now + 3600))
            assert later.seconds is not None
            assert abs(later.seconds - claim.seconds - 3600) < ENDS


class OldMysql(Pair):
    """MySQL 5.6 with GTIDs: a half-received transaction is counted."""

    version = (5, 6, 51)
    torn_is_counted = True


class Mariadb(Pair):
    mariadb = True
    version = (10, 11, 6)


class MariadbByCoordinate(Pair):
    """The guide's pair: MASTER_USE_GTID=no, where gtid_slave_pos says only what was applied."""

    mariadb = True
    uses_gtid = False
    has_coordinate = True
    version = (10, 11, 6)


class MysqlByCoordinate(Pair):
    uses_gtid = False
    has_gtid = False
    has_coordinate = True
    version = (5, 7, 44)


OFTEN = settings(max_examples=60, stateful_step_count=40, deadline=None)
for machine in (Pair, OldMysql, Mariadb, MariadbByCoordinate, MysqlByCoordinate):
    machine.TestCase.settings = OFTEN
TestMysql = Pair.TestCase
TestOldMysql = OldMysql.TestCase
TestMariadb = Mariadb.TestCase
TestMariadbByCoordinate = MariadbByCoordinate.TestCase
TestMysqlByCoordinate = MysqlByCoordinate.TestCase
