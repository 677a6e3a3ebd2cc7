"""What the store gives back after a stop, a crash, a full disk, a second daemon. Real files, real kills."""

import asyncio
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import ledger
import pytest
from ledger import NIGHT, at, incident, row

from drwatch.core.delivery import Reach, overtaken
from drwatch.core.finding import Condition
from drwatch.core.incident import Phase
from drwatch.core.memory import Memory
from drwatch.core.paging import Outcome, RowState
from drwatch.core.sample import Moment
from drwatch.core.silence import Silence
from drwatch.store import MIGRATIONS, Attempt, DiskAiling, Loaded, Store, StoreBusy, StoreError, read_history

Open = Callable[..., Awaitable[Store]]

LATER = Moment(70.0, NIGHT + timedelta(seconds=100))
"""A new run, 70 s after its machine's boot, 100 s into the night."""


def ask(path: Path, question: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def content(path: Path) -> bytes:
    return path.read_bytes()


def put(path: Path, text: str = "", permissions: int = 0o600) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(permissions)


async def writer(what: str, path: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, ledger.__file__, what, str(path), stdout=asyncio.subprocess.PIPE
    )


async def test_a_new_store_is_empty(opened: Open) -> None:
    assert await (await opened()).load(LATER) == Loaded((), (), Memory(LATER))


async def test_what_was_committed_comes_back_as_it_was_its_moments_on_the_new_clock(opened: Open) -> None:
    store = await opened()
    await store.commit([incident()], [row(), row(channel="sms")])
    await store.close()
    loaded = await (await opened()).load(LATER)
    # The night began 100 s ago by the wall, so at -30 s of the new loop clock.
    moved = {
        name: at(seconds, boot=-30.0)
        for name, seconds in {"began": 0, "condition_began": 1, "last_true": 7, "confirmed": 5, "told_at": 5}.items()
    }
    assert loaded.incidents == (replace(incident(), **moved),)
    due = at(5, boot=-30.0)
    assert loaded.rows == (replace(row(), created=due, due=due), replace(row(channel="sms"), created=due, due=due))


async def test_a_wall_clock_that_was_set_back_puts_nothing_into_the_future(opened: Open) -> None:
    store = await opened()
    await store.commit([incident()], [replace(row(), due=at(65))])
    loaded = await store.load(Moment(70.0, NIGHT - timedelta(hours=1)))
    assert loaded.incidents[0].began.loop == 70.0
    assert loaded.rows[0].due.loop == 70.0


async def test_the_worst_that_people_were_told_of_an_incident_comes_back_with_it(opened: Open) -> None:
    store = await opened()
    await store.commit([replace(incident(), told_grade=(True, 4)), incident("ZYXWVU", began=1)], [])
    await store.close()
    loaded = await (await opened()).load(LATER)
    assert [each.told_grade for each in loaded.incidents] == [(True, 4), None]


async def test_a_change_replaces_what_was_known_of_the_same_incident(opened: Open) -> None:
    store = await opened()
    await store.commit([incident()], [])
    await store.commit([replace(incident(), summary="it burns", pages=3)], [])
    (only,) = (await store.load(LATER)).incidents
    assert (only.summary, only.pages) == ("it burns", 3)


async def test_two_incidents_with_the_same_short_name_are_kept_apart(opened: Open) -> None:
    store = await opened()
    await store.commit([incident(phase=Phase.RESOLVED)], [])
    await store.commit([incident(began=9000.0)], [])
    assert [past.phase for past in await store.history()] == [Phase.OPEN, Phase.RESOLVED]


async def test_ended_incidents_live_no_longer_and_are_history(opened: Open) -> None:
    store = await opened()
    phases = {"AAAAAA": Phase.RESOLVED, "BBBBBB": Phase.HEALED, "CCCCCC": Phase.OPEN, "DDDDDD": Phase.SUSPECTED}
    for number, (name, phase) in enumerate(phases.items()):
        await store.commit([incident(name, phase, began=number)], [])
    assert [living.id for living in (await store.load(LATER)).incidents] == ["CCCCCC", "DDDDDD"]
    assert [past.id for past in await store.history()] == ["DDDDDD", "CCCCCC", "BBBBBB", "AAAAAA"]


async def test_settled_rows_do_not_come_back(opened: Open) -> None:
    store = await opened()
    await store.commit([], [row("A.1"), row("B.1"), row("C.1")])
    await store.mark(replace(row("A.1"), state=RowState.ACCEPTED))
    await store.mark(replace(row("B.1"), state=RowState.EXPIRED))
    assert [waiting.event for waiting in (await store.load(LATER)).rows] == ["C.1"]


async def test_an_attempt_that_a_stop_cut_short_may_have_arrived_and_is_due_now(opened: Open) -> None:
    store = await opened()
    await store.commit([], [row()])
    await store.mark(replace(row(), state=RowState.SENDING, attempts=2, ambiguous=1, due=at(90)))
    for _ in range(2):
        (only,) = (await store.load(LATER)).rows
        assert (only.state, only.attempts, only.ambiguous, only.due) == (RowState.DUE, 2, 1, LATER)
        assert "may have arrived" in only.detail


async def test_what_is_not_settled_comes_back_with_all_of_its_event_and_with_what_arrived(opened: Open) -> None:
    store = await opened()
    spare = row("A.1", "mail", RowState.RESERVE)
    rows = [row("A.1"), row("A.1", "sms"), spare, row("B.1"), row("B.1", "sms"), row("B.1", "mail")]
    await store.commit([incident("A"), incident("B")], rows)
    await store.mark(replace(row("A.1", "sms"), state=RowState.ACCEPTED, instead="phone"))
    await store.mark(replace(row("B.1"), state=RowState.ACCEPTED))
    await store.mark(replace(row("B.1", "sms"), state=RowState.EXPIRED))
    await store.mark(replace(row("B.1", "mail"), state=RowState.PERHAPS, ambiguous=3))
    loaded = await store.load(at(5))
    assert [(each.channel, each.state, each.instead) for each in loaded.rows] == [
        ("mail", RowState.RESERVE, ""),
        ("phone", RowState.DUE, ""),
        ("sms", RowState.ACCEPTED, "phone"),
    ]
    arrived, nothing = Reach(at(5), perhaps=True, accepted=True), Reach(at(5))
    assert loaded.reach == {
        "A": {"phone": nothing, "sms": arrived},
        "B": {"phone": arrived, "sms": nothing, "mail": Reach(at(5), perhaps=True)},
    }


async def test_every_attempt_leaves_a_line(opened: Open, path: Path) -> None:
    store = await opened()
    await store.commit([], [row()])
    await store.mark(replace(row(), state=RowState.SENDING), Attempt(at(6)))
    first = Attempt(at(6), at(8), Outcome.FAILED, "connection refused")
    await store.mark(replace(row(), detail="connection refused"), first)
    await store.mark(replace(row(), state=RowState.SENDING, detail="connection refused"), Attempt(at(9)))
    lines = ask(path, "SELECT started, ended, outcome, detail FROM attempts ORDER BY started")
    assert lines == [
        ("2026-11-23T02:30:06.123457+00:00", "2026-11-23T02:30:08.123457+00:00", "failed", "connection refused"),
        ("2026-11-23T02:30:09.123457+00:00", None, None, ""),
    ]


async def test_history_tells_the_newest_first_and_what_was_told(opened: Open) -> None:
    store = await opened()
    rows = [row("N1.1"), row("N1.1", "sms"), row("N1.2")]
    await store.commit([incident(f"N{number}", Phase.RESOLVED, began=number) for number in range(5)], rows)
    await store.commit([replace(incident("OTHER", began=2.5), cluster="bank")], [])
    await store.mark(replace(rows[0], state=RowState.ACCEPTED))
    await store.mark(replace(rows[2], state=RowState.ACCEPTED))
    assert [past.id for past in await store.history(limit=3)] == ["N4", "N3", "OTHER"]
    assert [past.id for past in await store.history(cluster="bank")] == ["OTHER"]
    (one,) = [past for past in await store.history() if past.id == "N1"]
    assert (one.pages, one.told, one.subject, one.phase) == (2, 2, "oslo-a", Phase.RESOLVED)
    assert (one.began, one.ended) == (at(1).wall, at(61).wall)


async def test_history_is_read_beside_a_running_daemon_and_without_one(opened: Open, path: Path) -> None:
    store = await opened()
    await store.commit([incident()], [])
    beside = read_history(path)
    await store.close()
    before = sorted(path.parent.iterdir())
    assert read_history(path) == beside
    assert [past.id for past in beside] == ["ABCDEF"]
    assert sorted(path.parent.iterdir()) == before, "a reader leaves nothing behind"


async def test_a_reader_does_not_stop_the_writer(opened: Open, path: Path) -> None:
    store = await opened()
    await store.commit([incident()], [])
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM incidents").fetchall()
    await store.commit([incident("OTHER")], [])
    reader.close()
    assert len(await store.history()) == 2


async def test_whoever_asks_for_history_again_and_again_holds_up_no_page(opened: Open) -> None:
    """Over HTTP, by anybody who reaches the listener: a page's commit must not queue behind it."""
    store = await opened()
    rows = [row(f"N{number}.{event}", state=RowState.ACCEPTED) for number in range(400) for event in range(5)]
    await store.commit([incident(f"N{number}", Phase.RESOLVED, began=number) for number in range(400)], rows)
    loop, asking = asyncio.get_running_loop(), [asyncio.create_task(store.history(500)) for _ in range(150)]
    await asyncio.sleep(0)
    begun = loop.time()
    await store.commit([incident()], [row()])
    took = loop.time() - begun
    assert not any(task.done() for task in asking[10:]), "they are still being read"
    assert took < 0.5
    assert {len(past) for past in await asyncio.gather(*asking)} <= {400, 401}, "and none blames the disk"


async def test_history_is_not_read_by_the_dozen_from_a_disk_that_does_not_answer(opened: Open, path: Path) -> None:
    """One reader may be stuck: the others are told so at once, and the writer, who has a thread of his own, tries."""
    gate = threading.Event()
    store = await opened(limit=0.3)
    stuck = asyncio.create_task(store.read(lambda db: gate.wait(20)))
    with pytest.raises(DiskAiling, match="did not answer"):
        await stuck
    begun = asyncio.get_running_loop().time()
    for _ in range(3):
        with pytest.raises(DiskAiling, match="did not answer"):
            await store.history()
    assert asyncio.get_running_loop().time() - begun < 0.2
    await store.commit([incident()], [])
    gate.set()
    async with asyncio.timeout(10):
        while True:
            try:
                assert [past.id for past in await store.history()] == ["ABCDEF"]
                break
            except DiskAiling:
                await asyncio.sleep(0.02)


async def test_only_its_owner_may_read_the_state(opened: Open, path: Path) -> None:
    store = await opened()
    await store.commit([incident()], [row()])
    assert mode(path.parent) == 0o700
    assert {file.name: mode(file) for file in path.parent.iterdir()} == {
        "drwatch.db": 0o600,
        "drwatch.db-wal": 0o600,
        "drwatch.db-shm": 0o600,
        "drwatch.db.lock": 0o600,
        "drwatch.db.ballast": 0o600,
    }


async def test_a_directory_that_was_there_keeps_its_mode(opened: Open, tmp_path: Path) -> None:
    put(tmp_path / "shared" / "other", permissions=0o644)
    before = mode(tmp_path / "shared")
    await opened(tmp_path / "shared" / "drwatch.db")
    assert mode(tmp_path / "shared") == before != 0o700


async def test_a_second_daemon_is_told_who_is_there(opened: Open, path: Path) -> None:
    await opened()
    with pytest.raises(StoreBusy, match=rf"another drwatch \(process {os.getpid()}\) is running.*: stop it first"):
        await opened()


async def test_a_store_that_was_closed_is_free_again(opened: Open) -> None:
    await (await opened()).close()
    await opened()


async def test_a_daemon_that_was_killed_leaves_the_lock_free_and_its_page_due_once(opened: Open, path: Path) -> None:
    process = await writer("sending", path)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"sending\n"
    with pytest.raises(StoreBusy):
        await opened()
    process.kill()
    await process.wait()
    rows = (await (await opened()).load(LATER)).rows
    assert [(one.channel, one.state, one.attempts, one.ambiguous) for one in rows] == [
        ("phone", RowState.DUE, 1, 0),
        ("sms", RowState.DUE, 0, 0),
    ]


@pytest.mark.parametrize("seed", range(4))
async def test_a_kill_at_any_instant_loses_no_page_and_tears_no_transaction(
    opened: Open, path: Path, seed: int
) -> None:
    process = await writer("storm", path)
    assert process.stdout is not None
    await process.stdout.readline()
    await asyncio.sleep(random.Random(seed).uniform(0.0, 0.15))
    process.kill()
    said = [int(line) for line in (await process.stdout.read()).split(b"\n") if line]
    await process.wait()
    loaded = await (await opened()).load(LATER)
    names = {one.id for one in loaded.incidents}
    assert {f"N{number}" for number in [0, *said]} <= names, "what was said to be safe is there"
    pages = sorted((one.incident, one.channel) for one in loaded.rows)
    assert pages == sorted((name, channel) for name in names for channel in ("phone", "sms"))


async def test_what_only_a_newer_drwatch_has_words_for_is_left_out_and_said_and_hides_nothing_else(
    opened: Open, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Gone back to an earlier release, whose schema is the same: a start must not end of a condition it has not."""
    store = await opened()
    hushed = [Silence(name, "shop", at(0), 3600.0, "upgrade", "anna", Condition.IO_WAIT_HIGH) for name in ("S1", "S2")]
    await store.commit([incident(), incident("NEWONE")], [row(), row("NEWONE.1"), row("NEWER.1")])
    await store.silence(hushed)
    for table, column, where in (
        ("incidents", "condition", "id = 'NEWONE'"),
        ("ledger", "reason", "event = 'NEWER.1'"),
        ("silences", "condition", "id = 'S2'"),
    ):
        change(path, f"UPDATE {table} SET {column} = 'SomethingNewer' WHERE {where}")
    loaded = await store.load(at(100))
    assert [each.id for each in loaded.incidents] == ["ABCDEF"]
    assert [each.event for each in loaded.rows] == ["ABCDEF.1", "NEWONE.1"]
    assert [each.id for each in loaded.silences] == ["S1"]
    assert [record.getMessage().count("SomethingNewer") for record in caplog.records] == [1, 1, 1]
    assert [past.id for past in await store.history()] == ["ABCDEF"]
    await store.commit([replace(incident(), phase=Phase.RESOLVED, ended=at(100))], [])
    change(path, "UPDATE incidents SET phase = 'resolved', ended = began WHERE id = 'NEWONE'")
    assert [each.id for each in await store.ended_since(NIGHT - timedelta(days=1), at(200))] == ["ABCDEF"]
    assert await store.standing(["phone"], at(200)) == ()


async def test_which_page_of_an_incident_is_the_latest_does_not_change_when_the_wall_clock_goes_back(
    opened: Open,
) -> None:
    """Else the first page, which a restart finds unsettled, would seem to come after the second."""
    store = await opened(boot="this")
    later = Moment(at(600).loop, at(600).wall - timedelta(hours=1))
    first, second = replace(row(), due=at(600)), replace(row("ABCDEF.2", state=RowState.ACCEPTED), created=later)
    await store.commit([incident()], [first, second])
    reach = (await store.load(at(700))).reach["ABCDEF"]
    assert reach["phone"].newest == later
    assert overtaken(first, reach)
    assert not overtaken(second, reach)


async def test_a_newer_file_is_refused_and_left_alone(opened: Open, path: Path) -> None:
    await (await opened()).close()
    newer = len(MIGRATIONS) + 1
    ask(path, f"PRAGMA user_version={newer}")
    before = content(path)
    with pytest.raises(StoreError, match=rf"written by a newer drwatch \(schema {newer}.*: start the newer one"):
        await opened()
    with pytest.raises(StoreError, match="newer drwatch"):
        read_history(path)
    assert content(path) == before


async def test_another_program_s_database_is_refused_and_left_alone(opened: Open, path: Path) -> None:
    put(path, permissions=0o644)
    ask(path, "CREATE TABLE theirs (precious TEXT)")
    before = content(path)
    with pytest.raises(StoreError, match="another program's database"):
        await opened()
    assert content(path) == before
    assert mode(path) == 0o644


async def test_a_path_that_cannot_be_is_an_error_of_one_sentence(opened: Open, tmp_path: Path) -> None:
    put(tmp_path / "file")
    with pytest.raises(StoreError, match="check that drwatch may write there") as caught:
        await opened(tmp_path / "file" / "drwatch.db")
    assert "\n" not in str(caught.value)
    with pytest.raises(StoreError, match="it cannot be opened"):
        read_history(tmp_path / "nothing" / "drwatch.db")


async def test_a_disk_that_does_not_answer_is_waited_for_once(opened: Open, path: Path) -> None:
    store = await opened(limit=0.3)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    loop = asyncio.get_running_loop()
    begun = loop.time()
    with pytest.raises(StoreError, match=r"did not answer within 0\.3 s"):
        await store.commit([incident()], [row()])
    assert loop.time() - begun < 1.0
    begun = loop.time()
    with pytest.raises(StoreError, match="did not answer"):
        await store.commit([incident()], [row()])
    assert loop.time() - begun < 0.1
    holder.execute("ROLLBACK")
    holder.close()

    async def mended() -> bool:
        try:
            await store.commit([incident("LATER")], [])
        except StoreError:
            return False
        return True

    async with asyncio.timeout(10):
        while not await mended():  # noqa: ASYNC110 (the disk sets no event)
            await asyncio.sleep(0.02)


async def test_two_that_wait_for_a_disk_that_does_not_answer_are_no_reason_for_a_third(
    opened: Open, path: Path
) -> None:
    """The one behind is given up before it began: that says nothing of the one which the disk still holds."""
    store = await opened(limit=0.3)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    waited = await asyncio.gather(
        store.commit([incident()], [row()]), store.commit([incident("LATER")], []), return_exceptions=True
    )
    assert [type(each) for each in waited] == [DiskAiling, DiskAiling]
    begun = asyncio.get_running_loop().time()
    with pytest.raises(StoreError, match="did not answer"):
        await store.commit([incident()], [row()])
    assert asyncio.get_running_loop().time() - begun < 0.1
    holder.execute("ROLLBACK")
    holder.close()


async def test_a_disk_that_does_not_answer_keeps_the_next_watch_of_this_process_from_nothing(
    opened: Open, path: Path
) -> None:
    """The configuration is read again: one that found its own lock there would end, and so would the old one."""
    store = await opened(limit=0.3)
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(DiskAiling):
            await store.commit([incident()], [row()])
        await store.close()
        again = await opened(limit=0.3)
        with pytest.raises(StoreBusy):
            await Store.open(path)
        with pytest.raises(StoreError):
            await again.commit([incident()], [row()])
        holder.execute("ROLLBACK")
    async with asyncio.timeout(10):
        while True:
            try:
                await again.commit([incident("LATER")], [])
                break
            except StoreError:
                await asyncio.sleep(0.02)
    await again.close()
    assert "LATER" in {past.id for past in read_history(path)}


async def test_another_program_that_holds_the_file_is_named_as_the_cause(opened: Open, path: Path) -> None:
    store = await opened()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another program holds it"):
        await store.commit([incident()], [row()])
    holder.execute("ROLLBACK")
    holder.close()
    await store.commit([incident()], [row()])


SMALL_DISK = 'mount -t tmpfs -o size=8m tmpfs "$1" && exec "$2" "$3" fill "$1/drwatch.db"'


def small_disk(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the filling writer on a disk of 8 MB, in a mount namespace of its own."""
    unshare = shutil.which("unshare") or pytest.skip("no unshare here")
    command = [unshare, "--user", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, "sh"]
    run = subprocess.run([*command, folder, sys.executable, ledger.__file__], capture_output=True, text=True)
    if "unshare" in run.stderr or "mount:" in run.stderr:
        pytest.skip(f"no namespaces here: {run.stderr.strip()}")
    return run


def test_a_full_disk_still_takes_pages_until_the_ballast_is_used_up_and_recovers_when_it_is_mended(
    tmp_path: Path,
) -> None:
    run = small_disk(tmp_path)
    assert run.stderr == ""
    written, kept, after, ballast, again, said = run.stdout.strip().split("|")
    assert int(written) > 100, "the ballast carried them"
    assert (int(kept), int(after)) == (int(written), int(written) + 1)
    assert (ballast, again) == ("False", "True"), "given up, and laid in again when there was room"
    assert said.startswith("DiskAiling:")
    assert said.endswith("the disk is full: free some space there")
