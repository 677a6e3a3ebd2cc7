"""The far shell, which runs node.sh: requests go in one a line, answers are told from noise."""

from __future__ import annotations

import asyncio
import secrets
import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources

import asyncssh

from drwatch.core.sample import Blind, Moment, Reason
from drwatch.probes.ssh.faults import Unseen
from drwatch.probes.ssh.hearing import BLOCK, Hearing, Word

VERSION = 4
"""Of the requests and answers of node.sh."""
DROP_AFTER = 30.0
"""Seconds after which a request in the background is given up on the node, so that nothing piles up there."""
KILLED = 128
"""A job's status from here on: it did not come to its own end."""
NOISE = 16 * 1024 * 1024
"""Bytes that a node may say beside its answers until the next one."""

SCRIPT = resources.files("drwatch.probes.ssh").joinpath("node.sh").read_bytes()
# The shell reads its script from stdin, so that no other user's `pgrep -f mysqld` finds it.
_END = "#drwatch-end"
_BOOTSTRAP = f's=; while IFS= read -r l; do [ "$l" != "{_END}" ] || break; s="$s$l\n"; done; eval "$s"'
COMMAND = f"exec sh -c {shlex.quote(_BOOTSTRAP)} drwatch"


@dataclass(frozen=True, slots=True)
class Answer:
    """The lines that a request brought, without the session's token; ``status`` is the job's, 0 for good."""

    asked: Moment
    answered: Moment
    lines: tuple[bytes, ...]
    status: int


@dataclass(slots=True)
class Request:
    """One that was sent; ``future`` brings its Answer, or Unseen."""

    number: int
    key: tuple[str, str]
    asked: Moment
    future: asyncio.Future[Answer]
    lines: list[bytes]


