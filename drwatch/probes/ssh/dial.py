"""A TCP dial, and why it failed."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from contextlib import suppress
from typing import Any

from drwatch.core.sample import Blind, Reason

NEXT_AFTER = 0.75
"""Seconds after which the next of a host's addresses is tried: an IPv6 that leads nowhere must not eat the deadline."""

Addresses = list[Any]
"""As getaddrinfo gives them."""


async def resolve(host: str, port: int) -> Addresses:
    """A host's addresses; OSError. In a thread that nobody has to wait for: a resolver that hangs cannot be cancelled,
    and the loop's own threads would hold up the daemon's end."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Addresses] = loop.create_future()

    def settle(found: Addresses | None, fault: OSError | None) -> None:
        if not answer.done():
            answer.set_exception(fault) if fault else answer.set_result(found or [])

    def ask() -> None:
        found: Addresses | None = None
        fault: OSError | None = None
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as refused:
            fault = refused
        except UnicodeError:
            fault = socket.gaierror(socket.EAI_NONAME, "no host name")
        with suppress(RuntimeError):  # The loop may be closed by now.
            loop.call_soon_threadsafe(settle, found, fault)

    threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    return await answer


async def connect(found: Addresses) -> tuple[socket.socket, str]:
    """A connected socket and the address that it leads to. OSError of the last address tried."""
    loop = asyncio.get_running_loop()
    fault = OSError(errno.EHOSTUNREACH, "no address")
    for number, (family, kind, protocol, _, where) in enumerate(found, start=1):
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            async with asyncio.timeout(NEXT_AFTER if number < len(found) else None):
                await loop.sock_connect(sock, where)
        except TimeoutError as silent:
            sock.close()
            # Not the loop's own time-out but the kernel's has a number.
            fault = silent if silent.errno else OSError(errno.ETIMEDOUT, "no answer")
        except OSError as refused:
            sock.close()
            fault = refused
        except BaseException:
            sock.close()
            raise
        else:
            return sock, str(where[0])
    raise fault


def system_blind(fault: OSError, what: str) -> Blind:
    """The reason that a lookup or a dial failed for; ``what`` was dialled."""
    if isinstance(fault, socket.gaierror):
        return Blind(Reason.DNS, f"{what}: the name does not resolve", fault.errno)
    match fault.errno:
        case errno.ECONNREFUSED:
            return Blind(Reason.REFUSED, f"{what}: connection refused", fault.errno)
        case errno.ETIMEDOUT:
            return Blind(Reason.CONNECT_TIMEOUT, f"{what}: no answer", fault.errno)
        case errno.ECONNRESET | errno.EPIPE | errno.ECONNABORTED:
            return Blind(Reason.HUNG_UP, f"{what}: connection reset", fault.errno)
        case _:
            text = errno.errorcode.get(fault.errno, "") if fault.errno else ""
            return Blind(Reason.NO_ROUTE, f"{what}: no way there {text}".rstrip(), fault.errno)
