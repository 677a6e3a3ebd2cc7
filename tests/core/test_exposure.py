"""Data at risk in single stories. The generated histories are in test_exposure_bounds.py.

The six lies are those of published RPO figures (research/more-anchors.md, 2b).
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import (
    LOST,
    NO_SHELL,
    PRIMARY,
    REFUSED,
    SHOP,
    STANDBY,
    UPLOADS,
    at,
    body,
    channel,
    coordinate,
    dead_host,
    gtids,
    host,
    judged,
    marker,
    position,
    primary,
    receiver,
    replication,
    seen,
    server,
    standby,
    standby_server,
    synced,
    well,
    with_files,
)

from drwatch.core.exposure import Exposure, of_database, of_files
from drwatch.core.sample import Blind, Channel, Filesystem, Flavour, Reason, ReplicationFact
from drwatch.core.snapshot import Snapshot


def claim(world: Snapshot, now: float) -> Exposure:
    return of_database(SHOP, world, STANDBY, at(now))


def holds(last: int) -> ReplicationFact:
    return replication(retrieved_gtid=gtids(last), executed_gtid=gtids(last))


def test_lie_1_the_figure_does_not_stand_still_when_the_link_dies() -> None:
    """0: all received. 1: the link dies. Commits at 1 … 59 are seen on the primary; the standby shows the same."""
    rounds = ((primary(server(gtids(100 + n)), n), receiver(holds(100), n)) for n in range(1, 60))
    world = seen(well(0), (sample for round in rounds for sample in round))
    assert claim(world, 60).seconds == pytest.approx(60)
    assert claim(world, 600).seconds == pytest.approx(600)
    assert claim(world, 60).datum == at(0)


def test_lie_2_what_was_sent_is_not_what_was_received() -> None:
    """The primary had 200 by second 1; the standby's relay log has 150 of them."""
    world = seen(well(0), primary(server(gtids(200)), 1), receiver(holds(150), 2))
    assert claim(world, 2).seconds == pytest.approx(2)
    assert claim(world, 2).transactions_seen == 50


def test_what_a_full_disk_could_not_take_is_not_counted_as_seen_missing() -> None:
    """The server counts the transaction that waits for room, and has told nobody that it is safe."""
    world = seen(well(0), primary(server(gtids(101)), 1), receiver(holds(100), 2))
    assert claim(world, 3).transactions_seen == 1
    full = world.keep(body(host(filesystems=(Filesystem("/var/lib/mysql", 1 << 30, 0, 1 << 20, age=1.0),)), 2.5))
    assert claim(full, 3).transactions_seen is None
    assert claim(full, 3).seconds == claim(world, 3).seconds


def test_lie_3_a_stall_is_seen_by_the_clock_although_nothing_moves() -> None:
    """Nothing arrives and nobody looks: the figure grows second by second all the same."""
    world = seen(well(0))
    assert [round(claim(world, n).seconds or 0) for n in (1, 10, 100, 1000)] == [1, 10, 100, 1000]


@pytest.mark.parametrize(
    ("world", "word"),
    [
        pytest.param(Snapshot(), "oslo-a has not been seen", id="nothing seen"),
        pytest.param(seen(standby(standby_server(gtids(5)), 0)), "oslo-a has not been seen", id="primary never seen"),
        pytest.param(seen(primary(server(gtids(5)), 0)), "oslo-b has not been seen", id="standby never seen"),
        pytest.param(
            seen(primary(server(gtids(5)), 0), standby(standby_server(gtids(3)), 0)),
            "could be placed",
            id="standby older than all that was seen of the primary",
        ),
        pytest.param(
            seen(primary(server(position(5)), 0), standby(standby_server(gtids(3)), 0)),
            "could be placed",
            id="different units",
        ),
    ],
)
def test_lie_4_unknown_is_no_number(world: Snapshot, word: str) -> None:
    unknown = claim(world, 10)
    assert not unknown.known
    assert unknown.seconds is None
    assert unknown.transactions_seen is None
    assert unknown.bytes_seen is None
    assert word in unknown.unknown


