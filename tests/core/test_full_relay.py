"""A standby whose disk is full under its relay logs: tried on MariaDB 10.11, MySQL 5.7 and 9.7.

None of them stops its receiver. It waits for room, connected and without an errno; 9.7 says so in its state, and the
older ones do not answer SHOW SLAVE STATUS until there is room again.
"""

from __future__ import annotations

import pytest
from worlds import (
    POLICY,
    body,
    conditions,
    found,
    gtids,
    host,
    judged,
    primary,
    receiver,
    replication,
    seen,
    server,
    standby,
    standby_host,
    standby_server,
    well,
)

from drwatch.core.finding import Condition
from drwatch.core.incident import window
from drwatch.core.sample import Blind, Filesystem, IoState, Reason, Sample, ServerFact
from drwatch.core.snapshot import Snapshot

DATADIR, RELAY = "/var/lib/mysql", "/var/log/mysql"
HANGS = Blind(Reason.QUERY_TIMEOUT)


def space(path: str, free: int) -> Filesystem:
    return Filesystem(path, 100 << 30, free, 1 << 20, age=1.0)


def relaying(last: int = 100) -> ServerFact:
    return standby_server(gtids(last), directories=(DATADIR, RELAY), scratch=(RELAY,))


def beside(free: int, n: float) -> list[Sample]:
    """What is still seen of the standby: its server, and its host with so much free under the relay logs."""
    return [
        standby(relaying(), n),
        standby_host(host(filesystems=(space(DATADIR, 20 << 30), space(RELAY, free))), n),
    ]


def hanging(free: int, seconds: int) -> Snapshot:
    """The primary goes on, and the standby's status does not answer."""
    looks = [
        look
        for n in range(2, seconds)
        for look in (primary(server(gtids(100 + n)), n), body(host(), n), *beside(free, n), receiver(HANGS, n))
    ]
    return seen(well(0), well(1), looks)


@pytest.mark.parametrize("state", ["Waiting for disk space", "Waiting for someone to free space"])
def test_a_receiver_that_says_it_waits_for_room_is_told_although_it_is_connected(state: str) -> None:
    told = found(seen(well(0), receiver(replication(io_state=state), 2)), 3, Condition.REPLICATION_STOPPED)
    assert told is not None
    assert "its disk is full" in told.summary
    assert "by itself" in told.evidence[-1], "it looks again each minute: nobody need start it"
    assert window(told, POLICY) == 15


def test_while_it_waits_it_is_not_silent_too() -> None:
    waits = [receiver(replication(io_state="Waiting for disk space"), n) for n in range(1, 20)]
    commits = [primary(server(gtids(100 + n)), n) for n in range(1, 20)]
    world = seen(well(0), sorted((*waits, *commits), key=lambda look: look.asked.loop))
    assert found(world, 20, Condition.REPLICATION_SILENT) is None


def test_a_status_that_hangs_above_a_full_relay_disk_is_a_receiver_that_waits_for_room() -> None:
    told = found(hanging(0, 5), 5, Condition.REPLICATION_STOPPED)
    assert told is not None
    assert "its disk is full" in told.summary
    assert any(RELAY in words and "0 bytes are free" in words for words in told.evidence)
    assert window(told, POLICY) == 15


def test_a_status_that_hangs_while_there_is_room_is_not_explained_by_it() -> None:
    world = hanging(20 << 30, 5)
    assert found(world, 5, Condition.REPLICATION_STOPPED) is None
    assert found(world, 5, Condition.PROBE_BLIND) is not None


def test_the_status_that_cannot_be_had_is_explained_and_told_once() -> None:
    world = hanging(0, 90)
    assert conditions(world, 90) == {
        Condition.REPLICATION_STOPPED,
        Condition.DISK_FILLING,
        Condition.RPO_BREACHED,
    }


def test_a_server_whose_counters_hang_behind_the_status_is_not_called_down() -> None:
    """MariaDB: SHOW ALL SLAVES STATUS, whoever asks, holds up SHOW GLOBAL STATUS; a SELECT is answered at once."""
    looks = [
        look
        for n in range(1, 90)
        for look in (
            primary(server(gtids(100 + n)), n),
            body(host(), n),
            beside(0, n)[-1],
            receiver(HANGS, n),
            standby(relaying() if n < 3 else HANGS, n),
        )
    ]
    assert conditions(seen(well(0), looks), 90) == {
        Condition.REPLICATION_STOPPED,
        Condition.DISK_FILLING,
        Condition.RPO_BREACHED,
        Condition.UNPROTECTED,
    }


def test_no_figure_comforts_while_the_status_hangs() -> None:
    """The last status, from before, said that nothing waits to be applied."""
    (cluster,) = judged(hanging(0, 30), 30).clusters
    (claim,), (recovery,) = cluster.database, cluster.recovery
    assert claim.seconds is not None
    assert claim.seconds >= 29
    assert (claim.transactions_seen, claim.bytes_seen) == (None, None), "nothing was seen to be missing long ago"
    assert recovery.seconds is None
    assert "has not told for" in recovery.unknown


def test_a_relay_disk_that_fills_up_is_told_before_it_is_full() -> None:
    told = found(seen(well(0), beside(1 << 30, 1)), 2, Condition.DISK_FILLING)
    assert told is not None
    assert told.subject == "oslo-b"
    assert RELAY in told.summary


def test_a_primarys_full_relay_disk_keeps_nobody_from_committing() -> None:
    """It is left from when it was a standby, and lies on a disk of its own."""
    idle = server(gtids(100), directories=(DATADIR, RELAY), scratch=(RELAY,))
    looks = [
        look
        for n in range(1, 10)
        for look in (
            primary(idle, n),
            body(host(filesystems=(space(DATADIR, 20 << 30), space(RELAY, 0))), n),
        )
    ]
    assert found(seen(well(0), looks), 10, Condition.PRIMARY_DISK_FULL) is None


def test_a_receiver_that_stopped_on_a_write_error_says_its_errno() -> None:
    """Another error than a full disk's (EIO, a file system turned read-only) does stop it."""
    halted = {"io": IoState.NO, "io_errno": 1595, "io_error": "Relay log write failure: could not queue event"}
    told = found(seen(well(0), receiver(replication(**halted), 2)), 3, Condition.REPLICATION_STOPPED)
    assert told is not None
    assert "errno 1595 (it cannot write its relay log)" in told.summary
