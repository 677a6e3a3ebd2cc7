"""A standby of a standby: its coordinates are of the log between, and are led back through it to the primary's."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from worlds import (
    OSLO_A,
    OSLO_B,
    OTHER,
    POLICY,
    SHOP,
    at,
    channel,
    coordinate,
    gtids,
    judged,
    look,
    primary,
    receiver,
    seen,
    server,
    standby,
    standby_server,
)

from drwatch.core.binlog import Coordinate
from drwatch.core.exposure import Exposure
from drwatch.core.policy import Cluster, Policy
from drwatch.core.sample import Node, Probe, ReplicationFact, Sample
from drwatch.core.snapshot import Snapshot

THIRD = Node("shop", "oslo-c")
OSLO_C = replace(OSLO_B, node=THIRD, mysql="10.0.0.3:3306", ssh=None, ssh_host=None)
TRIO: Policy = replace(POLICY, clusters=(Cluster("shop", (OSLO_A, OSLO_B, OSLO_C), SHOP.objectives),))
BARE = {"uses_gtid": False, "retrieved_gtid": None, "executed_gtid": None}


def middle(place: int, file: int = 1) -> Coordinate:
    """A place in oslo-b's own log."""
    return Coordinate(f"oslo-b-bin.{file:06d}", place)


def leads(n: float, place: Coordinate) -> Sample:
    return primary(replace(server(), gtid=None, binlog=place), n)


def relays(n: float, executed: Coordinate, own: Coordinate, **but: object) -> list[Sample]:
    """oslo-b: what it has of the primary's log, and half a second later where its own stands."""
    stream = ReplicationFact((channel(read=executed, executed=executed, **BARE | but),))
    fact = standby_server(log_replica_updates=True)
    return [receiver(stream, n), standby(replace(fact, gtid=None, binlog=own), n + 0.5)]


def follows(n: float, read: Coordinate, **but: object) -> list[Sample]:
    """oslo-c, fed by oslo-b."""
    fed = {"source_server_id": 2, "source_uuid": OTHER, "source_host": "10.0.0.2", "read": read, "executed": read}
    stream = ReplicationFact((channel(**BARE | fed | but),))
    fact = standby_server(server_id=3, server_uuid="c")
    own = [look(THIRD, Probe.SERVER, replace(fact, gtid=None), n)]
    return [*own, look(THIRD, Probe.REPLICATION, stream, n)]


def claim(world: Snapshot, now: float) -> Exposure:
    """For oslo-c."""
    return judged(world, now, TRIO).clusters[0].database[1]


def moving(until: int) -> list[Sample]:
    """A commit a second: 100 bytes in the primary's log, 150 in oslo-b's; oslo-c keeps up until the sixth."""
    looks: list[Sample] = []
    for n in range(until):
        own = middle(9000 + 150 * n)
        looks += [leads(n, coordinate(1000 + 100 * n)), *relays(n + 0.1, coordinate(1000 + 100 * n), own)]
        looks += follows(n + 0.7, middle(9000 + 150 * min(n, 5)))
    return looks


def test_what_a_second_standby_lacks_is_counted_from_what_the_first_had_handed_on() -> None:
    found = claim(seen(moving(20)), 20)
    # At second 5 the primary was asked, then oslo-b said that it had applied that, then where its own log stood.
    assert found.seconds == 15
    assert found.datum == at(5)


def test_a_chain_that_keeps_up_claims_about_a_look() -> None:
    found = claim(seen(moving(6)), 6)
    assert found.seconds is not None
    assert found.seconds <= 1.5


def test_an_idle_chain_claims_about_a_look_however_long_it_idles() -> None:
    looks: list[Sample] = []
    for n in range(300):
        looks += [leads(n, coordinate(1000)), *relays(n + 0.1, coordinate(1000), middle(9000))]
        looks += follows(n + 0.7, middle(9000))
    found = claim(seen(looks), 300)
    assert found.seconds is not None
    assert found.seconds <= 2


