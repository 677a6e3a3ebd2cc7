"""A database that is damaged, overwritten, removed or replaced: kept aside, and a new one begun. Real files."""

import dataclasses
import os
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from ledger import at, incident, row

from drwatch.core.memory import Memory
from drwatch.core.paging import RowState
from drwatch.core.sample import Moment
from drwatch.store import Store, StoreError
from drwatch.store.aside import KEPT
from drwatch.store.writer import PROOFREAD

Open = Callable[..., Awaitable[Store]]

NOW = at(100)
GARBAGE = b"my shopping list: bread, and something that is no database " * 400


def overwrite(path: Path, start: int = 0, text: bytes = GARBAGE) -> None:
    """As a stray ``dd`` does."""
    with path.open("r+b") as file:
        file.seek(start)
        file.write(text)


def put(path: Path, text: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text)
    os.utime(path, (0, 86400 + 3661))


def damaged(path: Path) -> list[str]:
    found = path.parent.glob(f"{path.name}.damaged-*")
    return sorted(each.name for each in found if not each.name.endswith(("-wal", "-shm")))


def shared_file(path: Path) -> bytes:
    return path.read_bytes()


def checkpoint(path: Path) -> None:
    """Bring all that is in the log into the database itself."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def replace(path: Path, other: Path | None) -> None:
    if other is None:
        path.unlink()
    else:
        other.rename(path)


async def remember(store: Store, seconds: float) -> None:
    await store.remember(Memory(Moment(seconds, NOW.wall)), synced=True)


async def test_a_file_that_is_no_database_is_kept_under_the_time_of_its_last_writing(opened: Open, path: Path) -> None:
    put(path, GARBAGE)
    store = await opened()
    assert store.lost == (f"was damaged and is kept as {path.name}.damaged-19700102T010101Z",)
    (kept,) = damaged(path)
    assert shared_file(path.with_name(kept)) == GARBAGE
    await store.commit([incident()], [row()])
    assert [each.id for each in (await store.load(NOW)).incidents] == ["ABCDEF"]


async def test_a_database_that_is_damaged_inside_is_kept_and_what_is_written_next_is_in_a_new_one(
    opened: Open, path: Path
) -> None:
    store = await opened()
    await store.commit([incident(f"N{number}", began=number) for number in range(200)], [])
    await store.close()
    overwrite(path, 4096, b"\xff" * 4096 * 8)
    before = shared_file(path)
    store = await opened()
    assert (await store.load(NOW)).incidents == ()
    await store.commit([incident()], [row()])
    (kept,) = damaged(path)
    assert shared_file(path.with_name(kept)) == before
    assert len(store.lost) == 1
    assert [each.event for each in (await store.load(NOW)).rows] == ["ABCDEF.1"]


async def test_a_file_that_is_overwritten_under_a_running_store_is_found_out_within_a_minute(
    opened: Open, path: Path
) -> None:
    """SQLite would go on from its cache, and the next start find nothing."""
    store = await opened()
    await store.commit([incident()], [row()])
    await remember(store, 100.0)
    # What is in the log would hide it.
    checkpoint(path)
    overwrite(path)
    await remember(store, 100.0 + PROOFREAD)
    assert len(damaged(path)) == 1
    assert len(store.lost) == 1
    await store.commit([incident()], [row()])
    await store.close()
    assert len((await (await opened()).load(NOW)).rows) == 1


async def test_damage_to_a_page_that_another_channel_holds_in_reserve_is_found_out_too(
    opened: Open, path: Path
) -> None:
    """A start needs it as much as the one that is due: it is what stands in when that is refused."""
    store = await opened()
    spare = dataclasses.replace(row(channel="sms", state=RowState.RESERVE), body="~" * 60000)
    await store.commit([incident()], [row(), spare])
    await remember(store, 100.0)
    checkpoint(path)
    # Where its text goes on: a page of SQLite's begins with the number of the next.
    text = shared_file(path)
    page = next(start for start in range(0, len(text), 4096) if text[start + 4 : start + 4096] == b"~" * 4092)
    overwrite(path, page, b"\xff" * 4)
    await remember(store, 100.0 + PROOFREAD)
    assert len(damaged(path)) == 1


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_that_is_removed_or_replaced_under_a_running_store_is_found_out_too(
    opened: Open, path: Path, replaced: bool
) -> None:
    other = path.with_name("other.db")
    await (await opened(other)).commit([incident("BEFORE")], [])
    store = await opened()
    await store.commit([incident()], [row()])
    await remember(store, 100.0)
    if replaced:
        checkpoint(other)
    replace(path, other if replaced else None)
    await remember(store, 100.0 + PROOFREAD)
    assert store.lost == (f"was {'replaced by another file' if replaced else 'removed from the disk'}",)
    assert damaged(path) == []
    await store.commit([incident()], [row()])
    await store.close()
    found = [each.id for each in (await (await opened()).load(NOW)).incidents]
    assert found == (["ABCDEF", "BEFORE"] if replaced else ["ABCDEF"])


async def test_a_disk_that_spoils_one_file_after_another_is_said_and_not_littered(opened: Open, path: Path) -> None:
    put(path, GARBAGE)
    for number in range(KEPT):
        path.with_name(f"{path.name}.damaged-{number}").touch()
    with pytest.raises(StoreError, match=f"and so are {KEPT} before it: look at the disk"):
        await opened()
    assert shared_file(path) == GARBAGE


async def test_two_that_were_damaged_in_one_second_are_both_kept(opened: Open, path: Path) -> None:
    put(path, GARBAGE)
    await (await opened()).close()
    put(path, GARBAGE[:-1])
    await opened()
    assert damaged(path) == [f"{path.name}.damaged-19700102T010101Z", f"{path.name}.damaged-19700102T010101Z.2"]


async def test_a_newer_file_or_another_program_s_is_never_moved(opened: Open, path: Path) -> None:
    await (await opened()).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version=999")
    database.close()
    with pytest.raises(StoreError, match="newer drwatch"):
        await opened()
    assert damaged(path) == []
