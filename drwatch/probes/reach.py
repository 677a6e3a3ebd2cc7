"""Who can be reached by TCP: an outside anchor from the witness, and the primary's sshd from the standby."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable

from drwatch.core.sample import Blind, Key, Moment, Node, Probe, ReachFact, Reason, Sample
from drwatch.probes.ssh import DIAL_EVERY, Answer, SshNode, Unseen, connect, resolve, system_blind

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+")
_KILLED = (124, 137)
"""`timeout` ended the dial."""
_NO_COMMAND = 127
_WORDS = (
    (("refused",), Reason.REFUSED),
    (("no route", "unreachable", "host is down", "not permitted"), Reason.NO_ROUTE),
    (("timed out", "timeout", "in progress", "temporarily unavailable"), Reason.CONNECT_TIMEOUT),
    (
        ("not known", "name resolution", "resolve", "bad address", "no address", "unknown host", "getaddrinfo"),
        Reason.DNS,
    ),
    (("reset",), Reason.HUNG_UP),
)


class AnchorLook:
    """A dial from the witness (as ``node``) to ``host:port``, closed at once when it is answered."""

    def __init__(
        self,
        node: Node,
        *,
        host: str,
        port: int,
        clock: Callable[[], Moment],
        every: float = 5.0,
        deadline: float = 3.0,
    ) -> None:
        self.key = Key(node, Probe.REACH, f"{host}:{port}")
        self.every = every
        self.wake = asyncio.Event()
        self._host, self._port, self._clock, self._deadline = host, port, clock, deadline

    async def look(self) -> Sample:
        """A ReachFact, or why there is none: refused and timed out are told apart."""
        asked = self._clock()
        return Sample(self.key, asked, self._clock(), await self._dial(asked))

    async def close(self) -> None:
        """Nothing is held here."""

    async def _dial(self, asked: Moment) -> ReachFact | Blind:
        try:
            async with asyncio.timeout(self._deadline):
                sock, _ = await connect(await resolve(self._host, self._port))
        except OSError as fault:
            if isinstance(fault, TimeoutError):
                return Blind(Reason.CONNECT_TIMEOUT, f"{self.key.target}: no answer", fault.errno)
            return system_blind(fault, self.key.target)
        sock.close()
        return ReachFact(self._clock() - asked)


def parse(answer: Answer, target: str) -> Blind | None:
    """None if the far shell's dial was answered; its words tell why not."""
    code, _, text = (answer.lines[0] if answer.lines else b"").decode("utf-8", "replace").partition(" ")
    if not code.isdigit():
        return Blind(Reason.GARBLED, f"{target}: the dial from the node did not end well")
    if code == "0":
        return None
    if int(code) == _NO_COMMAND:
        return Blind(Reason.NO_DIALLER, "the node has no bash, python3, perl or nc to dial with")
    if int(code) in _KILLED:
        return Blind(Reason.CONNECT_TIMEOUT, f"{target}: no answer")
    for words, reason in _WORDS:
        if any(word in text.lower() for word in words):
            return Blind(reason, f"{target}: {reason.replace('_', ' ')}")
    return Blind(Reason.NO_ROUTE, f"{target}: the dial failed, nobody knows why")


def greets(answer: Answer) -> bool | None:
    """Whether anything was heard after the far shell's dial was answered; None if that shell cannot tell."""
    return {b"0 heard": True, b"0 mute": False}.get(answer.lines[0].strip() if answer.lines else b"")


class DoorLook:
    """A dial from a node's shell to ``key.target``, HOST:PORT: another host's sshd or an outside anchor, never a
    database: a dial there that does not log in counts against whoever dialled.

    Only when it is asked for, and at most once in 5 s whatever is asked: between, the last sample is handed out again.
    With ``greeting`` it waits a moment for what an sshd says of itself: a host that is frozen takes the dial as well.
    """

    def __init__(
        self,
        shell: SshNode,
        key: Key,
        *,
        clock: Callable[[], Moment],
        deadline: float = 3.0,
        greeting: bool = False,
    ) -> None:
        host, _, port = key.target.rpartition(":")
        if not _HOST.fullmatch(host) or not port.isdigit():
            raise ValueError(f"not HOST:PORT: {key.target!r}")
        self.key = key
        self.every = math.inf
        self.wake = asyncio.Event()
        self._node, self._clock = shell, clock
        self._limit = max(2 if greeting else 1, math.ceil(deadline))
        self._request = f"{self._limit} {host} {port}" + (f" {self._limit - 1}" if greeting else "")
        self._last: Sample | None = None

    async def look(self) -> Sample:
        """A ReachFact (its seconds include the start of the dialling program), or why there is none."""
        asked = self._clock()
        if self._last is not None and asked - self._last.asked < DIAL_EVERY:
            return self._last
        try:
            answer = await self._node.ask("dial", self._request, self._limit + 1.0)
        except Unseen as unseen:
            detail = f"no ssh to {self._node.address}: {unseen.blind.detail}"
            return Sample(self.key, asked, self._clock(), Blind(Reason.CHANNEL_LOST, detail), unseen.notes)
        found = parse(answer, self.key.target) or ReachFact(answer.answered - answer.asked, greets(answer))
        self._last = Sample(self.key, answer.asked, answer.answered, found)
        return self._last

    async def close(self) -> None:
        """Nothing is held here."""