class Shell(asyncssh.SSHClientSession[bytes]):
    """The far shell: requests go in one a line, answers are told from noise by the session's token."""

    def __init__(self, clock: Callable[[], Moment], lost: Callable[[Shell, Blind], None]) -> None:
        self._clock = clock
        self._lost = lost
        self._token = secrets.token_hex(12).encode()
        self._hearing = Hearing(self._token)
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._requests: dict[int, Request] = {}
        self._by_key: dict[tuple[str, str], Request] = {}
        self._number = 0
        self._exit = ""
        self._filter = ""
        self._devices = ""
        self.alive = False
        self.proven = False
        """Whether it has answered at all."""
        self.version: int | None = None
        self._boot: datetime | None = None
        """Wall clock at uptime 0, where the shell has no clock of its own."""

    # What asyncssh calls.

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan

    def session_started(self) -> None:
        self.alive = True
        script = b"\n".join(s for s in SCRIPT.split(b"\n") if not s.lstrip().startswith(b"#"))
        self._write(b"%s\n%s\ndrwatch-hello %d %s\n" % (script, _END.encode(), VERSION, self._token))

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if datatype is not None:
            return
        for word in self._hearing.hear(data):
            self._take(word)
        if self._hearing.noise > NOISE:
            self.end(f"it sent {NOISE >> 20} MB that nobody asked for", Reason.GARBLED)

    def exit_status_received(self, status: int) -> None:
        self._exit = f"exit status {status}"

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self._exit = f"signal {signal}"

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(self._exit or "the connection broke")

    # What the probes call.

    def post(self, verb: str, argument: str = "") -> Request:
        """Send a request, or find the one alike that is still unanswered: nothing piles up on the node."""
        if not self.alive or self._channel is None:
            raise Unseen(Blind(Reason.CHANNEL_LOST, "the shell on the node is gone"))
        self._drop_stuck()
        key = (verb, "" if verb == "look" else argument)
        if request := self._by_key.get(key):
            return request
        self._number += 1
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_seen)
        request = Request(self._number, key, self._clock(), future, [])
        self._requests[request.number] = self._by_key[key] = request
        self._send(f"{verb} {request.number} {argument}")
        return request

    async def wait(self, request: Request, deadline: float) -> Answer:
        """Its answer, or Unseen after ``deadline`` seconds; it stays under way on the node."""
        try:
            async with asyncio.timeout(deadline):
                return await asyncio.shield(request.future)
        except TimeoutError:
            waited = self._clock() - request.asked
            detail = f"'{request.key[0]}' has gone unanswered for {waited:.1f} s"
            raise Unseen(Blind(Reason.QUERY_TIMEOUT, detail)) from None

    def filter(self, text: str) -> None:
        """Only processes whose command line holds ``text`` are the database server's."""
        if text != self._filter and self.alive:
            self._filter = text
            self._send(f"process {text}")

    def devices(self, numbers: str) -> None:
        """Those disks, MAJOR:MINOR with blanks between, are in each look, whatever they are; from version 3 on."""
        if numbers != self._devices and self.alive:
            self._devices = numbers
            self._send(f"devices {numbers}")

    def _drop_stuck(self) -> None:
        """Have the node end what hangs there. It stays asked until the node says that its process is gone, so that
        one that cannot be killed is not joined by another."""
        now = self._clock()
        for request in self._requests.values():
            if now - request.asked >= DROP_AFTER and request.key[0] != "look":
                self._send(f"drop {request.number}")

    def wall(self, uptime: bytes, now: bytes = b"-") -> datetime | None:
        """The node's wall clock: what its shell said, else its uptime counted from the last time `date` was asked."""
        try:
            if now != b"-":
                return datetime.fromtimestamp(float(now), UTC)
            return self._boot and self._boot + timedelta(seconds=float(uptime))
        except (ValueError, OverflowError, OSError):
            return None

    @property
    def needs_clock(self) -> bool:
        """Whether `date` has to be asked now and then, as the shell cannot tell the time."""
        return self._boot is not None

    def silence(self) -> float:
        """Seconds for which the fast look has gone unanswered."""
        waiting = [r.asked for r in self._requests.values() if r.key[0] == "look"]
        return self._clock() - waiting[0] if waiting else 0.0

    def end(self, why: str, reason: Reason = Reason.CHANNEL_LOST) -> None:
        """Give the shell up; every request that waits is told why."""
        if not self.alive:
            return
        self.alive = False
        blind = Blind(reason, f"the shell on the node is gone: {why}")
        for request in list(self._requests.values()):
            self._fail(request, blind)
        if self._channel is not None:
            self._channel.abort()
        self._lost(self, blind)

    def _send(self, line: str) -> None:
        self._write(line.encode() + b"\n")

    def _write(self, octets: bytes) -> None:
        assert self._channel is not None
        # A channel that is closing already: connection_lost comes next, and tells those that wait why.
        with suppress(BrokenPipeError):
            self._channel.write(octets)

    def _take(self, word: Word) -> None:
        if word.kind == "hello":
            self.version = word.number
        if word.kind == "clock":
            self._calibrate(word.rest)
        request = self._requests.get(word.number)
        if request is None or word.kind == "hello":
            return
        self.proven = True
        match word.kind:
            case "look":
                self._settle(request, 0, word.lines)
            case "flood":
                self._fail(request, Blind(Reason.GARBLED, f"the node's answer is longer than {BLOCK} bytes"))
            case "end":
                status = int(word.rest) if word.rest.isdigit() else 1
                if status < KILLED:
                    self._settle(request, status, tuple(request.lines))
                else:
                    self._fail(request, Blind(Reason.QUERY_TIMEOUT, f"'{request.key[0]}' was given up on the node"))
            case _:
                request.lines.append(word.rest)

    def _calibrate(self, line: bytes) -> None:
        match line.split():
            case [before, now, after]:
                try:
                    # busybox's date knows no %N and says it.
                    wall = float(now) if not now.endswith(b"N") else float(now.partition(b".")[0]) + 0.5
                    self._boot = datetime.fromtimestamp(wall - (float(before) + float(after)) / 2, UTC)
                except (ValueError, OverflowError, OSError):
                    return

    def _settle(self, request: Request, status: int, lines: tuple[bytes, ...]) -> None:
        self._forget(request)
        if not request.future.done():
            request.future.set_result(Answer(request.asked, self._clock(), lines, status))

    def _fail(self, request: Request, blind: Blind) -> None:
        self._forget(request)
        if not request.future.done():
            request.future.set_exception(Unseen(blind))

    def _forget(self, request: Request) -> None:
        self._requests.pop(request.number, None)
        if self._by_key.get(request.key) is request:
            del self._by_key[request.key]


def _seen(future: asyncio.Future[Answer]) -> None:
    """That nobody waits for it any more is no fault to report."""
    if not future.cancelled():
        future.exception()
