"""Silences outlive drwatch, and who asked for them is kept for good."""

import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ledger import at, incident

from drwatch.core.finding import Condition
from drwatch.core.silence import Silence
from drwatch.store import MIGRATIONS, Store
from drwatch.store.schema import APPLICATION, INCIDENT
from drwatch.store.values import incident_values, upsert

Open = Callable[..., Awaitable[Store]]

ASKED = Silence("SAAAAAA", "shop", at(0), 3600.0, "upgrade", "anna", Condition.STANDBY_DOWN, "oslo-b")


async def test_a_silence_outlives_drwatch_until_its_time_is_over(opened: Open, path: Path) -> None:
    store = await opened()
    await store.silence([ASKED, replace(ASKED, id="SBBBBBB", ended=at(5), ended_by="bo")])
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    shutil.copy(f"{path}-wal", f"{copy}-wal")
    later = at(100, boot=9000.0)
    loaded = (await (await opened(copy)).load(later)).silences
    assert loaded == (
        ASKED_LATER := replace(ASKED, began=at(0, boot=9000.0)),
        replace(ASKED_LATER, id="SBBBBBB", ended=at(5, boot=9000.0), ended_by="bo"),
    )
    assert (await store.load(at(3601))).silences == ()
    assert [each.id for each in await store.silences(at(3601))] == ["SAAAAAA", "SBBBBBB"]


async def test_an_incident_keeps_what_silences_it(opened: Open) -> None:
    store = await opened()
    kept = replace(incident(), silence="SAAAAAA", freed=at(3))
    await store.commit([kept], [])
    assert (await store.load(at(10))).incidents == (kept,)


async def test_a_file_of_an_earlier_schema_is_brought_forward(opened: Open, path: Path) -> None:
    """The fourth had no silences, and incidents of twenty columns."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        for statement in (statement for step in MIGRATIONS[:4] for statement in step):
            db.execute(statement)
        db.execute(upsert("incidents", INCIDENT[:20]), incident_values(incident())[:20])
        db.execute(f"PRAGMA application_id={APPLICATION}")
        db.execute("PRAGMA user_version=4")
        db.commit()
    again = await opened()
    loaded = await again.load(at(10))
    assert (loaded.incidents, loaded.silences) == ((incident(),), ())
    await again.close()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    db.close()
