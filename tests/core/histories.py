"""Generated histories of a primary with standbys and a witness: what is true, what is looked at, and the laws.

Truth: from the acknowledgement of the first commit that the standby lacks until now, or until the primary's death. A
standby that lost what it had received counts as holding it until a look could have told. The machine plays commits that
hang, bursts between and during looks, torn tails, receivers that stop, purge or begin anew, restarts of every server,
rotations, resets, primaries that come back with less, rebuilt standbys, stepped clocks, blind looks, drwatch's own
restart, and deaths with the last bytes still on the wire.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from worlds import (
    OSLO_A,
    OSLO_B,
    PRIMARY,
    SHOP,
    STANDBY,
    START,
    channel,
    coordinate,
    dead_host,
    gtids,
    host,
    position,
    server,
    standby_server,
)

from drwatch.core.binlog import Coordinate
from drwatch.core.exposure import Exposure, of_database
from drwatch.core.gtid import Gtids
from drwatch.core.memory import memory, recall
from drwatch.core.sample import Blind, Fact, Flavour, IoState, Key, Moment, Node, Probe, Reason, ReplicationFact, Sample
from drwatch.core.snapshot import Snapshot

steps = st.integers(0, 6)
spans = st.sampled_from([0.0, 0.01, 0.3, 1.0, 7.0, 90.0])
jumps = st.sampled_from([-3600.0, -2.0, 0.5, 3600.0])
which = st.integers(0, 1)
ENDS = 0.000001

THIRD = Node("shop", "oslo-c")
STANDBYS = (STANDBY, THIRD)
CLUSTER = replace(SHOP, nodes=(OSLO_A, OSLO_B, replace(OSLO_B, node=THIRD)))
BOOT = -100_000.0
"""When every server was first started."""


@dataclass
class Commit:
    """One transaction of the primary: when it was acknowledged (None: its client still waits), where it ends."""

    acknowledged: float | None
    place: Coordinate
    written: int
    """Bytes of all files together up to its end."""


@dataclass
class Leader:
    commits: list[Commit] = field(default_factory=list)
    place: Coordinate = field(default_factory=lambda: coordinate(4))
    written: int = 4
    started: float = BOOT
    clock: float = 0.0
    """Seconds by which its wall clock was stepped since its start."""
    death: float | None = None

    @property
    def acknowledged(self) -> int:
        return sum(commit.acknowledged is not None for commit in self.commits)

    def end(self, count: int) -> tuple[Coordinate, int]:
        """Place and bytes after so many commits; after the last one the log may have rotated."""
        if count >= len(self.commits):
            return self.place, self.written
        return (self.commits[count - 1].place, self.commits[count - 1].written) if count else (coordinate(4), 4)

    def acknowledge(self, now: float) -> None:
        for commit in self.commits:
            commit.acknowledged = now if commit.acknowledged is None else commit.acknowledged


@dataclass
class Follower:
    node: Node
    received: int = 0
    """By number; ``same`` of them are what the primary has under these numbers."""
    applied: int = 0
    same: float = math.inf
    torn: bool = False
    connected: bool = True
    stuck: Coordinate | None = None
    """The place that its receiver asks for and the primary has no more."""
    started: float = BOOT
    clock: float = 0.0
    on_the_wire: int | None = None
    """Commits that it may still receive after the primary's death."""
    forgotten: int | None = None
    """What it held when it lost some of it, while no look could have told."""
    restarted: bool = False
    """Since its last fast look."""
    lacking: tuple[int, int] | None = None
    """Transactions, and bytes at most, that it lacked at its last status look."""
    undone: bool = False
    """The primary lost commits since it was set up: what was seen missing may be lost already."""

    @property
    def held(self) -> int:
        return int(min(max(self.received, self.forgotten or 0), self.same))


