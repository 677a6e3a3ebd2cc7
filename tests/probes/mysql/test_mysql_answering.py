"""Which server answers at an endpoint: asked by a fresh login, that leaves the server as it found it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from watching import Stable, now, until, why

from drwatch.core.sample import LoginFact, Node, Reason
from drwatch.lab.harm import harm, threads_of
from drwatch.lab.link import Link
from drwatch.lab.replication import MONITOR
from drwatch.lab.server import Flavour, Server
from drwatch.probes.mysql import AnsweringLook

AT = "127.0.0.13"
"""An address that no server has."""


@pytest_asyncio.fixture
async def balanced(stable: Stable) -> AsyncIterator[tuple[Server, Link, AnsweringLook]]:
    """A server, the way to it, and the look that knows only that way."""
    server, (user, password) = stable.server(Flavour.MARIADB), MONITOR
    with Link(AT, (server.address, server.port)) as link:
        look = AnsweringLook(
            Node("shop", "endpoint"), AT, link.port, user, password, None, every=10, deadline=5.0, clock=now
        )
        yield server, link, look
        await look.close()


async def test_the_server_behind_an_address_that_is_not_its_own_says_which_one_it_is(
    balanced: tuple[Server, Link, AnsweringLook],
) -> None:
    server, _, look = balanced
    (row,) = server.sql("SELECT @@server_id AS id")
    before = harm(server)
    found = (await look.look()).found
    assert isinstance(found, LoginFact)
    assert found.server_id == row["id"]
    await until(lambda: not threads_of(server, MONITOR[0]), 2, "the login gone from the server")
    assert harm(server) == before


async def test_that_nobody_answers_there_is_no_fact(balanced: tuple[Server, Link, AnsweringLook]) -> None:
    _, link, look = balanced
    link.refuses()
    assert why(await look.look()).reason is Reason.REFUSED
