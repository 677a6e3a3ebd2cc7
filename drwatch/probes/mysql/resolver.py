"""Host names into addresses, on a thread that nobody waits for at the end.

The event loop's own resolver sits in a thread pool that is joined when the loop ends, so that a dead name server, which
is when one wants to stop and mend things, would hold the daemon for as long as it is silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Any

Sockaddr = tuple[Any, ...]


async def resolve(host: str, port: int) -> list[tuple[int, Sockaddr]]:
    """The (family, address) pairs of a name, in the system's order. Raises OSError or UnicodeError; no deadline."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[tuple[int, Sockaddr]]] = loop.create_future()

    def settle(answer: list[tuple[int, Sockaddr]] | Exception) -> None:
        if found.done():
            return
        if isinstance(answer, Exception):
            found.set_exception(answer)
        else:
            found.set_result(answer)

    def ask() -> None:
        answer: list[tuple[int, Sockaddr]] | Exception
        try:
            answer = [
                (family, address)
                for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            ]
        except (OSError, UnicodeError) as error:
            answer = error
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, answer)

    threading.Thread(target=ask, name=f"resolve-{host}", daemon=True).start()
    return await found
