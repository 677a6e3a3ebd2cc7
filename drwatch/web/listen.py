"""Listening: one application on a TCP address and on a unix socket at once, inside the caller's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from drwatch.web.impatient import Impatient

GRACE = 0.3
"""Seconds that answers under way are given when the listening ends."""

KEEP_ALIVE = 30
"""Seconds that an idle connection is kept: longer than a scrape interval, so Prometheus need not dial each time."""

MOST = 200
"""Connections at once, on the address or on the socket; the next is answered 503 and not with the daemon's memory."""

MODE = 0o660
"""Of the unix socket: whoever may talk to it may acknowledge pages, so its group is the operators'."""


class ListenError(Exception):
    """The address or the socket cannot be listened on; the text says why and what to do, in one sentence."""


def _tcp(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror}; set web.listen") from error
    try:
        # A restart must not wait for the connections of the run before to be forgotten.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        remedy = "stop what listens there or set web.listen to another port"
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror}; {remedy}") from error
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dial:
        dial.settimeout(1.0)
        try:
            dial.connect(str(path))
        except OSError:
            return False
        return True


def _unix(path: Path) -> tuple[socket.socket, int]:
    """A listening socket at ``path``; a dead one left there is replaced, one that answers is another daemon's.

    With the inode, by which to tell later whether the name is still ours.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if os.path.lexists(path) and not stat.S_ISSOCK(path.lstat().st_mode):
            raise ListenError(f"cannot listen on {path}: a file that is no socket is in the way; move it")
        if _answers(path):
            raise ListenError(f"cannot listen on {path}: another drwatch answers there; stop it first")
        fresh.unlink(missing_ok=True)
        listener.bind(str(fresh))
        # Open to nobody too many at any instant: it gets its mode before it gets its name.
        fresh.chmod(MODE)
        listener.listen()
        inode = fresh.lstat().st_ino
        fresh.rename(path)
    except OSError as error:
        listener.close()
        fresh.unlink(missing_ok=True)
        raise ListenError(f"cannot listen on {path}: {error.strerror or error}; check its directory") from error
    except ListenError:
        listener.close()
        raise
    return listener, inode


@contextlib.asynccontextmanager
async def serve(
    app: ASGIApp, listen: tuple[str, int] | None = None, unix_socket: Path | None = None, idle: int = KEEP_ALIVE
) -> AsyncIterator[tuple[str, int] | None]:
    """Serve ``app`` while the context is open; gives the TCP address bound (port 0 asks for any), if one was.

    Raises ListenError at the start. Touches no signal handler. At the end, also when the task was cancelled, answers
    under way are given GRACE seconds; everything is closed within half a second. ``idle`` are the seconds that a
    connection may take to ask something whole.
    """
    with contextlib.ExitStack() as left:
        sockets: list[socket.socket] = []
        bound = None
        if listen is not None:
            sockets.append(_tcp(*listen))
            left.callback(sockets[-1].close)
            bound = sockets[-1].getsockname()[:2]
        if unix_socket is not None:
            listener, inode = _unix(unix_socket)
            sockets.append(listener)
            left.callback(listener.close)
            left.callback(_remove, unix_socket, inode)
        # One each: whoever takes up all connections of the address leaves the operators theirs.
        servers = [(await _start(app, idle, listener), listener) for listener in sockets]
        try:
            yield bound
        finally:
            await asyncio.gather(*(_stop(server, [listener]) for server, listener in servers))


async def _start(app: ASGIApp, idle: int, listener: socket.socket) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http=Impatient,
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        limit_concurrency=MOST,
        timeout_keep_alive=idle,
    )
    config.load()
    # serve() would install signal handlers and wake ten times a second: this is what it does between the two.
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    return server


async def _stop(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
    # Not asyncio.timeout: before Python 3.11.4 it takes its own end for the cancellation that brought us here.
    closing = asyncio.create_task(server.shutdown(sockets=sockets))
    await asyncio.wait((closing,), timeout=GRACE)
    closing.cancel()
    for connection in list(server.server_state.connections):
        if (transport := getattr(connection, "transport", None)) is not None:
            transport.abort()
    for task in list(server.server_state.tasks):
        task.cancel()


def _remove(path: Path, inode: int) -> None:
    """Take our socket's name away, unless another daemon has taken it over."""
    with contextlib.suppress(OSError):
        if path.lstat().st_ino == inode:
            path.unlink()
