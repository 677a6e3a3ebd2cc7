"""Why a node gives no answer."""

from __future__ import annotations

import errno
import socket

from drwatch.core.sample import Blind, Reason


class Unseen(Exception):
    """Why there is no answer."""

    def __init__(self, blind: Blind, notes: tuple[str, ...] = ()) -> None:
        super().__init__(f"{blind.reason}: {blind.detail}")
        self.blind = blind
        self.notes = notes


def system_blind(fault: OSError, what: str) -> Blind:
    """The reason that an address lookup or a TCP dial failed for; ``what`` was dialled."""
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
