"""What was decided outlives drwatch, goes with its incident, and is never changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from ledger import NIGHT, at, incident, row
from test_retention import KEEP, LATER, count, prune

from drwatch.core.decision import Decision, Stand
from drwatch.core.finding import Condition, Severity
from drwatch.core.incident import Phase
from drwatch.core.paging import PageReason
from drwatch.store import Store, StoreError, read_account

Open = Callable[..., Awaitable[Store]]

OPEN = Stand(Phase.OPEN, Condition.PRIMARY_DOWN, Severity.CRITICAL)
FIRST = Decision("ABCDEF", NIGHT, 1, at(5).wall, OPEN, "ABCDEF.1", PageReason.FIRST, ("phone", "sms"))
FULL = Stand(
    Phase.RESOLVED, Condition.FILES_STALE, Severity.WARNING, Condition.PRIMARY_DOWN, "SABCDE", "bø", True,
    Condition.PRIMARY_HUNG, ("phone",), "ABCDEF.1",
)  # fmt: skip
LAST = Decision("ABCDEF", NIGHT, 2, at(9).wall, FULL)


async def test_every_line_comes_back_in_its_order_and_the_last_one_at_a_start(opened: Open, path: Path) -> None:
    store = await opened()
    await store.commit([incident()], [row()], [FIRST])
    await store.commit([incident()], [], [LAST])
    await store.close()
    account = read_account(path, "ABCDEF")
    assert account is not None
    assert account.decided == (FIRST, LAST)
    store = await opened()
    assert (await store.load(at(100))).decided == {"ABCDEF": LAST}
    await store.commit([incident(phase=Phase.RESOLVED)], [])
    assert (await store.load(at(100))).decided == {}


async def test_a_line_is_on_the_disk_with_its_incident_and_its_page_or_none_of_them_is(
    opened: Open, path: Path
) -> None:
    store = await opened()
    await store.commit([], [])
    with closing(sqlite3.connect(path)) as db:
        db.execute("ALTER TABLE decisions RENAME TO elsewhere")
    with pytest.raises(StoreError):
        await store.commit([incident()], [row()], [FIRST])
    assert (count(path, "incidents"), count(path, "ledger"), count(path, "elsewhere")) == (0, 0, 0)


async def test_what_comes_again_is_in_the_record_once_as_it_was_first(opened: Open, path: Path) -> None:
    store = await opened()
    for _ in range(2):
        await store.commit([incident()], [], [FIRST, replace(FIRST, event="ABCDEF.9")])
    account = read_account(path, "ABCDEF")
    assert account is not None
    assert account.decided == (FIRST,)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decisions SET silence = 'SXXXXX'",
        "DELETE FROM decisions",
        "INSERT OR REPLACE INTO decisions SELECT incident, began, number, at, phase, condition, severity, "
        "suppressed_by, 'SXXXXX', in_hand, flaps, told, kept, withheld, event, reason, channels FROM decisions",
    ],
)
async def test_the_record_of_what_was_decided_cannot_be_changed(opened: Open, path: Path, statement: str) -> None:
    await (await opened()).commit([incident()], [], [FIRST])
    with closing(sqlite3.connect(path)) as db:
        with suppress(sqlite3.IntegrityError):
            db.execute(statement)
        assert db.execute("SELECT silence FROM decisions").fetchall() == [("",)]


async def test_it_is_forgotten_with_its_incident(opened: Open, path: Path) -> None:
    store = await opened()
    for name, phase in {"OLDEND": Phase.RESOLVED, "OLDOPEN": Phase.OPEN}.items():
        await store.commit([incident(name, phase)], [], [replace(FIRST, incident=name)])
    await prune(store, LATER - KEEP)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT incident FROM decisions").fetchall() == [("OLDOPEN",)]
