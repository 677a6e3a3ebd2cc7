"""What is wrong, one condition after another: when it is said, and when it must not be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import (
    HUNG_UP,
    LOST,
    NO_SHELL,
    POLICY,
    PRIMARY,
    REFUSED,
    SHOP,
    STANDBY,
    UPLOADS,
    at,
    body,
    conditions,
    coordinate,
    dead_host,
    firing,
    found,
    gtids,
    host,
    judged,
    login,
    marker,
    position,
    primary,
    receiver,
    replication,
    seen,
    server,
    standby,
    standby_host,
    standby_server,
    synced,
    well,
    with_files,
)

from drwatch.core.finding import Condition, Confidence, Severity
from drwatch.core.incident import window
from drwatch.core.policy import Assumed, Objectives, Policy
from drwatch.core.sample import Blind, Flavour, IoState, Probe, Reason, Sample
from drwatch.core.snapshot import Snapshot


def steady(until: int, start: int = 0, last: int = 100) -> list[Sample]:
    """A healthy pair under load, looked at each second."""
    return [sample for n in range(start, until) for sample in well(n, last + n)]


def test_a_healthy_pair_has_no_finding_idle_or_busy() -> None:
    busy = seen(steady(120))
    idle = seen(sample for n in range(120) for sample in well(n))
    for world in (busy, idle):
        assert conditions(world, 120) == set()
        assert judged(world, 120).unsettled == frozenset()


def test_just_after_a_start_the_cluster_is_unsettled() -> None:
    assert judged(seen(well(0)[:2]), 1).unsettled == {"shop"}


# ReplicationStopped


@pytest.mark.parametrize(
    ("but", "word", "seconds"),
    [
        pytest.param({"io": IoState.NO}, "no longer receives", 5, id="receiver stopped by hand"),
        pytest.param({"io": IoState.NO, "io_errno": 1236}, "errno 1236", 5, id="receiver stopped by an error"),
        pytest.param({"io": IoState.CONNECTING, "io_errno": 2003}, "cannot connect", 15, id="receiver reconnecting"),
        pytest.param({"sql": False, "sql_errno": 1062, "sql_error": "Duplicate"}, "errno 1062", 5, id="a bad row"),
        pytest.param({"sql": False}, "stopped without an error", 3600, id="the nightly backup"),
        pytest.param({"sql": False, "io": IoState.NO}, "no longer receives", 5, id="both by hand"),
    ],
)
def test_replication_that_stopped_says_which_half_and_why(but: dict[str, object], word: str, seconds: float) -> None:
    stopped = found(seen(well(0), receiver(replication(**but), 2)), 3, Condition.REPLICATION_STOPPED)
    assert stopped is not None
    assert word in stopped.summary
    assert window(stopped, POLICY) == seconds


# ReplicationSilent


def watched(begin: int, end: int, last: int, **channel: object) -> list[Sample]:
    """All chairs but the receiver each second, the receiver each other."""
    return [
        look
        for n in range(begin, end)
        for look in well(n, last, **{"heartbeats": 1} | channel)
        if look.key.probe is not Probe.REPLICATION or n % 2 == 0
    ]


def cut_off(begin: int, end: int) -> Snapshot:
    """Under load the link is silently cut: the primary goes on committing, the standby shows the same for ever."""
    last = gtids(100 + begin - 1)
    stuck = {"retrieved_gtid": last, "executed_gtid": last, "heartbeats": 1}
    rounds = (watched(n, n + 1, 100 + n, **stuck) for n in range(begin, end + 1))
    return seen(steady(begin), (look for looks in rounds for look in looks))


def test_a_silent_cut_under_load_is_seen_within_eight_seconds() -> None:
    assert found(cut_off(60, 63), 63.5, Condition.REPLICATION_SILENT) is None
    silent = found(cut_off(60, 66), 67, Condition.REPLICATION_SILENT)
    assert silent is not None
    assert "believes that it is connected" in silent.summary
    assert window(silent, POLICY) == 1


def test_a_cut_after_a_single_commit_is_seen_too() -> None:
    """60: one commit on a quiet primary, and the link is dead. The position does not change again."""
    cut = {"retrieved_gtid": gtids(100), "executed_gtid": gtids(100), "heartbeats": None}
    world = seen(watched(0, 60, 100, heartbeats=None), watched(60, 70, 101, **cut))
    assert found(world, 69.5, Condition.REPLICATION_SILENT) is not None


def idle(until: int, **channel: object) -> Snapshot:
    """An idle source; its standby counts heartbeats, which stand still."""
    return seen(watched(0, until, 100, **channel))


def test_an_idle_source_is_silent_only_after_two_missed_heartbeats() -> None:
    assert found(idle(65), 64.9, Condition.REPLICATION_SILENT) is None
    assert found(idle(70), 70, Condition.REPLICATION_SILENT) is not None


def test_an_idle_source_whose_heartbeats_cannot_be_counted_is_left_alone() -> None:
    assert found(idle(600, heartbeats=None, heartbeat_period=None), 600, Condition.REPLICATION_SILENT) is None


def test_an_idle_source_with_heartbeats_is_not_silent() -> None:
    world = seen(look for n in range(600) for look in well(n))
    assert found(world, 600, Condition.REPLICATION_SILENT) is None


@pytest.mark.parametrize("version", [(5, 6, 51), (8, 0, 36)])
def test_a_stopped_applier_on_an_idle_pair_is_not_silence(version: tuple[int, ...]) -> None:
    """The nightly backup holds the applier; the newest transaction is received and not applied for an hour."""
    world = seen(well(0))
    for look in watched(1, 60, 101, executed_gtid=gtids(100), sql=False):
        world = world.keep(look)
        if look.key == standby(standby_server(), 0).key:
            world = world.keep(standby(standby_server(gtids(100), version=version), look.asked.loop - at(0).loop))
    assert found(world, 60, Condition.REPLICATION_SILENT) is None


def test_a_busy_applier_on_the_guides_pair_is_not_silence() -> None:
    """MariaDB by coordinate, an ALTER TABLE of a minute: all is received, gtid_slave_pos stands still."""
    maria = {"flavour": Flavour.MARIADB, "version": (10, 11, 6)}
    world = Snapshot()
    for n in range(60):
        world = world.keep(primary(server(position(10 + min(n, 20)), binlog=coordinate(100 + min(n, 20)), **maria), n))
        world = world.keep(standby(standby_server(position(5), gtid_applied=position(5), **maria), n))
        bare = {"uses_gtid": False, "retrieved_gtid": None, "executed_gtid": None}
        world = world.keep(body(host(), n)).keep(
            receiver(replication(read=coordinate(100 + min(n, 20)), executed=coordinate(100), **bare), n)
        )
    assert found(world, 60, Condition.REPLICATION_SILENT) is None
    assert found(world, 60, Condition.RPO_BREACHED) is None


def test_a_late_status_look_is_not_the_sources_silence() -> None:
    """60: SHOW SLAVE STATUS hangs behind a STOP SLAVE for 9 s; the fast looks go on and see commits."""
    late = (look for n in range(60, 72) for look in well(n, 100 + n) if look.key.probe is not Probe.REPLICATION)
    assert found(seen(steady(60), late), 69.4, Condition.REPLICATION_SILENT) is None


def test_a_silence_that_was_told_is_not_over_because_drwatch_has_just_started() -> None:
    told = firing(Condition.REPLICATION_SILENT, "oslo-b")
    world = seen(well(0), receiver(replication(), 2))
    assert found(world, 3, Condition.REPLICATION_SILENT, firing=told) is not None
    heard = world.keep(receiver(replication(heartbeats=2), 4))
    assert found(heard, 5, Condition.REPLICATION_SILENT, firing=told) is None


# RpoBreached, RtoBreached


def test_the_data_at_risk_is_told_over_its_objective_and_until_well_below_it() -> None:
    """The objective is 60 s; once told, it is over at 48 s, or it would come and go at the threshold."""
    world, told = seen(well(0)), firing(Condition.RPO_BREACHED, "oslo-b")
    assert found(world, 60, Condition.RPO_BREACHED) is None
    assert found(world, 60.5, Condition.RPO_BREACHED) is not None
    assert found(world, 48.5, Condition.RPO_BREACHED, firing=told) is not None
    assert found(world, 48, Condition.RPO_BREACHED, firing=told) is None


def test_an_unknown_risk_is_told_when_it_has_been_unknown_as_long_as_the_objective() -> None:
    unknown = found(seen(well(0)[2:], alive=(PRIMARY, STANDBY)), 1, Condition.RPO_BREACHED)
    assert unknown is not None
    assert "nobody knows" in unknown.summary
    assert window(unknown, POLICY) == 60


def test_the_risk_of_a_pair_that_was_never_seen_alive_is_left_to_the_blind_probes() -> None:
    assert found(seen(), 100, Condition.RPO_BREACHED) is None
    assert found(seen(primary(REFUSED, 0)), 100, Condition.PROBE_BLIND) is not None


def with_objective(rto: float, decide: float = 900.0) -> Policy:
    cluster = replace(SHOP, objectives=Objectives(rto=rto), assumed=Assumed(decide=decide))
    return replace(POLICY, clusters=(cluster,))


def test_no_assumed_term_pages_anybody() -> None:
    """An hour to decide, thirty minutes allowed: that is the operator's to settle by day."""
    assert found(seen(steady(10)), 10, Condition.RTO_BREACHED, with_objective(1800, decide=3600)) is None


