"""Twelve hostile channels, each with a healthy one behind it: when the healthy one has the page, and how many copies.

For real, on loopback, in a network namespace of its own: the daemon's courier and its sending end, a store, and
receivers that refuse, hang, drip, redirect, break off or have no name. First twelve pages at once, each on a hostile
channel, with a healthy one in reserve; then one page on all twelve with a healthy one in reserve; then the same with
the healthy one asked at once. Meanwhile the event loop, in which every look runs, is asked a thousand times a second
whether it is held up.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from socket import AF_INET, SOCK_DGRAM, socket
from typing import TYPE_CHECKING

from bench.report import finish
from drwatch.core.finding import Severity
from drwatch.core.paging import Outcome, PageReason, Row, RowState
from drwatch.daemon.clock import clock
from drwatch.daemon.delivery import Delivering
from drwatch.paging.apprise import Courier
from drwatch.store import Store

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "paging"))

if TYPE_CHECKING:
    from receivers import Inbox

ACCEPTED_WITHIN = 10.0
"""Seconds until a healthy channel has the page, the goal."""

AFTER_REFUSAL = 1.0
"""Seconds from a refusal for good until the next channel has the page, the goal."""

GAP = 0.05
"""Seconds for which paging may hold up the event loop, the goal."""

COPIES = 3
"""Copies of a page that may have arrived on one channel, the goal."""

PROBE = 0.001
INSIDE = "DRWATCH_ZOO_INSIDE"
RESOLVER = "127.0.0.53"
"""A name server that takes every question and never answers."""

OK = "healthy"


@dataclass
class Gap:
    """How late the event loop came, at worst; ``work`` is the most CPU that its thread took in one go."""

    worst: float = 0.0
    work: float = 0.0

    async def watch(self) -> None:
        while True:
            at, used = time.monotonic(), time.thread_time()
            await asyncio.sleep(PROBE)
            self.worst = max(self.worst, time.monotonic() - at - PROBE)
            self.work = max(self.work, time.thread_time() - used)


@dataclass
class Zoo:
    """The receivers; ``urls`` of the hostile ones by kind, ``copies`` counts the pages that each has taken whole."""

    inbox: Inbox
    urls: Mapping[str, str]
    copies: Mapping[str, Callable[[], int]] = field(default_factory=dict)


@dataclass
class Counts:
    """When each channel first accepted, loop seconds; and what came of the attempts."""

    first: dict[str, float] = field(default_factory=dict)
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    refused: dict[str, float] = field(default_factory=dict)
    """When each channel was first known to refuse for good, loop seconds."""

    def paged(self, channel: str, outcome: Outcome) -> None:
        self.outcomes.setdefault(channel, []).append(outcome)
        if outcome is Outcome.ACCEPTED:
            self.first.setdefault(channel, clock().loop)
        if outcome is Outcome.REFUSED:
            self.refused.setdefault(channel, clock().loop)


def open_zoo(stack: ExitStack, folder: Path) -> Zoo:
    from receivers import Inbox, Mute, SelfSigned, free_port

    inbox, busy = Inbox(), Inbox()
    busy.headers["Retry-After"] = "30"
    hole, certificate = Mute(full=True), SelfSigned(folder)
    for each in (inbox, busy, hole, certificate):
        stack.callback(each.close)
    deaf = stack.enter_context(socket(AF_INET, SOCK_DGRAM))
    deaf.bind((RESOLVER, 53))
    urls = {
        "refused": f"json://127.0.0.1:{free_port()}/x",
        "black hole": f"json://127.0.0.1:{hole.port}/x",
        "slow": inbox.url("slow"),
        "hang": inbox.url("hang"),
        "endless drip": inbox.url("drip"),
        "302 portal": inbox.url("302"),
        "429 with Retry-After": busy.url("429"),
        "401": inbox.url("401"),
        "500 then ok": inbox.url("mends"),
        "accepted then reset": inbox.url("reset"),
        "DNS stall": "json://stalls.example.no/x",
        "wrong certificate": f"jsons://127.0.0.1:{certificate.port}/x",
    }
    took = {"slow": "slow", "hang": "hang", "endless drip": "drip", "accepted then reset": "reset"}
    copies: dict[str, Callable[[], int]] = {name: partial(taken, inbox, path) for name, path in took.items()}
    copies["500 then ok"] = lambda: max(0, taken(inbox, "mends") - 1)
    return Zoo(inbox, urls, copies)


def taken(inbox: Inbox, path: str) -> int:
    return len(inbox.at(path))


def row(event: str, channel: str, state: RowState = RowState.DUE) -> Row:
    now = clock()
    incident = event.partition(".")[0]
    return Row(
        event=event,
        channel=channel,
        incident=incident,
        reason=PageReason.FIRST,
        severity=Severity.CRITICAL,
        title=f"CRITICAL {event}",
        body="the primary is dead",
        created=now,
        due=now,
        state=state,
    )


async def deliver(
    folder: Path, urls: Mapping[str, str], rows: Callable[[], Iterable[Row]], seconds: float, gap: Gap
) -> tuple[Counts, float, Mapping[tuple[str, str], str]]:
    """Send these rows for so long: what was counted, when they were taken, and how each row stood at the end."""
    counts, store = Counts(), await Store.open(folder / "drwatch.db")
    courier = Courier(urls)
    await courier.start()
    delivering = Delivering(courier, store, clock, counts, chance=lambda: 0.5)
    made = tuple(rows())
    try:
        async with asyncio.TaskGroup() as tasks:
            delivering.start(tasks, lambda *_: None, lambda _: "", lambda _: False, lambda: list(urls))
            watching = tasks.create_task(gap.watch())
            await store.commit([], made)
            began = clock().loop
            delivering.take(made)
            await asyncio.sleep(seconds)
            watching.cancel()
            left = {(each.event, each.channel): f"{each.state}: {each.detail}" for each in delivering.rows}
            raise asyncio.CancelledError
    except asyncio.CancelledError:
        await courier.close()
        await store.close()
    return counts, began, left


async def idle(seconds: float) -> Gap:
    """How late the loop comes on this machine while nothing is sent."""
    gap = Gap()
    watching = asyncio.create_task(gap.watch())
    await asyncio.sleep(seconds)
    watching.cancel()
    return gap


async def measure(zoo: Zoo, folder: Path, seconds: float) -> dict[str, object]:
    nothing = await idle(5.0)
    gap, kinds = Gap(), list(zoo.urls)
    healthy = {f"behind {kind}": zoo.inbox.url(f"behind-{number}") for number, kind in enumerate(kinds)}
    event = {kind: f"ZOOAA{chr(ord('A') + number)}.1" for number, kind in enumerate(kinds)}

    def one_each() -> Iterable[Row]:
        for kind in kinds:
            yield row(event[kind], kind)
            yield row(event[kind], f"behind {kind}", RowState.RESERVE)

    counts, began, left = await deliver(folder / "each", {**zoo.urls, **healthy}, one_each, seconds, gap)
    table: dict[str, dict[str, object]] = {}
    print(f"{'channel':22} {'healthy has it after':>20} {'copies':>6} {'there':>6}  attempts")
    for number, kind in enumerate(kinds):
        at = counts.first.get(f"behind {kind}")
        # One that takes it within its patience needs nobody to stand in.
        itself = counts.first.get(kind)
        after, own = (None if when is None else round(when - began, 2) for when in (at, itself))
        copies = zoo.copies[kind]() if kind in zoo.copies else 0
        there = taken(zoo.inbox, f"behind-{number}")
        said = ", ".join(counts.outcomes.get(kind, []))
        table[kind] = {"healthy_after_s": after, "itself_after_s": own, "copies": copies, "copies_healthy": there}
        table[kind]["attempts"] = [str(outcome) for outcome in counts.outcomes.get(kind, [])]
        when = f"{after:.2f} s" if after is not None else f"not needed ({own} s)"
        if at is not None and kind in counts.refused:
            table[kind]["after_refusal_s"] = round(at - counts.refused[kind], 2)
            said += f" (healthy {table[kind]['after_refusal_s']} s after the refusal)"
        print(f"{kind:22} {when:>20} {copies:6} {there:6}  {said}", flush=True)

    def all_at_once(state: RowState, name: str) -> Iterable[Row]:
        yield from (row(name, kind) for kind in kinds)
        yield row(name, OK, state)

    together: dict[str, float | None] = {}
    for words, state in (("in reserve", RowState.RESERVE), ("asked at once", RowState.DUE)):
        urls = {**zoo.urls, OK: zoo.inbox.url(f"healthy-{state}")}
        name = f"ZOOALL.{len(together) + 1}"
        counts, began, _ = await deliver(folder / words, urls, partial(all_at_once, state, name), 20.0, gap)
        at = counts.first.get(OK)
        together[words] = None if at is None else round(at - began, 2)
        print(f"all twelve at once, the healthy one {words}: {together[words]} s", flush=True)
    return {
        "alone": table,
        "together": together,
        "left": {f"{event} {channel}": words for (event, channel), words in left.items()},
        "gap_ms": round(gap.worst * 1000, 1),
        "gap_work_ms": round(gap.work * 1000, 1),
        "gap_idle_ms": round(nothing.worst * 1000, 1),
        "load": round(os.getloadavg()[0], 1),
    }


def step_inside(arguments: list[str]) -> None:
    """Begin anew in a network of our own, where names are asked of somebody who never answers."""
    if os.environ.get(INSIDE):
        return
    flags = ["--mount", "--net"] if os.geteuid() == 0 else ["--map-root-user", "--mount", "--net"]
    os.environ[INSIDE] = "yes"
    os.execvp("unshare", ["unshare", *flags, sys.executable, "-m", "bench.channel_zoo", *arguments])


def main() -> None:
    parser = argparse.ArgumentParser(prog="channel-zoo", description=__doc__)
    parser.add_argument("--seconds", type=float, default=110.0, help="for which the twelve pages are followed")
    options = parser.parse_args()
    step_inside(sys.argv[1:])
    logging.disable()
    with tempfile.TemporaryDirectory() as path, ExitStack() as stack:
        folder = Path(path)
        (folder / "resolv.conf").write_text(f"nameserver {RESOLVER}\n")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        subprocess.run(["mount", "--bind", folder / "resolv.conf", "/etc/resolv.conf"], check=True)
        zoo = open_zoo(stack, folder)
        figures = asyncio.run(measure(zoo, folder, options.seconds))
    table: dict[str, dict[str, object]] = figures["alone"]  # type: ignore[assignment]
    together: dict[str, float | None] = figures["together"]  # type: ignore[assignment]
    firsts = [
        each["healthy_after_s"] if each["healthy_after_s"] is not None else each["itself_after_s"]
        for each in table.values()
    ]
    times = [each if isinstance(each, float) else float("inf") for each in (*firsts, *together.values())]
    copies = max(int(str(each[name])) for each in table.values() for name in ("copies", "copies_healthy"))
    gap = float(str(figures["gap_ms"]))
    refusals = [float(str(each["after_refusal_s"])) for each in table.values() if "after_refusal_s" in each]
    met = max(times) <= ACCEPTED_WITHIN and copies <= COPIES and gap < GAP * 1000
    met = met and max(refusals, default=0.0) <= AFTER_REFUSAL
    line = (
        f"a healthy channel has each page within {max(times):.1f} s, at most {copies} copies of one, "
        f"{max(refusals, default=0.0):.2f} s after a refusal for good, "
        f"the event loop held up for {gap:.0f} ms at worst ({figures['gap_idle_ms']} ms while idle)"
    )
    finish("channel-zoo", figures, met, line)


if __name__ == "__main__":
    main()
