"""Who had an incident in hand outlives drwatch, and is never changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from ledger import at, incident, row

from drwatch.core.ack import Ack
from drwatch.core.finding import Condition, Severity
from drwatch.core.sample import Moment
from drwatch.store import Store, read_account, read_history

Open = Callable[..., Awaitable[Store]]

ANNA = Ack(at(60), 3600.0, "anna", "socket", Condition.PRIMARY_DOWN, Severity.CRITICAL, "am på it")
BO = replace(ANNA, at=at(90), by="bo", origin="link to bo-phone, from 10.0.0.9", note="")
TAKEN = replace(incident(), acknowledged=ANNA, told_through=("phone", "sms"), held=("mail",))


async def test_an_incident_keeps_who_has_it_in_hand_whom_it_was_told_and_who_is_owed_a_page(opened: Open) -> None:
    store = await opened()
    await store.commit([TAKEN], [])
    assert (await store.load(at(100))).incidents == (TAKEN,)


async def test_an_acknowledgement_ends_at_the_same_instant_after_a_restart(opened: Open) -> None:
    await (store := await opened()).commit([TAKEN], [])
    await store.close()
    (kept,) = (await (await opened()).load(at(100, boot=9000.0))).incidents
    assert kept.acknowledged is not None
    assert kept.acknowledged.until == at(3660, boot=9000.0)


@pytest.mark.parametrize("step", [3600, -3600])
async def test_in_one_boot_an_acknowledgement_lasts_as_long_as_it_was_to_whatever_the_wall_clock_did(
    opened: Open, step: int
) -> None:
    await (store := await opened(boot="this")).commit([TAKEN], [])
    await store.close()
    now = Moment(at(660).loop, at(660).wall + timedelta(seconds=step))
    (kept,) = (await (await opened(boot="this")).load(now)).incidents
    assert kept.acknowledged is not None
    assert kept.acknowledged.until - now == 3000


async def test_every_acknowledgement_stays_in_the_record_once(opened: Open, path: Path) -> None:
    store = await opened()
    for each in (TAKEN, TAKEN, replace(TAKEN, acknowledged=BO), replace(TAKEN, acknowledged=None)):
        await store.commit([each], [])
    (past,) = await store.history()
    assert [(each.by, each.origin, each.note) for each in past.acks] == [
        ("anna", "socket", "am på it"),
        ("bo", "link to bo-phone, from 10.0.0.9", ""),
    ]
    await store.close()
    account = read_account(path, "ABCDEF")
    assert account is not None
    assert account.past.acks == past.acks == read_history(path)[0].acks


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE acknowledgements SET by = 'nobody'",
        "DELETE FROM acknowledgements",
        "INSERT OR REPLACE INTO acknowledgements SELECT incident, began, at, seconds, 'nobody', origin, condition, "
        "severity, note FROM acknowledgements",
    ],
)
async def test_the_record_of_who_acknowledged_cannot_be_changed(opened: Open, path: Path, statement: str) -> None:
    await (await opened()).commit([TAKEN], [])
    with closing(sqlite3.connect(path)) as db:
        with suppress(sqlite3.IntegrityError):
            db.execute(statement)
        assert db.execute("SELECT by FROM acknowledgements").fetchall() == [("anna",)]


async def test_the_record_goes_when_its_incident_has_gone(opened: Open, path: Path) -> None:
    """A history that is kept for so many days is pruned at last."""
    await (await opened()).commit([TAKEN], [row()])
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM incidents")
        db.execute("DELETE FROM acknowledgements")
        assert db.execute("SELECT count(*) FROM acknowledgements").fetchone() == (0,)
