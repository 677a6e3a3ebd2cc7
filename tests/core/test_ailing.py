"""A primary that lives and does not serve: full disk, hanging writes, no free connection; and what only looks so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from worlds import (
    HUNG_UP,
    LOGGED_IN,
    OSLO_B,
    POLICY,
    PRIMARY,
    REFUSED,
    body,
    conditions,
    found,
    gtids,
    host,
    judged,
    login,
    look,
    primary,
    receiver,
    replication,
    seen,
    server,
    standby,
    standby_server,
)

from drwatch.core.finding import Condition, Confidence, Severity
from drwatch.core.incident import window
from drwatch.core.preflight import mending, preflight
from drwatch.core.sample import Blind, Filesystem, Probe, Reason, Sample, SemiSync
from drwatch.core.snapshot import Snapshot

FULL, STALLED, SATURATED = (
    Condition.PRIMARY_DISK_FULL,
    Condition.PRIMARY_WRITES_STALLED,
    Condition.PRIMARY_SATURATED,
)
DATADIR = "/var/lib/mysql"


def space(free_bytes: int = 20 << 30, free_inodes: int | None = 1 << 20, path: str = DATADIR, **but: Any) -> Filesystem:
    return replace(Filesystem(path, 100 << 30, free_bytes, free_inodes, age=1.0), **but)


@dataclass(frozen=True)
class Second:
    """What the primary's fast look says in one second."""

    last: int
    """Its newest transaction."""
    begun: int
    running: int = 2
    rows: int | None = None
    but: tuple[tuple[str, Any], ...] = ()

    def fact(self) -> Any:
        rows = self.last if self.rows is None else self.rows
        return server(
            gtids(self.last),
            writes_begun=self.begun,
            threads_running=self.running,
            rows_written=rows,
            **{"directories": (DATADIR,)} | dict(self.but),
        )


def told(seconds: Iterable[Second], disk: Filesystem | None = None) -> Snapshot:
    """The primary in these seconds, one look each, its standby and its host beside it."""
    samples: list[Sample] = []
    for n, second in enumerate(seconds):
        heartbeats = 1 + n // 30
        samples += [
            primary(second.fact(), n),
            body(host(filesystems=(disk or space(),)), n),
            standby(standby_server(gtids(second.last)), n),
            receiver(
                replication(retrieved_gtid=gtids(second.last), executed_gtid=gtids(second.last), heartbeats=heartbeats),
                n,
            ),
            login(LOGGED_IN, n),
        ]
    return seen(samples)


def busy(seconds: int = 20, rate: int = 20, running: int = 2) -> list[Second]:
    return [Second(100 + n * rate, n * rate, running) for n in range(seconds)]


def locked(seconds: int, writers: int = 1, before: list[Second] | None = None, each: int = 1) -> list[Second]:
    """The looks of a server that a lock holds up: each of its writers begins a last statement."""
    before = before or busy()
    end = before[-1]
    return [
        *before,
        *(
            Second(end.last, end.begun + min(writers, each * (n + 1)), end.running + min(writers, each * (n + 1)))
            for n in range(seconds)
        ),
    ]


# PrimaryWritesStalled


@pytest.mark.parametrize("writers", [1, 25])
def test_writes_that_begin_and_do_not_end_are_stalled_after_their_limit(writers: int) -> None:
    early, late = told(locked(10, writers)), told(locked(12, writers))
    assert found(early, 29.2, STALLED) is None
    finding = found(late, 31.2, STALLED)
    assert finding is not None
    assert finding.severity is Severity.CRITICAL
    assert finding.confidence is Confidence.LIKELY
    assert window(finding, POLICY) == POLICY.confirm.likely
    assert any("though writes have begun" in words for words in finding.evidence)


def test_a_server_whose_last_look_before_the_lock_saw_the_one_writer_begin_is_stalled_too() -> None:
    """The lock came between the movement and the look: the only writer hangs already, and begins no other."""
    before = busy()
    caught = Second(before[-1].last + 7, before[-1].begun + 8, running=3)
    world = told([*before, caught, *[caught] * 12])
    assert found(world, 32.2, STALLED) is not None


def unacknowledged(seconds: int, before: list[Second]) -> list[Second]:
    """The standby's own thread is gone from the server, and the one writer waits in its place: as many are at work."""
    end, waits = before[-1], (("semi_sync", SemiSync(holds=True, readers=0, waiting=1)),)
    return [*before, *(Second(end.last + 1, end.begun + 1, end.running, but=waits) for _ in range(seconds))]