def test_lie_5_the_figure_does_not_die_with_the_primary() -> None:
    """0: all well. 3.2: the witness finds the port shut and, at 3.5, the process gone. An hour later: still 3.5 s."""
    world = seen(well(0), primary(REFUSED, 3.2), body(dead_host(), 3.4, took=0.1))
    assert claim(world, 3600).seconds == pytest.approx(3.5)
    assert claim(world, 3600).frozen


def test_lie_6_an_idle_pair_shows_the_age_of_the_last_look_however_long_it_is_idle() -> None:
    world = seen(sample for n in range(0, 7200, 60) for sample in well(n))
    idle = claim(world, 7140.9)
    assert idle.seconds == pytest.approx(0.9)
    assert idle.transactions_seen == 0


def test_trap_5_equal_sets_do_not_mean_that_nothing_is_lost() -> None:
    """0: sets equal. 0.1: the receiver stops; a burst of 1,411 commits. 0.95: SIGKILL, seen at 1.0."""
    world = seen(well(0), primary(REFUSED, 0.95), body(dead_host(), 0.99), receiver(holds(100), 1.0))
    lost = claim(world, 5)
    assert lost.transactions_seen == 0
    assert lost.seconds == pytest.approx(1.0)
    assert lost.unseen_seconds == pytest.approx(1.0)


def test_the_claim_grows_while_the_primary_is_only_unreachable() -> None:
    world = seen(well(0), primary(LOST, 1, took=2), body(NO_SHELL, 2))
    assert claim(world, 10).seconds == pytest.approx(10)
    assert not claim(world, 10).frozen


def test_the_first_proof_of_death_counts_and_later_ones_do_not_move_it() -> None:
    world = seen(well(0), primary(REFUSED, 1), body(dead_host(), 2, took=0), body(dead_host(), 9))
    assert claim(world, 30).seconds == pytest.approx(2)


def test_a_later_look_at_the_standby_changes_what_it_holds_and_not_the_moment_of_death() -> None:
    """0: 100 on both. 5: 200 on the primary. 6: proved dead. 7: the standby's last look arrives: it had all 200.

    9: it restarts and has only what it applied, 100.
    """
    world = seen(well(0), primary(server(gtids(200)), 5), primary(REFUSED, 5.9), body(dead_host(), 6, took=0))
    assert claim(world, 60).seconds == pytest.approx(6)
    more = world.keep(receiver(holds(200), 7))
    assert claim(more, 60).seconds == pytest.approx(1)
    less = more.keep(standby(standby_server(gtids(100)), 9)).keep(receiver(holds(100), 9))
    assert claim(less, 60).seconds == pytest.approx(6)
    assert claim(less, 60).transactions_seen == 100
    assert claim(less, 60).frozen


def test_a_primary_whose_process_is_back_is_no_longer_dead_before_it_answers() -> None:
    """0: well. 1: shut and gone. 3: systemd has brought it up; drwatch's next login is only at 5, and it commits."""
    world = seen(well(0), primary(REFUSED, 1), body(dead_host(), 1.1), body(host(), 3))
    assert PRIMARY not in world.deaths
    assert claim(world, 4.9).seconds == pytest.approx(4.9)


def test_a_process_that_is_missing_while_the_server_answers_is_no_death() -> None:
    world = seen(well(0), body(dead_host(), 1))
    assert not claim(world, 2).frozen


def test_a_process_that_was_never_seen_is_not_missed() -> None:
    """A host that hides other users' processes (hidepid=2) never shows one, dead or alive."""
    world = seen(primary(server(gtids(100)), 0), receiver(holds(100), 0), primary(REFUSED, 1), body(dead_host(), 1.1))
    assert not claim(world, 2).frozen