def behind(n: float, executed: int, **but: object) -> Sample:
    return receiver(replication(read=coordinate(1_000_000), executed=coordinate(executed), **but), n)


def test_a_measured_drain_over_the_objective_is_told_after_ten_minutes_and_until_well_below() -> None:
    """1,000,000 bytes wait and 100 are applied in a second: over two hours."""
    world = seen(well(0), (behind(n, 500 + 100 * n) for n in range(1, 20)), well(19)[:3])
    slow = found(world, 20, Condition.RTO_BREACHED)
    assert slow is not None
    assert window(slow, POLICY) == 600
    drain = next(term for term in judged(world, 20).clusters[0].recovery[0].terms if term.component == "drain")
    assert drain.seconds == pytest.approx((1_000_000 - 2400) / 100, rel=0.01)
    near = with_objective(drain.seconds + 6 + 100)
    told = firing(Condition.RTO_BREACHED, "oslo-b")
    assert found(world, 20, Condition.RTO_BREACHED, near) is None
    assert found(world, 20, Condition.RTO_BREACHED, near, told) is not None


def test_a_drain_that_nobody_can_know_is_told_after_an_hour() -> None:
    world = seen(well(0), (behind(n, 500) for n in range(1, 20)), well(19)[:3])
    unknown = found(world, 20, Condition.RTO_BREACHED)
    assert unknown is not None
    assert "has not moved" in unknown.summary
    assert window(unknown, POLICY) == 3600
    assert judged(world, 20).clusters[0].recovery[0].seconds is None


