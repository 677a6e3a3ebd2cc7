"""The history is kept for as long as it is asked for, and forgotten in steps that nobody waits for."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from ledger import NIGHT, at, incident, row

from drwatch.core.ack import Ack
from drwatch.core.finding import Condition, Severity
from drwatch.core.incident import Phase
from drwatch.core.paging import Outcome, RowState
from drwatch.core.sample import Moment
from drwatch.daemon.forgetting import DAY, FIRST, forget
from drwatch.store import Attempt, Store
from drwatch.store.retention import STEP

Open = Callable[..., Awaitable[Store]]

LATER = NIGHT + timedelta(days=401)
KEEP = timedelta(days=400)


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def size(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return path.stat().st_size


async def told(store: Store, name: str, phase: Phase, seconds: float) -> None:
    """An incident that was told and accepted."""
    await store.commit([incident(name, phase, began=seconds)], [replace(row(f"{name}.1"), created=at(seconds))])
    done = replace(row(f"{name}.1"), created=at(seconds), state=RowState.ACCEPTED)
    await store.mark(done, Attempt(at(seconds), at(seconds + 1), Outcome.ACCEPTED))


async def prune(store: Store, before: datetime) -> list[int]:
    """Until nothing is left; how many lines went with each step."""
    steps = []
    while True:
        deleted, left = await store.prune(before)
        steps.append(deleted)
        if not left:
            return steps


async def test_what_ended_long_ago_is_forgotten_and_nothing_else(opened: Open, path: Path) -> None:
    store = await opened()
    await told(store, "OLDEND", Phase.RESOLVED, 0.0)
    await told(store, "OLDOPEN", Phase.OPEN, 0.0)
    await told(store, "YOUNG", Phase.RESOLVED, 3 * DAY)
    await store.commit([], [replace(row("WAITS.1"), created=at(0))])
    await prune(store, LATER - KEEP)
    assert sorted(past.id for past in await store.history()) == ["OLDOPEN", "YOUNG"]
    loaded = await store.load(Moment(5000.0, LATER))
    assert [each.id for each in loaded.incidents] == ["OLDOPEN"]
    assert [each.event for each in loaded.rows] == ["WAITS.1"]
    assert (count(path, "ledger"), count(path, "attempts")) == (3, 2)


async def test_what_an_open_incident_was_told_by_is_kept_for_as_long_as_it_is_open(opened: Open, path: Path) -> None:
    """An Alertmanager is told it again after a restart, or it would take the trouble for over."""
    store = await opened()
    await told(store, "ABCDEF", Phase.OPEN, 0.0)
    await prune(store, LATER - KEEP)
    assert [each.event for each in await store.standing(["phone"], Moment(5000.0, LATER))] == ["ABCDEF.1"]
    await store.commit([incident("ABCDEF", Phase.RESOLVED)], [])
    await prune(store, LATER - KEEP)
    assert (count(path, "ledger"), count(path, "attempts")) == (0, 0)


async def test_who_had_an_incident_in_hand_is_forgotten_with_it(opened: Open, path: Path) -> None:
    store = await opened()
    for name, phase in {"OLDEND": Phase.RESOLVED, "OLDOPEN": Phase.OPEN}.items():
        ack = Ack(at(20.0), 3600.0, "anna", "link to phone, from 192.0.2.7", Condition.PRIMARY_DOWN, Severity.CRITICAL)
        await store.commit([replace(incident(name, phase), acknowledged=ack)], [])
    await prune(store, LATER - KEEP)
    assert [past.acks[0].by for past in await store.history()] == ["anna"]
    assert count(path, "acknowledgements") == 1


async def test_a_large_past_goes_in_small_steps_gives_its_room_back_and_holds_up_no_page(
    opened: Open, path: Path
) -> None:
    store = await opened()
    many = [incident(f"N{number}", Phase.RESOLVED, began=number) for number in range(4000)]
    rows = [replace(row(f"N{number}.1", state=RowState.ACCEPTED), created=at(number)) for number in range(4000)]
    await store.commit(many, rows)
    before, slowest = size(path), 0.0
    cleaning = asyncio.create_task(prune(store, LATER - KEEP))
    number = 0
    while not cleaning.done():
        asked = time.monotonic()
        await store.commit([incident(f"NEW{number}", began=5 * DAY + number)], [row(f"NEW{number}.1")])
        slowest, number = max(slowest, time.monotonic() - asked), number + 1
    steps = await cleaning
    assert max(steps) <= 5 * STEP
    assert len(steps) >= 4000 / STEP
    assert slowest < 1.0
    assert size(path) < before / 4
    assert len((await store.load(at(0))).rows) == number


async def test_a_file_of_an_earlier_drwatch_becomes_one_that_can_shrink(opened: Open, path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA auto_vacuum=NONE")
    await (await opened()).close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)


@pytest.mark.looptime
async def test_it_is_done_once_a_day_and_not_at_the_start(opened: Open) -> None:
    asked: list[float] = []
    loop = asyncio.get_running_loop()

    class Ledger:
        async def prune(self, before: datetime) -> tuple[int, int]:
            asked.append(loop.time())
            assert before == LATER - KEEP
            return 0, 0

    task = asyncio.create_task(forget(Ledger(), KEEP.total_seconds(), lambda: Moment(loop.time(), LATER)))
    await asyncio.sleep(2.5 * DAY)
    task.cancel()
    assert asked == pytest.approx([FIRST, FIRST + DAY, FIRST + 2 * DAY])