class Histories(RuleBasedStateMachine):
    """MySQL 8 with GTIDs; the subclasses count otherwise."""

    mariadb = False
    uses_gtid = True
    has_gtid = True
    by_status = False
    """Its coordinate comes with the status look, and as a size with the host's."""
    has_coordinate = False
    version: tuple[int, ...] = (8, 0, 36)
    torn_is_counted = False
    purges = False
    """A receiver that is started anew throws away what is not applied."""

    played = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).played += 1
        self.now, self.wall = 0.0, 0.0
        self.leader = Leader()
        self.followers = [Follower(node) for node in STANDBYS]
        self.world = Snapshot()
        self.last_look: float | None = None
        self.undone = False
        """Whether the primary ever lost commits."""
        self.unlooked = False
        """It did so since its last look."""
        self._told = 0
        self.checked = 0
        self.ceiling: float = math.inf
        """So many commits the primary may come to before its next look: past its old number a rewind is invisible."""
        self.limit = coordinate(0, 0)
        """And this is the place, where there are no numbers."""

    def moment(self, seconds: float) -> Moment:
        return Moment(START.loop + seconds, START.wall + timedelta(seconds=seconds + self.wall))

    def keep(self, node: Node, probe: Probe, found: Fact | Blind, asked: float) -> None:
        self.world = self.world.keep(Sample(Key(node, probe), self.moment(asked), self.moment(self.now), found))

    def _gtids(self, last: int) -> Gtids | None:
        if not self.has_gtid:
            return None
        return position(last) if self.mariadb else gtids(last)

    def _server(self, last: int, **but: Any) -> Any:
        flavour = Flavour.MARIADB if self.mariadb else Flavour.MYSQL
        return replace(server(), flavour=flavour, version=self.version, gtid=self._gtids(last), **but)

    @initialize(commits=st.integers(1, 5))
    def begins_in_step(self, commits: int) -> None:
        self.commit(commits, 100, False)
        for number, follower in enumerate(self.followers):
            follower.received = follower.applied = len(self.leader.commits)
            self.look_at_primary(0.0, 0.0, 0)
            self.look_at_standby(number, 0.0, 0)
            self.look_at_status(number, 0.0, 0)

    # What happens

    @rule(seconds=spans)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.leader.death is None)
    @rule(count=steps, size=st.integers(1, 10_000), hangs=st.booleans())
    def commit(self, count: int, size: int, hangs: bool) -> None:
        """Of those that hang the standby may have it all, and the primary shows nothing yet."""
        leader = self.leader
        leader.acknowledge(self.now)
        for _ in range(min(count, int(min(self.ceiling, 1e9)) - len(leader.commits) - 1)):
            if self.limit.number == leader.place.number and self.limit.position <= leader.place.position + size:
                break
            self._write(size)
            leader.commits.append(Commit(None if hangs else self.now, leader.place, leader.written))

    def _write(self, size: int) -> None:
        """Never up to exactly the place at which a receiver is stuck: no coordinate tells that (decision 0010)."""
        leader = self.leader
        while Coordinate(leader.place.file, leader.place.position + size) in [each.stuck for each in self.followers]:
            size += 1
        leader.place = Coordinate(leader.place.file, leader.place.position + size)
        leader.written += size

    @precondition(lambda self: self.leader.death is None)
    @rule()
    def the_log_rotates(self) -> None:
        self.leader.acknowledge(self.now)
        self.leader.place = coordinate(4, self.leader.place.number + 1)
        self.leader.written += 4
        self._write(0)

    @rule(at=which, count=steps, torn=st.booleans())
    def receive(self, at: int, count: int, torn: bool) -> None:
        standby = self.followers[at]
        if not standby.connected or standby.stuck:
            return
        there = len(self.leader.commits) if self.leader.death is None else standby.on_the_wire or 0
        standby.received = max(standby.received, min(there, standby.received + count))
        standby.torn = torn and standby.received < there

    @rule(at=which, count=steps)
    def apply(self, at: int, count: int) -> None:
        standby = self.followers[at]
        standby.applied = min(standby.received, standby.applied + count)

    def _lose_what_is_not_applied(self, standby: Follower) -> None:
        if standby.received > standby.applied:
            standby.forgotten = max(standby.received, standby.forgotten or 0)
        standby.received, standby.torn = standby.applied, False
        if standby.stuck and standby.applied <= standby.same:
            # It asks from where it had applied, which the primary has.
            standby.forgotten = int(min(standby.forgotten or 0, standby.same))
            standby.stuck, standby.same = None, math.inf

    @rule(at=which, connected=st.booleans())
    def the_receiver_stops_or_starts(self, at: int, connected: bool) -> None:
        standby = self.followers[at]
        if connected and not standby.connected and self.purges:
            self._lose_what_is_not_applied(standby)
        standby.connected = connected and self.leader.death is None

    @rule(at=which, loses=st.booleans())
    def the_standby_restarts(self, at: int, loses: bool) -> None:
        standby = self.followers[at]
        standby.started, standby.clock, standby.restarted = self.now, 0.0, True
        if loses or self.purges:
            self._lose_what_is_not_applied(standby)

    @rule(at=which, seconds=jumps)
    def a_standbys_clock_is_stepped(self, at: int, seconds: float) -> None:
        self.followers[at].clock += seconds

    @rule(seconds=jumps)
    def the_witnesss_clock_is_stepped(self, seconds: float) -> None:
        self.wall += seconds

    @precondition(lambda self: self.leader.started == BOOT)
    @rule(seconds=jumps)
    def the_primarys_clock_is_stepped(self, seconds: float) -> None:
        self.leader.clock += seconds

    @rule()
    def drwatch_restarts(self) -> None:
        now = self.moment(self.now)
        self.world = recall(memory(self.world, now), {PRIMARY, *STANDBYS}, now)

    # What undoes

    def _start_primary(self) -> None:
        leader = self.leader
        leader.death, leader.started, leader.clock = None, self.now, 0.0
        leader.acknowledge(self.now)
        leader.place = coordinate(4, leader.place.number + 1)
        leader.written += 4
        self._write(0)

    @precondition(lambda self: self.leader.death is None)
    @rule(took=spans)
    def the_primary_restarts(self, took: float) -> None:
        self.now += took
        self._start_primary()

    @precondition(lambda self: self.leader.death is None and self._seen() > 1)
    @rule(back=st.integers(1, 6), took=st.sampled_from([1.5, 7.0, 90.0]))
    def the_primary_comes_back_with_less(self, back: int, took: float) -> None:
        """Restored, or its power was cut without sync_binlog; with less than some look has seen of it."""
        seen, leader, here = self._seen(), self.leader, self._places()
        left = max(0, seen - back)
        place, written = leader.end(left)
        del leader.commits[left:]
        leader.place, leader.written = place, written
        self.now += took
        self._start_primary()
        self._undone(left, seen, here)

    @precondition(lambda self: self.leader.death is None and self._seen() > 1)
    @rule(back=st.integers(1, 6), at=which)
    def it_comes_back_before_what_a_standby_received_in_a_later_file(self, back: int, at: int) -> None:
        """While nobody looks: chance alone seldom brings these together."""
        self.the_log_rotates()
        self.commit(2, 5000, False)
        self.receive(at, len(self.leader.commits), False)
        self.the_primary_comes_back_with_less(back, 7.0)

    @precondition(lambda self: self.leader.death is None and self._seen() > 1)
    @rule()
    def its_logs_are_reset(self) -> None:
        """RESET MASTER: the data is as it was, the numbers begin anew."""
        seen, leader, here = self._seen(), self.leader, self._places()
        leader.commits.clear()
        leader.place, leader.written = coordinate(4), 4
        self._undone(0, seen, here)

    def _places(self) -> dict[Node, Coordinate]:
        return {standby.node: self._place(standby) for standby in self.followers}

    def _undone(self, left: int, seen: int, here: dict[Node, Coordinate]) -> None:
        self.undone, self.unlooked, self.ceiling = True, True, seen if self.uses_gtid else math.inf
        told = self.world.timelines[PRIMARY].told
        self.limit = (told.binlog if told and not self.uses_gtid else None) or self.limit
        for standby in self.followers:
            standby.on_the_wire, standby.undone, standby.lacking = None, True, None
            if standby.received > left:
                standby.same = min(standby.same, left)
                standby.stuck = None if self.uses_gtid else standby.stuck or here[standby.node]
            if standby.forgotten is not None:
                standby.forgotten = min(standby.forgotten, left)
        if not self.uses_gtid:
            self._write(0)

    def _seen(self) -> int:
        """The number that the primary's last look brought: with less than that it has visibly gone back."""
        line = self.world.timelines[PRIMARY]
        if self.leader.commits and self.ceiling == math.inf and line.told is not None:
            return self._told
        return 0

    @rule(at=which)
    def the_standby_is_rebuilt(self, at: int) -> None:
        standby = self.followers[at]
        if self.leader.death is not None:
            return
        self.leader.acknowledge(self.now)
        new = Follower(standby.node, started=self.now, connected=False, undone=self.unlooked)
        new.received = new.applied = len(self.leader.commits)
        self.followers[at] = new
        self.world = self.world.rebuilt(standby.node)

    @precondition(lambda self: self.leader.death is None)
    @rule(on_the_wire=steps)
    def the_primary_is_killed(self, on_the_wire: int) -> None:
        self.look_at_the_living_host("S")
        self.leader.death = self.now
        for standby in self.followers:
            standby.on_the_wire = min(len(self.leader.commits), standby.received + on_the_wire)

    @precondition(lambda self: self.leader.death is not None)
    @rule()
    def the_primary_comes_back_and_only_its_host_is_seen(self) -> None:
        self.now += 0.1
        self._start_primary()
        self.look_at_the_living_host("S")

    # What is looked at

    def _uptime(self, started: float, clock: float) -> float:
        return max(0.0, float(math.floor(self.now - started + clock)))

    @precondition(lambda self: self.leader.death is None)
    @rule(before=spans, after=spans, commits=steps)
    def look_at_primary(self, before: float, after: float, commits: int) -> None:
        asked, leader = self.now, self.leader
        self.now += before
        self.commit(commits, 50, False)
        shown = leader.acknowledged
        fact = self._server(
            shown,
            binlog=leader.end(shown)[0] if self.has_coordinate and not self.by_status else None,
            uptime=self._uptime(leader.started, leader.clock),
        )
        self.now += after
        self.keep(PRIMARY, Probe.SERVER, fact, asked)
        if self.by_status:
            self.keep(PRIMARY, Probe.REPLICATION, ReplicationFact((), leader.end(shown)[0]), asked)
        self.last_look, self._told, self.ceiling, self.unlooked = asked, shown, math.inf, False
        self.limit = coordinate(0, 0)

    @precondition(lambda self: self.leader.death is None and self.by_status)
    @rule(took=spans)
    def measure_the_primarys_log(self, took: float) -> None:
        asked = self.now
        fact = host(binlog=self.leader.place)
        self.now += took
        self.keep(PRIMARY, Probe.HOST, fact, asked)
        self.last_look = asked

    @rule(at=which, took=spans, comes=steps)
    def look_at_standby(self, at: int, took: float, comes: int) -> None:
        asked, standby = self.now, self.followers[at]
        applied = self._gtids(standby.applied)
        fact = self._server(
            standby.applied,
            server_id=2 + at,
            server_uuid=standby_server().server_uuid,
            read_only=True,
            gtid_applied=applied if self.mariadb else None,
            uptime=self._uptime(standby.started, standby.clock),
        )
        if standby.restarted:
            # Its restart shows; what its receiver threw away since shows in its status only.
            standby.forgotten, standby.restarted = None, False
        self.receive(at, comes, False)
        self.now += took
        self.keep(standby.node, Probe.SERVER, fact, asked)

    @rule(at=which, took=spans, comes=steps)
    def look_at_status(self, at: int, took: float, comes: int) -> None:
        asked, standby, leader = self.now, self.followers[at], self.leader
        if not standby.undone:
            lacking = max(0, len(leader.commits) - standby.received)
            standby.lacking = lacking, max(0, leader.written - leader.end(standby.received)[1])
        else:
            standby.lacking = None
        retrieved = standby.received + (1 if standby.torn and self.torn_is_counted else 0)
        here = self._place(standby)
        applied = self._gtids(standby.applied)
        fact = channel(
            io=IoState.YES if standby.connected else IoState.NO,
            io_errno=1236 if standby.stuck and not standby.connected else 0,
            read=Coordinate(here.file, here.position + (1 if standby.torn else 0)),
            executed=leader.end(min(standby.applied, len(leader.commits)))[0]
            if standby.applied <= standby.same
            else here,
            retrieved_gtid=self._gtids(retrieved) if self.uses_gtid else None,
            executed_gtid=applied if self.uses_gtid and not self.mariadb else None,
            uses_gtid=self.uses_gtid,
        )
        standby.forgotten, standby.restarted = None, False
        self.receive(at, comes, False)
        self.now += took
        self.keep(standby.node, Probe.REPLICATION, ReplicationFact((fact,)), asked)

    def _place(self, standby: Follower) -> Coordinate:
        return standby.stuck or self.leader.end(standby.received)[0]

    @rule(
        node=st.sampled_from([PRIMARY, *STANDBYS]),
        probe=st.sampled_from([Probe.SERVER, Probe.REPLICATION]),
        reason=st.sampled_from(Reason),
        took=spans,
    )
    def a_look_is_blind(self, node: Node, probe: Probe, reason: Reason, took: float) -> None:
        asked = self.now
        self.now += took
        self.keep(node, probe, Blind(reason), asked)

    @precondition(lambda self: self.leader.death is None)
    @rule(state=st.sampled_from("STD"))
    def look_at_the_living_host(self, state: str) -> None:
        self.keep(PRIMARY, Probe.HOST, host(state), self.now)

    @precondition(lambda self: self.leader.death is not None)
    @rule(took=spans)
    def look_at_the_corpse(self, took: float) -> None:
        asked = self.now
        self.now += took
        self.keep(PRIMARY, Probe.SERVER, Blind(Reason.REFUSED), asked)
        self.keep(PRIMARY, Probe.HOST, dead_host(), asked)

    # What must hold

    def claim(self, standby: Follower, later: float = 0.0) -> Exposure:
        return of_database(CLUSTER, self.world, standby.node, self.moment(self.now + later))

    def truth(self, standby: Follower) -> float:
        commits = self.leader.commits[standby.held :]
        lacking = [commit.acknowledged for commit in commits if commit.acknowledged is not None]
        if not lacking:
            return 0.0
        return (self.leader.death if self.leader.death is not None else self.now) - lacking[0]

    @invariant()
    def the_laws(self) -> None:
        for standby in self.followers:
            claim = self.claim(standby)
            self.seconds_are_never_below_the_truth(standby, claim)
            self.what_was_seen_missing_is_never_above_the_truth(standby, claim)
            self.only_proof_of_death_freezes(standby, claim)
            if not self.undone:
                assert not self.world.timelines[PRIMARY].rewound
                assert claim.known or self._never_looked_at(standby), claim.unknown

    def _never_looked_at(self, standby: Follower) -> bool:
        """Since it was rebuilt."""
        return any(self.world.newest(standby.node, probe) is None for probe in (Probe.SERVER, Probe.REPLICATION))

    def seconds_are_never_below_the_truth(self, standby: Follower, claim: Exposure) -> None:
        if claim.seconds is None:
            return
        assert claim.seconds >= self.truth(standby) - ENDS
        if self.last_look is not None and not claim.frozen:
            assert claim.seconds >= self.now - self.last_look - ENDS

    def what_was_seen_missing_is_never_above_the_truth(self, standby: Follower, claim: Exposure) -> None:
        if standby.lacking is not None:
            assert (claim.transactions_seen or 0) <= standby.lacking[0]
            assert (claim.bytes_seen or 0) <= standby.lacking[1]

    def only_proof_of_death_freezes(self, standby: Follower, claim: Exposure) -> None:
        assert claim.frozen == (claim.known and PRIMARY in self.world.deaths)
        self.checked += 1
        if self.checked % 5:
            return
        later = self.claim(standby, 3600)
        if claim.frozen:
            assert self.leader.death is not None
            assert later == claim
        elif claim.seconds is not None:
            assert later.seconds is not None
            assert abs(later.seconds - claim.seconds - 3600) < ENDS


class OldMysql(Histories):
    """MySQL 5.6 with GTIDs: a half-received transaction is counted."""

    version = (5, 6, 51)
    torn_is_counted = True


class Mariadb(Histories):
    mariadb = True
    version = (10, 11, 6)
    purges = True
    has_coordinate = True


class MariadbByCoordinate(Histories):
    """The guide's pair: MASTER_USE_GTID=no, where gtid_slave_pos says only what was applied."""

    mariadb = True
    uses_gtid = False
    has_coordinate = True
    version = (10, 11, 6)


class MysqlByCoordinate(Histories):
    uses_gtid = False
    has_gtid = False
    has_coordinate = True
    by_status = True
    version = (5, 7, 44)


KINDS = (Histories, OldMysql, Mariadb, MariadbByCoordinate, MysqlByCoordinate)
