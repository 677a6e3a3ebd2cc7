"""What the tests of the probes know of a node, and how they wait."""

import asyncio
import ctypes
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from drwatch.core.sample import Moment, Node
from drwatch.lab.sandbox import descendants
from drwatch.lab.sshd import Sshd
from drwatch.probes.ssh import SshNode

T = TypeVar("T")
NODE = Node("shop", "oslo-a")


class Clock:
    """The machine's clock, which a test may set forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> Moment:
        return Moment(time.monotonic() + self.ahead, datetime.now(UTC) + timedelta(seconds=self.ahead))


@dataclass
class Far:
    """``name``: of its shell."""

    name: str
    sshd: Sshd
    home: Path
    sandbox: Path

    def node(self, clock: Clock, **changed: Any) -> SshNode:
        settings: dict[str, Any] = {
            "host": self.sshd.address,
            "port": self.sshd.port,
            "user": self.sshd.user,
            "key_file": str(self.sshd.key),
            "clock": clock,
        }
        if "known_hosts_file" not in changed:
            settings["known_hosts_file"] = str(self.trust())
        return SshNode(NODE, **{**settings, **changed})

    def trust(self, lines: str | None = None, name: str = "known_hosts") -> Path:
        path = self.sandbox / name
        path.write_text(self.sshd.known_hosts if lines is None else lines)
        return path

    def pids(self, name: str | None = None) -> list[int]:
        """Processes below the node's sshd that are not sshd's own, by the name they were started under."""
        found = []
        for pid in descendants(self.sshd.process.pid):
            try:
                started_as = os.path.basename(argv(pid)[0].decode())
            except OSError:
                continue
            # Of one that has ended and was not yet waited for, nothing but the number is left.
            if started_as and name in (None, started_as) and not started_as.startswith(("sshd", "ld-linux")):
                found.append(pid)
        return found

    def shell(self) -> int:
        """The pid of drwatch's shell there."""
        shells = self.pids("sh")
        [pid] = [pid for pid in shells if parent(pid) not in shells]
        return pid


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", path], check=True)
    return path


def argv(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


def resident(pid: int) -> int:
    """KiB."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0])


async def eventually(condition: Callable[[], T], *, within: float, what: str) -> T:
    """The first truthy value of ``condition``."""
    give_up_at = time.monotonic() + within
    while True:
        if value := condition():
            return value
        assert time.monotonic() < give_up_at, f"{what}: not within {within:g} s"
        await asyncio.sleep(0.01)


async def promised(look: Callable[[], Awaitable[T]], good: Callable[[T], bool], *, within: float) -> T:
    """The first result of ``look`` that is ``good``."""
    give_up_at = time.monotonic() + within
    while True:
        if good(last := await look()):
            return last
        assert time.monotonic() < give_up_at, f"not within {within:g} s; the last was {last}"
        await asyncio.sleep(0.02)


@contextmanager
def hung_mount(place: Path) -> Iterator[Path]:
    """A file system whose server never answers: whoever touches it hangs until it is gone. Root's alone to make."""
    if os.getuid() != 0 or not os.access("/dev/fuse", os.W_OK):
        pytest.skip("only root can mount, and with /dev/fuse")
    libc = ctypes.CDLL(None, use_errno=True)
    server = os.open("/dev/fuse", os.O_RDWR)
    try:
        options = f"fd={server},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        if libc.mount(b"hung", bytes(place), b"fuse.hung", 0, options):
            pytest.skip(f"no FUSE here: {os.strerror(ctypes.get_errno())}")
        yield place
    finally:
        os.close(server)
        libc.umount2(bytes(place), 2)
