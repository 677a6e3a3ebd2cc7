"""What the tests of the MySQL probe say often."""

import asyncio
import gc
import shutil
import warnings
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from drwatch.core.sample import Blind, Moment, ReplicationFact, Sample, ServerFact
from drwatch.lab.binaries import Binaries
from drwatch.lab.replication import create_accounts, start_replication
from drwatch.lab.sandbox import Sandbox
from drwatch.lab.server import Flavour, Server
from drwatch.probes.mysql import HeldLook, LoginLook, MysqlServer

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Listen = Callable[[Talk], Awaitable[int]]
"""Listen on a free port with a conversation of the test's own; the port."""
Witness = Callable[..., MysqlServer]
"""A MysqlServer for a server of the lab, or for ``host`` and ``port``."""

EVERY_FLAVOUR = pytest.mark.parametrize("flavour", [f for f in Flavour if not f.endswith("-position")], ids=str)
"""Of servers, whichever way a standby would follow them."""
EVERY_SERVER = pytest.mark.parametrize(
    "flavour", [Flavour.MARIADB_1011, Flavour.MARIADB_118, Flavour.MYSQL_57, Flavour.MYSQL_97], ids=str
)
"""Of programs: where it does not matter what they have in their logs."""
EVERY_WAY = pytest.mark.parametrize("flavour", list(Flavour), ids=str)
"""Of pairs."""


def now() -> Moment:
    return Moment(asyncio.get_running_loop().time(), datetime.now(UTC))


async def until(condition: Callable[[], object], within: float, what: str) -> float:
    """Wait for the condition; the seconds that it took."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    while not condition():
        assert loop.time() - started < within, f"{what}: not within {within} s"
        await asyncio.sleep(0.002)
    return loop.time() - started


async def look_until(look: HeldLook | LoginLook, condition: Callable[[Sample], object], within: float) -> Sample:
    """Look again and again; the first sample for which the condition holds."""
    async with asyncio.timeout(within):
        while True:
            sample = await look.look()
            if condition(sample):
                return sample
            await asyncio.sleep(0.01)  # between two permitted dials a look answers at once


def why(sample: Sample) -> Blind:
    """The reason in a sample that must have no fact."""
    assert isinstance(sample.found, Blind), sample.found
    return sample.found


def server_fact(sample: Sample) -> ServerFact:
    assert isinstance(sample.found, ServerFact), sample.found
    return sample.found


def replication_fact(sample: Sample) -> ReplicationFact:
    assert isinstance(sample.found, ReplicationFact), sample.found
    return sample.found


class Stable:
    """Servers by what they were started with, so that tests which harm nothing can share one."""

    def __init__(self, sandbox: Sandbox, binaries: Binaries) -> None:
        self._sandbox, self._binaries = sandbox, binaries
        self._servers: dict[tuple[object, ...], Server] = {}
        self._pairs: dict[Flavour, tuple[Server, Server]] = {}
        self._own: list[Server] = []
        self._started = 0

    def start(self, flavour: Flavour, *options: str, accounts: bool = True) -> Server:
        """A server of one's own, to be killed or changed; gone with the test."""
        self._own.append(self._start(flavour, *options, accounts=accounts))
        return self._own[-1]

    def clear(self) -> None:
        """End what tests had of their own, its data too: a hundred of them would fill a small /tmp."""
        while self._own:
            server = self._own.pop()
            if server.alive:
                server.kill()
            shutil.rmtree(server.datadir)

    def _start(self, flavour: Flavour, *options: str, accounts: bool = True) -> Server:
        self._started += 1
        name = f"probed-{self._started}"
        server = Server(
            self._sandbox, self._binaries, flavour, name, "127.0.0.1", f"--server-id={100 + self._started}", *options
        )
        with warnings.catch_warnings(action="ignore", category=ResourceWarning):
            server.start()
            gc.collect()  # PyMySQL leaves the sockets of its failed attempts to the collector
        if accounts:
            create_accounts(server)
        return server

    def server(self, flavour: Flavour, *options: str) -> Server:
        """A shared one."""
        key = (flavour, *options)
        if key not in self._servers:
            self._servers[key] = self._start(flavour, *options)
        return self._servers[key]

    def pair(self, flavour: Flavour) -> tuple[Server, Server]:
        """A shared primary and its replicating standby."""
        if flavour not in self._pairs:
            primary, standby = self._start(flavour), self._start(flavour, "--read-only=1", "--log-slave-updates=1")
            start_replication(primary, standby, primary.address, primary.port)
            primary.sql("CREATE DATABASE shop")
            primary.sql("CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, what TEXT)")
            self._pairs[flavour] = primary, standby
        return self._pairs[flavour]
