"""What the record has of an attempt, whatever ends it: the far end, drwatch's own end, or a disk that takes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from simulated import Carrier

from drwatch.core.finding import Severity
from drwatch.core.paging import Letter, Outcome, PageReason, Row
from drwatch.daemon.delivery import Delivering
from drwatch.exporter import Instruments
from drwatch.lab.simulator import Accepted, clock
from drwatch.lab.virtual import Inline
from drwatch.store import Attempt, Store, StoreError, read_pages

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]


class Hanging(Carrier):
    """Its phone has the page, and never says so."""

    async def send(self, letter: Letter) -> Accepted:
        self.told.append((letter.channel, letter.title))
        await asyncio.Event().wait()
        raise AssertionError


class Ledger:
    """The store, on a disk that may be dead."""

    def __init__(self, store: Store) -> None:
        self.store, self.dead = store, False

    async def mark(self, row: Row, attempt: Attempt | None = None) -> None:
        if self.dead:
            raise StoreError("the disk is dead")
        await self.store.mark(row, attempt)


async def opened(path: Path) -> Ledger:
    return Ledger(await Store.open(path / "drwatch.db", thread=Inline(), boot="virtual"))


def page() -> Row:
    now = clock()
    return Row("TEST.1", "phone", "TEST.1", PageReason.FIRST, Severity.CRITICAL, "it is dead", "", now, now)


async def run(ledger: Ledger, carrier: Carrier, seconds: float, pays: bool = False) -> None:
    """Go on with what waits for so many seconds, and be killed; ``pays``: a disk that was dead is mended before."""
    loaded = await ledger.store.load(clock())
    delivering = Delivering(carrier, ledger, clock, Instruments(), chance=lambda: 0.5)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
            delivering.start(tasks, lambda *_: None, lambda _: "", lambda _: False, lambda: ("phone",))
            await delivering.resume(loaded.rows, loaded.reach)
            await asyncio.sleep(seconds - 1)
            if pays:
                ledger.dead = False
                await delivering.pay()
            await asyncio.Event().wait()


def attempts(path: Path) -> Mapping[float, str | None]:
    """What each came to, by the seconds from the first to its begin; None of one that was cut off."""
    (sent,) = [each.attempts for each in read_pages(path / "drwatch.db", "TEST.1")]
    assert all((each.ended is None) is (each.outcome is None) for each in sent)
    return {round((each.started - sent[0].started).total_seconds(), 1): each.outcome for each in sent}


async def test_one_that_a_kill_cuts_off_stays_in_the_record_without_an_end(tmp_path: Path) -> None:
    ledger, hanging, well = await opened(tmp_path), Hanging(), Carrier()
    await ledger.store.commit([], [page()])
    await run(ledger, hanging, 7)
    await ledger.store.close()
    ledger = await opened(tmp_path)
    await run(ledger, well, 7)
    await ledger.store.close()
    assert [*hanging.told, *well.told] == [("phone", "it is dead")] * 2
    assert attempts(tmp_path) == {0.0: None, 7.0: "accepted"}


async def test_what_a_dead_disk_did_not_take_is_written_once_with_what_each_came_to(tmp_path: Path) -> None:
    ledger, carrier = await opened(tmp_path), Carrier({"phone": Outcome.FAILED})
    await ledger.store.commit([], [page()])
    ledger.dead = True
    await run(ledger, carrier, 6, pays=True)
    await ledger.store.close()
    assert attempts(tmp_path) == {0.0: "failed", 1.0: "failed", 3.5: "failed"}


async def test_one_that_was_begun_on_a_dead_disk_and_cut_off_is_written_without_an_end(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)
    await ledger.store.commit([], [page()])
    ledger.dead = True
    await run(ledger, Hanging(), 6, pays=True)
    await ledger.store.close()
    assert attempts(tmp_path) == {0.0: None}
