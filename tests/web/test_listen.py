"""Listening inside the daemon's own loop, on a TCP address and a unix socket at once."""

import asyncio
import os
import signal
import socket
import stat
import time
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from drwatch.web.listen import MOST, ListenError, serve
from web.asking import Client, World

LOOPBACK = ("127.0.0.1", 0)


async def test_the_same_application_answers_on_both(tmp_path: Path) -> None:
    path = tmp_path / "drwatch.sock"
    async with serve(World().application(), LOOPBACK, path) as bound:
        assert bound is not None
        answers = [await Client(bound).get("/healthz"), await Client(path).get("/healthz")]
    assert [(each.status, each.text) for each in answers] == [(200, "well\n")] * 2


async def test_the_unix_socket_alone_will_do(tmp_path: Path) -> None:
    path = tmp_path / "drwatch.sock"
    async with serve(World().application(), None, path) as bound:
        assert bound is None
        assert (await Client(path).get("/healthz")).status == 200


async def test_the_unix_socket_is_for_its_user_and_group_and_goes_with_the_daemon(tmp_path: Path) -> None:
    path = tmp_path / "drwatch.sock"
    async with serve(World().application(), None, path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert os.listdir(tmp_path) == []


async def test_a_port_that_is_taken_is_said_with_its_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(LOOPBACK)
        taken.listen()
        host, port = taken.getsockname()
        with pytest.raises(
            ListenError, match=rf"cannot listen on {host}:{port}: Address already in use; stop .* web.listen"
        ):
            async with serve(World().application(), (host, port)):
                pass


async def test_a_host_that_is_not_here_is_said() -> None:
    with pytest.raises(ListenError, match=r"192\.0\.2\.1:9633: Cannot assign"):
        async with serve(World().application(), ("192.0.2.1", 9633)):
            pass


async def test_a_failure_on_the_unix_socket_leaves_the_port_free(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(LOOPBACK)
        address = free.getsockname()
    with pytest.raises(ListenError, match="No such file or directory; check its directory"):
        async with serve(World().application(), address, tmp_path / "gone" / "drwatch.sock"):
            pass
    async with serve(World().application(), address) as bound:
        assert bound == address


async def test_a_socket_left_by_a_dead_daemon_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "drwatch.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with serve(World().application(), None, path):
        assert (await Client(path).get("/healthz")).status == 200


async def test_a_socket_that_answers_is_left_to_its_daemon(tmp_path: Path) -> None:
    path = tmp_path / "drwatch.sock"
    async with serve(World().application(), None, path):
        with pytest.raises(ListenError, match="another drwatch answers there"):
            async with serve(World().application(), None, path):
                pass
        assert (await Client(path).get("/healthz")).status == 200


async def test_a_file_that_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "drwatch.sock"
    path.write_text("precious")
    with pytest.raises(ListenError, match="is no socket"):
        async with serve(World().application(), None, path):
            pass
    assert path.read_text() == "precious"


async def test_the_daemon_keeps_its_signals(tmp_path: Path) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    async with serve(World().application(), LOOPBACK, tmp_path / "drwatch.sock"):
        assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


async def test_a_cancelled_daemon_is_rid_of_its_clients_within_half_a_second(tmp_path: Path) -> None:
    """One client idles on a kept connection, one has sent half a request, one waits for an answer that never comes."""
    asked, ended = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    path, bound = tmp_path / "drwatch.sock", asyncio.get_running_loop().create_future()

    async def daemon() -> None:
        async with serve(app, LOOPBACK, path) as address:
            bound.set_result(address)
            await asyncio.Event().wait()

    task = asyncio.create_task(daemon())
    clients = [await asyncio.open_connection(*await bound) for _ in range(3)]
    requests = ("GET / HTTP/1.1\r\nhost: x\r\n\r\n", "GET /", "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
    for (_, writer), request in zip(clients, requests, strict=True):
        writer.write(request.encode())
    async with asyncio.timeout(5):
        await asked.wait()
        await clients[0][0].readuntil(b"\r\n\r\n")
    begun = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - begun < 0.5
    async with asyncio.timeout(5):
        await ended.wait()
        for reader, writer in clients:
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
            writer.close()
    assert not path.exists()


async def test_connections_that_ask_nothing_keep_no_operator_from_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "drwatch.sock"
    async with serve(World().application(), LOOPBACK, path) as bound:
        assert bound is not None
        silent = [await asyncio.open_connection(*bound) for _ in range(MOST)]
        assert (await Client(bound).get("/healthz")).status == 503
        assert (await Client(path).get("/healthz")).status == 200
        for _, writer in silent:
            writer.close()


@pytest.mark.parametrize(
    "begun",
    [
        "",
        "GET /healthz HTTP/1.1\r\nhost: ",
        "POST /api/v1/silences HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{",
        "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /",
    ],
    ids=["nothing", "half a head", "half a body", "one request and half a second one"],
)
async def test_a_connection_that_does_not_come_to_the_end_of_what_it_asks_is_closed(begun: str) -> None:
    async with serve(World().application(), LOOPBACK, idle=1) as bound:
        assert bound is not None
        reader, writer = await asyncio.open_connection(*bound)
        asked = asyncio.get_running_loop().time()
        writer.write(begun.encode())
        async with asyncio.timeout(8):
            while await reader.read(4096):
                pass
        assert 0.9 < asyncio.get_running_loop().time() - asked < 5
        writer.close()


async def test_an_answer_that_takes_longer_than_a_request_may_is_waited_for() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(1.5)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async with serve(app, LOOPBACK, idle=1) as bound:
        assert bound is not None
        assert (await Client(bound).get("/")).status == 204
