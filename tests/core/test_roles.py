"""Who leads: the nodes' own words, step by step through a human's takeover and what may come after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC

import pytest
from worlds import (
    OSLO_A,
    OSLO_B,
    OTHER,
    POLICY,
    PRIMARY,
    REFUSED,
    SHOP,
    STANDBY,
    UUID,
    at,
    body,
    coordinate,
    dead_host,
    gtids,
    host,
    look,
    position,
    primary,
    receiver,
    replication,
    server,
    standby,
    standby_host,
    standby_server,
    well,
)

from drwatch.core.assessment import Assessment, assess
from drwatch.core.finding import Condition, Severity
from drwatch.core.incident import ENDED, Incident, advance
from drwatch.core.message import compose
from drwatch.core.paging import PageReason, page
from drwatch.core.policy import Cluster, Policy
from drwatch.core.roles import learn
from drwatch.core.sample import Flavour, IoState, Node, Probe, ReplicationFact, Sample, ServerFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.standing import Leader, State

ALONE = ReplicationFact(())


class Watch:
    """A drwatch in small: looks come in, each second is judged, and what is learnt of the leader is kept."""

    def __init__(self, policy: Policy = POLICY, snapshot: Snapshot = Snapshot()) -> None:  # noqa: B008
        self.policy, self.snapshot = policy, snapshot
        self.told: set[Condition] = set()
        """Whatever was not explained by something greater at any tick."""

    def see(self, now: float, *looks: Sample | Iterable[Sample]) -> Assessment:
        for item in looks:
            for sample in [item] if isinstance(item, Sample) else item:
                self.snapshot = self.snapshot.keep(sample)
        assessment = assess(self.snapshot, self.policy, frozenset(), at(now + 0.1))
        self.snapshot = learn(self.snapshot, assessment.snapshot)
        self.told |= {finding.condition for finding in assessment.findings if finding.suppressed_by is None}
        return assessment

    @property
    def leader(self) -> Node:
        leader = self.snapshot.leaders.get("shop")
        return leader.node if leader else PRIMARY


def both(last: int, own: int) -> object:
    """GTIDs of oslo-a up to one number and of oslo-b up to another."""
    return gtids(last) | gtids(own, OTHER)


def opened(last: int = 100, own: int = 0) -> ServerFact:
    return standby_server(both(last, own), read_only=False, super_read_only=False)


def dead(now: float) -> list[Sample]:
    return [primary(REFUSED, now), body(dead_host(), now), look(PRIMARY, Probe.REPLICATION, REFUSED, now)]


def promoted(now: float, own: int) -> list[Sample]:
    return [standby(opened(own=own), now), receiver(ALONE, now), standby_host(host(), now)]


def taken_over(watch: Watch | None = None) -> Watch:
    """oslo-a dies at 5, the standby is drained at 8, opened at 12 and written to from 14 on."""
    watch = watch or Watch()
    for n in range(5):
        watch.see(n, well(n), look(PRIMARY, Probe.REPLICATION, ALONE, n))
    for n in range(5, 8):
        watch.see(n, dead(n), receiver(replication(io=IoState.CONNECTING, io_errno=2003), n), well(n)[2])
    for n in range(8, 10):
        watch.see(n, dead(n), receiver(replication(io=IoState.NO, sql=False), n), well(n)[2])
    for n in range(10, 12):
        watch.see(n, dead(n), receiver(ALONE, n), well(n)[2])
    for n in range(12, 14):
        watch.see(n, dead(n), promoted(n, 0))
    assert watch.leader == PRIMARY
    for n in range(14, 20):
        watch.see(n, dead(n), promoted(n, n - 13))
    return watch


def test_a_takeover_is_followed_at_the_first_write_and_no_step_of_it_is_told() -> None:
    watch = taken_over()
    assert watch.leader == STANDBY
    assert watch.snapshot.leaders["shop"] == Leader(STANDBY, at(14.1), PRIMARY)
    assert watch.told == {Condition.PRIMARY_DOWN, Condition.UNPROTECTED}


def test_after_a_takeover_the_new_primary_is_judged_and_the_old_ones_death_is_no_trouble_any_more() -> None:
    seen = taken_over().see(20, dead(20), promoted(20, 7))
    (view,) = seen.clusters
    assert view.cluster.primary == OSLO_B
    assert view.cluster.standbys == (OSLO_A,)
    assert view.verdict.condition is None
    assert view.protection.state is State.TAKEN_OVER
    assert {f.condition for f in seen.findings if f.suppressed_by is None} == {Condition.UNPROTECTED}
    assert "led before" in view.database[0].unknown


def test_the_death_of_the_new_primary_is_told_like_any_other() -> None:
    watch = taken_over()
    gone = [standby(REFUSED, 21), standby_host(dead_host(), 21)]
    seen = watch.see(22, dead(22), gone, standby(REFUSED, 22), standby_host(dead_host(), 22), receiver(REFUSED, 22))
    down = next(f for f in seen.findings if f.condition is Condition.PRIMARY_DOWN)
    assert (down.subject, down.suppressed_by) == ("oslo-b", None)


def test_a_restart_after_the_takeover_remembers_who_leads() -> None:
    before = taken_over().snapshot
    again = Watch(snapshot=Snapshot(alive=before.alive, leaders=before.leaders, protections=before.protections))
    seen = again.see(40, dead(40), promoted(40, 20))
    assert seen.clusters[0].cluster.primary == OSLO_B
    assert seen.clusters[0].protection == before.protections["shop"]
    assert again.told == {Condition.UNPROTECTED}


def test_a_node_that_the_configuration_no_longer_names_leads_nothing() -> None:
    elsewhere = Leader(Node("shop", "oslo-z"), at(0), PRIMARY)
    watch = Watch(snapshot=Snapshot(leaders={"shop": elsewhere}))
    assert watch.see(1, well(1)).clusters[0].cluster.primary == OSLO_A


def test_a_standby_that_was_opened_by_mistake_is_not_followed_when_the_primary_dies() -> None:
    """Its receiver still tries to connect: nobody has promoted it."""
    watch = Watch()
    watch.see(0, well(0))
    for n in range(1, 30):
        watch.see(n, dead(n), standby(opened(), n), receiver(replication(io=IoState.CONNECTING, io_errno=2003), n))
    assert watch.leader == PRIMARY


def test_a_standby_that_a_backup_has_stopped_is_not_followed_when_the_primary_dies() -> None:
    watch = Watch()
    for n in range(5):
        watch.see(n, well(n), standby(opened(), n), receiver(replication(io=IoState.NO, sql=False), n))
    for n in range(5, 60):
        watch.see(n, dead(n), standby(opened(), n), receiver(replication(io=IoState.NO, sql=False), n))
    assert watch.leader == PRIMARY
    assert Condition.PRIMARY_DOWN in watch.told


def test_where_no_log_can_show_a_write_a_standby_that_forgot_its_source_is_followed() -> None:
    """Binary logging is off on the standby."""
    blank = replace(opened(), gtid=None)
    watch = Watch()
    watch.see(0, well(0)[:2], standby(replace(blank, read_only=True), 0))
    for n in range(1, 9):
        watch.see(n, dead(n), standby(blank, n), receiver(replication(io=IoState.NO, sql=False), n))
    assert watch.leader == PRIMARY
    watch.see(9, dead(9), standby(blank, 9), receiver(ALONE, 9))
    assert watch.leader == STANDBY


def test_without_gtids_a_write_is_seen_in_the_coordinate() -> None:
    watch = Watch()
    bare = replace(opened(), gtid=None)
    watch.see(0, well(0))
    for n in range(1, 12):
        place = ReplicationFact((), coordinate(1000))
        watch.see(n, dead(n), standby(bare, n), receiver(place, n))
    assert watch.leader == PRIMARY
    rotated = ReplicationFact((), coordinate(154, file=2))
    watch.see(12, dead(12), standby(bare, 12), receiver(rotated, 12))
    assert watch.leader == PRIMARY
    watch.see(13, dead(13), standby(bare, 13), receiver(ReplicationFact((), coordinate(1200, file=2)), 13))
    assert watch.leader == STANDBY


def switched_over(steps: int) -> Watch:
    """A planned switchover: the old primary is made read-only, the standby stopped, and after ``steps`` s opened."""
    watch = Watch()
    watch.see(0, well(0))
    closed = server(gtids(100), read_only=True)
    for n in range(1, 1 + steps):
        stopped = [standby(standby_server(gtids(100)), n), receiver(ALONE, n), standby_host(host(), n)]
        watch.see(n, primary(closed, n), body(host(), n), stopped)
    for n in range(1 + steps, 5 + steps):
        watch.see(n, primary(closed, n), body(host(), n), promoted(n, n - steps))
    return watch


def test_a_planned_switchover_is_followed_and_none_of_its_steps_is_told_at_once() -> None:
    watch = switched_over(20)
    assert watch.leader == STANDBY
    assert watch.told == {Condition.NOBODY_WRITABLE, Condition.UNPROTECTED}
    seen = Watch().see(2, well(0), primary(server(read_only=True), 2))
    nobody = next(f for f in seen.findings if f.condition is Condition.NOBODY_WRITABLE)
    assert (nobody.severity, nobody.confirm) == (Severity.CRITICAL, 60)


def turned_round(n: float, last: int, own: int, **but: object) -> list[Sample]:
    """The old primary as the standby of the new one."""
    old = server(both(last, own), read_only=True, super_read_only=True)
    stream = replication(
        retrieved_gtid=gtids(own, OTHER),
        executed_gtid=both(last, own),
        source_server_id=2,
        source_uuid=OTHER,
        source_host="10.0.0.2",
        read=coordinate(1),
        executed=coordinate(1),
        **but,
    )
    return [primary(old, n), body(host(), n), look(PRIMARY, Probe.REPLICATION, stream, n)]


def test_once_the_old_primary_is_rebuilt_as_the_standby_all_is_well_again() -> None:
    watch = taken_over()
    for n in range(30, 40):
        seen = watch.see(n, promoted(n, n - 13), turned_round(n, 100, n - 13))
    assert seen.findings == ()
    assert seen.clusters[0].protection.state is State.PROTECTED
    assert watch.snapshot.leaders["shop"] == Leader(STANDBY, at(14.1), None)
    (claim,) = seen.clusters[0].database
    assert (claim.node, claim.transactions_seen) == (PRIMARY, 0)
    assert claim.seconds is not None
    assert claim.seconds < 2


def test_an_old_primary_that_is_back_and_writable_is_a_zombie_at_once() -> None:
    watch = taken_over()
    seen = watch.see(20, promoted(20, 7), primary(server(gtids(101)), 20), body(host(), 20))
    (zombie,) = (f for f in seen.findings if f.condition is Condition.ZOMBIE_PRIMARY)
    assert (zombie.subject, zombie.severity, zombie.confirm, zombie.suppressed_by) == (
        "oslo-a",
        Severity.CRITICAL,
        0.0,
        None,
    )
    assert Condition.SPLIT_BRAIN not in {f.condition for f in seen.findings}
    assert f"{UUID}:101" in " ".join(zombie.evidence)
    assert "is open for writes" in zombie.summary
    assert seen.clusters[0].protection == watch.snapshot.protections["shop"]
    assert seen.clusters[0].protection.state is State.TAKEN_OVER
    seen = watch.see(21, promoted(21, 8), primary(server(gtids(102)), 21), body(host(), 21))
    (zombie,) = (f for f in seen.findings if f.condition is Condition.ZOMBIE_PRIMARY)
    assert "takes writes beside it" in zombie.summary


def test_what_an_old_primary_wrote_while_it_led_is_not_told_as_a_zombies_writes() -> None:
    """On MariaDB its newest transaction is its own, as that of any primary."""
    maria = {"flavour": Flavour.MARIADB, "version": (10, 11, 6), "server_uuid": None}
    watch = Watch(snapshot=Snapshot(leaders={"shop": Leader(STANDBY, at(0), PRIMARY)}))
    new = standby_server(position(150, 2), gtid_applied=position(100), read_only=False, **maria)
    back = [primary(server(position(100), **maria), 1), look(PRIMARY, Probe.REPLICATION, ALONE, 1)]
    seen = watch.see(1, standby(new, 1), receiver(ALONE, 1), back)
    (zombie,) = (f for f in seen.findings if f.condition is Condition.ZOMBIE_PRIMARY)
    assert "writes of its own" not in " ".join(zombie.evidence)


def test_an_old_primary_is_not_followed_back_for_what_it_wrote_while_it_led() -> None:
    """It is back and open, nobody writes to it, and the new primary dies."""
    watch = taken_over()
    back = [primary(server(gtids(100)), 20), look(PRIMARY, Probe.REPLICATION, ALONE, 20)]
    watch.see(20, promoted(20, 7), back)
    for n in range(21, 60):
        looks = [primary(server(gtids(100)), n), look(PRIMARY, Probe.REPLICATION, ALONE, n), body(host(), n)]
        seen = watch.see(n, looks, standby(REFUSED, n), standby_host(dead_host(), n), receiver(REFUSED, n))
    assert watch.leader == STANDBY
    assert Condition.PRIMARY_DOWN in {f.condition for f in seen.findings if f.suppressed_by is None}


def test_an_old_primary_that_is_back_and_read_only_is_no_zombie_and_must_be_rebuilt_for_what_it_alone_has() -> None:
    watch = taken_over()
    closed = server(gtids(103), read_only=True, super_read_only=True)
    alone = look(PRIMARY, Probe.REPLICATION, ALONE, 20)
    seen = watch.see(20, promoted(20, 7), primary(closed, 20), body(host(), 20), alone)
    assert {f.condition for f in seen.findings if f.suppressed_by is None} == {
        Condition.UNPROTECTED,
        Condition.REBUILD_REQUIRED,
    }
    (rebuild,) = (f for f in seen.findings if f.condition is Condition.REBUILD_REQUIRED)
    assert "3 transactions" in rebuild.evidence[0]


def test_an_old_primary_that_has_nothing_of_its_own_need_not_be_rebuilt() -> None:
    watch = taken_over()
    closed = server(gtids(100), read_only=True, super_read_only=True)
    seen = watch.see(20, promoted(20, 7), primary(closed, 20), look(PRIMARY, Probe.REPLICATION, ALONE, 20))
    assert Condition.REBUILD_REQUIRED not in {f.condition for f in seen.findings}


def test_on_mariadb_what_the_new_primary_had_applied_tells_what_the_old_one_alone_has() -> None:
    """The sequence numbers go on from the takeover, so its own say nothing: 0-2-150 does not cover 0-1-103."""
    maria = {"flavour": Flavour.MARIADB, "version": (10, 11, 6), "server_uuid": None}
    leads = {"shop": Leader(STANDBY, at(0), PRIMARY)}
    new = standby_server(position(150, 2), gtid_applied=position(100), read_only=False, **maria)
    for last, rebuild in ((100, False), (103, True)):
        old = server(position(last), gtid_applied=position(0), read_only=True, **maria)
        watch = Watch(snapshot=Snapshot(leaders=leads))
        looks = [standby(new, 1), receiver(ALONE, 1), primary(old, 1), look(PRIMARY, Probe.REPLICATION, ALONE, 1)]
        seen = watch.see(1, looks)
        assert (Condition.REBUILD_REQUIRED in {f.condition for f in seen.findings}) is rebuild


def test_a_switch_back_is_followed_too() -> None:
    watch = taken_over()
    for n in range(30, 33):
        watch.see(n, promoted(n, n - 13), turned_round(n, 100, n - 13))
    for n in range(33, 40):
        closed = standby_server(both(100, 19))
        stream = replication(source_server_id=1, source_uuid=UUID)
        opened_again = server(both(100 + n - 30, 19))
        follower = [standby(closed, n), receiver(stream if n > 36 else ALONE, n)]
        watch.see(n, follower, primary(opened_again, n), look(PRIMARY, Probe.REPLICATION, ALONE, n))
    assert watch.leader == PRIMARY
    assert watch.snapshot.leaders["shop"].former is None


def test_two_writables_are_a_split_brain_that_names_what_each_side_alone_has() -> None:
    watch = Watch()
    for n in range(5):
        watch.see(n, well(n))
    seen = watch.see(5, primary(server(gtids(130)), 5), promoted(5, 7))
    (split,) = (f for f in seen.findings if f.condition is Condition.SPLIT_BRAIN)
    assert split.severity is Severity.CRITICAL
    assert f"from {OTHER}:1" in split.evidence[0]
    assert f"30 that oslo-b lacks, from {UUID}:101" in split.evidence[1]
    assert {f.condition for f in seen.findings if f.suppressed_by is None} == {Condition.SPLIT_BRAIN}


def test_without_gtids_a_growing_log_of_a_standby_that_follows_nobody_is_a_split_brain() -> None:
    watch = Watch()
    bare = {"gtid": None}
    for n in range(5):
        looks = [primary(replace(server(), **bare), n), standby(replace(opened(), **bare), n)]
        seen = watch.see(n, looks, receiver(ReplicationFact((), coordinate(100 + n)), n))
        assert (Condition.SPLIT_BRAIN in {f.condition for f in seen.findings}) is (n > 0)
    assert watch.leader == PRIMARY


# The pages


def told(watch: Watch, condition: Condition, *ticks: tuple[float, Iterable[Sample]]) -> dict[PageReason, str]:
    """The pages of one condition's incident, by their reason."""
    incidents: tuple[Incident, ...] = ()
    bodies: dict[PageReason, str] = {}
    for now, looks in ticks:
        seen = watch.see(now, looks)
        step = advance(incidents, seen, POLICY, at(now))
        ended = tuple(each for each in step.changed if each.phase in ENDED)
        incidents = ()
        for each in (*step.living, *ended):
            event = page(each, POLICY.paging, 5.0, at(now))
            incidents += () if each in ended else (event.incident if event else each,)
            if event is not None and each.condition is condition:
                bodies[event.reason] = compose(event, seen, UTC).body
    return bodies


