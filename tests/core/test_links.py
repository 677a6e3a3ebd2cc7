"""One verdict for each path, beside the one on the primary: all is well until 0, the trouble begins at 1."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pytest
from worlds import (
    ANCHOR,
    ANCHORED,
    LOST,
    NO_SHELL,
    OPEN,
    POLICY,
    PRIMARY,
    REFUSED,
    SHOP,
    STANDBY,
    anchor,
    at,
    body,
    dead_host,
    door,
    gtids,
    host,
    look,
    primary,
    receiver,
    replication,
    seen,
    server,
    standby,
    standby_host,
    well,
)

from drwatch.core.finding import Confidence
from drwatch.core.links import TABLE, Far, Link, State, Way, decide, links, wanted
from drwatch.core.policy import Policy
from drwatch.core.sample import Blind, Fact, IoState, Key, PortFact, Probe, Reason, Sample
from drwatch.core.snapshot import Snapshot

BACK = Key(PRIMARY, Probe.REACH, "10.0.0.2:22")
BROKEN = receiver(replication(io=IoState.CONNECTING, io_errno=2003), 2)
FLOWS = (receiver(replication(), 2), receiver(replication(retrieved_gtid=gtids(120)), 4))
STANDBY_GONE = (standby(LOST, 2), receiver(LOST, 2), standby_host(NO_SHELL, 2))


def back(found: Fact | Blind, asked: float) -> Sample:
    return look(PRIMARY, Probe.REACH, found, asked, target=BACK.target)


def outside(found: Fact | Blind, asked: float) -> Sample:
    return look(PRIMARY, Probe.REACH, found, asked, target=ANCHOR)


def paths(*looks: Sample | Sequence[Sample], policy: Policy = POLICY, now: float = 5) -> dict[str, Link]:
    made = links(SHOP, policy, seen(well(-1), well(0), *looks), at(now))
    return {f"{link.near} {link.far}": link for link in made}


def states(*looks: Sample | Sequence[Sample], policy: Policy = POLICY, now: float = 5) -> dict[str, State]:
    return {name: link.state for name, link in paths(*looks, policy=policy, now=now).items()}


UP, DOWN, ONE_WAY, UNKNOWN = State.UP, State.DOWN, State.ONE_WAY, State.UNKNOWN

# fmt: off
CASES = [
    ("all is well", [FLOWS], UP, UP, UP),
    ("the witness has lost its path to the primary", [primary(LOST, 1), body(NO_SHELL, 1), FLOWS], DOWN, UP, UP),
    ("the host is gone: nobody can tell a path from its end", [primary(LOST, 1), body(NO_SHELL, 1), BROKEN],
     UNKNOWN, UP, UNKNOWN),
    ("the server is dead, its host answers", [primary(REFUSED, 1), body(dead_host(), 1), BROKEN], UP, UP, DOWN),
    ("the standby cannot reach the primary that the witness sees", [BROKEN, door(LOST, 2), back(LOST, 2)],
     UP, UP, DOWN),
    ("only the way to the primary is shut", [BROKEN, door(LOST, 2), back(OPEN, 2)], UP, UP, ONE_WAY),
    ("only the way back is shut", [BROKEN, door(OPEN, 2), back(LOST, 2)], UP, UP, ONE_WAY),
    ("only the database's port is kept from the standby", [BROKEN, door(OPEN, 2), back(OPEN, 2)], UP, UP, UP),
    ("the standby's shell has nothing to dial with", [BROKEN, door(Blind(Reason.NO_DIALLER), 2)], UP, UP, DOWN),
    ("the receiver was stopped by hand", [receiver(replication(io=IoState.NO), 2)], UP, UP, UNKNOWN),
    ("the standby is out of the witness's reach", [*STANDBY_GONE], UP, UNKNOWN, UNKNOWN),
    ("and the primary still reaches it", [*STANDBY_GONE, back(OPEN, 2)], UP, DOWN, UP),
    ("and the primary has it connected",
     [*STANDBY_GONE, look(PRIMARY, Probe.PORT, PortFact(True, 0, (STANDBY.name,)), 2)], UP, DOWN, UNKNOWN),
    ("the witness has lost its network",
     [primary(LOST, 1), body(NO_SHELL, 1), *STANDBY_GONE], UNKNOWN, UNKNOWN, UNKNOWN),
]
# fmt: on


@pytest.mark.parametrize(
    ("looks", "to_primary", "to_standby", "between"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
def test_each_path_has_its_own_verdict(
    looks: list[Sample], to_primary: State, to_standby: State, between: State
) -> None:
    assert states(*looks) == {
        "witness oslo-a": to_primary,
        "witness oslo-b": to_standby,
        "oslo-b oslo-a": between,
    }


def test_a_standby_that_hears_nothing_of_what_is_committed_has_lost_its_path() -> None:
    """ReplicationSilent: the receiver says Yes, and the primary has gone on for six seconds."""
    commits = [primary(server(gtids(100 + n)), n) for n in range(1, 10)]
    deaf = [receiver(replication(retrieved_gtid=gtids(101)), n) for n in (2, 4, 6, 8)]
    assert states(commits, deaf, now=9)["oslo-b oslo-a"] is DOWN
    assert states(commits, deaf, back(OPEN, 9), now=9)["oslo-b oslo-a"] is ONE_WAY


def test_a_path_says_what_it_was_judged_by() -> None:
    path = paths(BROKEN, door(LOST, 2), back(OPEN, 2))["oslo-b oslo-a"]
    assert path.why
    assert path.evidence == (
        "oslo-b: 10.0.0.1:22 does not answer",
        "standby: the receiver of oslo-b cannot connect, errno 2003",
        "oslo-a: 10.0.0.2:22 answers",
    )


def test_a_host_that_refuses_every_dial_is_not_said_to_answer_itself() -> None:
    """A refusal may be a firewall's, or that of whoever has the address now."""
    refused = primary(REFUSED, 1), body(REFUSED, 1)
    path = paths(*refused)["witness oslo-a"]
    assert (path.state, path.evidence) == (UP, ("witness: something answers at oslo-a, if only to refuse",))
    assert paths(primary(REFUSED, 1))["witness oslo-a"].evidence == ("witness: oslo-a answers",)