@pytest.mark.parametrize(
    ("errno", "patience"), [pytest.param(0, 3600, id="by its backup"), pytest.param(1062, 5, id="by an error")]
)
def test_an_applier_that_was_stopped_is_told_once_and_a_backup_is_given_its_hour(errno: int, patience: float) -> None:
    """The drain that nobody can know follows from it, and no figure hides that."""
    world = seen(well(0), (behind(n, 500, sql=False, sql_errno=errno) for n in range(1, 20)), well(19)[:3])
    stopped = found(world, 20, Condition.REPLICATION_STOPPED)
    assert stopped is not None
    assert window(stopped, POLICY) == patience
    assert found(world, 20, Condition.RTO_BREACHED) is None
    (recovery,) = judged(world, 20).clusters[0].recovery
    assert recovery.seconds is None
    assert "is stopped with 999500 bytes waiting" in recovery.unknown


def test_a_stopped_applier_with_nothing_waiting_is_no_breach() -> None:
    world = seen(well(0), receiver(replication(read=coordinate(9), executed=coordinate(9), sql=False), 1))
    assert found(world, 2, Condition.RTO_BREACHED) is None


# FilesStale, FilesMarkerMissing


def test_a_file_set_is_stale_over_its_rpo_or_else_over_three_intervals() -> None:
    world = seen(well(0), marker(synced(0.0), 0))
    assert found(world, 900, Condition.FILES_STALE, with_files()) is None
    assert found(world, 901, Condition.FILES_STALE, with_files()) is not None
    loose = with_files(replace(UPLOADS, rpo=None, every=1000.0))
    assert found(world, 3000, Condition.FILES_STALE, loose) is None
    assert found(world, 3001, Condition.FILES_STALE, loose) is not None


def test_a_user_without_a_marker_is_unmeasured_and_not_paged_for_ever() -> None:
    world = seen(well(0), marker(Blind(Reason.MISSING), 0))
    findings = judged(world, 9999, with_files()).findings
    assert not any(f.condition in (Condition.FILES_STALE, Condition.FILES_MARKER_MISSING) for f in findings)