def test_the_page_of_a_zombie_begins_with_what_closes_it() -> None:
    back = [*promoted(20, 7), primary(server(gtids(101)), 20), body(host(), 20)]
    bodies = told(taken_over(), Condition.ZOMBIE_PRIMARY, (20, back), (21, []))
    first = bodies[PageReason.FIRST]
    assert "DO FIRST:\nClose oslo-a:\n   ssh -t 10.0.0.1" in first
    assert "SET GLOBAL read_only = ON; SET GLOBAL super_read_only = ON" in first
    assert "systemctl disable --now mysql" in first


def test_a_death_that_a_takeover_ended_is_told_as_over_with_who_leads_now() -> None:
    watch = Watch()
    watch.see(0, well(0), look(PRIMARY, Probe.REPLICATION, ALONE, 0))
    down = [(n, [*dead(n), *promoted(n, 0)]) for n in range(1, 10)]
    after = [(n, [*dead(n), *promoted(n, n)]) for n in range(10, 60)]
    bodies = told(watch, Condition.PRIMARY_DOWN, *down, *after)
    assert "oslo-b has taken over: it takes the writes, and leads since 03:14:10" in bodies[PageReason.RESOLVED]
    assert "oslo-a stays dead" in bodies[PageReason.RESOLVED]


def test_that_nobody_could_take_over_is_told_again_each_hour_and_not_each_ten_minutes() -> None:
    watch = taken_over()
    alone = [(n, [*dead(n), *promoted(n, n)]) for n in range(20, 5000, 30)]
    reasons = told(watch, Condition.UNPROTECTED, *(tick for tick in alone if tick[0] < 4200))
    assert set(reasons) == {PageReason.FIRST, PageReason.ESCALATED}
    assert "for 75 min" in told(taken_over(), Condition.UNPROTECTED, *alone)[PageReason.STILL]


