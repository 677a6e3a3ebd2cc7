"""What a page is about is kept with it, so that an alert engine is told the same after a restart."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from ledger import NIGHT, at, incident, row

from drwatch.core.finding import Condition
from drwatch.core.incident import Phase
from drwatch.core.paging import Alert, PageReason, RowState
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


async def test_what_is_over_stands_until_its_end_was_taken(opened: Open) -> None:
    """A silence of it is ended before its end is told, after a restart too: nobody would hear of it."""
    store = await opened()
    first = replace(row("ABCDEF.1", "engine", RowState.ACCEPTED), alert=replace(ABOUT, ended=None))
    end = replace(row("ABCDEF.2", "engine"), reason=PageReason.RESOLVED, created=at(60), alert=ABOUT)
    await store.commit([incident(phase=Phase.RESOLVED)], [first, end])
    assert [each.letter for each in await store.standing(["engine"], at(70))] == [first.letter]
    await store.mark(replace(end, state=RowState.ACCEPTED))
    assert await store.standing(["engine"], at(80)) == ()


async def test_what_a_lost_ledger_knew_stands_as_its_open_incident_says(opened: Open) -> None:
    """An Alertmanager would take it for over, after the next restart."""
    store = await opened()
    told = replace(incident(), told_through=("phone", "engine"))
    await store.commit([told, incident("NOBODY"), replace(told, id="OVER77", phase=Phase.RESOLVED)], [])
    (stands,) = await store.standing(["engine", "other"], at(10))
    assert (stands.channel, stands.event) == ("engine", "ABCDEF.2")
    assert stands.alert == Alert("shop", Condition.PRIMARY_HUNG, "oslo-a", NIGHT)
    assert stands.letter.severity is told.severity
    assert stands.letter.title == "CRITICAL shop: PrimaryHung oslo-a since 02:30:00+0000 [ABCDEF.2]"
    # Of what waits nobody has heard.
    await store.commit([], [replace(row("ABCDEF.2", "engine"), created=at(6))])
    assert await store.standing(["engine"], at(10)) == ()
