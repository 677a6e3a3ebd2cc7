"""What of a snapshot the file gives back to a later run, in the same boot of the machine and in another."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from worlds import PRIMARY, REFUSED, STANDBY, START, at, body, dead_host, gtids, marker, primary, seen, server, well

from drwatch.core.actuals import Kind, Outage
from drwatch.core.binlog import Coordinate
from drwatch.core.drill import Drill, running
from drwatch.core.flap import Flap
from drwatch.core.gtid import GtidPosition
from drwatch.core.memory import Memory, memory
from drwatch.core.sample import Disk, Filesystem, MarkerFact, Moment, Probe
from drwatch.core.snapshot import Snapshot
from drwatch.core.timeline import MOST
from drwatch.store import MIGRATIONS, Store, read_drills

Open = Callable[..., Awaitable[Store]]

DRILLED = Outage("shop", "oslo-a", at(-90), promoted=at(-50), standby="oslo-b", loss=0.5, kind=Kind.DRILL)
WORLD = replace(
    seen(
        well(0),
        well(1),
        primary(server(gtids(105)), 2),
        primary(REFUSED, 3),
        body(dead_host(filesystems=(Filesystem("/", 9, 1, None),), disks=(Disk("sda", 0.1, 2),)), 3),
        marker(MarkerFact(START.wall, 3.5), 3),
    ),
    outages=(DRILLED,),
    drills=(Drill("shop", at(-100), at(300)),),
    watched={"shop": at(-5000)},
    flaps={("shop", "primary", "oslo-a"): Flap((at(-60), at(-30)), at(-60), 3, at(-30), at(-30))},
    digested="2026-11-22",
    away=frozenset({"ABCDEF"}),
)
"""Every kind of thing that is remembered."""


async def recalled(store: Store, now: Moment) -> Memory:
    return (await store.load(now)).memory


async def test_in_the_same_boot_it_comes_back_as_it_was_whatever_the_wall_clock_did(opened: Open) -> None:
    held = memory(WORLD, at(5))
    store = await opened(boot="one")
    await store.remember(held, synced=True)
    await store.close()
    for step in (-3600, 0, 3600):
        now = Moment(at(9).loop, at(9).wall + timedelta(seconds=step))
        store = await opened(boot="one")
        assert await recalled(store, now) == held
        await store.close()


async def test_a_drill_runs_on_over_a_restart_and_ends_when_it_was_to_end(opened: Open) -> None:
    store = await opened(boot="one")
    await store.remember(memory(WORLD, at(5)), synced=True)
    await store.close()
    held = await recalled(await opened(boot="two"), Moment(20.0, at(105).wall))
    assert running(held.drills, "shop", Moment(20.0 + 194, at(299).wall)) is not None
    assert running(held.drills, "shop", Moment(20.0 + 196, at(301).wall)) is None


async def test_the_history_has_the_drills_without_a_daemon(opened: Open, path: Path) -> None:
    store = await opened()
    await store.close()
    assert read_drills(path) == ((), ())
    store = await opened()
    await store.remember(memory(WORLD, at(5)), synced=True)
    await store.close()
    assert read_drills(path) == (WORLD.drills, (DRILLED,))


async def test_in_another_boot_everything_is_as_old_as_the_wall_says(opened: Open) -> None:
    store = await opened(boot="one")
    await store.remember(memory(WORLD, at(5)), synced=True)
    await store.close()
    now = Moment(20.0, at(105).wall)
    held = await recalled(await opened(boot="two"), now)
    assert (held.sure, now - held.at, now - held.deaths[PRIMARY]) == (True, 100, pytest.approx(101.99))
    assert [now - entry.asked for entry in held.timelines[PRIMARY].entries] == [104, 103]
    assert held.facts.keys() == memory(WORLD, at(5)).facts.keys()


@pytest.mark.parametrize("boots", [("one", "two"), ("", "")])
async def test_in_another_boot_a_clock_that_went_back_is_said_to_be_unsure(
    opened: Open, boots: tuple[str, str]
) -> None:
    store = await opened(boot=boots[0])
    await store.remember(memory(WORLD, at(5)), synced=True)
    await store.close()
    held = await recalled(await opened(boot=boots[1]), Moment(20.0, at(-600).wall))
    assert not held.sure
    assert all(entry.asked.loop <= 20.0 for entry in held.timelines[PRIMARY].entries)


async def test_a_run_in_another_boot_writes_on_its_own_clock(opened: Open) -> None:
    store = await opened(boot="one")
    await store.remember(memory(WORLD, at(5)), synced=True)
    await store.close()
    store = await opened(boot="two")
    held = await recalled(store, now := Moment(20.0, at(105).wall))
    await store.remember(held, synced=True)
    assert await recalled(store, now.plus(3)) == replace(held, rebooted=False)


async def test_only_what_changed_is_written(opened: Open, path: Path) -> None:
    store = await opened(boot="one")
    world = Snapshot()
    for second in range(20):
        world = world.keep(primary(server(gtids(100 + second)), second))
        await store.remember(memory(world, at(second)), synced=False)
    before = len(path.with_name(f"{path.name}-wal").read_bytes())
    await store.remember(memory(world, at(20)), synced=False)
    # One row's page, in a frame of 24 bytes more.
    assert len(path.with_name(f"{path.name}-wal").read_bytes()) - before <= 2 * 4120


async def test_days_of_commits_stay_within_bounds(opened: Open, path: Path) -> None:
    store = await opened(boot="one")
    world = Snapshot()
    for second in range(3 * MOST):
        world = world.keep(primary(server(gtids(100 + second)), second))
        if second % 50 == 0:
            await store.remember(memory(world, at(second)), synced=False)
    await store.remember(last := memory(world, at(second)), synced=True)
    assert await recalled(store, at(second)) == last
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM timeline").fetchone()[0] <= MOST


async def test_an_idle_primary_is_one_row_however_long(opened: Open, path: Path) -> None:
    store = await opened(boot="one")
    world = Snapshot()
    for second in range(50):
        world = world.keep(primary(server(gtids(100)), second))
        await store.remember(memory(world, at(second)), synced=False)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*), round(asked - since) FROM timeline").fetchone() == (1, 49)


async def test_a_position_of_each_kind_comes_back(opened: Open) -> None:
    facts = (
        server(GtidPosition(((0, 1, 7), (5, 2, 9)))),
        replace(server(), gtid=None, binlog=Coordinate("mysql-bin.1000000", 4)),
    )
    for number, fact in enumerate(facts):
        held = memory(seen(primary(fact, number)), at(number))
        store = await opened(boot="one")
        await store.remember(held, synced=True)
        assert (await recalled(store, at(number))).timelines == held.timelines
        await store.close()


async def test_what_an_earlier_version_knew_of_who_lived_is_kept(opened: Open, path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        for statement in MIGRATIONS[0]:
            db.execute(statement)
        db.execute("INSERT INTO alive VALUES ('shop', 'oslo-a', '2026-11-23T02:30:00.000000+00:00')")
        db.execute("INSERT INTO alive VALUES ('shop', 'oslo-b', '2026-11-23T02:30:00.000000+00:00')")
        db.execute("PRAGMA application_id=0x64727761")
        db.execute("PRAGMA user_version=1")
        db.commit()
    store = await opened(boot="one")
    held = await recalled(store, at(0))
    assert (held.alive, held.timelines) == ({PRIMARY, STANDBY}, {})
    await store.remember(later := memory(WORLD, at(5)), synced=True)
    assert await recalled(store, at(6)) == later


@pytest.mark.parametrize("damage", ["not JSON", "7", '[["shop"]]', '[[["shop", "oslo-a"], {"is": "Stranger"}]]'])
async def test_a_part_that_cannot_be_read_is_forgotten_and_the_others_are_not(
    opened: Open, path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = await opened(boot="one")
    await store.remember(memory(WORLD, at(5)), synced=True)
    await store.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE memory SET value = ? WHERE name = 'receipts'", (damage,))
        db.commit()
    held = await recalled(await opened(boot="one"), at(6))
    assert held == replace(memory(WORLD, at(5)), receipts={})
    assert "what was remembered as receipts is forgotten" in caplog.text


async def test_a_field_that_a_newer_version_added_does_not_hide_the_others(opened: Open, path: Path) -> None:
    store = await opened(boot="one")
    await store.remember(memory(WORLD, at(5)), synced=True)
    await store.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("""UPDATE memory SET value = replace(value, '"is": "Receipt"', '"is": "Receipt", "new": 1')""")
        db.commit()
    assert (await recalled(await opened(boot="one"), at(6))).receipts == WORLD.receipts


async def test_every_kind_of_look_that_is_kept_is_in_the_world_above() -> None:
    assert {key.probe for key in memory(WORLD, at(5)).facts} == {
        Probe.SERVER,
        Probe.REPLICATION,
        Probe.HOST,
        Probe.MARKER,
    }