def test_places_of_the_log_between_count_no_bytes_of_the_primarys() -> None:
    """oslo-c reads at 500 of oslo-b's file of the same name: that says nothing of the primary's 1,000,000th byte."""
    fed = {"source_server_id": 2, "source_uuid": OTHER, "source_host": "10.0.0.2", "read": coordinate(500)}
    looks: list[Sample] = []
    for n in range(3):
        looks += [primary(replace(server(), binlog=coordinate(1_000_000)), n)]
        looks += [standby(standby_server(gtids(100)), n), receiver(ReplicationFact((channel(),)), n)]
        third = standby_server(gtids(100), server_id=3, server_uuid="c")
        looks += [look(THIRD, Probe.SERVER, third, n + 0.5)]
        looks += [look(THIRD, Probe.REPLICATION, ReplicationFact((channel(**fed),)), n + 0.5)]
    found = claim(seen(looks), 3)
    assert found.transactions_seen == 0
    assert found.bytes_seen is None


def test_what_the_first_applies_after_its_log_was_read_is_not_taken_for_handed_on() -> None:
    looks = [leads(0, coordinate(1000)), *relays(0.1, coordinate(1000), middle(9000))]
    # The log is read at 1.6, and the next that is known to have been applied was applied by 2.1.
    looks += [leads(1, coordinate(1100)), *relays(1.1, coordinate(1000), middle(9150))]
    looks += [leads(2, coordinate(1200)), *relays(2.1, coordinate(1200), middle(9300))]
    looks += follows(3, middle(9150))
    found = claim(seen(looks), 3)
    assert found.datum == at(0)


def test_a_first_standby_that_was_pointed_elsewhere_hands_on_nothing_of_before() -> None:
    looks = moving(10)
    elsewhere = relays(10.1, Coordinate("other-bin.000001", 50), middle(12000), source_server_id=1)
    found = claim(seen(looks, leads(10, coordinate(2000)), elsewhere, follows(10.7, middle(12000))), 11)
    assert found.seconds is None


def test_a_first_standby_whose_own_log_began_anew_makes_the_second_one_unknown() -> None:
    looks = moving(10)
    reset = relays(10.1, coordinate(2000), middle(150, file=1))
    found = claim(seen(looks, leads(10, coordinate(2000)), reset, follows(10.7, middle(9750))), 11)
    assert found.seconds is None


def test_a_first_standby_that_logs_nothing_of_what_it_applies_hands_nothing_on() -> None:
    """log_slave_updates is off by default before MySQL 8.0: its own log never grows, and oslo-c stands at its end."""
    looks: list[Sample] = []
    for n in range(20):
        place = coordinate(1000 + 100 * n)
        stream = relays(n + 0.1, place, middle(9000))[0]
        found = replace(standby_server(), gtid=None, binlog=middle(9000), log_replica_updates=False)
        looks += [leads(n, place), stream, standby(found, n + 0.6), *follows(n + 0.7, middle(9000))]
    found_now = claim(seen(looks), 20)
    assert found_now.seconds is None
    assert "oslo-b" in found_now.unknown


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.floats(0.2, 3)), min_size=1, max_size=25
    )
)
def test_a_chains_claim_is_never_below_the_truth(steps: list[tuple[int, int, int, float]]) -> None:
    """Commits, hops and looks at random: the claim reaches back to before the first commit that oslo-c lacks."""
    commits: list[float] = []  # when each was acknowledged
    relayed = received = 0
    now, looks = 0.0, [leads(0, coordinate(1000)), *relays(0, coordinate(1000), middle(9000))]
    looks += follows(0.6, middle(9000))
    now = 1.0
    for committed, applied, handed_on, pause in steps:
        commits += [now] * committed
        relayed = min(len(commits), relayed + applied)
        received = min(relayed, received + handed_on)
        looks.append(leads(now + 0.01, coordinate(1000 + 100 * len(commits))))
        executed = coordinate(1000 + 100 * relayed)
        looks += relays(now + 0.02, executed, middle(9000 + 150 * relayed))
        looks += follows(now + 0.6, middle(9000 + 150 * received))
        now += 0.7 + pause
    found = claim(seen(looks), now)
    truth = now - commits[received] if received < len(commits) else 0.0
    assert found.seconds is not None
    assert found.seconds >= truth
