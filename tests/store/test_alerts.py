"""What a page is about is kept with it, so that an alert engine is told the same after a restart."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from ledger import NIGHT, at, incident, row

from drwatch.core.finding import Condition
from drwatch.core.incident import Phase
from drwatch.core.paging import Alert, RowState
from drwatch.store import Store

Open = Callable[..., Awaitable[Store]]
ABOUT = Alert("shop", Condition.PRIMARY_DOWN, "oslo-a", NIGHT, NIGHT + timedelta(seconds=7))


async def test_what_a_page_is_about_comes_back_as_it_was(opened: Open) -> None:
    store = await opened()
    rows = [
        replace(row(), alert=ABOUT),
        replace(row(channel="sms"), alert=replace(ABOUT, ended=None)),
        row(channel="x"),
    ]
    await store.commit([incident()], rows)
    loaded = await store.load(at(10))
    assert {each.channel: each.alert for each in loaded.rows} == {each.channel: each.alert for each in rows}


async def test_what_stands_is_the_latest_accepted_page_of_each_open_incident(opened: Open) -> None:
    store = await opened()
    accepted, due = RowState.ACCEPTED, RowState.DUE
    before = [
        row("ABCDEF.1", "engine", accepted),
        replace(row("ABCDEF.2", "engine", accepted), created=at(6)),
        replace(row("ABCDEF.3", "engine", due), created=at(7)),
        row("ABCDEF.1", "phone", accepted),
        row("OVER77.1", "engine", accepted),
        # An incident of that name was there before, and is another.
        replace(row("ABCDEF.9", "engine", accepted), created=at(-100)),
    ]
    await store.commit([incident(), incident("OVER77", Phase.RESOLVED)], before)
    assert [each.event for each in await store.standing(["engine", "other"], at(10))] == ["ABCDEF.2"]