def test_a_writer_that_waits_for_an_acknowledgement_is_stalled_though_no_more_threads_are_at_work() -> None:
    late = told(unacknowledged(12, busy(running=3)))
    finding = found(late, 31.2, STALLED)
    assert finding is not None
    assert any("1 of them wait for a standby's acknowledgement" in words for words in finding.evidence)
    assert found(told(unacknowledged(9, busy(running=3))), 28.2, STALLED) is None


def test_the_page_of_writers_that_wait_for_an_acknowledgement_has_the_statement_that_lets_them_go() -> None:
    """There is no session to kill but the application's own."""
    assessment = judged(told(unacknowledged(12, busy(running=3))), 31.2)
    (command,) = mending(assessment.clusters[0], assessment.snapshot)
    assert "SET GLOBAL rpl_semi_sync_master_enabled = OFF" in command.line
    assert "KILL" not in command.why
    locked_up = judged(told(locked(12)), 31.2)
    (command,) = mending(locked_up.clusters[0], locked_up.snapshot)
    assert "SHOW FULL PROCESSLIST" in command.line


def test_a_writer_that_waits_for_an_acknowledgement_is_stalled_whatever_the_pauses_are_usually() -> None:
    """It writes every twenty seconds; of a lock nobody could tell so soon."""
    rarely = [Second(100 + n // 20, n // 20, 3) for n in range(200)]
    assert found(told(unacknowledged(15, rarely)), 214.2, STALLED) is not None


def test_while_acknowledgements_come_those_that_wait_for_theirs_are_no_stall() -> None:
    waits = (("semi_sync", SemiSync(holds=True, readers=1, waiting=3)),)
    assert found(told([replace(second, but=waits) for second in busy(40)]), 39.2, STALLED) is None


def test_an_idle_primary_is_not_stalled_however_many_writes_change_nothing() -> None:
    idle = [Second(480, 400 + n // 10, rows=480) for n in range(600)]
    assert conditions(told(busy() + idle), 619.2) == set()


def test_a_long_select_on_an_idle_primary_is_no_stall() -> None:
    idle = [Second(480, 400, running=2 if n < 5 else 3) for n in range(120)]
    assert conditions(told(busy() + idle), 139.2) == set()


def test_a_dump_that_reads_while_writes_that_change_nothing_come_and_go_is_no_stall() -> None:
    idle = [Second(480, 400 + max(0, n - 15) // 20, running=2 if n < 5 else 3, rows=480) for n in range(300)]
    assert conditions(told(busy() + idle), 319.2) == set()


def test_a_load_that_has_not_committed_yet_is_no_stall() -> None:
    load = [Second(480, 401, running=3, rows=480 + 1000 * n) for n in range(1, 60)]
    assert conditions(told(busy() + load), 78.2) == set()


def test_a_server_that_writes_once_in_twenty_seconds_is_not_stalled_after_ten() -> None:
    """Its habits say that a longer pause is nothing; only beyond three of them is it."""
    before = [Second(100 + n // 20, n // 20, rows=100 + n // 20) for n in range(200)]
    assert found(told(locked(40, before=before)), 239.2, STALLED) is None
    assert found(told(locked(80, before=before)), 279.2, STALLED) is not None


def test_a_read_only_server_is_never_stalled() -> None:
    stalled = [replace(second, but=(("read_only", True),)) for second in locked(30)]
    assert found(told(stalled), 49.2, STALLED) is None


def test_a_lock_of_a_few_seconds_leaves_no_finding() -> None:
    after = [Second(500 + n * 20, 401 + n * 20) for n in range(20)]
    for until in range(20, 47):
        assert found(told([*locked(8), *after][: until + 1]), until + 0.2, STALLED) is None


def test_a_restart_begins_the_counters_anew() -> None:
    young = [Second(480, n, but=(("uptime", float(n)),)) for n in range(1, 30)]
    assert found(told(busy() + young), 48.2, STALLED) is None


def test_writes_go_on_being_stalled_while_clients_give_up_and_come_again() -> None:
    tired = locked(12, writers=20)
    end = tired[-1]
    world = told([*tired, *(Second(end.last, end.begun + 2 * n, end.running) for n in range(1, 30))])
    assert found(world, 60.2, STALLED) is not None


def test_a_report_that_begins_as_the_last_write_ends_is_no_stall_while_others_change_nothing() -> None:
    quiet = [Second(480, 401 + n, running=3, rows=480) for n in range(60)]
    assert conditions(told(busy() + quiet), 79.2) == set()


def test_a_dump_that_begins_as_the_application_is_stopped_is_no_stall() -> None:
    dump = [Second(480, 401, running=3, rows=480, but=(("rows_read", 50_000 * n),)) for n in range(60)]
    assert conditions(told(busy() + dump), 79.2) == set()


def test_writers_that_wait_beside_a_dump_are_stalled() -> None:
    beside = [replace(second, but=(("rows_read", 50_000 * n),)) for n, second in enumerate(locked(15, writers=10))]
    assert found(told(beside), 34.2, STALLED) is not None


def scraped(seconds: Iterable[Second], every: int) -> list[Second]:
    """With another monitor, whose queries read three thousand rows at each of its scrapes."""
    return [replace(second, but=(*second.but, ("rows_read", 3000 * (n // every)))) for n, second in enumerate(seconds)]


@pytest.mark.parametrize("every", [1, 5, 15])
def test_a_single_writer_that_waits_beside_another_monitor_is_stalled(every: int) -> None:
    """mysqld_exporter reads as much as a report at every scrape, and did so while all was well."""
    assert found(told(scraped(locked(15, before=busy(40)), every)), 54.2, STALLED) is not None


def test_a_report_beside_another_monitor_is_no_stall() -> None:
    beside = scraped(busy(40) + [Second(880, 801, running=3) for _ in range(40)], 5)
    reading = [
        replace(second, but=(*second.but, ("rows_read", dict(second.but)["rows_read"] + 50_000 * max(0, n - 39))))
        for n, second in enumerate(beside)
    ]
    assert found(told(reading), 79.2, STALLED) is None


# PrimaryDiskFull


@pytest.mark.parametrize(
    ("disk", "words"),
    [
        pytest.param(space(0), "0 bytes are free", id="no room"),
        pytest.param(space(3 << 20), f"{3 << 20} bytes are free", id="less than a table grows by"),
        pytest.param(space(free_inodes=0), "no inode is free", id="no inode"),
    ],
)
def test_a_full_disk_is_told_once_nothing_is_committed(disk: Filesystem, words: str) -> None:
    finding = found(told(locked(4), disk), 23.2, FULL)
    assert finding is not None
    assert finding.severity is Severity.CRITICAL
    assert window(finding, POLICY) == POLICY.confirm.conclusive
    assert words in finding.evidence[0]
    assert DATADIR in finding.evidence[0]


def test_a_full_disk_of_an_idle_primary_is_told_too() -> None:
    idle = [Second(480, 400) for _ in range(5)]
    assert found(told(busy() + idle, space(0)), 24.2, FULL) is not None


def test_while_commits_go_on_a_full_disk_is_only_filling() -> None:
    """InnoDB writes into what it has preallocated."""
    assert conditions(told(busy(), space(0)), 19.2) == {Condition.DISK_FILLING}


@pytest.mark.parametrize(
    "disk",
    [
        pytest.param(space(free_inodes=None), id="no limit of inodes, as on btrfs"),
        pytest.param(space(0, path="/srv/uploads"), id="a disk that the server does not write to"),
        pytest.param(space(0, age=60.0), id="a word from a minute ago"),
    ],
)
def test_what_is_no_full_disk_of_the_server_is_not_told_as_one(disk: Filesystem) -> None:
    assert found(told(locked(8), disk), 27.2, FULL) is None


def test_a_tmpdir_that_a_sort_fills_is_told_only_where_writes_hang_meanwhile() -> None:
    sorting = (("directories", (DATADIR, "/tmp")), ("scratch", ("/tmp",)))
    filled = space(0, path="/tmp")
    idle = [replace(second, but=sorting) for second in [*busy(), *[Second(480, 400, 3)] * 10]]
    hanging = [replace(second, but=sorting) for second in locked(10, writers=5)]
    assert found(told(idle, filled), 29.2, FULL) is None
    assert found(told(hanging, filled), 29.2, FULL) is not None


def test_a_full_disk_explains_the_stall_and_the_look_that_hangs() -> None:
    """SHOW MASTER STATUS waits on the slow connection of a MySQL without GTID."""
    hanging = [look(PRIMARY, Probe.REPLICATION, Blind(Reason.QUERY_TIMEOUT), n) for n in range(20, 40)]
    world = told(locked(20), space(0))
    for sample in hanging:
        world = world.keep(sample)
    assert conditions(world, 39.4) == {FULL}


def test_a_server_told_to_stop_on_a_full_disk_is_full_and_not_restarting() -> None:
    """SIGTERM there closes the port and leaves the process: nothing to wait a minute for."""
    world = told(locked(4), space(0))
    for n in (24, 25, 26):
        world = world.keep(primary(HUNG_UP if n == 24 else REFUSED, n)).keep(
            body(host(filesystems=(space(0),)), n + 0.1)
        )
    finding = found(world, 26.4, FULL)
    assert finding is not None
    assert any("process is there" in words for words in finding.evidence)
    assert any("is full" in words for words in finding.evidence)


def test_a_dead_server_on_a_full_disk_is_down_and_the_page_says_why() -> None:
    world = told(locked(4), space(0))
    for n in (24, 25, 26, 27):
        world = world.keep(primary(REFUSED, n)).keep(
            body(host("", unit="failed/failed", filesystems=(space(0),)), n + 0.1)
        )
    finding = found(world, 27.4, Condition.PRIMARY_DOWN)
    assert finding is not None
    assert any("is full" in words for words in finding.evidence)


def test_a_dead_server_on_a_full_disk_is_started_once_there_is_room() -> None:
    """MySQL 9.7 ends there when it is told to; started at once it would only end again."""
    world = told(locked(4), space(0))
    for n in (24, 25, 26, 27):
        world = world.keep(primary(REFUSED, n)).keep(
            body(host("", unit="failed/failed", filesystems=(space(0),)), n + 0.1)
        )
    assessment = judged(world, 27.4)
    free, start, *_ = preflight(assessment.clusters[0], assessment.snapshot, OSLO_B).repair
    assert "df -h /var/lib/mysql" in free.line
    assert "systemctl start" in start.line


def test_the_page_of_a_full_disk_gives_a_command_that_finds_what_fills_it() -> None:
    assessment = judged(told(locked(4), space(0)), 23.2)
    (command,) = mending(assessment.clusters[0], assessment.snapshot)
    assert "df -h /var/lib/mysql" in command.line


# DiskFilling


def test_a_disk_with_little_left_is_filling_and_clears_with_a_quarter_more() -> None:
    little, more = space(4 << 30), space(6 << 30)
    finding = found(told(busy(), little), 19.2, Condition.DISK_FILLING)
    assert finding is not None
    assert "4.0%" in finding.summary
    open_already = frozenset({("shop", str(Condition.DISK_FILLING), "oslo-a")})
    assert found(told(busy(), more), 19.2, Condition.DISK_FILLING) is None
    assert found(told(busy(), more), 19.2, Condition.DISK_FILLING, firing=open_already) is not None
    assert found(told(busy(), space(7 << 30)), 19.2, Condition.DISK_FILLING, firing=open_already) is None


# PrimarySaturated


def refused(*counts: int, running: int = 2) -> Snapshot:
    return told(
        Second(100 + 20 * n, 20 * n, running, but=(("connections_refused", count),)) for n, count in enumerate(counts)
    )


def test_newcomers_turned_away_between_two_looks_are_saturation() -> None:
    finding = found(refused(0, 0, 3, 9, 14, 20), 5.2, SATURATED)
    assert finding is not None
    assert any("turned away" in words for words in finding.evidence)


def test_what_was_turned_away_before_drwatch_came_is_not_told() -> None:
    assert found(refused(*[400] * 6), 5.2, SATURATED) is None


def test_one_burst_of_refusals_is_over_before_its_window() -> None:
    burst = (0, 0, 5, *[5] * 8)
    true = [n for n in range(3, 11) if found(refused(*burst[: n + 1]), n + 0.2, SATURATED) is not None]
    assert len(true) < POLICY.confirm.conclusive


def test_a_stall_that_fills_the_connections_is_told_as_the_stall_with_both_in_evidence() -> None:
    full = [replace(second, but=(("connections", 151),)) for second in locked(20, writers=40)]
    finding = found(told(full), 39.2, STALLED)
    assert finding is not None
    assert any("151 of 151" in words for words in finding.evidence)


def test_a_full_disk_where_even_the_login_is_refused_is_still_a_full_disk() -> None:
    world = told(locked(4), space(0)).keep(primary(Blind(Reason.TOO_MANY_CONNECTIONS, "Too many", 1040), 24))
    assert found(world, 24.2, FULL) is not None
