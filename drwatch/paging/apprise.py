"""Pages through Apprise: the daemon's end of the courier process, which it starts, asks, and replaces when it dies."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from drwatch.core.finding import Severity
from drwatch.core.paging import Delivery, Killed, Letter, Outcome

COMMAND: Final = (sys.executable, "-P", "-m", "drwatch.paging.courier")
"""Without the working directory on the import path: a stray apprise.py there must not become the courier's Apprise."""

PATIENCE: Final = 2.0
"""Seconds beyond an attempt's limit after which the courier is asked whether it lives, and as many to say so."""

START: Final = 30.0
"""Seconds that a courier may take until it is ready; 0.6 on an idle machine."""


class CourierBroken(Exception):
    """The courier does not start or does not answer; the text says so in one sentence."""


class _Process:
    """One courier process from start to end, and the asks that it still owes an answer."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._owed: dict[int | str, asyncio.Future[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls) -> _Process:
        """Raises CourierBroken when there can be no process."""
        try:
            process = await asyncio.create_subprocess_exec(
                *COMMAND,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # What a library prints may hold a channel's secrets; the courier itself speaks on stdout only.
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "MALLOC_ARENA_MAX": "2"},
                limit=2**20,
            )
        except OSError as error:
            raise CourierBroken(f"the courier cannot be started: {error.strerror or error}") from None
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and not self._reader.done()

    async def ask(self, name: int | str, message: Mapping[str, object], seconds: float) -> dict[str, Any]:
        """The answer to a message; ``name`` is the id, or the key, by which the answer is known.

        Raises TimeoutError after ``seconds``, CourierBroken when the process ends first.
        """
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._owed[name] = future
        try:
            async with asyncio.timeout(seconds):
                self.write(message)
                return await future
        finally:
            self._owed.pop(name, None)

    async def attempt(self, number: int, message: Mapping[str, object], limit: float) -> dict[str, Any]:
        """The answer to an attempt that may take so many seconds once the courier comes to it.

        A busy machine may make it late; one that does not say that it lives is stuck. Raises as ``ask`` does.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[dict[str, Any]] = loop.create_future()
        patience, end = limit + PATIENCE, loop.time() + 2 * limit + 2 * PATIENCE
        self._owed[number] = future
        try:
            self.write({"id": number, **message})
            while not future.done():
                await asyncio.wait({future}, timeout=patience)
                patience = PATIENCE
                if not future.done():
                    if loop.time() > end:
                        raise TimeoutError
                    with suppress(CourierBroken):
                        await self.ask(f"lives {number}", {"id": f"lives {number}", "lives": True}, PATIENCE)
            return future.result()
        finally:
            self._owed.pop(number, None)
            future.cancel()

    def write(self, message: Mapping[str, object]) -> None:
        if not self.alive or self._process.stdin is None:
            raise CourierBroken("the courier is gone")
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def _read(self) -> None:
        out = self._process.stdout
        assert out is not None
        try:
            while line := await out.readline():
                answer = json.loads(line)
                name = answer["id"] if "id" in answer else next(iter(answer))
                future = self._owed.get(name)
                if future is not None and not future.done():
                    future.set_result(answer)
        finally:
            self._settle_all()

    def _settle_all(self) -> None:
        for future in self._owed.values():
            if not future.done():
                future.set_exception(CourierBroken("the courier died"))

    async def end(self, seconds: float) -> None:
        """Close its stdin, upon which it kills its attempts and goes; kill it when it has not gone by then."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """SIGKILL; its attempts die with it."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader
        self._settle_all()