def test_a_dial_of_long_ago_says_nothing_of_a_path() -> None:
    assert states(BROKEN, door(LOST, 2), back(OPEN, 2), now=90)["oslo-b oslo-a"] is DOWN


def test_the_primarys_own_reach_to_the_world_outside_is_a_path_too() -> None:
    def state(*looks: Sample) -> State | None:
        return states(*looks, policy=ANCHORED).get("oslo-a gateway:443")

    assert state(anchor(OPEN, 1)) is None
    assert state(anchor(OPEN, 1), outside(OPEN, 2)) is UP
    assert state(anchor(OPEN, 1), outside(LOST, 2)) is DOWN
    assert state(anchor(LOST, 1), outside(LOST, 2)) is UNKNOWN


def test_every_combination_has_exactly_one_state_and_no_line_is_dead() -> None:
    every = {words: decide(*words) for words in product(Way, Way, Far)}
    assert set(every.values()) == set(TABLE)
    assert {line.state for line in every.values()} == set(State)


def test_that_a_path_is_down_is_sure_only_where_both_ends_say_so() -> None:
    for there, back in product(Way, Way):
        line = decide(there, back, Far.ALIVE)
        if line.state is State.DOWN:
            both = (there, back) == (Way.FAILS, Way.FAILS)
            assert line.confidence is (Confidence.CONCLUSIVE if both else Confidence.LIKELY)
        assert decide(there, back, Far.UNKNOWN).state is not State.DOWN


def test_a_way_that_passes_never_makes_a_path_worse() -> None:
    worth = {State.UP: 2, State.ONE_WAY: 1, State.UNKNOWN: 1, State.DOWN: 0}
    for there, back, far in product(Way, Way, Far):
        before = worth[decide(there, back, far).state]
        if there is not Way.PASSES and back is not Way.FAILS:
            assert worth[decide(Way.PASSES, back, far).state] >= before
        assert worth[decide(there, Way.PASSES, far).state] >= min(before, 1)


def world(*looks: Sample | Sequence[Sample]) -> Snapshot:
    return seen(well(-1), well(0), *looks)


def test_a_path_that_is_well_is_dialled_once_a_day() -> None:
    """Each dial is a bare one at somebody's port 22; without any, a failure may be that of a firewall years old."""
    both = {Key(STANDBY, Probe.REACH, "10.0.0.1:22"), BACK}
    assert wanted(SHOP, ANCHORED, world(), at(5)) == both
    for found in (OPEN, LOST):
        dialled = world(door(found, 5), back(found, 5))
        assert wanted(SHOP, ANCHORED, dialled, at(86400)) == frozenset()
        assert wanted(SHOP, ANCHORED, dialled, at(86410)) == both


