"""Real servers from the lab, odd peers on loopback, and a witness that is closed again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from watching import Listen, Stable, Talk, Witness, now

from drwatch.core.sample import Node
from drwatch.lab.binaries import Binaries, find
from drwatch.lab.replication import MONITOR
from drwatch.lab.sandbox import Sandbox
from drwatch.lab.server import Server
from drwatch.probes.mysql import MysqlServer


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    return find()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def stable(sandbox: Sandbox, binaries: Binaries) -> Stable:
    return Stable(sandbox, binaries)


@pytest.fixture(autouse=True)
def cleared(stable: Stable) -> Iterator[None]:
    yield
    stable.clear()


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
async def peer() -> AsyncIterator[Listen]:
    """Listen on a free port with a conversation of the test's own; the port."""
    async with contextlib.AsyncExitStack() as stack:
        conversations: set[asyncio.Task[None]] = set()

        async def listen(talk: Talk) -> int:
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