class Courier:
    """Carries pages through Apprise, every channel at once, in a process of its own.

    ``urls`` maps channel names to Apprise URLs, one target each. ``limit`` is the hard end of an attempt in seconds:
    it is killed then. A courier that neither answers soon after nor says that it lives is replaced. ``link`` gives the
    address where an incident is acknowledged from a channel, or nothing: made anew for each attempt, and kept nowhere.
    ``start`` are the seconds that a courier may take until it is ready. ``killed`` is told what had to be killed.
    """

    def __init__(
        self,
        urls: Mapping[str, str],
        limit: float = 15.0,
        link: Callable[[str, str], str] = lambda *_: "",
        start: float = START,
        killed: Callable[[Killed], None] = lambda _: None,
    ) -> None:
        self._urls, self._link, self._start, self._killed = dict(urls), link, start, killed
        self._limit = limit
        self._process: _Process | None = None
        self._starting: asyncio.Task[_Process] | None = None
        self._number = 0
        self._closed = False
        self.wrong: Mapping[str, str] = {}
        """The channels that cannot be used, and why in one sentence; known once the courier has started."""

    @property
    def pid(self) -> int | None:
        """The courier's process id while there is one."""
        return self._process.pid if self._process is not None and self._process.alive else None

    async def start(self) -> Mapping[str, str]:
        """Have the process ready, so that the first page need not wait for it; the channels that cannot be used.

        Never raises: what stops it now stops each page too, and is told with each.
        """
        with suppress(CourierBroken):
            await self._ready()
        return self.wrong

    async def _ready(self) -> _Process:
        if self._closed:
            raise CourierBroken("drwatch is stopping")
        if self._process is not None and self._process.alive:
            return self._process
        # One start for all who wait for it: else each would begin its own when the one before has failed.
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._begin(), name="courier")
        starting = self._starting
        await asyncio.wait((starting,))
        if starting.cancelled():
            raise CourierBroken("drwatch is stopping")
        return starting.result()

    async def _begin(self) -> _Process:
        if self._process is not None:
            await self._process.kill()
            self._process = None
        process = await _Process.start()
        try:
            answer = await process.ask("ready", {"channels": self._urls, "limit": self._limit}, self._start)
        except BaseException as error:
            await process.kill()
            if isinstance(error, TimeoutError):
                self._killed(Killed.COURIER)
                raise CourierBroken(f"the courier was not ready within {self._start:g} s") from None
            raise
        self.wrong = {name: why for name, why in answer["ready"].items() if why is not None}
        self._process = process
        return process

    async def send(self, letter: Letter) -> Delivery:
        """One attempt to deliver one page; never raises for what the world did.

        Its key marks copies as one incident where the service can tell (PagerDuty).
        """
        loud = "failure" if letter.severity is Severity.CRITICAL else "warning"
        # Where an end closes an incident, one that tells of the beginning too would be shown to nobody.
        kind = "info" if letter.quiet or letter.missed else "success" if letter.resolved else loud
        message = {
            "channel": letter.channel,
            "title": letter.title if letter.body else "",
            # Apprise refuses an empty body, and a service that has no titles puts one before the body.
            "body": letter.body or letter.title,
            "kind": kind,
            "incident": letter.key,
            "over": letter.test,
            # In a short message there is no room for it.
            "link": self._link(letter.incident, letter.channel) if letter.asks and letter.body else "",
        }
        came, _ = await self._attempt(message, self._limit)
        return came

    async def ask(self, request: Mapping[str, object], limit: float) -> tuple[Delivery, str]:
        """One HTTP request in a child of the courier, killed after ``limit`` seconds; never raises for what the world
        did. With it comes the body of the answer, where that was asked for and accepted.

        ``request`` has the ``url``, the ``method``, the ``headers``, the ``body``, the ``ca``, a PEM file or None, and
        whether the ``answer`` is to be read.
        """
        return await self._attempt({"request": request, "limit": limit}, limit)

    async def _attempt(self, message: Mapping[str, object], limit: float) -> tuple[Delivery, str]:
        loop = asyncio.get_running_loop()
        begun = loop.time()

        def came(outcome: Outcome, detail: str) -> tuple[Delivery, str]:
            return Delivery(outcome, detail, loop.time() - begun), ""

        try:
            process = await self._ready()
        except CourierBroken as broken:
            return came(Outcome.FAILED, str(broken))
        self._number += 1
        number = self._number
        try:
            answer = await process.attempt(number, message, limit)
        except TimeoutError:
            # Whatever else it carried finds it stuck too.
            if self._process is process:
                self._process = None
                self._killed(Killed.COURIER)
            await process.kill()
            return came(Outcome.AMBIGUOUS, "the courier was stuck and is replaced: it may have arrived")
        except CourierBroken as broken:
            return came(Outcome.AMBIGUOUS, f"{broken}: it may have arrived")
        if answer.get("killed"):
            self._killed(Killed.ATTEMPT)
        outcome, seconds = Outcome(answer["outcome"]), float(answer["seconds"])
        return Delivery(outcome, answer["detail"], seconds, wait=answer.get("wait")), answer.get("body", "")

    async def close(self) -> None:
        """End the process; attempts in flight are killed and come back ambiguous. Takes at most a second."""
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        process, self._process = self._process, None
        if process is not None:
            await process.end(0.7)


async def check(urls: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with these Apprise URLs, by name, a sentence each; nothing is sent.

    Raises CourierBroken when the courier does not start or answer.
    """
    process = await _Process.start()
    try:
        answer = await process.ask("checked", {"check": dict(urls)}, START)
    except TimeoutError:
        raise CourierBroken(f"the courier did not answer within {START:g} s") from None
    finally:
        await process.end(0.7)
    return {name: why for name, why in answer["checked"].items() if why is not None}
