"""Silences outlive drwatch, and who asked for them is kept for good."""

import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from ledger import at, incident

from drwatch.core.finding import Condition
from drwatch.core.sample import Moment
from drwatch.core.silence import MAINTENANCE, Silence
from drwatch.store import Store

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


@pytest.mark.parametrize("step", [3600, -3600])
async def test_in_one_boot_a_silence_lasts_as_long_as_was_asked_for_whatever_the_wall_clock_did(
    opened: Open, step: int
) -> None:
    """And people read until when in the new time. A maintenance window is the calendar's."""
    window = replace(ASKED, id="SBBBBBB", by=MAINTENANCE)
    await (store := await opened(boot="this")).silence([ASKED, window])
    await store.close()
    store, now = await opened(boot="this"), Moment(at(600).loop, at(600).wall + timedelta(seconds=step))
    kept = {each.id: each for each in (await store.load(now)).silences}
    assert kept["SAAAAAA"].until == now.plus(3000)
    assert (kept["SBBBBBB"].until - now if "SBBBBBB" in kept else 0) == {3600: 0, -3600: 3600}[step]
    gone = Moment(at(3601).loop, at(3601).wall + timedelta(seconds=step))
    assert "SAAAAAA" not in {each.id for each in (await store.load(gone)).silences}


async def test_an_incident_keeps_what_silences_it(opened: Open) -> None:
    store = await opened()
    kept = replace(incident(), silence="SAAAAAA", freed=at(3))
    await store.commit([kept], [])
    assert (await store.load(at(10))).incidents == (kept,)