@pytest.mark.parametrize(
    ("version", "seconds"),
    [
        pytest.param((5, 6, 51), 9.0, id="5.6 counts a torn one"),
        pytest.param((5, 7, 44), 1.0, id="5.7 does not"),
        pytest.param((8, 0, 36), 1.0, id="8.0 does not"),
    ],
)
def test_trap_7_the_newest_received_transaction_may_be_torn(version: tuple[int, ...], seconds: float) -> None:
    """0: 100 everywhere. 8: 101 on the primary, and the standby says it received 101; it has applied 100."""
    world = seen(
        well(0),
        standby(standby_server(gtids(100), version=version), 7),
        primary(server(gtids(101)), 8),
        receiver(replication(retrieved_gtid=gtids(101), executed_gtid=gtids(100)), 8.5),
    )
    assert claim(world, 9).seconds == pytest.approx(seconds)
    assert claim(world, 9).transactions_seen == 0


def test_the_torn_one_is_whole_once_another_follows_or_it_is_applied() -> None:
    old = standby(standby_server(gtids(100), version=(5, 6, 51)), 7)
    followed = receiver(replication(retrieved_gtid=gtids(102), executed_gtid=gtids(100)), 8.5)
    applied = receiver(replication(retrieved_gtid=gtids(101), executed_gtid=gtids(101)), 8.5)
    for look in (followed, applied):
        world = seen(well(0), old, primary(server(gtids(101)), 8), look)
        assert claim(world, 9).seconds == pytest.approx(1)


def test_a_blocked_applier_is_no_data_at_risk_on_the_guides_pair() -> None:
    """MariaDB by file and position: all is received, nothing has been applied for an hour (FLUSH TABLES, a backup).

    What gtid_slave_pos says is what was applied; it must neither raise the claim nor count as seen missing.
    """
    maria = {"flavour": Flavour.MARIADB, "version": (10, 11, 6)}
    world = seen(
        primary(server(position(5000), binlog=coordinate(90_000), **maria), 3600),
        standby(standby_server(position(10, 2), gtid_applied=position(100), **maria), 3600.5),
        receiver(
            replication(
                uses_gtid=False,
                retrieved_gtid=None,
                executed_gtid=None,
                read=coordinate(90_000),
                executed=coordinate(700),
            ),
            3600.5,
        ),
    )
    assert claim(world, 3601).seconds == pytest.approx(1)
    assert claim(world, 3601).transactions_seen == 0
    assert claim(world, 3601).bytes_seen == 0


def test_what_the_standby_may_have_received_since_its_last_look_is_not_seen_missing() -> None:
    """A thousand commits a second; the primary is looked at each second, the standby every other."""
    world = seen(well(0), receiver(holds(100), 0.5), primary(server(gtids(1100)), 1), primary(server(gtids(2100)), 2))
    assert claim(world, 2).transactions_seen == 0
    assert claim(world.keep(receiver(holds(2050), 2.5)), 3).transactions_seen == 50


def test_what_mariadb_received_counts_before_it_is_applied() -> None:
    maria = {"flavour": Flavour.MARIADB, "version": (10, 11, 6)}
    world = seen(
        primary(server(position(500), **maria), 10),
        standby(standby_server(position(700, 2), gtid_applied=position(300), **maria), 10.5),
        receiver(replication(retrieved_gtid=position(500), executed_gtid=None), 10.5),
    )
    assert claim(world, 11).seconds == pytest.approx(1)


def test_the_standbys_own_writes_do_not_count_as_the_primarys() -> None:
    """gtid_binlog_pos of a stray writer runs ahead in the same domain; what it received is far behind."""
    maria = {"flavour": Flavour.MARIADB, "version": (10, 11, 6)}
    world = seen(
        primary(server(position(100), **maria), 0),
        primary(server(position(500), **maria), 10),
        standby(standby_server(position(9000, 2), gtid_applied=position(100), **maria), 10.5),
        receiver(replication(retrieved_gtid=position(100), executed_gtid=None), 10.5),
    )
    assert claim(world, 11).seconds == pytest.approx(11)


