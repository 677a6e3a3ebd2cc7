"""What an ordinary week brings, in memory: none of it is a trouble, and none may wake anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from drwatch.lab.simulator import World, clock

NIGHTLY = time(3, 30)
"""When the daily sync of these stories begins, in Oslo."""


SHUTDOWN = 1.0
"""Seconds for which the process of a server that was told to stop is still there."""


def rotate_logs(world: World, broken: bool) -> None:
    world.stream.cuts = (*world.stream.cuts, world.leader.position[1])


def stop_orderly(world: World, broken: bool) -> None:
    """As systemctl restart does: the port closes, the process ends, and it is a new one that answers."""
    primary = world.primary
    primary.stopping = broken
    if broken:
        world.on_hang_up(primary.node)
        asyncio.get_running_loop().call_later(SHUTDOWN, _end, world)
    else:
        primary.runs, primary.since = True, clock().loop


def _end(world: World) -> None:
    if world.primary.stopping:
        world.settle()
        world.primary.runs = False


def overlap(world: World, broken: bool) -> None:
    """A run takes longer than cron waits: the next one finds the lock and leaves it to the one after."""
    world.files_last = 1.7 * world.files_every if broken else 0.0


def lose_files(world: World, broken: bool) -> None:
    """rsync ends with 24, which the script takes for success: nothing of it is seen."""


def set_apart(world: World, broken: bool) -> None:
    """NTP is on its way: half a second ahead here, a second behind there."""
    world.primary.ahead, world.standby.ahead = (0.5, -1.0) if broken else (0.0, 0.0)


def sync_daily(world: World, broken: bool) -> None:
    """The whole of a day lies between two runs, and the day of October's change has 25 hours."""

    def last() -> float:
        now, zone = clock(), ZoneInfo("Europe/Oslo")
        today = now.wall.astimezone(zone).date()
        runs = (datetime.combine(today - timedelta(days=back), NIGHTLY, zone).astimezone(UTC) for back in (0, 1))
        return now.loop - min((now.wall - run).total_seconds() for run in runs if run <= now.wall)

    world.files_daily = last
    world.forget_syncs()


FAULTS: dict[str, Callable[[World, bool], None]] = {
    "logs-rotated": rotate_logs,
    "mysqld-upgraded": stop_orderly,
    "sync-overlaps": overlap,
    "sync-loses-files": lose_files,
    "clocks-apart": set_apart,
    "sync-daily": sync_daily,
}

ACKNOWLEDGED = "acknowledged"
"""No fault at all: somebody has every open incident in hand."""

IN_MEMORY = frozenset({"clocks-apart", "sync-daily", ACKNOWLEDGED})
"""What no real host has done to it here: its clock is the machine's own, and its people have a test of their own."""


def strike(world: World, fault: str, mend: bool) -> None:
    """A fault of this week, or any other that the simulator knows."""
    if fault not in FAULTS:
        world.strike(fault, mend)
        return
    world.settle()
    FAULTS[fault](world, not mend)
    world.settle()
