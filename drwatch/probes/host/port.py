"""The database server's port as its own host's kernel sees it (/proc/net/tcp): who listens there, who is connected."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address

from drwatch.core.sample import Blind, Key, Moment, PortFact, Probe, Reason, Sample
from drwatch.probes.ssh import DIAL_EVERY, Answer, SshNode, Unseen, resolve

FIRST_VERSION = 3
"""Of node.sh that can be asked for it."""
_NO_COMMAND = 127


def digits(address: IPv4Address | IPv6Address) -> tuple[str, ...]:
    """An address as /proc/net/tcp and tcp6 print it: words of 32 bits, each in the byte order of that machine."""
    words = address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed

    def printed(little: bool, octets: bytes) -> str:
        quads = [octets[at : at + 4] for at in range(0, len(octets), 4)]
        return "".join((quad[::-1] if little else quad).hex() for quad in quads).upper()

    plain = (address.packed,) if address.version == 4 else ()
    return tuple(printed(little, octets) for little in (True, False) for octets in (*plain, words))


def parse(answer: Answer, names: Mapping[str, str]) -> PortFact | Blind:
    """``names`` of the nodes by the digits that were asked for."""
    if answer.status == _NO_COMMAND:
        return Blind(Reason.NO_PRIVILEGE, "the node has no grep to look through its connections")
    if answer.status:
        return Blind(Reason.GARBLED, "the node's list of connections could not be read")
    waiting: list[int] = []
    readers: set[str] = set()
    for line in answer.lines:
        match line.decode("ascii", "replace").split():
            case [_, _, "0A", queues, *_]:
                # Of a socket that listens, rx_queue counts the connections that nobody has accepted.
                with suppress(ValueError):
                    waiting.append(int(queues.partition(":")[2], 16))
            case [_, remote, "01", *_] if (address := remote.partition(":")[0]) in names:
                readers.add(names[address])
    return PortFact(bool(waiting), sum(waiting), tuple(sorted(readers)))


class PortLook:
    """Only when it is asked for, and at most once in 5 s: between, the last sample is handed out again.

    ``readers``: by name the hosts or addresses from which another node of the cluster may be connected.
    """

    def __init__(
        self,
        shell: SshNode,
        port: int,
        readers: Mapping[str, Iterable[str]],
        *,
        clock: Callable[[], Moment],
        deadline: float = 2.0,
    ) -> None:
        self.key = Key(shell.node, Probe.PORT)
        self.every = math.inf
        self.wake = asyncio.Event()
        self._shell, self._port, self._clock, self._deadline = shell, port, clock, deadline
        self._readers = {name: frozenset(hosts) for name, hosts in readers.items()}
        self._last: Sample | None = None

    async def look(self) -> Sample:
        """A PortFact, or why there is none."""
        asked = self._clock()
        if self._last is not None and asked - self._last.asked < DIAL_EVERY:
            return self._last
        try:
            shell = await self._shell.shell()
            names = await self._names()
            if shell.version is None:
                await shell.wait(shell.post("look"), self._deadline)  # what it answers first of all is its version
            if (shell.version or 0) < FIRST_VERSION:
                blind = Blind(Reason.MISSING, f"{self._shell.address} runs an older node.sh: do ssh-setup again")
                return Sample(self.key, asked, self._clock(), blind)
            answer = await shell.wait(shell.post("port", " ".join((f"{self._port:04X}", *names))), self._deadline)
        except Unseen as unseen:
            return Sample(self.key, asked, self._clock(), unseen.blind, unseen.notes)
        self._last = Sample(self.key, answer.asked, answer.answered, parse(answer, names))
        return self._last

    async def close(self) -> None:
        """Nothing is held here."""

    async def _names(self) -> dict[str, str]:
        """The nodes' names by their addresses' digits; one whose name does not resolve now is left out."""
        found: dict[str, str] = {}
        for name, hosts in self._readers.items():
            for host in hosts:
                with suppress(OSError, TimeoutError):
                    async with asyncio.timeout(self._deadline):
                        for *_, where in await resolve(host, self._port):
                            found |= dict.fromkeys(digits(ip_address(where[0].partition("%")[0])), name)
        return found
