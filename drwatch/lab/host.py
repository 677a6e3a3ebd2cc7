"""Where a part of the lab runs: on the machine's own loopback, or on a host in the lab's own network."""

import ctypes
import os
import random
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_NEW_NETWORK = 0x40000000
"""CLONE_NEWNET of <linux/sched.h>: os.setns came with Python 3.12."""

_PRIVATE_ETC = """\
for file in hosts resolv.conf; do
    if [ -e "/etc/$file" ] && [ -e "$0/$file" ]; then mount --bind "$0/$file" "/etc/$file"; fi
done
exec "$@"
"""


@dataclass(frozen=True)
class Host:
    """The machine itself, unless it has a namespace: then what it runs has a network and name resolution of its own."""

    address: str = "127.0.0.1"
    address6: str = ""
    namespace: Path | None = None
    etc: Path | None = None
    """The `hosts` and `resolv.conf` that are read there in the place of the machine's."""
    neighbours: tuple[str, ...] = ("127.0.0.%",)
    """Who may log in to a server there, as MySQL writes the host of an account."""

    @property
    def apart(self) -> bool:
        """Whether it has a network of its own."""
        return self.namespace is not None

    def inside(self, argv: Sequence[str | Path]) -> list[str | Path]:
        """The command that runs ``argv`` there, under the same pid."""
        if self.namespace is None:
            return list(argv)
        command: list[str | Path] = ["nsenter", f"--net={self.namespace}"]
        if self.etc is not None:
            command += ["unshare", "--mount", "sh", "-c", _PRIVATE_ETC, self.etc]
        return [*command, *argv]

    def enter(self) -> None:
        """Move the calling thread there for good: the sockets that it opens are of that network."""
        if self.namespace is None:
            return
        libc = ctypes.CDLL(None, use_errno=True)
        with self.namespace.open() as place:
            if libc.setns(place.fileno(), _NEW_NETWORK):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(self.namespace))

    def call(self, work: Callable[[], T]) -> T:
        """What ``work`` returns when it is done there, in a thread of its own."""
        if self.namespace is None:
            return work()
        with ThreadPoolExecutor(1, initializer=self.enter) as there:
            return there.submit(work).result()

    def port(self, usual: int, address: str = "") -> int:
        """The port that a service takes: the usual one where nobody else can have it."""
        return usual if self.apart else free_port(address or self.address)

    def dial(self, address: str, port: int) -> socket.socket | None:
        """A connection from there; None on the machine itself, where anybody can dial."""
        if self.namespace is None:
            return None
        return self.call(lambda: socket.create_connection((address, port), timeout=10))


HERE = Host()


def free_port(address: str) -> int:
    """A TCP port free on that address; below the ephemeral range, so no outgoing connection takes a dead server's."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
