"""The courier's one loop: what is asked on stdin, what is answered on stdout."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import select
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import apprise

from drwatch.paging.courier.child import Child
from drwatch.paging.courier.redaction import Redactor
from drwatch.paging.courier.requesting import request
from drwatch.paging.courier.services import look, open_channels
from drwatch.paging.courier.telling import tell
from drwatch.paging.courier.verdict import AMBIGUOUS, FAILED, REFUSED


@dataclass(slots=True)
class Attempt:
    id: int
    child: Child
    begun: float
    due: float


class Desk:
    """The courier's one loop: asks come in, attempts are forked, watched and ended, answers go out."""

    def __init__(self, inbox: int, outbox: int) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._limit = 15.0
        self._services: dict[str, apprise.NotifyBase] = {}
        self._wrong: dict[str, str | None] = {}
        self._redact: Redactor = Redactor(())
        self._attempts: dict[int, Attempt] = {}
        self._waiting: deque[dict[str, Any]] = deque()
        """Attempts that are asked for and not begun."""
        self._poller = select.poll()
        self._poller.register(inbox, select.POLLIN)

    def run(self) -> None:
        """Serve until stdin ends."""
        rest = b""
        try:
            while True:
                for descriptor, _ in self._poller.poll(0 if self._waiting else self._patience()):
                    if descriptor != self._inbox:
                        if not self._attempts[descriptor].child.read():
                            self._settle(descriptor)
                        continue
                    part = os.read(self._inbox, 65536)
                    if not part:
                        return
                    *lines, rest = (rest + part).split(b"\n")
                    for line in lines:
                        self._asked(json.loads(line))
                self._end_overdue()
                if self._waiting:
                    # One a turn: what the first came to is told before the fiftieth is begun.
                    self._send(self._waiting.popleft())
        finally:
            for attempt in self._attempts.values():
                attempt.child.kill()

    def _patience(self) -> float | None:
        """Milliseconds until an attempt is overdue; None without one."""
        if not self._attempts:
            return None
        return max(0.0, min(attempt.due for attempt in self._attempts.values()) - time.monotonic()) * 1000 + 1

    def _asked(self, ask: dict[str, Any]) -> None:
        if "channels" in ask:
            self._limit = float(ask.get("limit", self._limit))
            self._redact = Redactor(ask["channels"].values())
            self._services, self._wrong = open_channels(ask["channels"], self._limit)
            settle_memory()
            self._answer({"ready": self._wrong})
        elif "check" in ask:
            self._answer({"checked": {name: found.wrong for name, found in look(ask["check"], self._limit).items()}})
        elif "lives" in ask:
            self._answer({"id": ask["id"], "lives": True})
        else:
            self._waiting.append(ask)

    def _send(self, ask: dict[str, Any]) -> None:
        limit, service = float(ask.get("limit", self._limit)), self._services.get(ask.get("channel", ""))
        if service is None and "request" not in ask:
            why = self._wrong.get(ask["channel"]) or "the courier was given no such channel"
            self._answer({"id": ask["id"], "outcome": REFUSED, "detail": why, "seconds": 0.0})
            return

        def inside() -> object:
            verdict = request(ask["request"], limit) if "request" in ask else tell(service, ask, self._redact)
            return asdict(verdict)

        begun = time.monotonic()
        others = [self._outbox, *(attempt.child.pipe for attempt in self._attempts.values())]
        try:
            child = Child.start(inside, close=others)
        except OSError as error:
            why = f"no process for the attempt: {error.strerror}"
            self._answer({"id": ask["id"], "outcome": FAILED, "detail": why, "seconds": 0.0})
            return
        self._attempts[child.pipe] = Attempt(ask["id"], child, begun, begun + limit)
        self._poller.register(child.pipe, select.POLLIN)

    def _settle(self, pipe: int, late: bool = False) -> None:
        """The end of an attempt: its child has spoken, or died, or is overdue."""
        attempt = self._attempts.pop(pipe)
        self._poller.unregister(pipe)
        attempt.child.kill()
        verdict = attempt.child.answer()
        if not isinstance(verdict, dict):
            why = f"killed after {attempt.due - attempt.begun:.4g} s" if late else "the attempt died"
            verdict = {"outcome": AMBIGUOUS, "detail": f"{why}: it may have arrived", "killed": late}
        self._answer({"id": attempt.id, **verdict, "seconds": round(time.monotonic() - attempt.begun, 4)})

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for pipe in [pipe for pipe, attempt in self._attempts.items() if attempt.due <= now]:
            self._settle(pipe, late=True)

    def _answer(self, message: Mapping[str, object]) -> None:
        line = json.dumps(message).encode() + b"\n"
        while line:
            line = line[os.write(self._outbox, line) :]


def settle_memory() -> None:
    """Give back what loading used up, and keep the collector away from what the children share."""
    gc.collect()
    gc.freeze()
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
