"""Every attempt to send a page stays in the record: from its begin, with its end, and once."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from ledger import at, incident, row

from drwatch.core.paging import Outcome, RowState
from drwatch.store import Attempt, Store, read_account

Open = Callable[..., Awaitable[Store]]

SENDING = replace(row(), state=RowState.SENDING, attempts=1)
DONE = Attempt(at(6), at(8), Outcome.ACCEPTED, "as it was told")


async def sent(opened: Open, path: Path, *attempts: Attempt) -> list[tuple[object, ...]]:
    """What the account says of them, after they were written in this order."""
    store = await opened()
    await store.commit([incident()], [row()])
    for attempt in attempts:
        await store.mark(SENDING, attempt)
    account = read_account(path, "ABCDEF")
    assert account is not None
    (page,) = account.pages
    return [(each.started, each.ended, each.outcome, each.detail) for each in page.attempts]


async def test_an_attempt_is_there_from_its_begin_on(opened: Open, path: Path) -> None:
    assert await sent(opened, path, Attempt(at(6))) == [(at(6).wall, None, None, "")]


async def test_its_end_goes_with_its_begin(opened: Open, path: Path) -> None:
    ended = [(at(6).wall, at(8).wall, "accepted", "as it was told")]
    assert await sent(opened, path, Attempt(at(6)), DONE) == ended


async def test_what_has_an_end_is_never_changed(opened: Open, path: Path) -> None:
    """A disk that did not answer in time may have taken it all the same: then it comes again."""
    again = (DONE, Attempt(at(6)), replace(DONE, outcome=Outcome.FAILED, detail="another"), DONE)
    assert await sent(opened, path, *again) == [(at(6).wall, at(8).wall, "accepted", "as it was told")]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE attempts SET outcome = 'failed'",
        "DELETE FROM attempts",
        "INSERT OR REPLACE INTO attempts SELECT event, channel, started, ended, 'failed', detail FROM attempts",
    ],
)
async def test_the_database_itself_refuses_to_change_one(opened: Open, path: Path, statement: str) -> None:
    await sent(opened, path, DONE)
    with closing(sqlite3.connect(path)) as db:
        with suppress(sqlite3.IntegrityError):
            db.execute(statement)
        assert db.execute("SELECT outcome FROM attempts").fetchall() == [("accepted",)]