@pytest.mark.parametrize(
    ("reason", "word"),
    [(Reason.MISSING, "is gone"), (Reason.GARBLED, "is malformed"), (Reason.FUTURE, "dated in the future")],
)
def test_a_marker_has_three_ways_to_be_wrong(reason: Reason, word: str) -> None:
    world = seen(well(0), marker(synced(0.0), 0), well(60), marker(Blind(reason), 60))
    wrong = found(world, 61, Condition.FILES_MARKER_MISSING, with_files())
    assert wrong is not None
    assert word in wrong.summary


@pytest.mark.parametrize("reason", [Reason.GARBLED, Reason.FUTURE])
def test_a_marker_that_is_there_and_wrong_from_the_first_day_is_told(reason: Reason) -> None:
    world = seen(well(0), marker(Blind(reason), 0))
    assert found(world, 1, Condition.FILES_MARKER_MISSING, with_files()) is not None


def test_a_marker_that_cannot_be_read_on_a_host_that_answers_is_told_after_a_minute() -> None:
    world = seen(well(0), marker(synced(0.0), 0), well(60), marker(Blind(Reason.NO_PRIVILEGE), 60))
    hidden = found(world, 61, Condition.FILES_MARKER_MISSING, with_files())
    assert hidden is not None
    assert window(hidden, POLICY) == 60
    gone = seen(well(0), marker(synced(0.0), 0), well(60), marker(NO_SHELL, 60), standby_host(NO_SHELL, 60))
    assert found(gone, 61, Condition.FILES_MARKER_MISSING, with_files()) is None


def test_a_marker_told_as_missing_is_not_found_again_by_a_restart() -> None:
    told = firing(Condition.FILES_MARKER_MISSING, "uploads")
    world = seen(well(0), marker(Blind(Reason.MISSING), 0))
    assert found(world, 1, Condition.FILES_MARKER_MISSING, with_files(), told) is not None


# StandbyWritable, SplitBrain


def writable(gtid: object = None, **but: object) -> Sample:
    return standby(standby_server(**({"gtid": gtid} if gtid else {}), read_only=False, super_read_only=False, **but), 1)


def test_a_writable_standby_is_a_warning_until_it_has_written_what_the_primary_lacks() -> None:
    own = gtids(100) | gtids(3, standby_server().server_uuid or "")
    assert conditions(seen(well(0), writable()), 2) == {Condition.STANDBY_WRITABLE}
    assert conditions(seen(well(0), writable(own)), 2) == {Condition.SPLIT_BRAIN}


def test_an_old_primary_made_standby_has_written_before_and_that_is_no_split_brain() -> None:
    both = gtids(100) | gtids(3, standby_server().server_uuid or "")
    world = seen(well(0), primary(server(both), 0.5), writable(both))
    assert conditions(world, 2) == {Condition.STANDBY_WRITABLE}


def test_on_mariadb_the_newest_own_transaction_is_the_split() -> None:
    maria = {"flavour": Flavour.MARIADB, "version": (10, 11, 6)}
    world = seen(well(0), primary(server(position(100), **maria), 0.5), writable(position(101, 2), **maria))
    assert found(world, 2, Condition.SPLIT_BRAIN) is not None


# StandbyDown


@pytest.mark.parametrize(
    ("looks", "confidence", "seconds"),
    [
        pytest.param([standby(LOST, 1), standby_host(NO_SHELL, 1)], Confidence.LIKELY, 15, id="out of reach"),
        pytest.param([standby(REFUSED, 1), standby_host(dead_host(), 1)], Confidence.CONCLUSIVE, 5, id="corpse seen"),
        pytest.param([standby(HUNG_UP, 1), standby_host(host(), 1)], Confidence.LIKELY, 60, id="recovering"),
        pytest.param(
            [standby(REFUSED, 1), standby_host(host("", unit="activating/start"), 1)],
            Confidence.LIKELY,
            60,
            id="unattended-upgrades restarts it",
        ),
    ],
)
def test_a_standby_that_does_not_serve_is_told(looks: list[Sample], confidence: Confidence, seconds: float) -> None:
    down = found(seen(well(0), *looks), 2, Condition.STANDBY_DOWN)
    assert down is not None
    assert (down.confidence, window(down, POLICY)) == (confidence, seconds)


@pytest.mark.parametrize("reason", [Reason.DNS, Reason.BUG, Reason.ACCESS_DENIED, Reason.TOO_MANY_CONNECTIONS])
def test_a_standby_is_not_down_for_what_is_not_its_silence(reason: Reason) -> None:
    assert found(seen(well(0), standby(Blind(reason), 1)), 2, Condition.STANDBY_DOWN) is None


