"""Errant transactions: told with their GTIDs, and never taken for the primary's own."""

from __future__ import annotations

import pytest
from worlds import (
    OTHER,
    PRIMARY,
    UUID,
    channel,
    found,
    gtids,
    look,
    position,
    primary,
    receiver,
    seen,
    server,
    standby,
    standby_server,
)

from drwatch.core.finding import Condition
from drwatch.core.gtid import GtidSet, GtidState
from drwatch.core.sample import Channel, Flavour, Node, Probe, ReplicationFact, ServerFact

THIRD = "00000000-0000-0000-0000-00000000000c"


def maria(state: str, **but: object) -> ServerFact:
    return server(position(100), flavour=Flavour.MARIADB, version=(10, 11, 6), gtid_state=GtidState.parse(state), **but)


def told(here: ServerFact, there: ServerFact) -> str | None:
    """What is told of the standby, looked at first, beside the primary, looked at second."""
    finding = found(seen(standby(here, 0), primary(there, 1)), 2, Condition.ERRANT_TRANSACTIONS)
    return None if finding is None else finding.evidence[0]


def test_a_stray_write_on_a_mysql_standby_is_told_with_its_gtid() -> None:
    here = standby_server(gtids(100) | gtids(2, OTHER))
    assert told(here, server(gtids(100))) == f"errant: {OTHER}:1-2"
    assert told(here, server(gtids(100) | gtids(2, OTHER))) is None


def test_a_tagged_stray_is_told_with_its_tag() -> None:
    here = standby_server(GtidSet.parse(f"{UUID}:1-100,{OTHER}:batch:1"))
    assert told(here, server(gtids(100))) == f"errant: {OTHER}:batch:1"


@pytest.mark.parametrize("tag", ["", "batch:"])
def test_what_the_primary_itself_wrote_is_no_stray_of_the_standbys(tag: str) -> None:
    """Sent before it shows; and one that is truly gone from the primary is PrimaryRewound."""
    here = standby_server(GtidSet.parse(f"{UUID}:1-100,{UUID}:{tag}1-150"))
    assert told(here, server(gtids(100))) is None


def test_what_an_earlier_primary_wrote_and_both_have_is_no_stray() -> None:
    both = gtids(100) | gtids(70, THIRD)
    assert told(standby_server(both), server(both | gtids(120))) is None


def test_what_came_through_the_primary_after_it_was_looked_at_is_no_stray() -> None:
    """A chain: the primary itself follows a third server. The standby is looked at after it, and has more."""
    world = seen(
        standby(standby_server(gtids(100) | gtids(5, THIRD)), 0),
        primary(server(gtids(100) | gtids(5, THIRD)), 1),
        standby(standby_server(gtids(100) | gtids(9, THIRD)), 2),
    )
    assert found(world, 2.5, Condition.ERRANT_TRANSACTIONS) is None


def test_the_finding_stands_between_the_looks() -> None:
    """Each is looked at once a second, in turn: neither order of the two newest may end it for a moment."""
    looks = [
        look
        for n in range(4)
        for look in (
            standby(standby_server(gtids(100) | gtids(1, OTHER)), 2 * n),
            primary(server(gtids(100)), 2 * n + 1),
        )
    ]
    for so_far in range(2, len(looks) + 1):
        assert found(seen(looks[:so_far]), 9, Condition.ERRANT_TRANSACTIONS) is not None


def test_on_mariadb_the_position_hides_a_stray_and_the_binlog_state_shows_it() -> None:
    """0-102-27 written on the standby, then 0-101-27 on the primary: both positions are 0-101-27."""
    here = maria("0-102-27,0-101-27", server_id=102, read_only=True)
    assert told(here, maria("0-101-27", server_id=101)) == "errant: 0-102-27"


def test_a_mariadb_standby_that_logs_only_its_own_writes_is_told_of_as_well() -> None:
    assert told(maria("0-2-22", server_id=2), maria("0-1-22", server_id=1)) == "errant: 0-2-22"


def test_an_old_mariadb_primarys_writes_that_the_new_one_applied_without_logging_are_no_strays() -> None:
    """The guide sets no log_slave_updates: what server 2 wrote until 0-2-50 is only in gtid_slave_pos of server 1."""
    here = maria("0-1-80,0-2-50", server_id=2)
    leader = maria("0-1-80", server_id=1, gtid_applied=position(50, server=2))
    assert told(here, leader) is None
    assert told(maria("0-2-60", server_id=2), leader) == "errant: 0-2-60"


