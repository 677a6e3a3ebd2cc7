from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cluster import Cluster
from engines import Channel
from receivers import Inbox, MailServer, Mute, SelfSigned

from drwatch.core.paging import Killed
from drwatch.paging.apprise import Courier


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.close()


@pytest.fixture
def mail_server() -> Iterator[Callable[..., MailServer]]:
    servers: list[MailServer] = []

    def start(**answers: str | None) -> MailServer:
        servers.append(MailServer(**answers))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def mute() -> Iterator[Mute]:
    mute = Mute()
    yield mute
    mute.close()


@pytest.fixture
def unanswering() -> Iterator[Mute]:
    mute = Mute(full=True)
    yield mute
    mute.close()


@pytest.fixture
def self_signed(tmp_path: Path) -> Iterator[SelfSigned]:
    server = SelfSigned(tmp_path)
    yield server
    server.close()


@pytest_asyncio.fixture
async def courier() -> AsyncIterator[Callable[..., Courier]]:
    couriers: list[Courier] = []

    def make(
        limit: float = 5.0,
        link: Callable[[str, str], str] = lambda *_: "",
        killed: Callable[[Killed], None] = lambda _: None,
        **urls: str,
    ) -> Courier:
        couriers.append(Courier(urls, limit, link, killed=killed))
        return couriers[-1]

    yield make
    for one in couriers:
        await one.close()


@pytest.fixture
def cluster(tmp_path: Path, inbox: Inbox) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, inbox)
    yield cluster
    cluster.close()


@pytest_asyncio.fixture
async def channel() -> AsyncIterator[Callable[..., Channel]]:
    """Makes channels of the Alertmanagers at these addresses."""
    made: list[Channel] = []

    def make(*addresses: str, **options: Any) -> Channel:
        made.append(Channel(*addresses, **options))
        return made[-1]

    yield make
    for each in made:
        await each.close()
