"""A disk that is full, read-only or spoils the database: the page leaves all the same, and one page says so.

The watch and its store are real, and so are the disks: small file systems of their own. The pair is simulated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from simulated import Carrier, running

from drwatch.core.finding import Condition
from drwatch.lab.disk import Disk, NotPermitted
from drwatch.lab.sandbox import Sandbox
from drwatch.lab.simulator import World

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]

GARBAGE = b"no database " * 5000


@pytest.fixture
def disk() -> Iterator[Disk]:
    with Sandbox() as sandbox:  # the next one unmounts what a killed run left
        try:
            yield Disk(sandbox.path, megabytes=12)
        except NotPermitted as why:
            pytest.skip(str(why))


def of(carrier: Carrier, condition: Condition) -> list[str]:
    """How each page of it begins."""
    return [title.split()[0] for _, title in carrier.told if condition in title]


def spoil(path: Path) -> None:
    path.write_bytes(GARBAGE)


def kept(path: Path) -> list[bytes]:
    found = path.parent.glob(f"{path.name}.damaged-*")
    return [each.read_bytes() for each in found if not each.name.endswith(("-wal", "-shm"))]


async def test_a_full_disk_delays_no_page_and_what_it_did_not_take_is_written_once_it_is_freed(
    tmp_path: Path, disk: Disk
) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier, state=disk.path) as watch:
        disk.fill()
        world.strike("standby-writable")
        await asyncio.sleep(10)
        assert of(carrier, Condition.STANDBY_WRITABLE) == ["WARNING"]
        disk.fill()
        world.strike("primary-killed")
        await asyncio.sleep(10)
        assert of(carrier, Condition.PRIMARY_DOWN) == ["CRITICAL"]
        await asyncio.sleep(40)
        assert of(carrier, Condition.HISTORY_LOST) == ["WARNING"]
    # Stopped and started on the full disk: what was written before it was full is read, and the pair is watched.
    async with running(tmp_path, world, carrier, state=disk.path) as watch:
        await asyncio.sleep(20)
        disk.free()
        await asyncio.sleep(60)
        history = {past.condition for past in await watch.ledger.store.history()}
        assert history >= {Condition.STANDBY_WRITABLE, Condition.PRIMARY_DOWN, Condition.HISTORY_LOST}
        assert of(carrier, Condition.HISTORY_LOST)[-1] == "RESOLVED"
    before = list(carrier.told)
    async with running(tmp_path, world, carrier, state=disk.path):
        await asyncio.sleep(60)
    assert carrier.told == before


async def test_a_disk_that_becomes_read_only_delays_no_page_and_a_start_on_it_watches_too(
    tmp_path: Path, disk: Disk
) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier, state=disk.path):
        world.strike("standby-writable")
        await asyncio.sleep(12)
        disk.close_for_writes()
        await asyncio.sleep(40)
        assert of(carrier, Condition.HISTORY_LOST) == ["WARNING"]
    async with running(tmp_path, world, carrier, state=disk.path):
        world.strike("primary-killed")
        await asyncio.sleep(10)
        assert of(carrier, Condition.PRIMARY_DOWN) == ["CRITICAL"]
        await asyncio.sleep(40)
    assert of(carrier, Condition.STANDBY_WRITABLE) == ["WARNING"], "it was read, though nothing could be written"
    assert of(carrier, Condition.HISTORY_LOST) == ["WARNING", "WARNING"], "one a run: none can be remembered"


@pytest.mark.parametrize("what", ["garbage", "damaged inside", "no file"])
async def test_a_start_watches_on_a_read_only_disk_whose_database_cannot_even_be_read(
    tmp_path: Path, disk: Disk, what: str
) -> None:
    """A disk that fails is remounted read-only by its file system: both come at once."""
    path = disk.path / "drwatch.db"
    if what == "garbage":
        spoil(path)
    if what == "damaged inside":
        async with running(tmp_path, World("shop", 50.0), Carrier(), state=disk.path):
            pass
        path.write_bytes(path.read_bytes()[:4096] + GARBAGE)
    disk.close_for_writes()
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier, state=disk.path):
        world.strike("primary-killed")
        await asyncio.sleep(40)
    assert of(carrier, Condition.PRIMARY_DOWN) == ["CRITICAL"]
    assert of(carrier, Condition.HISTORY_LOST) == ["WARNING"]


async def test_a_database_that_is_garbage_at_the_start_is_told_once_and_kept(tmp_path: Path) -> None:
    world, carrier, path = World("shop", 50.0), Carrier(), tmp_path / "drwatch.db"
    spoil(path)
    async with running(tmp_path, world, carrier):
        world.strike("primary-killed")
        await asyncio.sleep(10)
        assert of(carrier, Condition.PRIMARY_DOWN) == ["CRITICAL"]
    assert kept(path) == [GARBAGE]
    (words,) = [body for body in carrier.bodies if "history was damaged" in body]
    assert "the ends of earlier pages may not be told" in words
    for _ in range(2):
        async with running(tmp_path, world, carrier):
            await asyncio.sleep(40)
    assert of(carrier, Condition.HISTORY_LOST) == ["WARNING", "RESOLVED"]
    assert of(carrier, Condition.PRIMARY_DOWN) == ["CRITICAL"]


async def test_a_database_that_is_spoilt_under_it_is_begun_anew_with_all_that_is_in_memory(tmp_path: Path) -> None:
    """Open incidents and what claims rest on: the restart knows them, and pages nobody again."""
    world, carrier, path = World("shop", 50.0), Carrier(), tmp_path / "drwatch.db"
    async with running(tmp_path, world, carrier) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(12)
        spoil(path)
        path.with_name("drwatch.db-wal").write_bytes(b"")
        world.strike("standby-writable")
        await asyncio.sleep(80)
        assert of(carrier, Condition.HISTORY_LOST) == ["WARNING"]
        assert not any("the ends of earlier pages" in body for body in carrier.bodies), "they are known, and told"
        leaders = watch.daemon.snapshot.alive
    assert kept(path)
    told = list(carrier.told)
    async with running(tmp_path, world, carrier) as watch:
        assert watch.daemon.snapshot.alive == leaders
        await asyncio.sleep(20)
        assert {past.condition for past in await watch.ledger.store.history()} >= {
            Condition.PRIMARY_DOWN,
            Condition.HISTORY_LOST,
        }
    assert [each for each in carrier.told if "HistoryLost" not in each[1]] == [
        each for each in told if "HistoryLost" not in each[1]
    ]
    assert of(carrier, Condition.HISTORY_LOST) == ["WARNING", "RESOLVED"]
