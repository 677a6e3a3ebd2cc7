"""Incidents and rows for the store's tests, and a writer that runs as a process of its own, to be killed."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drwatch.core.finding import Condition, Confidence, Severity
from drwatch.core.incident import Incident, Phase
from drwatch.core.paging import PageReason, Row, RowState
from drwatch.core.sample import Moment
from drwatch.store import Attempt, Store, StoreError

NIGHT = datetime(2026, 11, 23, 2, 30, 0, 123457, tzinfo=UTC)


def at(seconds: float, boot: float = 5000.0) -> Moment:
    """So many seconds into the night, in a run whose loop clock stood at ``boot`` when the night began."""
    return Moment(boot + seconds, NIGHT + timedelta(seconds=seconds))


def incident(name: str = "ABCDEF", phase: Phase = Phase.OPEN, began: float = 0.0) -> Incident:
    return Incident(
        id=name,
        cluster="shop",
        topic="primary",
        subject="oslo-a",
        condition=Condition.PRIMARY_DOWN,
        severity=Severity.CRITICAL,
        summary="oslo-a is dead: 'æøå' \"quoted\"; the host answers",
        evidence=("witness: refused", "standby: receiver lost"),
        confidence=Confidence.CONCLUSIVE,
        phase=phase,
        began=at(began),
        condition_began=at(began + 1),
        last_true=at(began + 7),
        confirmed=at(began + 5),
        ended=at(began + 60) if phase in (Phase.RESOLVED, Phase.HEALED) else None,
        suppressed_by=None,
        told_condition=Condition.PRIMARY_HUNG,
        told_at=at(began + 5),
        told_steps=1,
        pages=2,
    )


def row(event: str = "ABCDEF.1", channel: str = "phone", state: RowState = RowState.DUE) -> Row:
    return Row(
        event=event,
        channel=channel,
        incident=event.partition(".")[0],
        reason=PageReason.FIRST,
        severity=Severity.CRITICAL,
        title="PrimaryDown",
        body="line one\nline two",
        created=at(5),
        due=at(5),
        state=state,
    )


async def storm(path: Path) -> None:
    """Commit an incident and its row, again and again, saying each number when it is safe."""
    store = await Store.open(path)
    for number in range(100_000):
        name = f"N{number}"
        await store.commit([incident(name, began=number)], [row(f"{name}.1"), row(f"{name}.1", "sms")])
        print(number, flush=True)


async def sending(path: Path) -> None:
    """Commit a page, begin to send it, and hang."""
    store = await Store.open(path)
    await store.commit([incident()], [row(), row(channel="sms")])
    begun = replace(row(), state=RowState.SENDING, attempts=1)
    await store.mark(begun, Attempt(at(6)))
    print("sending", flush=True)
    await asyncio.sleep(600)


async def fill(path: Path) -> None:
    """On a small disk: write until nothing more fits, then say what became of it."""
    store = await Store.open(path)
    filler = path.with_name("filler")
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            pass
    written, said = 0, ""
    try:
        for number in range(100_000):
            await store.commit([incident(f"N{number}", began=number)], [row(f"N{number}.1")])
            written += 1
    except StoreError as error:
        said = f"{type(error).__name__}: {error}"
    kept = len((await store.load(at(100))).rows)
    ballast = path.with_name(f"{path.name}.ballast").exists()
    filler.unlink()
    await store.commit([incident("LATER", began=1e6)], [row("LATER.1")])
    after = len((await store.load(at(100))).rows)
    await store.close()
    again = path.with_name(f"{path.name}.ballast").exists()
    print(f"{written}|{kept}|{after}|{ballast}|{again}|{said}", flush=True)


if __name__ == "__main__":
    asyncio.run({"storm": storm, "sending": sending, "fill": fill}[sys.argv[1]](Path(sys.argv[2])))
