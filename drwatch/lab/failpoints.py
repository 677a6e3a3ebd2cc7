"""Where drwatch is killed between what it sees and what a phone has accepted: put around it from outside.

Production code knows nothing of these places: ``python -m drwatch.lab.failpoints NAME FAULT SINCE run --config FILE``
is drwatch itself with some of its functions wrapped before it starts, and with a simulated pair in place of a real one.
The fault is on the pair for as long as the file FAULT is there. The pair has been well since SINCE (monotonic seconds),
whoever watched it meanwhile.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import runpy
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import Any

from drwatch.core.paging import PageReason
from drwatch.daemon import build, keeping, watch
from drwatch.daemon import delivery as sending
from drwatch.lab.simulated import EPOCH
from drwatch.lab.simulated_looks import looks
from drwatch.lab.simulated_stream import Stream, gtid
from drwatch.lab.simulator import World
from drwatch.paging import apprise
from drwatch.store import ballast, blackbox, memory, votes, writer

FAULT = "standby-writable"
RATE = 50.0


class Stage(IntEnum):
    """From when on a place counts."""

    STARTED = 0
    FOUND = 1
    """Something is wrong, and nobody is told yet."""
    DECIDED = 2
    """A page was decided."""
    ESCALATED = 3
    RESOLVED = 4


@dataclass(frozen=True)
class Failpoint:
    """A place in the program: before or after a function's ``nth`` call since a stage; or an SQL statement in it."""

    name: str
    owner: Any
    function: str
    stage: Stage = Stage.DECIDED
    after: bool = False
    nth: int = 1
    statement: str = ""
    """How the statement begins that is about to run; then ``owner`` is the store, and ``function`` what runs it."""
    stop: bool = False
    """SIGSTOP instead: somebody waits for this moment."""


def before(name: str, owner: Any, function: str, stage: Stage = Stage.DECIDED, nth: int = 1) -> Failpoint:
    return Failpoint(name, owner, function, stage, nth=nth)


def after(name: str, owner: Any, function: str, stage: Stage = Stage.DECIDED, nth: int = 1) -> Failpoint:
    return Failpoint(name, owner, function, stage, after=True, nth=nth)


def at(name: str, function: str, statement: str, nth: int = 1) -> Failpoint:
    return Failpoint(name, writer.Store, function, nth=nth, statement=statement)


STOPPED = Failpoint("decided, and stopped there", watch.Daemon, "_row", stop=True)

FAILPOINTS = {
    each.name: each
    for each in (
        before("judging: before a judgement", watch.Daemon, "_tick", Stage.FOUND, nth=2),
        after("judging: something is wrong", watch, "assess", Stage.FOUND),
        after("judging: an incident is suspected", watch, "advance", Stage.FOUND),
        after("judging: its flapping is counted", watch, "flap", Stage.FOUND),
        before("paging: decided, not yet in words", watch.Daemon, "_row"),
        after("paging: in words", watch.Daemon, "_row"),
        before("committing: before it is asked", keeping.Keeping, "commit"),
        before("committing: in the store's thread", writer.Store, "_commit"),
        at("committing: before the transaction", "_commit", "BEGIN"),
        at("committing: before the incident", "_commit", "INSERT OR REPLACE INTO incidents"),
        at("committing: before the page's row", "_commit", "INSERT OR REPLACE INTO ledger"),
        before("committing: before the votes", votes, "keep"),
        after("committing: after the votes", votes, "keep"),
        at("committing: before what was decided", "_commit", "INSERT OR IGNORE INTO decisions"),
        at("committing: before COMMIT", "_commit", "COMMIT"),
        before("committing: after COMMIT", ballast, "lay_in"),
        after("committing: back in the loop", keeping.Keeping, "commit"),
        before("sending: before the rows are taken", sending.Delivering, "take", nth=1),
        after("sending: the rows are taken", sending.Delivering, "take", nth=1),
        before("sending: its task begins", sending.Delivering, "_deliver"),
        before("sending: before it is marked as being sent", sending.Delivering, "_attempt"),
        at("marking as being sent: before the transaction", "_mark", "BEGIN"),
        at("marking as being sent: before the attempt's line", "_mark", "INSERT INTO attempts"),
        at("marking as being sent: before COMMIT", "_mark", "COMMIT"),
        after("marking as being sent: after COMMIT", writer.Store, "_mark"),
        before("sending: before the courier is asked", apprise.Courier, "send"),
        before("sending: before the words go to it", apprise._Process, "write"),
        after("sending: the words are with it", apprise._Process, "write"),
        after("sending: the provider has accepted", apprise.Courier, "send"),
        at("marking as accepted: before the transaction", "_mark", "BEGIN", nth=2),
        at("marking as accepted: before the row", "_mark", "INSERT OR REPLACE INTO ledger", nth=2),
        at("marking as accepted: before the attempt's line", "_mark", "INSERT INTO attempts", nth=2),
        at("marking as accepted: before COMMIT", "_mark", "COMMIT", nth=2),
        after("marking as accepted: after COMMIT", writer.Store, "_mark", nth=2),
        after("sending: the channel's health is known", watch.Daemon, "_told"),
        before("remembering: before it is written", writer.Store, "_remember"),
        after("remembering: before the black box", memory, "save"),
        after("remembering: before COMMIT", blackbox, "append"),
        after("remembering: after COMMIT", writer.Store, "_remember"),
        before("escalating: before it is committed", keeping.Keeping, "commit", Stage.ESCALATED),
        after("escalating: after it is committed", keeping.Keeping, "commit", Stage.ESCALATED),
        after("escalating: the provider has accepted", apprise.Courier, "send", Stage.ESCALATED),
        before("resolving: before it is committed", keeping.Keeping, "commit", Stage.RESOLVED),
        after("resolving: after it is committed", keeping.Keeping, "commit", Stage.RESOLVED),
        before("resolving: before the courier is asked", apprise.Courier, "send", Stage.RESOLVED),
        after("resolving: the provider has accepted", apprise.Courier, "send", Stage.RESOLVED),
        before("starting: before the ledger is read", writer.Store, "_load", Stage.STARTED),
        after("starting: the ledger is read", writer.Store, "_load", Stage.STARTED),
        after("starting: the memory is recalled", watch, "recall", Stage.STARTED),
        after("starting: the rows that waited are taken", sending.Delivering, "take", Stage.STARTED),
        before("starting: before the first judgement", watch.Daemon, "_tick", Stage.STARTED),
        after("starting: after the first judgement", watch.Daemon, "_tick", Stage.STARTED),
    )
}


