"""What a replication channel's own words come to: in the summary, in the evidence, and in the figures."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import (
    OSLO_B,
    OTHER,
    POLICY,
    REFUSED,
    SHOP,
    STANDBY,
    body,
    channel,
    conditions,
    coordinate,
    dead_host,
    found,
    gtids,
    judged,
    look,
    position,
    primary,
    receiver,
    replication,
    seen,
    standby,
    standby_server,
    well,
)

from drwatch.core.finding import Condition
from drwatch.core.incident import window
from drwatch.core.policy import Policy
from drwatch.core.preflight import preflight
from drwatch.core.recovery import Basis
from drwatch.core.sample import Flavour, IoState, Node, Probe, ReplicationFact, Sample
from drwatch.core.snapshot import Snapshot

PURGED = "Got fatal error 1236 from master when reading data from binary log: 'Could not find first log file name in"
AUTO = "Got fatal error 1236 from source when reading data from binary log: 'Cannot replicate because the source purged"
STATE = "'Could not find GTID state requested by slave in any binlog files. Probably the slave state is too old"
AHEAD = "Got fatal error 1236 from master: 'Client requested master to start replication from impossible position'"


@pytest.mark.parametrize(
    ("errno", "text", "means", "remedy"),
    [
        (1045, "Access denied for user 'replicator'", "denies the replication account", "CHANGE MASTER TO"),
        (2003, "error connecting to master", "nothing answers", "firewall"),
        (2013, "error reconnecting to master", "hangs up or stays silent", "firewall"),
        (1236, PURGED, "has purged the binary logs", "REBUILD"),
        (1236, STATE, "has purged the binary logs", "REBUILD"),
        (13114, AUTO, "has purged the binary logs", "REBUILD"),
        (1236, AHEAD, "lost its tail", "compare"),
        (13117, "equal MySQL server UUIDs", "the same server", "auto.cnf"),
    ],
)
def test_a_receivers_errno_is_told_with_its_meaning_and_its_remedy(
    errno: int, text: str, means: str, remedy: str
) -> None:
    halted = {"io": IoState.NO, "io_errno": errno, "io_error": text}
    told = found(seen(well(0), receiver(replication(**halted), 2)), 3, Condition.REPLICATION_STOPPED)
    assert told is not None
    assert f"errno {errno} " in told.summary
    assert means in told.summary
    assert text[:200] in told.evidence[0]
    assert remedy in told.evidence[1]


def test_an_errno_that_nobody_knows_is_told_as_the_server_told_it() -> None:
    halted = {"io": IoState.NO, "io_errno": 4711, "io_error": "of tomorrow"}
    told = found(seen(well(0), receiver(replication(**halted), 2)), 3, Condition.REPLICATION_STOPPED)
    assert told is not None
    assert told.summary.endswith("its receiver stopped with errno 4711")
    assert told.evidence == ("errno 4711: of tomorrow",)


@pytest.mark.parametrize(("errno", "means"), [(1062, "is there already"), (1032, "is not there"), (1677, "type")])
def test_a_broken_applier_is_told_with_its_table(errno: int, means: str) -> None:
    broken = {"sql": False, "sql_errno": errno, "sql_error": "the row '7'", "sql_table": "shop.orders"}
    told = found(seen(well(0), receiver(replication(**broken), 2)), 3, Condition.REPLICATION_STOPPED)
    assert told is not None
    assert f"errno {errno} on table shop.orders" in told.summary
    assert means in told.summary
    assert window(told, POLICY) == 5


def test_a_relay_log_at_its_limit_is_a_receiver_that_receives_nothing() -> None:
    """Connected, both threads Yes, no errno: only the state's text says it, MySQL 9.7's last."""
    for words in ("slave SQL thread to free enough", "replica SQL thread to free enough", "replica SQL thread to free"):
        full = f"Waiting for the {words} relay log space"
        told = found(seen(well(0), receiver(replication(io_state=full), 2)), 3, Condition.REPLICATION_STOPPED)
        assert told is not None
        assert "relay_log_space_limit" in told.summary
        assert window(told, POLICY) == 15, "a burst fills it for a moment"


def test_a_standby_that_replicates_from_nobody_is_told_in_the_shortest_window() -> None:
    nobody = found(seen(well(0), receiver(ReplicationFact(()), 2)), 3, Condition.REPLICATION_MISSING)
    assert nobody is not None
    assert "from nobody" in nobody.summary
    assert window(nobody, POLICY) == 5


def test_in_a_takeover_a_standby_without_a_source_is_as_it_should_be() -> None:
    world = seen(well(0), primary(REFUSED, 1), body(dead_host(), 1), receiver(ReplicationFact(()), 2))
    assert Condition.REPLICATION_MISSING not in conditions(world, 3)


# ReplicationFiltered

FILTER = ("Replicate_Ignore_Table=shop.sessions",)


def test_a_filter_is_told_and_the_claim_is_marked() -> None:
    world = seen(well(0), receiver(replication(filters=FILTER), 1))
    told = found(world, 2, Condition.REPLICATION_FILTERED)
    assert told is not None
    assert told.evidence == FILTER
    (claim,) = judged(world, 2).clusters[0].database
    assert claim.filtered == FILTER
    assert claim.seconds is not None


def test_what_a_standby_before_it_leaves_out_is_lacking_in_the_whole_chain() -> None:
    world = chain(2, first={"filters": FILTER}, second={})
    of = {claim.node: claim.filtered for claim in judged(world, 2, CHAIN).clusters[0].database}
    assert of == {STANDBY: FILTER, THIRD: FILTER}


# Delayed on purpose

HOUR = {"sql_delay": 3600, "read": coordinate(90_000), "executed": coordinate(500)}


def test_a_standby_that_is_delayed_on_purpose_is_told_of_by_nothing() -> None:
    looks = [
        sample for n in range(120) for sample in well(n, 100 + n, **HOUR, executed_gtid=gtids(100), seconds_behind=n)
    ]
    assert conditions(seen(looks), 120) == set()


def test_the_delay_stands_in_the_time_to_drain_and_breaches_no_objective() -> None:
    (estimate,) = judged(seen(well(0, **HOUR)), 1).clusters[0].recovery
    drain = next(term for term in estimate.terms if term.component == "drain")
    assert (drain.seconds, drain.basis) == (3600.0, Basis.ASSUMED)
    assert "drop it" in drain.note


def test_an_applier_that_stands_longer_than_its_delay_is_stuck_all_the_same() -> None:
    late = {**HOUR, "sql_delay": 60}
    looks = [sample for n in range(0, 120, 2) for sample in well(n, 200, **late, executed_gtid=gtids(100))]
    (estimate,) = judged(seen(looks), 119).clusters[0].recovery
    assert "has not moved" in estimate.unknown


@pytest.mark.parametrize(
    ("fact", "says", "line"),
    [
        pytest.param(
            standby_server(version=(5, 7, 44)),
            "Drop its delay of 3600 s",
            "STOP SLAVE SQL_THREAD; CHANGE MASTER TO MASTER_DELAY = 0; START SLAVE SQL_THREAD; STOP SLAVE IO_THREAD",
            id="mysql 5.7",
        ),
        pytest.param(
            standby_server(version=(9, 7, 0)),
            "Drop its delay of 3600 s",
            "STOP REPLICA SQL_THREAD; CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 0; START REPLICA SQL_THREAD; ",
            id="mysql 9.7",
        ),
        pytest.param(
            standby_server(position(100), flavour=Flavour.MARIADB, version=(10, 11)),
            "both threads must stop",
            "",
            id="mariadb, where a plain statement would delete the relay log",
        ),
    ],
)
def test_the_takeover_drops_the_delay_first(fact: object, says: str, line: str) -> None:
    world = seen(well(0, **HOUR), standby(fact, 1))  # type: ignore[arg-type]
    (view,) = judged(world, 2).clusters
    commands = preflight(view, world, OSLO_B).takeover
    (drop,) = [command for command in commands if says in command.why]
    assert line in drop.line


def test_with_parallel_workers_the_takeover_waits_for_each_of_them() -> None:
    """The coordinator says "has read all relay log" while a worker waits for a lock, on MySQL 5.7 and MariaDB 10.11."""
    for workers, words in ((0, False), (4, True)):
        world = seen(well(0), standby(standby_server(appliers=workers), 1))
        (view,) = judged(world, 2).clusters
        lines = [command.why for command in preflight(view, world, OSLO_B).takeover]
        assert any("no worker is busy" in line for line in lines) is words


# Several channels, and a chain


def test_of_several_channels_the_one_in_trouble_is_named() -> None:
    channels = (channel(name="oslo"), channel(name="crm", source_server_id=77, io=IoState.NO))
    told = found(seen(well(0), receiver(ReplicationFact(channels), 2)), 3, Condition.REPLICATION_STOPPED)
    assert told is not None
    assert told.summary.startswith("oslo-b (channel crm) no longer receives")


def test_a_strangers_channel_is_not_silent_because_the_primary_commits() -> None:
    looks = [sample for n in range(20) for sample in well(n, 100 + n) if sample.key != (STANDBY, Probe.REPLICATION, "")]
    mine = [
        receiver(
            ReplicationFact(
                (
                    channel(name="oslo", retrieved_gtid=gtids(100 + n), executed_gtid=gtids(100 + n)),
                    channel(name="crm", source_server_id=77, retrieved_gtid=gtids(100), executed_gtid=gtids(100)),
                )
            ),
            n,
        )
        for n in range(0, 20, 2)
    ]
    world = seen(sorted((*looks, *mine), key=lambda sample: sample.asked.loop))
    assert conditions(world, 20) == set()


THIRD = Node("shop", "bergen-c")
BERGEN_C = replace(OSLO_B, node=THIRD)
CHAIN: Policy = replace(POLICY, clusters=(replace(SHOP, nodes=(*SHOP.nodes, BERGEN_C)),))


def chain(until: int, first: dict[str, object], second: dict[str, object]) -> Snapshot:
    """oslo-a → oslo-b → bergen-c for so many seconds of load; what is frozen in a channel stands in its dictionary."""
    looks: list[Sample] = []
    for n in range(until):
        upstream = gtids(100 + n) if not first else gtids(100)
        looks += well(n, 100 + n, **{"retrieved_gtid": upstream, "executed_gtid": upstream, "heartbeats": 1} | first)
        down = {
            "source_server_id": 2,
            "source_uuid": OTHER,
            "retrieved_gtid": upstream,
            "executed_gtid": upstream,
            "heartbeats": 1,
        } | second
        held = second.get("executed_gtid", upstream)
        looks.append(look(THIRD, Probe.SERVER, standby_server(gtid=held, server_id=3, server_uuid="c"), n))
        looks.append(look(THIRD, Probe.REPLICATION, replication(**down), n))
    return seen(looks)


def test_in_a_chain_the_link_that_fell_silent_is_told_and_the_one_behind_it_is_not() -> None:
    world = chain(20, first={"io": IoState.YES}, second={})
    silent = [f.subject for f in judged(world, 20, CHAIN).findings if f.condition is Condition.REPLICATION_SILENT]
    assert silent == ["oslo-b"]


def test_in_a_chain_a_silent_second_link_is_told() -> None:
    stuck = {"retrieved_gtid": gtids(100), "executed_gtid": gtids(100)}
    world = chain(20, first={}, second=stuck)
    silent = [f.subject for f in judged(world, 20, CHAIN).findings if f.condition is Condition.REPLICATION_SILENT]
    assert silent == ["bergen-c"]


def test_each_of_two_standbys_is_told_by_its_name() -> None:
    down = replication(sql=False, sql_errno=1062, sql_table="shop.a")
    world = seen(well(0), receiver(down, 1), look(THIRD, Probe.REPLICATION, down, 1))
    told = [f.subject for f in judged(world, 2, CHAIN).findings if f.condition is Condition.REPLICATION_STOPPED]
    assert told == ["oslo-b", "bergen-c"]


def test_a_receiver_that_was_stopped_is_not_silent_for_the_time_it_was() -> None:
    stopped = {"io": IoState.NO, "retrieved_gtid": gtids(100), "executed_gtid": gtids(100), "heartbeats": 1}
    looks: list[Sample] = []
    for n in range(21):
        looks += well(n, 100 + n, **(stopped if n < 20 else stopped | {"io": IoState.YES}))
    assert Condition.REPLICATION_SILENT not in {f.condition for f in judged(seen(looks), 20).findings}


def test_a_receiver_that_connects_and_hears_nothing_is_silent_from_then_on() -> None:
    stopped = {"io": IoState.NO, "retrieved_gtid": gtids(100), "executed_gtid": gtids(100), "heartbeats": 1}
    looks: list[Sample] = []
    for n in range(31):
        looks += well(n, 100 + n, **(stopped if n < 20 else stopped | {"io": IoState.YES}))
    assert Condition.REPLICATION_SILENT in {f.condition for f in judged(seen(looks), 30).findings}