def test_a_standby_whose_process_was_never_seen_is_not_a_corpse() -> None:
    hidden = seen(standby(standby_server(), 0), standby(REFUSED, 1), standby_host(dead_host(), 1))
    down = found(hidden, 2, Condition.STANDBY_DOWN)
    assert down is not None
    assert down.confidence is Confidence.LIKELY


# The primary's words


def test_the_page_says_that_the_host_lives_only_when_it_was_asked() -> None:
    broken = receiver(replication(io=IoState.CONNECTING, io_errno=2003), 1.5)
    asked = found(seen(well(0), primary(REFUSED, 1), body(dead_host(), 1.2), broken), 5, Condition.PRIMARY_DOWN)
    assert asked is not None
    assert "its host is alive" in asked.summary
    mute = found(seen(well(0), primary(REFUSED, 1), broken), 5, Condition.PRIMARY_DOWN)
    assert mute is not None
    assert "host" not in mute.summary


# IoWaitHigh


def strained(**values: float | None) -> Snapshot:
    """Ten minutes of the same strain on the standby's disk."""
    return seen(well(0), *(standby_host(host(**values), n) for n in range(1, 601)))


def test_io_wait_over_its_limit_for_five_minutes_is_told_and_until_well_below() -> None:
    told = firing(Condition.IO_WAIT_HIGH, "oslo-b")
    high = found(strained(io_wait=0.51), 601, Condition.IO_WAIT_HIGH)
    assert high is not None
    assert window(high, POLICY) == 300
    assert found(strained(io_wait=0.5), 601, Condition.IO_WAIT_HIGH) is None
    assert found(strained(io_pressure=0.61), 601, Condition.IO_WAIT_HIGH) is not None
    assert found(strained(io_wait=0.45), 601, Condition.IO_WAIT_HIGH, firing=told) is not None
    assert found(strained(io_wait=0.39, io_pressure=None), 601, Condition.IO_WAIT_HIGH, firing=told) is None


def test_one_quiet_second_does_not_end_an_hour_of_io_wait_nor_one_busy_second_begin_it() -> None:
    busy = strained(io_wait=0.9).keep(standby_host(host(io_wait=0.0), 601))
    assert found(busy, 602, Condition.IO_WAIT_HIGH) is not None
    quiet = strained(io_wait=0.0).keep(standby_host(host(io_wait=1.0), 601))
    assert found(quiet, 602, Condition.IO_WAIT_HIGH) is None


def test_a_busy_first_look_is_no_mean_of_a_minute() -> None:
    """drwatch is started together with everything else on the machine: its first looks are of that."""
    looks = [standby_host(host(io_wait=1.0 if n < 3 else 0.0), n) for n in range(8)]
    assert found(seen(standby_host(host(io_wait=None), 0), looks, well(0)[:4]), 8, Condition.IO_WAIT_HIGH) is None


# What drwatch itself cannot see


@pytest.mark.parametrize(
    ("look", "condition", "seconds"),
    [
        (primary(Blind(Reason.ACCESS_DENIED, "errno 1045"), 1), Condition.ACCESS_DENIED, 15),
        (primary(Blind(Reason.HOST_NOT_ALLOWED), 1), Condition.ACCESS_DENIED, 15),
        (receiver(Blind(Reason.NO_PRIVILEGE), 1), Condition.ACCESS_DENIED, 15),
        (body(Blind(Reason.HOST_KEY_CHANGED), 1), Condition.HOST_KEY_CHANGED, 5),
        (body(Blind(Reason.HOST_KEY_UNKNOWN), 1), Condition.HOST_KEY_CHANGED, 5),
        (primary(Blind(Reason.BUG), 1), Condition.PROBE_BLIND, 60),
        (primary(Blind(Reason.HOST_BLOCKED), 1), Condition.ACCESS_DENIED, 15),
        (body(NO_SHELL, 1), Condition.PROBE_BLIND, 60),
        (receiver(Blind(Reason.QUERY_TIMEOUT), 1), Condition.PROBE_BLIND, 60),
    ],
)
def test_what_cannot_be_seen_is_a_finding_with_its_reason(look: Sample, condition: Condition, seconds: float) -> None:
    blind = found(seen(well(0), look), 3, condition)
    assert blind is not None
    assert isinstance(look.found, Blind)
    assert look.found.reason in blind.summary
    assert window(blind, POLICY) == seconds
    assert conditions(seen(well(0), look), 3) == {condition}