def test_a_daily_dial_that_was_never_made_is_made_soon() -> None:
    """Without one that passed, a cut of the path cannot be told from a server that keeps both out."""
    both = {Key(STANDBY, Probe.REACH, "10.0.0.1:22"), BACK}
    late = world(door(NO_SHELL, 5), back(NO_SHELL, 5))
    assert wanted(SHOP, POLICY, late, at(30)) == frozenset()
    assert wanted(SHOP, POLICY, late, at(36)) == both
    for why in (Reason.NO_DIALLER, Reason.DNS):
        never = world(door(Blind(why), 5), back(Blind(why), 5))
        assert wanted(SHOP, POLICY, never, at(36)) == frozenset()


def test_nobody_dials_along_a_path_that_is_well_or_whose_end_is_dead() -> None:
    well_known = world(door(OPEN, 0), back(OPEN, 0))
    assert wanted(SHOP, ANCHORED, well_known, at(5)) == frozenset()
    assert wanted(SHOP, ANCHORED, seen(FLOWS, world=well_known), at(5)) == frozenset()
    assert wanted(SHOP, POLICY, world(primary(REFUSED, 1), body(dead_host(), 1), BROKEN), at(30)) == frozenset()


def test_a_path_is_dialled_while_the_witness_is_kept_from_a_server_that_takes_connections() -> None:
    """Whether the standby has lost the path or is kept from the port as well, the dial to another port tells."""
    both = {Key(STANDBY, Probe.REACH, "10.0.0.1:22"), BACK}

    def kept_out(port: PortFact) -> Snapshot:
        return world(primary(LOST, 1), body(host(), 2), BROKEN, look(PRIMARY, Probe.PORT, port, 3))

    assert wanted(SHOP, POLICY, kept_out(PortFact(True, 0, ())), at(4)) == both
    assert wanted(SHOP, POLICY, kept_out(PortFact(True, 2, ())), at(4)) == frozenset()
    assert wanted(SHOP, POLICY, kept_out(PortFact(False, 0, ())), at(4)) == frozenset()


def test_a_path_in_doubt_is_dialled_from_both_ends_and_then_twice_a_minute() -> None:
    doubtful = world(BROKEN)
    both = {Key(STANDBY, Probe.REACH, "10.0.0.1:22"), BACK}
    assert wanted(SHOP, POLICY, doubtful, at(3)) == both
    dialled = doubtful.keep(door(LOST, 3)).keep(back(OPEN, 3))
    assert wanted(SHOP, POLICY, dialled, at(30)) == frozenset()
    assert wanted(SHOP, POLICY, dialled, at(34)) == both


def test_a_primary_out_of_the_witnesss_reach_is_asked_what_it_reaches_itself() -> None:
    lost = world(primary(LOST, 1), body(host(), 1))
    assert wanted(SHOP, ANCHORED, lost, at(10)) == frozenset()
    assert wanted(SHOP, ANCHORED, lost, at(20)) == {Key(PRIMARY, Probe.REACH, ANCHOR)}


def test_a_path_that_goes_on_failing_is_dialled_less_often_and_what_was_found_holds_until_then() -> None:
    """A standby whose replication failed for a weekend is no reason for thousands of bare dials at its SSH."""
    both = {Key(STANDBY, Probe.REACH, "10.0.0.1:22"), BACK}
    failing = world(BROKEN, receiver(replication(io=IoState.CONNECTING, io_errno=2003), 310))
    dialled = failing.keep(door(LOST, 310)).keep(back(OPEN, 310))
    dialled = seen(primary(server(), 500), body(host(), 500), standby_host(host(), 500), world=dialled)
    assert wanted(SHOP, POLICY, dialled, at(600)) == frozenset()
    between = {f"{link.near} {link.far}": link for link in links(SHOP, POLICY, dialled, at(600))}["oslo-b oslo-a"]
    assert between.state is ONE_WAY
    assert wanted(SHOP, POLICY, dialled, at(615)) == both


def test_an_old_dial_does_not_say_that_the_standby_lives() -> None:
    failing = world(BROKEN, receiver(replication(io=IoState.CONNECTING, io_errno=2003), 310))
    lost = seen(back(OPEN, 310), standby(LOST, 480), receiver(LOST, 480), standby_host(NO_SHELL, 480), world=failing)
    to_standby = {f"{link.near} {link.far}": link for link in links(SHOP, POLICY, lost, at(500))}["witness oslo-b"]
    assert to_standby.state is UNKNOWN
