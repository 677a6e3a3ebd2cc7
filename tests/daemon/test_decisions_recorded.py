"""What the running watch puts down of why it told people or did not, across restarts and on a disk that is dead."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from simulated import Carrier, Running, running

from drwatch.core.ack import Answer
from drwatch.core.decision import Decision
from drwatch.core.finding import Condition
from drwatch.core.incident import Phase
from drwatch.core.paging import Outcome, PageReason
from drwatch.lab.simulator import World
from drwatch.store import read_account

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]

QUIET = {"paging.channels": {"phone": {"url_file": "phone.url", "quiet": {"from": "22:00", "to": "03:30"}}}}
"""The simulated clock begins at 02:14 UTC."""


def lines(path: Path, condition: Condition) -> tuple[Decision, ...]:
    """Of the only incident of it that people could be told of."""
    file = path / "drwatch.db"
    with closing(sqlite3.connect(file)) as db:
        asked = "SELECT id FROM incidents WHERE condition = ? AND confirmed IS NOT NULL"
        ((name,),) = db.execute(asked, (condition,)).fetchall()
    account = read_account(file, name)
    assert account is not None
    assert [line.number for line in account.decided] == list(range(1, len(account.decided) + 1))
    return account.decided


def incident(watch: Running, condition: Condition) -> str:
    return next(each.id for each in watch.daemon.incidents if each.condition is condition)


async def test_a_night_is_put_down_in_as_many_lines_as_it_had_turns_and_restarts_add_none(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier, **QUIET):
        world.strike("standby-writable")
        await asyncio.sleep(60)
    for number in range(20):
        async with running(tmp_path, world, carrier, settle=0.5 if number % 5 else 8.0, **QUIET) as watch:
            watch.ledger.dead = number % 2 == 0
    (line,) = lines(tmp_path, Condition.STANDBY_WRITABLE)
    assert (line.stand.phase, line.stand.kept, line.reason) == (Phase.OPEN, ("phone",), None)
    async with running(tmp_path, world, carrier, **QUIET):
        world.strike("standby-writable", mend=True)
        await asyncio.sleep(60)
    first, last = lines(tmp_path, Condition.STANDBY_WRITABLE)
    assert (first, last.stand.phase) == (line, Phase.RESOLVED)
    assert carrier.told == []


async def test_each_page_is_put_down_with_why_and_to_whom_and_who_has_it_in_hand(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier) as watch:
        world.strike("standby-writable")
        await asyncio.sleep(30)
        await watch.daemon.acknowledging.take(Answer(incident(watch, Condition.STANDBY_WRITABLE), "anna", "socket"))
        await asyncio.sleep(30)
        world.strike("standby-writable", mend=True)
        await asyncio.sleep(60)
    told = lines(tmp_path, Condition.STANDBY_WRITABLE)
    assert [(line.stand.phase, line.stand.in_hand, line.reason, line.channels) for line in told] == [
        (Phase.OPEN, "", PageReason.FIRST, ("phone",)),
        (Phase.OPEN, "anna", None, ()),
        (Phase.RESOLVED, "anna", PageReason.RESOLVED, ("phone",)),
    ]


async def test_what_a_dead_disk_did_not_take_is_put_down_when_it_was_and_once(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier) as watch:
        watch.ledger.dead = True
        world.strike("standby-writable")
        await asyncio.sleep(30)
        await watch.daemon.acknowledging.take(Answer(incident(watch, Condition.STANDBY_WRITABLE), "anna", "socket"))
    legacy = watch.daemon.legacy
    async with running(tmp_path, world, carrier, before=legacy, dead=True, settle=0.0) as watch:
        await asyncio.sleep(30)
        watch.ledger.dead = False
        await asyncio.sleep(30)
    first, second = lines(tmp_path, Condition.STANDBY_WRITABLE)
    assert (first.reason, first.stand.in_hand, second.stand.in_hand) == (PageReason.FIRST, "", "anna")
    assert 15 <= (second.at - first.at).total_seconds() <= 30


async def test_a_file_that_is_begun_anew_has_how_it_stands(tmp_path: Path) -> None:
    world, carrier, file = World("shop", 50.0), Carrier(), tmp_path / "drwatch.db"
    async with running(tmp_path, world, carrier):
        world.strike("standby-writable")
        await asyncio.sleep(20)
        before = lines(tmp_path, Condition.STANDBY_WRITABLE)
        file.write_bytes(b"no database " * 5000)
        file.with_name("drwatch.db-wal").write_bytes(b"")
        await asyncio.sleep(80)
    assert lines(tmp_path, Condition.STANDBY_WRITABLE) == before[-1:]


async def test_what_greater_trouble_explained_it_and_until_when_is_put_down(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier):
        world.strike("primary-killed")
        await asyncio.sleep(60)
        world.strike("primary-killed", mend=True)
        await asyncio.sleep(60)
    with closing(sqlite3.connect(tmp_path / "drwatch.db")) as db:
        asked = "SELECT DISTINCT incident FROM decisions WHERE suppressed_by = ?"
        explained = db.execute(asked, (Condition.PRIMARY_DOWN,)).fetchall()
        ((most,),) = db.execute("SELECT max(number) FROM decisions").fetchall()
    assert explained
    assert most <= 6, "and none goes on for ever"


async def test_a_page_that_is_kept_back_is_put_down_once(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED})
    async with running(tmp_path, world, carrier, **{"paging.hold": "300s"}):
        world.strike("standby-writable")
        await asyncio.sleep(30)
        for _ in range(3):
            world.strike("standby-writable", mend=True)
            await asyncio.sleep(20)
            world.strike("standby-writable")
            await asyncio.sleep(20)
    back = [line.stand.withheld for line in lines(tmp_path, Condition.STANDBY_WRITABLE)]
    assert [each.partition(".")[2] for each in back] == ["", "1"]