@pytest.mark.parametrize(
    ("reason", "errno", "words", "remedy"),
    [
        (Reason.ACCESS_DENIED, 1045, "denies drwatch's login", "drwatch grants"),
        (Reason.HOST_NOT_ALLOWED, 1130, "no account for drwatch's address", "CREATE USER"),
        (Reason.HOST_BLOCKED, 1129, "blocks drwatch's address", "FLUSH HOSTS"),
        (Reason.USER_LIMIT, 1226, "all the connections that it may have", "MAX_USER_CONNECTIONS 6"),
        (Reason.USER_LIMIT, 1203, "all the connections that it may have", "MAX_USER_CONNECTIONS 6"),
    ],
)
def test_a_server_that_turns_drwatch_away_is_alive_and_says_how_it_would_let_it_in(
    reason: Reason, errno: int, words: str, remedy: str
) -> None:
    away = Blind(reason, "the server's own words", errno)
    world = seen(well(0), primary(away, 1), receiver(replication(heartbeats=2), 2))
    finding = found(world, 3, Condition.ACCESS_DENIED)
    assert finding is not None
    assert words in finding.summary
    assert f"errno {errno}" in finding.summary
    assert "lives" in finding.summary
    assert any(remedy in sentence for sentence in finding.evidence)
    assert "server: the server's own words" in finding.evidence
    assert conditions(world, 3) == {Condition.ACCESS_DENIED}


def test_a_limit_of_connections_is_told_after_a_minute_for_it_may_be_reached_for_a_moment() -> None:
    finding = found(seen(well(0), login(Blind(Reason.USER_LIMIT, "", 1226), 1)), 3, Condition.ACCESS_DENIED)
    assert finding is not None
    assert window(finding, POLICY) == POLICY.limits.probe_blind


def test_one_cause_is_told_once_a_node() -> None:
    denied = Blind(Reason.ACCESS_DENIED)
    world = seen(well(0), standby(denied, 1), receiver(denied, 1))
    assert [f.condition for f in judged(world, 3).findings] == [Condition.ACCESS_DENIED]


# PagingBroken


def test_a_channel_that_refuses_is_told_at_once_and_one_that_fails_twice_after_a_minute() -> None:
    refused = seen(well(0)).told("phone", accepted=False, refused=True, detail="401", now=at(1))
    broken = found(refused, 2, Condition.PAGING_BROKEN)
    assert broken is not None
    assert (broken.subject, broken.severity, window(broken, POLICY)) == ("phone", Severity.WARNING, 0)
    failing = seen(well(0)).told("phone", accepted=False, refused=False, detail="timed out", now=at(1))
    assert found(failing, 2, Condition.PAGING_BROKEN) is None
    failing = failing.told("phone", accepted=False, refused=False, detail="timed out", now=at(2))
    late = found(failing, 2, Condition.PAGING_BROKEN)
    assert late is not None
    assert window(late, POLICY) == 60
    mended = failing.told("phone", accepted=True, refused=False, detail="", now=at(3))
    assert found(mended, 4, Condition.PAGING_BROKEN) is None


# HistoryLost


def test_a_disk_that_takes_nothing_is_told_after_ten_seconds_and_is_over_when_it_takes_again() -> None:
    failing = seen(well(0)).unwritten("/var/lib/drwatch/drwatch.db: the disk is full", at(1))
    lost = found(failing.unwritten("the same", at(6)), 7, Condition.HISTORY_LOST)
    assert lost is not None
    assert (lost.subject, lost.severity, window(lost, POLICY)) == ("ledger", Severity.WARNING, 10)
    assert "pages from memory" in lost.summary
    assert found(failing.written(), 8, Condition.HISTORY_LOST) is None


def test_a_history_that_was_begun_anew_is_told_at_once_and_is_no_news_ten_minutes_later() -> None:
    anew = seen(well(0)).begun_anew("was damaged and is kept as drwatch.db.damaged-1", at(1)).written()
    lost = found(anew, 2, Condition.HISTORY_LOST)
    assert lost is not None
    assert window(lost, POLICY) == 0
    assert "is kept as drwatch.db.damaged-1" in lost.summary
    assert found(anew, 601, Condition.HISTORY_LOST) is None


def test_a_channel_fails_since_its_first_failure() -> None:
    world = seen(well(0))
    for n in range(1, 5):
        world = world.told("phone", accepted=False, refused=False, detail="timed out", now=at(n))
    assert world.channels["phone"].failing_since == at(1)
    assert PRIMARY in world.alive
    assert STANDBY in world.alive