def test_of_several_channels_the_one_from_the_primary_counts() -> None:
    """The standby also collects an archive from server 9, and that channel is listed first; it is far ahead."""
    archive = channel(name="archive", source_server_id=9, retrieved_gtid=gtids(9000), executed_gtid=gtids(9000))
    shop = channel(name="shop", retrieved_gtid=gtids(100), executed_gtid=gtids(100))
    world = seen(well(0), primary(server(gtids(200)), 5), receiver(ReplicationFact((archive, shop)), 6))
    assert claim(world, 7).seconds == pytest.approx(7)
    unknown = replace(archive, source_server_id=None)
    assert claim(seen(well(0), receiver(ReplicationFact((unknown,)), 6)), 7).known


def by_coordinate(place: int, file: int = 1) -> Channel:
    return channel(uses_gtid=False, retrieved_gtid=None, executed_gtid=None, read=coordinate(place, file))


def test_bare_coordinates_are_followed_through_a_rotation() -> None:
    """0: 000001:500. 5: 000002:300 on the primary; the standby has read 000001:900, then 000002:300."""
    old = replace(server(), gtid=None)
    world = seen(
        primary(replace(old, binlog=coordinate(500)), 0),
        primary(replace(old, binlog=coordinate(300, 2)), 5),
        receiver(ReplicationFact((by_coordinate(900),)), 6),
    )
    assert claim(world, 7).seconds == pytest.approx(7)
    assert claim(world, 7).bytes_seen == 300
    assert claim(world, 7).transactions_seen is None
    caught_up = world.keep(receiver(ReplicationFact((by_coordinate(300, 2),)), 8))
    assert claim(caught_up, 9).seconds == pytest.approx(4)
    assert claim(caught_up, 9).bytes_seen == 0


def test_a_file_set_is_as_old_as_the_start_of_its_last_finished_sync() -> None:
    world = seen(marker(synced(120.0), 10))
    files = of_files(world, STANDBY, UPLOADS, at(70))
    assert files is not None
    assert files.seconds == pytest.approx(180)
    assert files.data == "files/uploads"


def test_a_slow_look_at_a_marker_does_not_make_the_copy_younger() -> None:
    """The host reads its clock at 10, the answer comes at 14."""
    world = seen(replace(marker(synced(120.0), 10), answered=at(14)))
    files = of_files(world, STANDBY, UPLOADS, at(15))
    assert files is not None
    assert files.seconds == pytest.approx(125)


def test_a_marker_never_seen_is_unmeasured_and_one_lost_from_sight_becomes_unknown() -> None:
    assert of_files(seen(marker(Blind(Reason.MISSING), 0)), STANDBY, UPLOADS, at(9999)) is None
    lost = seen(marker(synced(10.0), 0), marker(NO_SHELL, 5))
    still = of_files(lost, STANDBY, UPLOADS, at(600))
    assert still is not None
    assert still.seconds == pytest.approx(610)
    gone = of_files(lost, STANDBY, UPLOADS, at(901))
    assert gone is not None
    assert gone.seconds is None


def test_a_database_and_files_of_different_age_are_as_good_as_the_older() -> None:
    """The sentence says what that means: a row that came may name a file that did not."""
    world = seen(well(0), well(1), marker(synced(840.0), 1))
    (together,) = judged(world, 2.0, with_files()).clusters[0].coherent
    assert together.claim.data == "all"
    assert together.claim.seconds == pytest.approx(841.0, abs=0.1)
    assert together.meaning == ("database 1.0 s, uploads 15 min: effective 15 min, rows may point at missing files")


def test_files_newer_than_the_database_may_lie_there_without_a_row() -> None:
    world = seen(well(0), well(1), marker(synced(1.0), 200))
    (together,) = judged(world, 201.0, with_files()).clusters[0].coherent
    assert "files may lie there that no row names" in together.meaning


def test_the_whole_is_unknown_while_one_of_its_parts_is() -> None:
    (together,) = judged(seen(well(0), well(1)), 2.0, with_files()).clusters[0].coherent
    assert together.claim.seconds is None
    assert together.claim.unknown == "uploads: no marker was ever seen"
