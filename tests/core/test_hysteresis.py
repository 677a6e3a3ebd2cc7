"""Every threshold: reached it is told; once told it is over well below, not just below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import pytest
from test_ailing import busy, locked, space
from test_ailing import told as looked_at
from test_binlogs import behind
from test_findings import strained
from worlds import (
    LOGGED_IN,
    POLICY,
    firing,
    found,
    judged,
    login,
    marker,
    primary,
    seen,
    server,
    synced,
    well,
    with_files,
)

from drwatch.core.finding import Condition
from drwatch.core.policy import Limits, Policy
from drwatch.core.sample import Blind, IoState, Probe, Reason
from drwatch.core.snapshot import Snapshot

FULL = Blind(Reason.TOO_MANY_CONNECTIONS, errno=1040)


@dataclass(frozen=True)
class Threshold:
    """``world`` makes what is seen, and when, of a share of the limit; below 1 is better."""

    name: str
    condition: Condition
    subject: str
    world: Callable[[float], tuple[Snapshot, float]]
    policy: Policy = POLICY


def connected(share: float) -> tuple[Snapshot, float]:
    return seen(well(0), primary(server(connections=round(1000 * share), max_connections=1000), 1)), 2


def stalled(share: float) -> tuple[Snapshot, float]:
    seconds = round(10 * share)
    return looked_at(locked(seconds + 1)), 20 + seconds + 0.2


def filled(share: float) -> tuple[Snapshot, float]:
    return looked_at(busy(), space(int(5 * (1 << 30) / share))), 19.2


def closing(share: float) -> tuple[Snapshot, float]:
    then = 86400 - 3600 / share
    return seen(behind(86400, then, io=IoState.YES)), then + 1


def late(share: float) -> tuple[Snapshot, float]:
    return seen(well(0)), 60 * share


def stale(share: float) -> tuple[Snapshot, float]:
    return seen(well(0), marker(synced(900 * share), 0)), 0.02


THRESHOLDS = (
    Threshold("connections", Condition.PRIMARY_SATURATED, "oslo-a", connected),
    Threshold("writes_still", Condition.PRIMARY_WRITES_STALLED, "oslo-a", stalled),
    Threshold("disk_free", Condition.DISK_FILLING, "oslo-a", filled),
    Threshold("io_wait", Condition.IO_WAIT_HIGH, "oslo-b", lambda share: (strained(io_wait=0.5 * share), 601)),
    Threshold("io_pressure", Condition.IO_WAIT_HIGH, "oslo-b", lambda share: (strained(io_pressure=0.6 * share), 601)),
    Threshold("binlog_gap", Condition.BINLOG_GAP_CLOSING, "oslo-b", closing),
    Threshold("rpo", Condition.RPO_BREACHED, "oslo-b", late),
    Threshold("files", Condition.FILES_STALE, "uploads", stale, with_files()),
)

ELSEWHERE = {
    "silence": "test_findings: it is over when something is heard, which no share of the limit stands for",
    "disk_stalled": "it is over when the disk finishes something, which no share of the limit stands for",
    "probe_blind": "a look brings something or it does not: time alone raises it, and paging.hold clears it",
    "stale_sample": "likewise",
    "applier_stuck": "likewise: it makes a figure unknown, and test_findings has the patience with that",
}
"""Limits that no figure is held against."""


@pytest.mark.parametrize("each", THRESHOLDS, ids=lambda each: each.name)
def test_a_threshold_is_told_when_it_is_reached_and_over_well_below(each: Threshold) -> None:
    told = firing(each.condition, each.subject)

    def is_there(share: float, already: bool) -> bool:
        world, now = each.world(share)
        return found(world, now, each.condition, each.policy, told if already else frozenset()) is not None

    assert is_there(1.1, already=False)
    assert not is_there(0.9, already=False)
    assert is_there(0.9, already=True), "it would come and go at the threshold"
    assert not is_there(0.7, already=True)


def test_every_limit_of_the_configuration_is_tried_or_it_is_said_why_not() -> None:
    tried = {each.name for each in THRESHOLDS}
    assert {field.name for field in fields(Limits)} == (tried - {"rpo", "files"}) | set(ELSEWHERE)


def test_one_login_that_is_turned_away_is_none_and_asks_for_another() -> None:
    """They come each half a minute: one alone would stand for the whole of its window."""
    once = seen(well(0), login(FULL, 1))
    assert found(once, 29, Condition.PRIMARY_SATURATED) is None
    assert any(key.probe is Probe.LOGIN for key in judged(once, 2).wanted)
    twice = once.keep(login(FULL, 3))
    assert found(twice, 4, Condition.PRIMARY_SATURATED) is not None
    assert not any(key.probe is Probe.LOGIN for key in judged(twice, 4).wanted)
    assert found(twice.keep(login(LOGGED_IN, 5)), 6, Condition.PRIMARY_SATURATED) is None


def test_a_marker_that_one_look_did_not_find_has_three_to_come_back() -> None:
    world = seen(well(0), marker(synced(1), 0), marker(Blind(Reason.MISSING), 5))
    missing = found(world, 6, Condition.FILES_MARKER_MISSING, with_files())
    assert missing is not None
    assert missing.confirm is None
    assert missing.confidence == "likely"
