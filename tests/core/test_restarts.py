"""A primary that was started anew: once for the history, three times a crash loop; and one that follows somebody."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from worlds import (
    PRIMARY,
    SHOP,
    START,
    Story,
    at,
    channel,
    found,
    judged,
    look,
    primary,
    seen,
    server,
    well,
)

from drwatch.core.finding import Condition, Severity
from drwatch.core.incident import Phase
from drwatch.core.memory import memory, recall
from drwatch.core.sample import IoState, Probe, ReplicationFact, Sample, ServerFact
from drwatch.core.snapshot import Snapshot

RESTARTED, REPLICATING = Condition.PRIMARY_RESTARTED, Condition.PRIMARY_REPLICATING


def up(asked: float, uptime: float, ahead: float = 0.0) -> Sample:
    """The server's look at ``asked``, its clock ``ahead``: uptime is what its clock has counted since the start."""
    fact = server(uptime=math.floor(uptime + ahead), clock=START.wall + timedelta(seconds=asked + ahead))
    return primary(fact, asked)


def lives(starts: Iterable[float], until: int) -> Snapshot:
    """A look a second at a server that was started at each of these."""
    begun = [-86400.0, *starts]
    return seen(
        well(-1),
        (up(second, second - max(start for start in begun if start <= second)) for second in range(until + 1)),
    )


def test_one_restart_is_a_line_in_the_history_and_wakes_nobody() -> None:
    story = Story()
    for now in range(200):
        finding = found(lives([5.0], now), now, RESTARTED)
        story.tick(now, *([finding] if finding else []))
    assert [(each.condition, each.phase, each.severity) for each in story.changed] == [
        (RESTARTED, Phase.SUSPECTED, Severity.WARNING),
        (RESTARTED, Phase.HEALED, Severity.WARNING),
    ]


def test_three_starts_in_a_quarter_of_an_hour_are_a_crash_loop_that_pages_at_once() -> None:
    assert found(lives([5.0, 200.0], 400), 400, RESTARTED) is None
    finding = found(lives([5.0, 200.0, 800.0], 801), 801, RESTARTED)
    assert finding is not None
    assert (finding.severity, finding.confirm) == (Severity.CRITICAL, 0.0)
    assert "3 times in 15 min" in finding.summary
    assert found(lives([5.0, 200.0, 800.0], 801), 904, RESTARTED) is not None
    assert found(lives([5.0, 200.0, 800.0], 801), 906, RESTARTED) is None


def test_starts_far_apart_are_no_loop() -> None:
    late = found(lives([5.0, 600.0, 1100.0], 1101), 1101, RESTARTED)
    assert late is not None
    assert late.severity is Severity.WARNING


def test_a_clock_that_is_set_moves_the_uptime_and_is_no_start() -> None:
    """NTP sets the server's clock back by an hour, and forward again: its uptime follows."""
    world = seen(well(-1), (up(n, 86400.0 + n, ahead=-3600.0 if 3 <= n < 6 else 0.0) for n in range(9)))
    assert world.starts.get(PRIMARY, ()) == ()


def test_a_server_that_was_down_for_a_minute_has_started_once() -> None:
    world = seen(well(-1), up(0, 86400), up(60, 1), up(61, 2), up(62, 3))
    assert len(world.starts[PRIMARY]) == 1
    assert abs(world.starts[PRIMARY][0] - at(59)) < 1


def test_what_was_counted_before_drwatch_itself_was_restarted_counts() -> None:
    world = lives([5.0, 200.0], 300)
    again = recall(memory(world, at(300)), [node.node for node in SHOP.nodes], at(310))
    assert len(seen([up(311, 2), up(312, 3)], world=again).starts[PRIMARY]) == 3


def test_the_starts_of_a_standby_are_not_the_primarys() -> None:
    world = lives([5.0, 200.0, 300.0], 301)
    moved = replace(world, starts={PRIMARY._replace(name="oslo-b"): world.starts[PRIMARY]})
    assert found(moved, 301, RESTARTED) is None


def follows(**but: object) -> Snapshot:
    fact = ReplicationFact((channel(source_host="10.9.9.9", source_server_id=99, source_uuid=None, **but),))
    return seen(well(-1), well(0), look(PRIMARY, Probe.REPLICATION, fact, 1))


def test_a_primary_that_replicates_from_somebody_is_told_after_a_minute() -> None:
    finding = found(follows(), 2, REPLICATING)
    assert finding is not None
    assert "10.9.9.9:3306 (receiver Yes)" in finding.summary
    assert (finding.severity, finding.confirm) == (Severity.WARNING, 60.0)


def test_a_channel_that_stands_still_would_be_started_by_the_next_restart() -> None:
    assert found(follows(io=IoState.NO, sql=False), 2, REPLICATING) is not None


def test_a_primary_without_a_channel_follows_nobody() -> None:
    assert found(seen(well(-1), look(PRIMARY, Probe.REPLICATION, ReplicationFact(()), 1)), 2, REPLICATING) is None


def test_in_the_middle_of_a_switchover_it_is_not_told() -> None:
    world = seen([primary(server(read_only=True), 2)], world=follows())
    told = {finding.condition: finding.suppressed_by for finding in judged(world, 3).findings}
    assert told[REPLICATING] is Condition.NOBODY_WRITABLE
    assert isinstance(world.latest(PRIMARY, Probe.SERVER), ServerFact)
