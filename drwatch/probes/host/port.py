"""The database server's port as its own host's kernel sees it (/proc/net/tcp): who listens there, who is connected."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address

from drwatch.core.sample import Blind, Key, Moment, PortFact, Probe, Reason, Sample
from drwatch.probes.ssh import DIAL_EVERY, Answer, SshNode, Unseen, resolve

FIRST_VERSION = 3
"""Of node.sh that can be asked for it."""
_NO_COMMAND = 127

QUEUE_AGAIN = 1.0
"""Seconds after which it is asked again where connections wait: one glimpse of a queue says little."""


def digits(address: IPv4Address | IPv6Address) -> tuple[str, ...]:
    """An address as /proc/net/tcp and tcp6 print it: words of 32 bits, each in the byte order of that machine."""
    words = address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed

    def printed(little: bool, octets: bytes) -> str:
        quads = [octets[at : at + 4] for at in range(0, len(octets), 4)]
        return "".join((quad[::-1] if little else quad).hex() for quad in quads).upper()

    plain = (address.packed,) if address.version == 4 else ()
    return tuple(printed(little, octets) for little in (True, False) for octets in (*plain, words))


_LOOPBACK = re.compile(r"(0{16}FFFF0000)?[0-9A-F]{6}7F|(0{20}FFFF)?7F000001|0{24}01000000|0{31}1")
"""127.0.0.0/8 and ::1 as they are printed; of machines whose most significant byte comes first 127.0.0.1 alone, for
7F00000A is 10.0.0.127 on the others."""


def parse(answer: Answer, names: Mapping[str, str], local: bool = False) -> PortFact | Blind:
    """``names`` of the nodes by the digits that were asked for.

    A listener on loopback takes nobody from outside: it counts only where the witness too dials loopback, ``local``.
    """
    if answer.status == _NO_COMMAND:
        return Blind(Reason.NO_PRIVILEGE, "the node has no grep to look through its connections")
    if answer.status:
        return Blind(Reason.GARBLED, "the node's list of connections could not be read")
    waiting: list[int] = []
    readers: set[str] = set()
    for line in answer.lines:
        match line.decode("ascii", "replace").split():
            case [at, _, "0A", queues, *_] if local or not _LOOPBACK.fullmatch(at.partition(":")[0]):
                # Of a socket that listens, rx_queue counts the connections that nobody has accepted.
                with suppress(ValueError):
                    waiting.append(int(queues.partition(":")[2], 16))
            case [_, remote, "01", *_] if (address := remote.partition(":")[0]) in names:
                readers.add(names[address])
    return PortFact(bool(waiting), sum(waiting), tuple(sorted(readers)))


class PortLook:
    """Only when it is asked for, and at most once in 5 s, 1 s where connections wait: between, the last sample is
    handed out again.

    ``host`` and ``port`` are the server's, as the witness dials it; ``readers``: by name the hosts or addresses from
    which another node of the cluster may be connected.
    """

    def __init__(
        self,
        shell: SshNode,
        host: str,
        port: int,
        readers: Mapping[str, Iterable[str]],
        *,
        clock: Callable[[], Moment],
        deadline: float = 2.0,
    ) -> None:
        self.key = Key(shell.node, Probe.PORT)
        self.every = math.inf
        self.wake = asyncio.Event()
        self._shell, self._host, self._port = shell, host, port
        self._clock, self._deadline = clock, deadline
        self._readers = {name: frozenset(hosts) for name, hosts in readers.items()}
        self._last: Sample | None = None

    async def look(self) -> Sample:
        """A PortFact, or why there is none."""
        asked = self._clock()
        if self._last is not None:
            queue = isinstance(self._last.found, PortFact) and self._last.found.waiting
            if asked - self._last.asked < (QUEUE_AGAIN if queue else DIAL_EVERY):
                return self._last
        try:
            shell = await self._shell.shell()
            names, local = await self._names(), any(each.is_loopback for each in await self._addresses(self._host))
            if shell.version is None:
                await shell.wait(shell.post("look"), self._deadline)  # what it answers first of all is its version
            if (shell.version or 0) < FIRST_VERSION:
                blind = Blind(Reason.MISSING, f"{self._shell.address} runs an older node.sh: do ssh-setup again")
                return Sample(self.key, asked, self._clock(), blind)
            answer = await shell.wait(shell.post("port", " ".join((f"{self._port:04X}", *names))), self._deadline)
        except Unseen as unseen:
            return Sample(self.key, asked, self._clock(), unseen.blind, unseen.notes)
        self._last = Sample(self.key, answer.asked, answer.answered, parse(answer, names, local))
        return self._last

    async def close(self) -> None:
        """Nothing is held here."""

    async def _names(self) -> dict[str, str]:
        """The nodes' names by their addresses' digits; one whose name does not resolve now is left out."""
        found: dict[str, str] = {}
        for name, hosts in self._readers.items():
            for host in hosts:
                for address in await self._addresses(host):
                    found |= dict.fromkeys(digits(address), name)
        return found

    async def _addresses(self, host: str) -> list[IPv4Address | IPv6Address]:
        """None for a name that does not resolve now."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._deadline):
                return [ip_address(where[0].partition("%")[0]) for *_, where in await resolve(host, self._port)]
        return []