def test_several_domains_are_told_apart() -> None:
    here = maria("0-1-100,7-2-3", server_id=2)
    assert told(here, maria("0-1-100,7-1-3", server_id=1)) == "errant: 7-2-3"


def test_without_gtid_nothing_is_claimed() -> None:
    bare = {"gtid": None, "flavour": Flavour.MYSQL}
    assert told(standby_server(**bare), server(**bare)) is None


def test_a_split_brain_explains_the_strays_that_it_makes() -> None:
    here = standby_server(gtids(100) | gtids(2, OTHER), read_only=False)
    finding = found(seen(standby(here, 0), primary(server(gtids(100)), 1)), 2, Condition.ERRANT_TRANSACTIONS)
    assert finding is not None
    assert finding.suppressed_by is Condition.SPLIT_BRAIN


def through(name: str, **but: object) -> Channel:
    return channel(name=name, source_server_id=77, source_uuid=THIRD, **but)


def test_what_comes_by_a_second_channel_from_a_stranger_is_no_stray() -> None:
    channels = (channel(), through("crm", retrieved_gtid=gtids(5, THIRD)))
    here = standby_server(gtids(100) | gtids(5, THIRD))
    world = seen(receiver(ReplicationFact(channels), 0), standby(here, 1), primary(server(gtids(100)), 2))
    assert found(world, 3, Condition.ERRANT_TRANSACTIONS) is None
    own = standby_server(here.gtid | gtids(1, OTHER))
    world = seen(receiver(ReplicationFact(channels), 0), standby(own, 1), primary(server(gtids(100)), 2))
    stray = found(world, 3, Condition.ERRANT_TRANSACTIONS)
    assert stray is not None
    assert stray.evidence[0] == f"errant: {OTHER}:1"


def test_a_stranger_with_the_primarys_server_id_is_told_apart_by_its_uuid() -> None:
    """server_id = 1 is what many servers have."""
    channels = (channel(), channel(name="crm", source_server_id=1, source_uuid=THIRD))
    here = standby_server(gtids(100) | gtids(5, THIRD))
    world = seen(receiver(ReplicationFact(channels), 0), primary(server(gtids(100)), 0.5), standby(here, 1))
    world = seen(primary(server(gtids(100)), 2), world=world)
    assert found(world, 3, Condition.ERRANT_TRANSACTIONS) is None


def test_on_mariadb_a_strangers_server_id_tells_what_came_from_it() -> None:
    channels = (channel(source_uuid=None), channel(name="crm", source_server_id=77, source_uuid=None))
    status = receiver(ReplicationFact(channels), 0)
    for state, strays in (("0-1-80,7-77-5", None), ("0-1-80,7-77-5,0-2-81", "errant: 0-2-81")):
        world = seen(status, standby(maria(state, server_id=2), 1), primary(maria("0-1-80", server_id=1), 2))
        finding = found(world, 3, Condition.ERRANT_TRANSACTIONS)
        assert (finding.evidence[0] if finding else None) == strays


def test_what_a_standby_further_up_the_chain_wrote_is_a_stray_here_too() -> None:
    """Its source is of the cluster, and no stranger."""
    feeder = channel(source_server_id=2, source_uuid=OTHER)
    here = server(gtids(100) | gtids(1, OTHER), server_id=3, server_uuid=THIRD, read_only=True)
    world = seen(
        standby(standby_server(gtids(100) | gtids(1, OTHER)), 0),
        look(Node("shop", "bergen-c"), Probe.REPLICATION, ReplicationFact((feeder,)), 0),
        look(Node("shop", "bergen-c"), Probe.SERVER, here, 1),
        primary(server(gtids(100)), 2),
    )
    assert str(world.errant[Node("shop", "bergen-c"), PRIMARY]) == f"{OTHER}:1"


def test_a_long_list_is_cut_for_a_phone() -> None:
    scattered = GtidSet.of([((OTHER, ""), [(2 * n, 2 * n) for n in range(1, 500)])])
    words = told(standby_server(gtids(100) | scattered), server(gtids(100)))
    assert words is not None
    assert len(words) < 360
    assert "…" in words
