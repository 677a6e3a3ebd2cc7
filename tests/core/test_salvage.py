"""What is to be saved from a lost primary: never more than it was seen to hold, and lines that leave nothing behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from worlds import (
    OSLO_A,
    OTHER,
    PRIMARY,
    REFUSED,
    STANDBY,
    UUID,
    Story,
    at,
    body,
    coordinate,
    dead_host,
    gtids,
    host,
    judged,
    position,
    primary,
    receiver,
    replication,
    seen,
    server,
    standby,
    standby_server,
    well,
)

from drwatch.core.assessment import Assessment
from drwatch.core.finding import Condition, Finding
from drwatch.core.gtid import GtidPosition, GtidSet
from drwatch.core.message import compose
from drwatch.core.paging import Page, PageReason
from drwatch.core.policy import NodePolicy
from drwatch.core.salvage import Salvage, salvage
from drwatch.core.sample import Flavour, ReplicationFact, Sample
from drwatch.core.standing import Leader

DEATH = (body(host(), 2.5), primary(REFUSED, 3), body(dead_host(), 3))
BASE = "/var/log/mysql/mysql-bin"


def of(*looks: Sample | list[Sample], source: NodePolicy = OSLO_A) -> Salvage:
    return salvage(seen(*looks), source, STANDBY)


def mysql(had: int, got: int, **channel: Any) -> list[Sample]:
    """A MySQL pair with GTIDs of which so much was committed and so much received."""
    got_set = gtids(got) | gtids(2, OTHER)
    fed = {"retrieved_gtid": gtids(got), "executed_gtid": got_set, "executed": coordinate(400, file=12)} | channel
    return [
        primary(server(gtids(had), binlog_base=BASE), 2),
        standby(standby_server(got_set), 1),
        receiver(replication(**fed), 1),
    ]


def mariadb(
    had: GtidPosition, got: GtidPosition, version: tuple[int, ...] = (10, 11, 6), **channel: Any
) -> list[Sample]:
    kind = {"flavour": Flavour.MARIADB, "version": version, "server_uuid": None}
    fed = {"retrieved_gtid": got, "executed_gtid": None, "executed": coordinate(400, file=12), "source_uuid": None}
    return [
        primary(server(had, binlog=coordinate(900, file=13), binlog_base=BASE, **kind), 2),
        standby(standby_server(GtidPosition(), gtid_applied=got, **kind), 1),
        receiver(replication(**fed | channel), 1),
    ]


def test_what_a_dead_primary_was_seen_to_hold_is_a_lower_bound_and_the_line_brings_what_nobody_saw() -> None:
    it = of(mysql(105, 100), *DEATH)
    assert (it.known, it.transactions, it.whole) == (f"{UUID}:101-105", 5, False)
    assert it.words == f"oslo-a holds at least 5 transactions that oslo-b lacks: {UUID}:101-105"
    assert f"mysqlbinlog --exclude-gtids='{gtids(100) | gtids(2, OTHER)}' $(ls -v mysql-bin.*[0-9])" in it.decode.line


def test_a_list_of_many_gaps_is_cut_in_the_sentence_and_whole_in_its_field() -> None:
    gaps = GtidSet.of([((UUID, ""), [(2 * number, 2 * number) for number in range(1, 400)])])
    looks = mysql(2, 0)
    it = of([primary(server(gaps, binlog_base=BASE), 2), *looks[1:]])
    assert (it.known, it.transactions) == (str(gaps), 399)
    assert len(it.words) < 400


def test_of_one_that_answers_again_the_list_is_exact() -> None:
    it = of(mysql(105, 100))
    assert it.words == f"oslo-a holds exactly 5 transactions that oslo-b lacks: {UUID}:101-105"
    assert f"--include-gtids='{UUID}:101-105' " in it.decode.line


def test_a_standby_that_was_seen_to_have_all_may_still_lack_what_nobody_saw() -> None:
    it = of(mysql(100, 100), *DEATH)
    assert it.words == "nothing was seen that oslo-a holds and oslo-b lacks; its binary log has what nobody saw"
    assert "--exclude-gtids=" in it.decode.line
    assert "holds nothing that oslo-b lacks" in of(mysql(100, 100)).words


def test_mariadb_is_asked_from_the_position_of_each_domain_that_its_log_has() -> None:
    had, got = GtidPosition(((0, 1, 105), (3, 1, 9))), GtidPosition(((0, 1, 100), (3, 1, 9), (7, 2, 4)))
    it = of(mariadb(had, got), *DEATH)
    assert (it.known, it.transactions) == ("0-1-101 to 0-1-105", 5)
    assert it.decode.line.startswith("(cd salvage && mariadb-binlog --start-position='0-1-100,3-1-9' $(ls ")


def test_a_domain_that_the_standby_never_heard_of_is_not_counted_from_one() -> None:
    """The copy that it was set up from may hold all of it; the line brings all that the log has of it."""
    it = of(mariadb(GtidPosition(((0, 1, 105), (3, 1, 900))), position(100)), *DEATH)
    assert (it.known, it.transactions) == ("0-1-101 to 0-1-105", 5)


@pytest.mark.parametrize("but", [{"version": (10, 6, 21)}, {"uses_gtid": False}])
def test_where_gtids_cannot_be_asked_for_it_is_the_coordinate_of_the_last_whole_transaction(
    but: dict[str, Any],
) -> None:
    it = of(mariadb(position(105), position(100), **but, read=coordinate(444, file=12)), *DEATH)
    assert "--start-position=400 " in it.decode.line
    assert "once oslo-b has applied all it received" in it.decode.why


def test_without_gtids_it_is_a_range_of_coordinates_and_the_dead_host_tells_its_end() -> None:
    plain = {"retrieved_gtid": None, "executed_gtid": None, "uses_gtid": False}
    looks = [
        primary(replace(server(), gtid=None, binlog=coordinate(900, file=12), binlog_base=BASE), 2),
        standby(replace(standby_server(), gtid=None), 1),
        receiver(replication(**plain, read=coordinate(450, file=12), executed=coordinate(400, file=12)), 1),
    ]
    it = of(looks, *DEATH)
    assert (it.known, it.bytes, it.whole) == ("mysql-bin.000012:400 to mysql-bin.000012:900", 500, False)
    after = of(looks, *DEATH, body(dead_host(binlog=coordinate(950, file=12)), 4))
    assert (after.bytes, after.whole) == (550, True)
    assert "mysqlbinlog --start-position=400 " in after.decode.line


def test_the_copy_begins_with_the_file_that_is_needed_first() -> None:
    assert of(mysql(105, 100), *DEATH).copy.line == (
        "mkdir -p salvage && ssh 10.0.0.1 \"sudo sh -c 'cd /var/log/mysql && ls -v mysql-bin.*[0-9] | "
        "grep -A999999 -xF mysql-bin.000012 | tar -cf - -T -'\" | tar -xf - -C salvage"
    )
    without_shell = of(mysql(105, 100), *DEATH, source=replace(OSLO_A, ssh=None, ssh_host=None))
    assert without_shell.copy.line.startswith("# on oslo-a: sudo sh -c 'cd /var/log/mysql && ")


def test_a_standby_that_has_forgotten_its_source_is_taken_at_its_last_word() -> None:
    """After a takeover RESET SLAVE ALL leaves no coordinate to begin at."""
    looks = [*mysql(105, 100), receiver(ReplicationFact(()), 9)]
    assert "grep -A999999 -xF mysql-bin.000012" in of(looks).copy.line


def test_it_is_told_while_the_primary_is_lost_and_not_before() -> None:
    assert judged(seen(well(0)), 1).clusters[0].salvage == ()
    (only,) = judged(seen(well(0), *DEATH), 5).clusters[0].salvage
    assert (only.source, only.standby) == (PRIMARY, STANDBY)


TAKEN_OVER = {"shop": Leader(STANDBY, at(10), PRIMARY)}
FORGOTTEN = ReplicationFact(())


def after_a_takeover(*looks: Sample) -> Assessment:
    world = replace(seen(mysql(105, 100), *DEATH), leaders=TAKEN_OVER)
    promoted = (standby(standby_server(gtids(100) | gtids(9, OTHER), read_only=False), 20), receiver(FORGOTTEN, 20))
    for sample in (*promoted, *looks):
        world = world.keep(sample)
    return judged(world, 21)


def test_after_a_takeover_the_old_primary_still_holds_what_was_lost_with_it() -> None:
    (dead,) = after_a_takeover().clusters[0].salvage
    assert (dead.source, dead.standby, dead.whole) == (PRIMARY, STANDBY, False)
    (back,) = after_a_takeover(primary(server(gtids(107)), 20)).clusters[0].salvage
    assert back.words == f"oslo-a holds exactly 7 transactions that oslo-b lacks: {UUID}:101-107"


def test_one_that_came_back_with_nothing_of_its_own_is_not_told() -> None:
    assert after_a_takeover(primary(server(gtids(100)), 20)).clusters[0].salvage == ()


@pytest.mark.parametrize("reason", [PageReason.FIRST, PageReason.STILL, PageReason.RESOLVED])
def test_every_page_after_a_takeover_carries_what_is_to_be_saved(reason: PageReason) -> None:
    assessment = after_a_takeover(primary(server(gtids(107)), 20))
    (salvage,) = assessment.clusters[0].salvage
    (told,) = Story().tick(21, Finding(Condition.UNPROTECTED, "shop", "shop", "nobody could take over")).living
    text = compose(Page(told, reason, ("phone",)), assessment, UTC).body
    for words in (salvage.words, salvage.copy.line, salvage.decode.line):
        assert words in text
