"""Whether a standby can still catch up: what its source keeps, by its settings and by what it was seen to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import (
    LOST,
    POLICY,
    PRIMARY,
    REFUSED,
    SHOP,
    STANDBY,
    at,
    body,
    channel,
    coordinate,
    dead_host,
    found,
    judged,
    look,
    primary,
    receiver,
    replication,
    seen,
    server,
    standby,
    well,
)

from drwatch.core import gap
from drwatch.core.binlog import Coordinate
from drwatch.core.binlogs import Gap, Logs, first
from drwatch.core.finding import Condition, Severity
from drwatch.core.sample import IoState, Probe, ReplicationFact, Sample

DAY = 86400.0
MEGABYTE = 1 << 20


def files(oldest: int, newest: int, last: int = 0, size: int = MEGABYTE) -> tuple[Coordinate, ...]:
    """Files of one size each, the newest of another."""
    return tuple(coordinate(last if number == newest else size, number) for number in range(oldest, newest + 1))


def listed(*lists: tuple[float, tuple[Coordinate, ...]]) -> Logs:
    """What so many lists come to, each with its second."""
    (start, names), *rest = lists
    logs = first(names, at(start))
    for when, more in rest:
        logs = logs.after(more, at(when))
    return logs


def test_who_reads_the_newest_file_has_no_gap() -> None:
    assert listed((0, files(1, 3))).gap(coordinate(5, 3), DAY, None, at(9)) is None


def test_another_logs_name_is_not_compared() -> None:
    assert listed((0, files(1, 3))).gap(Coordinate("other.000001", 5), DAY, None, at(9)) is None


def test_a_file_is_kept_from_when_it_was_last_seen_written_to() -> None:
    logs = listed((0, files(1, 3)), (60, files(1, 3, 10)), (120, files(1, 4)))
    assert logs.gap(coordinate(5, 3), DAY, None, at(1060)) == Gap(DAY - 1000)
    assert logs.gap(coordinate(5, 3), DAY, None, at(60 + 2 * DAY)) == Gap(0.0), "due, and there until the next rotation"


def test_the_age_of_a_file_that_was_closed_before_is_read_off_what_came_after_it() -> None:
    """A megabyte a minute: the second file ended two files ago."""
    logs = listed((0, files(1, 4, 0)), (60, files(1, 4, MEGABYTE)))
    left = logs.gap(coordinate(5, 2), DAY, None, at(60))
    assert left is not None
    assert left.seconds == pytest.approx(DAY - 2 * 60)


def test_without_any_word_on_what_is_kept_nobody_knows() -> None:
    assert listed((0, files(1, 3))).gap(coordinate(5, 1), None, None, at(9)) == Gap(None)


def test_a_job_that_purges_is_known_by_what_it_purged() -> None:
    logs = listed((0, files(1, 1)), (60, files(1, 2)), (7200, files(1, 2, 9)), (7260, files(2, 3)))
    assert logs.kept == 7200 - 0 - 60, (
        "the first file was written to at 0, or up to a minute after, and gone after 7200"
    )
    assert logs.gap(coordinate(5, 2), None, None, at(7300)) == Gap(7140 - 100.0)
    assert logs.gap(coordinate(5, 2), 500.0, None, at(7300)) == Gap(400.0), "the sooner of the two"


def test_a_limit_in_bytes_is_reached_at_the_pace_of_writing() -> None:
    logs = listed((0, files(1, 4, 0)), (60, files(1, 4, MEGABYTE)))
    left = logs.gap(coordinate(5, 2), None, 10 * MEGABYTE, at(60))
    assert left is not None
    assert left.seconds == pytest.approx(7 * 60), "three of ten megabytes are there"


def test_what_is_purged_is_gone_whatever_the_settings() -> None:
    assert listed((0, files(7, 9))).gap(coordinate(5, 3), DAY, None, at(1)) == Gap(0.0, purged=True)


def test_logs_that_begin_anew_are_another_history() -> None:
    logs = listed((0, files(5, 9)), (60, files(1, 1)))
    assert (logs.written, logs.kept, logs.rate) == (((1, at(60)),), None, None)


# The finding

STOPPED = {"io": IoState.NO, "read": coordinate(500, 3), "executed": coordinate(500, 3)}


def primary_lists(asked: float, names: tuple[Coordinate, ...]) -> Sample:
    return look(PRIMARY, Probe.REPLICATION, ReplicationFact((), None, names), asked)


def behind(expires: float | None, then: float, **but: object) -> list[Sample]:
    """A standby that stopped in the third file just before it was closed, looked at ``then`` seconds later."""
    keeps = server(binlog_expires=expires)
    return [
        *well(0),
        primary(keeps, 1),
        primary_lists(1, files(1, 3)),
        primary_lists(61, files(1, 4)),
        primary(keeps, then),
        receiver(replication(**STOPPED | but), then),
    ]


def test_a_stopped_standby_is_told_a_day_before_and_is_critical_in_the_last_hour() -> None:
    for then, severity in ((0.5 * DAY, None), (1.5 * DAY, Severity.WARNING), (2 * DAY - 600, Severity.CRITICAL)):
        told = found(seen(behind(2 * DAY, then)), then + 1, Condition.BINLOG_GAP_CLOSING)
        assert (told.severity if told else None) is severity, then
    assert told is not None
    assert "must be rebuilt" in told.summary
    assert "mysql-bin.000003" in told.evidence[0]


def test_a_standby_that_reads_and_is_late_is_told_in_the_last_hour_only() -> None:
    reads = {"io": IoState.YES}
    assert found(seen(behind(DAY, 0.5 * DAY, **reads)), 0.5 * DAY + 1, Condition.BINLOG_GAP_CLOSING) is None
    late = found(seen(behind(DAY, DAY - 60, **reads)), DAY - 59, Condition.BINLOG_GAP_CLOSING)
    assert late is not None
    assert late.severity is Severity.CRITICAL


def test_the_gap_of_a_dead_standby_goes_on_closing() -> None:
    looks = [*behind(DAY, DAY - 600), standby(LOST, DAY - 590), receiver(LOST, DAY - 590)]
    told = found(seen(looks), DAY - 580, Condition.BINLOG_GAP_CLOSING)
    assert told is not None
    assert told.severity is Severity.CRITICAL


def test_a_purged_gap_says_rebuild_before_the_standby_has_asked_for_it() -> None:
    looks = [*well(0), primary_lists(1, files(5, 7)), receiver(replication(**STOPPED), 2)]
    told = found(seen(looks), 3, Condition.BINLOG_GAP_CLOSING)
    assert told is not None
    assert told.summary.endswith("REBUILD oslo-b")
    assert told.severity is Severity.CRITICAL


def test_once_the_source_has_refused_it_is_told_by_its_errno_and_not_twice() -> None:
    refused = STOPPED | {"io_errno": 1236, "io_error": "Could not find first log file name in binary log index file"}
    looks = [*well(0), primary_lists(1, files(5, 7)), receiver(replication(**refused), 2)]
    assert found(seen(looks), 3, Condition.BINLOG_GAP_CLOSING) is None
    stopped = found(seen(looks), 3, Condition.REPLICATION_STOPPED)
    assert stopped is not None
    assert "REBUILD" in stopped.evidence[1]


def test_a_dead_primary_purges_nothing() -> None:
    looks = [*behind(DAY, DAY - 600), primary(REFUSED, DAY - 590), body(host_before := dead_host(), DAY - 590)]
    assert host_before.processes == ()
    told = found(seen(looks), DAY - 580, Condition.BINLOG_GAP_CLOSING)
    assert told is not None
    assert told.suppressed_by is Condition.PRIMARY_DOWN


def test_a_server_that_purges_only_with_readers_connected_waits_for_its_only_standby() -> None:
    """MariaDB from 11.4 on: slave_connections_needed_for_purge, 1 by default."""
    looks = [*behind(DAY, DAY - 600), primary(server(binlog_expires=DAY, purge_needs_readers=1), DAY - 590)]
    assert gap.of_standby(SHOP, seen(looks), STANDBY, at(DAY - 580)) == Gap(None)


def test_a_strangers_coordinates_are_not_held_against_the_primarys_logs() -> None:
    stranger = ReplicationFact((replace(channel(**STOPPED), source_server_id=77),))
    world = seen(well(0), primary_lists(1, files(5, 7)), receiver(stranger, 2))
    assert gap.of_standby(SHOP, world, STANDBY, at(3)) is None


def test_the_limit_is_the_operators() -> None:
    patient = replace(POLICY, limits=replace(POLICY.limits, binlog_gap=60.0))
    told = found(seen(behind(DAY, DAY - 600)), DAY - 599, Condition.BINLOG_GAP_CLOSING, patient)
    assert told is not None
    assert told.severity is Severity.WARNING
    assert judged(seen(behind(DAY, DAY - 600)), DAY - 599).findings
