"""A disk that takes nothing, before all that follows from it. The timeline: all is well until 0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
from worlds import (
    HUNG_UP,
    Blind,
    body,
    conditions,
    dead_host,
    found,
    gtids,
    host,
    judged,
    primary,
    receiver,
    replication,
    seen,
    server,
    well,
)

from drwatch.core.finding import Condition, Confidence
from drwatch.core.preflight import Decision, preflight
from drwatch.core.sample import Device, HostFact, Reason, Sample
from drwatch.core.snapshot import Snapshot

STALLED = Condition.PRIMARY_DISK_STALLED
DATA = "/var/lib/mysql"
SDA = Device((DATA,), "sda", read_only=False, done=1000, in_flight=4)
FROM = server(directories=(DATA,), writes_begun=0, rows_written=0)


def on(device: Device | None, state: str = "S", **but: object) -> HostFact:
    return host(state, devices=(device,) if device else (), **but)


def looks(devices: Iterable[Device | None], last: int | None = 100, begin: int = 1) -> Iterator[Sample]:
    """A look a second at the host and at a server whose position stands still, or moves with ``last`` None."""
    for second, device in enumerate(devices, begin):
        yield body(on(device), second)
        yield primary(replace(FROM, gtid=gtids(last or 100 + second)), second)


def world(devices: Iterable[Device | None], last: int | None = 100) -> Snapshot:
    return seen(well(-1), [primary(FROM, -0.5), primary(FROM, 0)], looks(devices, last))


def test_io_that_has_been_under_way_for_five_seconds_while_none_was_finished_is_a_stalled_disk() -> None:
    assert found(world([SDA] * 5), 5, STALLED) is None
    finding = found(world([SDA] * 6), 6, STALLED)
    assert finding is not None
    assert finding.confidence is Confidence.CONCLUSIVE
    assert f"host: on oslo-a the disk under {DATA} (sda) has had 4 I/Os for 5.0 s and finished none" in finding.evidence
    assert "so: its disk takes nothing, and no chair sees it commit" in finding.evidence


def test_a_disk_that_finishes_one_thing_or_has_nothing_to_do_is_none() -> None:
    assert found(world(replace(SDA, done=1000 + n) for n in range(12)), 12, STALLED) is None
    assert found(world([replace(SDA, in_flight=0)] * 12), 12, STALLED) is None
    idle_between = [SDA, SDA, SDA, replace(SDA, in_flight=0), SDA, SDA, SDA, SDA]
    assert found(world(idle_between), 8, STALLED) is None


def test_a_slow_disk_is_no_stalled_one() -> None:
    """One I/O in four seconds: a saturated disk, and IoWaitHigh's to tell."""
    assert found(world(replace(SDA, done=1000 + n // 4) for n in range(20)), 20, STALLED) is None


@pytest.mark.parametrize(
    ("device", "told"),
    [
        (replace(SDA, read_only=True, in_flight=0), True),
        (replace(SDA, paths=("/srv/backup",), read_only=True, in_flight=0), False),
        (replace(SDA, paths=("/",), read_only=True, in_flight=0), False),
        (replace(SDA, paths=("/",)), True),
        (replace(SDA, paths=("/srv/backup",)), False),
        (replace(SDA, done=None, in_flight=0), False),
    ],
    ids=[
        "the data is read-only",
        "something else is read-only",
        "a root that is read-only on purpose",
        "the root stands still",
        "something else stands still",
        "a network file system says nothing of its I/O",
    ],
)
def test_it_is_the_servers_disk_or_the_roots_that_counts(device: Device, told: bool) -> None:
    assert (found(world([device] * 7), 7, STALLED) is not None) is told


def test_while_commits_go_on_no_disk_is_called_stalled() -> None:
    """The root stands still, and the data lies on another disk."""
    assert found(world([replace(SDA, paths=("/",))] * 9, last=None), 9, STALLED) is None


def test_a_stalled_disk_comes_before_the_death_that_it_caused() -> None:
    dying = seen(well(-1), primary(FROM, 0), (body(on(SDA), n) for n in range(1, 8)))
    dead = seen([primary(HUNG_UP, 8), body(dead_host(devices=(SDA,)), 8.5)], world=dying)
    assert STALLED in conditions(dead, 10)
    assert not conditions(dead, 10) & {Condition.PRIMARY_DOWN, Condition.PRIMARY_HUNG}


def test_a_server_that_hangs_on_a_stalled_disk_is_told_by_its_disk() -> None:
    hung = seen(
        well(-1),
        primary(FROM, 0),
        (body(on(SDA), n) for n in range(1, 8)),
        primary(Blind(Reason.QUERY_TIMEOUT), 8),
        body(on(SDA, "D"), 9),
    )
    assert found(hung, 10, STALLED) is not None
    assert found(hung, 10, Condition.PRIMARY_HUNG) is None


def test_a_standby_that_still_receives_keeps_the_disk_from_being_blamed() -> None:
    flowing = seen(
        well(-1),
        primary(FROM, 0),
        (body(on(SDA), n) for n in range(1, 12)),
        primary(Blind(Reason.QUERY_TIMEOUT), 2),
        (receiver(replication(retrieved_gtid=gtids(100 + n)), n) for n in range(3, 12)),
    )
    assert found(flowing, 12, STALLED) is None
    assert found(flowing, 12, Condition.PRIMARY_UNSEEN) is not None


def test_heartbeats_need_no_disk_and_do_not_keep_it_from_being_blamed() -> None:
    hung = seen(
        well(-1),
        primary(FROM, 0),
        (body(on(SDA), n) for n in range(1, 12)),
        primary(Blind(Reason.QUERY_TIMEOUT), 2),
        (receiver(replication(heartbeats=n), n) for n in range(3, 12)),
    )
    stalled = found(hung, 12, STALLED)
    assert stalled is not None
    assert any("hears of the primary's life, and of no commit since" in words for words in stalled.evidence)


def test_what_follows_from_a_stalled_disk_is_not_told_beside_it() -> None:
    assert conditions(world([SDA] * 8), 8) == {STALLED}


def test_nobody_takes_over_from_a_server_that_may_wake_with_its_disk() -> None:
    view = judged(world([SDA] * 7), 7).clusters[0]
    answer = preflight(view, judged(world([SDA] * 7), 7).snapshot, view.cluster.standbys[0])
    assert answer.decision is Decision.NO_GO
    assert any("stop it for good" in command.why for command in answer.repair)
    dying = seen(well(-1), primary(FROM, 0), (body(on(SDA), n) for n in range(1, 8)))
    dead = seen([primary(HUNG_UP, 8), body(dead_host(devices=(SDA,)), 8.5)], world=dying)
    view = judged(dead, 10).clusters[0]
    proved = preflight(view, judged(dead, 10).snapshot, view.cluster.standbys[0]).checks[0]
    assert proved.passed is True


def test_an_older_script_on_the_host_says_nothing_of_any_disk() -> None:
    assert found(world([None] * 9), 9, STALLED) is None
