"""A node to look at: a real sshd, and behind it the shell that the test asks for."""

import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from farnode import Clock, Far
from servers import Servers

from drwatch.lab.binaries import Binaries, cache, find
from drwatch.lab.sandbox import Sandbox
from drwatch.lab.sshd import Sshd
from drwatch.probes.ssh import SshNode

SHELLS = ("dash", "bash", "busybox")
"""POSIX shells that a node's `sh` may be."""


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    return find()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_far(sandbox: Sandbox, binaries: Binaries) -> Callable[..., Far]:
    """Starts a node. ``shell``: what its `sh` is; ``config``: lines of sshd_config; ``forced``: its forced command."""

    def make(
        shell: str = "dash", *, config: str = "", forced: str | None = None, programs: dict[str, str] | None = None
    ) -> Far:
        sshd = Sshd(sandbox, binaries, f"node-{shell}", "127.0.0.41", forced)
        bin, home = sandbox.directory(f"{shell}/bin"), sandbox.directory(f"{shell}/home")
        real = find_shell(shell)
        (bin / "sh").symlink_to(real)
        if shell == "busybox":
            for applet in ("date", "head", "stat", "timeout"):
                (bin / applet).symlink_to(real)
        for name, text in (programs or {}).items():
            (bin / name).write_text(text)
            (bin / name).chmod(0o755)
        settings = sshd.home / "sshd_config"
        settings.write_text(f"{config}\nSetEnv PATH={bin}:/usr/bin:/bin HOME={home}\n{settings.read_text()}")
        sshd.start()
        return Far(shell, sshd, home, sandbox.path)

    return make


def find_shell(name: str) -> Path:
    found = shutil.which(name) or next((str(p) for p in cache().glob(f"*/bin/{name}")), None)
    if found is None:
        pytest.skip(f"{name} is not on this machine")
    return Path(os.path.realpath(found))


@pytest.fixture
def far(make_far: Callable[..., Far]) -> Far:
    return make_far()


@pytest.fixture(params=SHELLS)
def any_far(request: pytest.FixtureRequest, make_far: Callable[..., Far]) -> Far:
    return make_far(request.param)


@pytest.fixture
async def connect(clock: Clock) -> AsyncIterator[Callable[..., SshNode]]:
    """Opens (lazily) the connection to a node; closed at the end of the test."""
    opened: list[SshNode] = []

    def connect(far: Far, **changed: object) -> SshNode:
        opened.append(far.node(clock, **changed))
        return opened[-1]

    yield connect
    for node in opened:
        await node.close()


@pytest.fixture
def servers(sandbox: Sandbox) -> Iterator[Servers]:
    servers = Servers(sandbox)
    yield servers
    servers.end()