class Trap:
    """One failpoint, laid; it counts the calls since its stage."""

    def __init__(self, point: Failpoint | None) -> None:
        self._point = point
        self._stage = Stage.STARTED
        self._calls = 0
        self._inside = ""
        self._wrap(watch, "assess", then=lambda found: self._reach(Stage.FOUND if found.findings else Stage.STARTED))
        self._wrap(watch, "page", then=self._paged)
        if point is None:
            return
        if point.statement:
            self._wrap(writer.Store, point.function, first=lambda: self._enter(point.function), then=self._leave)
            self._wrap(writer, "connect", then=lambda db: db.set_trace_callback(self._says))
        else:
            self._wrap(
                point.owner,
                point.function,
                first=None if point.after else self._call,
                then=(lambda _: self._call()) if point.after else None,
            )

    def _reach(self, stage: Stage) -> None:
        self._stage = max(self._stage, stage)

    def _paged(self, page: Any) -> None:
        if page is not None:
            late = {PageReason.ESCALATED: Stage.ESCALATED, PageReason.RESOLVED: Stage.RESOLVED}
            self._reach(late.get(page.reason, Stage.DECIDED))

    def _enter(self, function: str) -> None:
        self._inside = function

    def _leave(self, _: Any) -> None:
        self._inside = ""

    def _says(self, statement: str) -> None:
        assert self._point is not None
        if self._inside and statement.lstrip().startswith(self._point.statement):
            self._call()

    def _call(self) -> None:
        point = self._point
        assert point is not None
        if self._stage < point.stage:
            return
        self._calls += 1
        if self._calls == point.nth:
            os.kill(os.getpid(), signal.SIGSTOP if point.stop else signal.SIGKILL)

    @staticmethod
    def _wrap(
        owner: Any,
        function: str,
        first: Callable[[], None] | None = None,
        then: Callable[[Any], None] | None = None,
    ) -> None:
        real = getattr(owner, function)

        async def later(*arguments: Any, **named: Any) -> Any:
            if first:
                first()
            came = await real(*arguments, **named)
            if then:
                then(came)
            return came

        def at_once(*arguments: Any, **named: Any) -> Any:
            if first:
                first()
            came = real(*arguments, **named)
            if then:
                then(came)
            return came

        setattr(owner, function, later if inspect.iscoroutinefunction(real) else at_once)


def simulate(fault: Path, since: float) -> None:
    """Let the daemon be built with a simulated pair's looks."""

    def of_the_pair(*_: Any) -> Any:
        loop = asyncio.get_running_loop()
        EPOCH.set(datetime.now(UTC) - timedelta(seconds=loop.time()))
        world = World("shop", RATE)
        place = (1, 1000.0 + RATE * (loop.time() - since))
        world.primary.position = world.standby.position = place
        world.standby.applied, world.stream = gtid(place), Stream((), place, loop.time())
        world.primary.since = world.standby.since = since
        task = loop.create_task(follow(world, fault))
        made = looks(world)
        made[0].following = task  # type: ignore[attr-defined]  # else it would be collected
        return made

    build.looks = of_the_pair  # type: ignore[assignment]


def _there(fault: Path) -> bool:
    return fault.exists()


async def follow(world: World, fault: Path) -> None:
    struck = False
    while True:
        if _there(fault) is not struck:
            world.strike(FAULT, mend=struck)
            struck = not struck
        await asyncio.sleep(0.02)


def main() -> None:
    name, fault, since, *arguments = sys.argv[1:]
    Trap({**FAILPOINTS, STOPPED.name: STOPPED}.get(name))
    simulate(Path(fault), float(since))
    sys.argv = ["drwatch", *arguments]
    # Not imported: the command line stands above the lab.
    runpy.run_module("drwatch", run_name="__main__")


if __name__ == "__main__":
    main()
