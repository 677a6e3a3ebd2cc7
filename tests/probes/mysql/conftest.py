"""Real servers from the lab, odd peers on loopback, and a witness that is closed again."""

import asyncio
import contextlib
import gc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from watching import now

from drwatch.core.sample import Node
from drwatch.lab.binaries import Binaries, find
from drwatch.lab.replication import MONITOR, create_accounts, start_replication
from drwatch.lab.sandbox import Sandbox
from drwatch.lab.server import Flavour, Server
from drwatch.probes.mysql import MysqlServer

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Witness = Callable[..., MysqlServer]


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    return find()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


class Stable:
    """Servers by what they were started with, so that tests which harm nothing can share one."""

    def __init__(self, sandbox: Sandbox, binaries: Binaries) -> None:
        self._sandbox, self._binaries = sandbox, binaries
        self._servers: dict[tuple[object, ...], Server] = {}
        self._pairs: dict[tuple[object, ...], tuple[Server, Server]] = {}
        self._started = 0

    def start(self, flavour: Flavour, *options: str, accounts: bool = True) -> Server:
        """A server of one's own, to be killed or changed."""
        if not flavour.is_mariadb and self._binaries.mysqld57 is None:
            pytest.skip("MySQL 5.7 was never built for this processor")
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
            self._servers[key] = self.start(flavour, *options)
        return self._servers[key]

    def pair(self, flavour: Flavour, *, by_coordinate: bool = False) -> tuple[Server, Server]:
        """A shared primary and its replicating standby, on MariaDB by GTID or by coordinate."""
        key = (flavour, by_coordinate)
        if key not in self._pairs:
            primary, standby = self.start(flavour), self.start(flavour, "--read-only=1", "--log-slave-updates=1")
            start_replication(primary, standby, primary.address, primary.port)
            if by_coordinate:
                for statement in ("STOP SLAVE", "CHANGE MASTER TO MASTER_USE_GTID=no", "START SLAVE"):
                    standby.sql(statement)
            primary.sql("CREATE DATABASE shop")
            primary.sql("CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, what TEXT)")
            self._pairs[key] = primary, standby
        return self._pairs[key]


@pytest.fixture(scope="session")
def stable(sandbox: Sandbox, binaries: Binaries) -> Stable:
    return Stable(sandbox, binaries)


@pytest_asyncio.fixture
async def witness() -> AsyncIterator[Witness]:
    """Make a MysqlServer for a server of the lab, or for ``host`` and ``port``."""
    made: list[MysqlServer] = []

    def make(server: Server | None = None, **settings: Any) -> MysqlServer:
        if server is not None:
            settings = {"host": server.address, "port": server.port} | settings
        user, password = MONITOR
        defaults = {"user": user, "password": password, "tls": None, "deadline": 1.0, "clock": now}
        made.append(MysqlServer(Node("shop", "oslo-a"), **(defaults | settings)))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest_asyncio.fixture
async def peer() -> AsyncIterator[Callable[[Peer], Awaitable[int]]]:
    """Listen on a free port with a conversation of the test's own; the port."""
    async with contextlib.AsyncExitStack() as stack:
        conversations: set[asyncio.Task[None]] = set()

        async def listen(talk: Peer) -> int:
            async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = asyncio.current_task()
                assert task is not None
                conversations.add(task)
                with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                    await talk(reader, writer)
                writer.transport.abort()

            server = await asyncio.start_server(answer, "127.0.0.1", 0)
            stack.callback(server.close)
            port: int = server.sockets[0].getsockname()[1]
            return port

        yield listen
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