# Chains and two standbys

OSLO_C = replace(OSLO_B, node=Node("shop", "oslo-c"), mysql="10.0.0.3:3306", ssh=None, ssh_host=None)
THREE = Cluster("shop", (OSLO_A, OSLO_B, OSLO_C), SHOP.objectives)
TRIO = replace(POLICY, clusters=(THREE,))
THIRD = "9d41ab60-71ca-11e1-9e33-c80aa9429564"


def second(n: float, of: int, last: int = 100, **but: object) -> list[Sample]:
    """oslo-c, replicating from the server of this id."""
    stream = replication(
        **{
            "source_server_id": of,
            "source_uuid": {1: UUID, 2: OTHER, 9: "aaaaaaaa-71ca-11e1-9e33-c80aa9429564"}[of],
            "source_host": f"10.0.0.{of}",
            "retrieved_gtid": gtids(last),
            "executed_gtid": gtids(last),
            "heartbeats": 1 + int(n // 30),
        }
        | but
    )
    fact = standby_server(gtids(last), server_id=3, server_uuid=THIRD)
    return [look(OSLO_C.node, Probe.SERVER, fact, n), look(OSLO_C.node, Probe.REPLICATION, stream, n)]


@pytest.mark.parametrize("of", [1, 2])
def test_two_standbys_and_a_chain_are_well_and_each_has_its_claim(of: int) -> None:
    watch = Watch(TRIO)
    for n in range(5):
        seen = watch.see(n, well(n, 100 + n), second(n, of, 100 + n))
    assert seen.findings == ()
    assert [claim.node.name for claim in seen.clusters[0].database] == ["oslo-b", "oslo-c"]
    assert all(claim.seconds is not None and claim.seconds < 2 for claim in seen.clusters[0].database)
    assert seen.clusters[0].protection.state is State.PROTECTED


def test_a_receiver_that_the_intermediate_feeds_is_no_witness_for_a_dead_primary() -> None:
    """oslo-c goes on hearing heartbeats, from oslo-b."""
    watch = Watch(TRIO)
    for n in range(60):
        watch.see(n, well(n), second(n, 2))
    for n in range(60, 75):
        stuck = receiver(replication(io=IoState.CONNECTING, io_errno=2003), n)
        looks = [primary(REFUSED, n), body(dead_host(), n), *well(n)[2:3], stuck]
        seen = watch.see(n, looks, second(n, 2, heartbeats=n))
    assert seen.clusters[0].verdict.condition is Condition.PRIMARY_DOWN


def test_by_coordinate_a_chain_is_not_placed_in_the_primarys_log() -> None:
    """Both logs are called mysql-bin.000001, and a place in the one is not that place in the other."""
    watch = Watch(TRIO)
    bare = {"uses_gtid": False, "retrieved_gtid": None, "executed_gtid": None}
    for n in range(5):
        mine = [primary(replace(server(), gtid=None, binlog=coordinate(500 + n)), n), *well(n)[2:]]
        looks = second(n, 2, read=coordinate(9000), executed=coordinate(9000), **bare)
        fact = standby_server(server_id=3, server_uuid=THIRD)
        seen = watch.see(n, mine, looks, look(OSLO_C.node, Probe.SERVER, replace(fact, gtid=None), n))
    claim = seen.clusters[0].database[1]
    assert claim.seconds is None
    assert "through oslo-b" in claim.unknown


def test_the_intermediates_death_explains_the_second_standbys_silence() -> None:
    watch = Watch(TRIO)
    for n in range(5):
        watch.see(n, well(n), second(n, 2))
    for n in range(5, 20):
        gone = [standby(REFUSED, n), standby_host(dead_host(), n), receiver(REFUSED, n)]
        stuck = second(n, 2, io=IoState.CONNECTING, io_errno=2003)
        seen = watch.see(n, well(n, 100 + n)[:2], gone, stuck)
    stopped = next(f for f in seen.findings if f.condition is Condition.REPLICATION_STOPPED)
    assert (stopped.subject, stopped.suppressed_by) == ("oslo-c", Condition.STANDBY_DOWN)


def test_a_standby_of_another_server_is_told_as_such() -> None:
    watch = Watch(TRIO)
    for n in range(3):
        seen = watch.see(n, well(n), second(n, 9))
    (wrong,) = (f for f in seen.findings if f.condition is Condition.WRONG_SOURCE)
    assert (wrong.subject, wrong.suppressed_by) == ("oslo-c", None)
    assert "10.0.0.9:3306" in wrong.summary
    assert {f.condition for f in seen.findings if f.suppressed_by is None} == {Condition.WRONG_SOURCE}


def test_after_a_takeover_a_second_standby_that_still_follows_the_old_primary_is_told_with_time_to_repoint_it() -> None:
    watch = taken_over(Watch(TRIO))
    stuck = second(20, 1, io=IoState.CONNECTING, io_errno=2003)
    seen = watch.see(20, dead(20), promoted(20, 7), stuck)
    (wrong,) = (f for f in seen.findings if f.condition is Condition.WRONG_SOURCE)
    assert (wrong.subject, wrong.confirm) == ("oslo-c", 600)
    assert "point it at oslo-b" in wrong.summary
    assert Condition.REPLICATION_STOPPED not in {f.condition for f in seen.findings if f.suppressed_by is None}


def test_a_source_that_is_not_known_yet_is_not_called_wrong() -> None:
    seen = Watch(TRIO).see(1, well(1)[2:], second(1, 9))
    assert Condition.WRONG_SOURCE not in {f.condition for f in seen.findings}


# Protection


def test_a_dead_standby_leaves_the_pair_unprotected_and_says_for_how_long() -> None:
    watch = Watch()
    watch.see(0, well(0))
    for n in range(1, 130):
        seen = watch.see(n, well(n)[:2], standby(REFUSED, n), standby_host(dead_host(), n))
    view = seen.clusters[0]
    assert view.protection.state is State.UNPROTECTED
    assert view.protection.since == at(1.1)
    (alone,) = (f for f in seen.findings if f.condition is Condition.UNPROTECTED)
    assert (alone.severity, alone.confirm) == (Severity.CRITICAL, 600)
    assert "2 min 8 s" in alone.summary or "128 s" in alone.summary
    assert alone.evidence == ("oslo-b does not answer (refused)",)


def test_one_fit_standby_of_two_is_protection() -> None:
    watch = Watch(TRIO)
    watch.see(0, well(0), second(0, 1))
    seen = watch.see(5, well(5)[:2], standby(REFUSED, 5), standby_host(dead_host(), 5), second(5, 1))
    assert seen.clusters[0].protection.state is State.PROTECTED


def test_a_claim_over_the_objective_is_a_state_of_its_own() -> None:
    watch = Watch()
    watch.see(0, well(0))
    seen = watch.see(90, well(90, 200)[:2], receiver(replication(io=IoState.NO, io_errno=2003), 90), *well(90)[2:3])
    assert seen.clusters[0].protection.state is State.OVER_OBJECTIVE


def test_before_anything_was_seen_the_state_is_unknown() -> None:
    assert Watch().see(0).clusters[0].protection.state is State.UNKNOWN


@pytest.mark.parametrize("errno", [1236, 13114])
def test_a_standby_whose_source_has_purged_what_it_needs_must_be_rebuilt_and_that_is_told_once(errno: int) -> None:
    """MySQL 8 and later have a number of their own for it."""
    watch = Watch()
    lost = {"io": IoState.NO, "io_errno": errno, "io_error": "Could not find first log file name in binary log index"}
    seen = watch.see(1, well(1, **lost))
    told = {f.condition for f in seen.findings if f.suppressed_by is None}
    assert told == {Condition.REBUILD_REQUIRED, Condition.UNPROTECTED}
    assert seen.clusters[0].protection.state is State.UNPROTECTED


@pytest.mark.parametrize(
    "words",
    [
        "log event entry exceeded max_allowed_packet; Increase max_allowed_packet on master",
        "A slave with the same server_uuid/server_id as this slave has connected to the master",
    ],
)
def test_a_source_that_refuses_for_another_reason_still_has_what_its_standby_needs(words: str) -> None:
    refused = {"io": IoState.NO, "io_errno": 1236, "io_error": f"Got fatal error 1236 from master: '{words}'"}
    seen = Watch().see(1, well(1, **refused))
    assert {f.condition for f in seen.findings if f.suppressed_by is None} == {Condition.REPLICATION_STOPPED}
