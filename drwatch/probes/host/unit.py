"""What systemd says of the server's unit, asked as seldom as its use allows: an answer costs the node 8 ms of CPU."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from drwatch.core.sample import Moment, Process
from drwatch.probes.host.proc import Garbled, parse_unit
from drwatch.probes.ssh import Answer, Request, Shell, Unseen

UNITS = ("mariadb", "mysql", "mysqld")
"""Beside the one that the configuration names; the first that is loaded counts."""
EVERY = 30.0
"""Seconds between two questions while the server's process is there, or no unit is loaded."""
FRESH = 5.0
"""Seconds for which an answer is good while no process is there, when it is asked with each look."""
GRACE = 0.25
"""Seconds that the look which finds another process, or none, waits for systemd's word on it."""


class Unit:
    """The state of the server's unit, such as 'active/running'; None where it is not known."""

    def __init__(self, configured: str | None, clock: Callable[[], Moment]) -> None:
        self._names = " ".join(dict.fromkeys((configured, *UNITS) if configured else UNITS))
        self._clock = clock
        self._pids: tuple[int, ...] | None = None
        self._answered: Moment | None = None
        self._state: str | None = None

    async def state(self, shell: Shell, processes: tuple[Process, ...]) -> str | None:
        pids, before = tuple(process.pid for process in processes), self._pids
        self._pids = pids
        age = self._clock() - self._answered if self._answered else None
        if pids != before:
            # What was said of another process says nothing of this one.
            self._answered = None
            await self._wait(shell, self._ask(shell))
        elif age is None or age >= EVERY or (not pids and self._state is not None):
            self._ask(shell)
        if self._answered is None:
            return None
        return self._state if self._clock() - self._answered < (2 * EVERY if pids else FRESH) else None

    def _ask(self, shell: Shell) -> Request:
        request = shell.post("unit", self._names)
        request.future.add_done_callback(self._keep)
        return request

    async def _wait(self, shell: Shell, request: Request) -> None:
        with suppress(Unseen):
            await shell.wait(request, GRACE)
        if request.future.done():
            self._keep(request.future)

    def _keep(self, future: asyncio.Future[Answer]) -> None:
        if not future.cancelled() and not future.exception():
            answer = future.result()
            with suppress(Garbled):
                self._answered, self._state = answer.answered, parse_unit(answer)
