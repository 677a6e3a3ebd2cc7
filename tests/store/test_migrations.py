"""A file of any earlier drwatch is brought forward with all that it holds, and no way forward is ever changed."""

import hashlib
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from ledger import at, incident, row

from drwatch.store import MIGRATIONS, Store
from drwatch.store.schema import APPLICATION, INCIDENT, ROW
from drwatch.store.values import incident_values, row_values, upsert

Open = Callable[..., Awaitable[Store]]

SEALED = ("e98b", "c141", "dcf5", "1746", "7d79", "6bea", "cebf", "c677", "c8b8", "5308", "06d6", "e5dc")
"""How the SHA-256 of each step begins: files that went through it are out there."""


def file_of(path: Path, version: int) -> None:
    """As that version wrote it, with an open incident and a page that waits."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for step in MIGRATIONS[:version]:
            for statement in step:
                db.execute(statement)
        db.execute(f"PRAGMA application_id={APPLICATION}")
        db.execute(f"PRAGMA user_version={version}")
        for table, columns, values in (
            ("incidents", INCIDENT, incident_values(incident(), "")),
            ("ledger", ROW, row_values(row(), "")),
        ):
            there = {line[1] for line in db.execute(f"PRAGMA table_info({table})")}
            held = {name: value for name, value in zip(columns, values, strict=True) if name in there}
            db.execute(upsert(table, tuple(held)), tuple(held.values()))


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


@pytest.mark.parametrize("earlier", range(1, len(MIGRATIONS)))
async def test_a_file_of_each_earlier_schema_is_brought_forward_with_its_open_incident_and_its_page(
    opened: Open, path: Path, earlier: int
) -> None:
    file_of(path, earlier)
    store = await opened()
    loaded = await store.load(at(10))
    assert (loaded.incidents, loaded.rows, loaded.silences) == ((incident(),), (row(),), ())
    await store.commit([incident()], [row("ABCDEF.2")])
    await store.close()
    assert version(path) == len(MIGRATIONS)
    assert [each.event for each in (await (await opened()).load(at(10))).rows] == ["ABCDEF.1", "ABCDEF.2"]


def test_a_step_that_files_went_through_is_never_changed() -> None:
    seals = [hashlib.sha256(repr(step).encode()).hexdigest() for step in MIGRATIONS]
    assert [seal[:4] for seal in seals] == list(SEALED)
