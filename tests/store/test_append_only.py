"""The black box can only be added to, and what is changed behind its back shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import ledger
import pytest
from worlds import PRIMARY, at

from drwatch.core.blackbox import Death, Record
from drwatch.core.memory import Memory
from drwatch.core.sample import Node
from drwatch.store import MIGRATIONS, Store, verify

Open = Callable[..., Awaitable[Store]]


def record(number: int, incident: str = "ABCDEF") -> Record:
    return Record(Death(PRIMARY, at(number).wall), incident, {"primary": "oslo-a", "number": number, "why": "æ\"'"})


async def filled(opened: Open) -> Store:
    store = await opened()
    for number in (1, 2, 3):
        await store.remember(Memory(at(number)), synced=True, records=[record(number, f"I{number}")])
    return store


def meddle(path: Path, *statements: str) -> str:
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        for statement in statements:
            db.execute(statement)
        db.commit()
        return verify(db)


OPEN_IT = ("DROP TRIGGER blackbox_UPDATE", "DROP TRIGGER blackbox_DELETE", "DROP TRIGGER blackbox_INSERT")


async def test_what_was_put_down_comes_back_by_its_incident_and_after_a_restart(opened: Open, path: Path) -> None:
    await (await filled(opened)).close()
    store = await opened()
    (only,) = await store.blackbox("I2")
    assert (only.number, only.body, only.broken) == (2, dict(record(2).body), "")
    assert await store.blackbox("OTHER") == ()
    assert (await store.load(at(9))).boxed == {record(number).death for number in (1, 2, 3)}
    assert meddle(path) == ""


async def test_a_record_is_found_under_the_name_that_its_incident_got_after_a_restart(opened: Open) -> None:
    """Suspected and not yet written when drwatch was killed: the next run tells of it by another name."""
    store = await opened()
    death = Death(Node("shop", "oslo-a"), ledger.at(-20).wall)
    await store.remember(Memory(at(1)), synced=True, records=[Record(death, "GONE", {"primary": "oslo-a"})])
    later = replace(ledger.incident("LATER"), began=ledger.at(500), ended=ledger.at(600))
    await store.commit([ledger.incident("ABCDEF"), later], [])
    assert [len(await store.blackbox(name)) for name in ("GONE", "ABCDEF", "LATER")] == [1, 1, 0]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE blackbox SET body = '{}'",
        "DELETE FROM blackbox",
        "INSERT OR REPLACE INTO blackbox SELECT number, cluster, node, died, incident, '{}', digest FROM blackbox",
    ],
)
async def test_the_database_itself_refuses_to_change_a_record(opened: Open, path: Path, statement: str) -> None:
    await (await filled(opened)).close()
    with pytest.raises(sqlite3.IntegrityError, match="can only be added to"):
        meddle(path, statement)
    assert meddle(path) == ""


@pytest.mark.parametrize("column", ["cluster", "node", "died", "incident", "body", "digest"])
async def test_a_change_of_any_column_shows_from_that_record_on(opened: Open, path: Path, column: str) -> None:
    await (await filled(opened)).close()
    value = '{"a": 1}' if column == "body" else "2026-11-23T03:14:09+00:00"
    wrong = meddle(path, *OPEN_IT, f"UPDATE blackbox SET {column} = '{value}' WHERE number = 2")
    assert wrong.startswith("record 2 ")
    store = await opened()
    assert [one.broken for one in await store.blackbox("I1")] == [""]
    assert [bool(one.broken) for one in await store.blackbox("I3")] == [True]


@pytest.mark.parametrize("gone", [1, 2])
async def test_a_record_that_was_taken_out_shows(opened: Open, path: Path, gone: int) -> None:
    await (await filled(opened)).close()
    assert meddle(path, *OPEN_IT, f"DELETE FROM blackbox WHERE number = {gone}") != ""
    renumber = f"UPDATE blackbox SET number = number - 1 WHERE number > {gone}"
    assert meddle(path, renumber) != ""


async def test_a_file_of_the_version_before_gets_an_empty_box(opened: Open, path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        for statement in (*MIGRATIONS[0], *MIGRATIONS[1]):
            db.execute(statement)
        db.execute("PRAGMA application_id=0x64727761")
        db.execute("PRAGMA user_version=2")
        db.commit()
    store = await opened()
    await store.remember(Memory(at(1)), synced=True, records=[record(1)])
    assert len(await store.blackbox("ABCDEF")) == 1
