"""One table from what goes wrong on the way to a server to the reason in the sample."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import struct
from enum import IntEnum

from pymysql import err

from drwatch.core.sample import Blind, Reason


class Rung(IntEnum):
    """How far the one connection has come. The rung that fails is the diagnosis."""

    RESOLVING = 0
    CONNECTING = 1
    CONNECTED = 2
    """TCP answers; no byte of the server's yet."""
    GREETED = 3
    """The first packet came; the login is under way."""
    OPEN = 4


class TlsMissing(Exception):
    """The server offers no TLS and the configuration demands it."""


class ClearTextPassword(Exception):
    """The server asks for the password itself over a connection without TLS."""


class Oversized(Exception):
    """The peer announces a packet that no answer to our statements could need."""


_ERRNO = {
    1040: Reason.TOO_MANY_CONNECTIONS,
    1129: Reason.HOST_BLOCKED,
    1130: Reason.HOST_NOT_ALLOWED,
    1203: Reason.USER_LIMIT,
    1226: Reason.USER_LIMIT,
    1044: Reason.ACCESS_DENIED,
    1045: Reason.ACCESS_DENIED,
    1698: Reason.ACCESS_DENIED,
    2014: Reason.GARBLED,  # PyMySQL's own: commands out of sync
    2059: Reason.ACCESS_DENIED,  # PyMySQL's own: the account uses a plugin that it does not know
    3118: Reason.ACCESS_DENIED,  # ER_ACCOUNT_HAS_BEEN_LOCKED, MySQL
    4151: Reason.ACCESS_DENIED,  # the same, MariaDB
    1142: Reason.NO_PRIVILEGE,
    1143: Reason.NO_PRIVILEGE,
    1227: Reason.NO_PRIVILEGE,
    1053: Reason.HUNG_UP,  # ER_SERVER_SHUTDOWN
    1927: Reason.HUNG_UP,  # ER_CONNECTION_KILLED, MariaDB
    2006: Reason.HUNG_UP,  # PyMySQL's own: gone away
    2013: Reason.HUNG_UP,  # PyMySQL's own: lost during query
    4031: Reason.HUNG_UP,  # ER_CLIENT_INTERACTION_TIMEOUT, MySQL 8
    1317: Reason.QUERY_TIMEOUT,  # ER_QUERY_INTERRUPTED
    1969: Reason.QUERY_TIMEOUT,  # ER_STATEMENT_TIMEOUT, MariaDB's max_statement_time
    3024: Reason.QUERY_TIMEOUT,  # ER_QUERY_TIMEOUT
}
"""Server error numbers: MySQL manual, "Server Error Message Reference"; MariaDB, "MariaDB Error Codes"."""

UNKNOWN_HERE = frozenset({1064, 1193})
"""Syntax error and unknown system variable: discover again."""

_NO_ROUTE = frozenset(
    {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EACCES}
)
_GONE = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ETIMEDOUT, errno.ENOTCONN})

WORLD = (err.Error, OSError, asyncio.IncompleteReadError, TlsMissing, ClearTextPassword, Oversized)
"""What the world does to a connection. Anything else is a fault of ours and propagates."""

STRANGER = (struct.error, ValueError, LookupError, AssertionError)
"""What the vendor's parser raises on bytes that are no greeting."""


def _short(text: object) -> str:
    return " ".join(str(text).split())[:200]


def blind(error: BaseException, rung: Rung) -> Blind:
    """The reason for an error of WORLD or STRANGER met on that rung."""
    match error:
        case TlsMissing():
            return Blind(Reason.TLS_REFUSED, "the server offers no TLS and the configuration demands it")
        case ClearTextPassword():
            return Blind(Reason.ACCESS_DENIED, "the server asks for the password in clear text; not sent without TLS")
        case ssl.SSLError() if rung is Rung.OPEN:
            return Blind(Reason.HUNG_UP, _short(error.reason or error))
        case ssl.SSLCertVerificationError():
            return Blind(Reason.TLS_REFUSED, _short(f"certificate not accepted: {error.verify_message}"))
        case ssl.SSLError():
            return Blind(Reason.TLS_REFUSED, _short(error.reason or error))
        case socket.gaierror():
            return Blind(Reason.DNS, _short(error.strerror), error.errno)
        case asyncio.IncompleteReadError():
            return Blind(Reason.HUNG_UP, "the server closed the connection")
        case OSError():
            return _of_system(error, rung)
        case err.Error():
            return _of_server(error, rung)
    if rung is Rung.RESOLVING:
        return Blind(Reason.DNS, "not a host name")
    return Blind(Reason.GARBLED, "the answer is not MySQL's protocol")


def _of_system(error: OSError, rung: Rung) -> Blind:
    number = error.errno
    text = os.strerror(number) if number else _short(error)
    if rung >= Rung.CONNECTED:
        return Blind(Reason.HUNG_UP, text, number)
    if isinstance(error, TimeoutError) or number == errno.ETIMEDOUT:
        return Blind(Reason.CONNECT_TIMEOUT, "the connection attempt got no answer", number)
    if number in _NO_ROUTE:
        return Blind(Reason.NO_ROUTE, text, number)
    if number in _GONE or number == errno.ECONNREFUSED:
        return Blind(Reason.REFUSED, text, number)
    return Blind(Reason.NO_ROUTE, text, number)


def _of_server(error: err.Error, rung: Rung) -> Blind:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else None
    text = _short(error.args[1] if len(error.args) > 1 else error)
    if number is None:
        if isinstance(error, err.InterfaceError):
            return Blind(Reason.HUNG_UP, "the connection is closed")
        return Blind(Reason.GARBLED, text)
    if number == 2013:
        where = "before the login was done" if rung < Rung.OPEN else "during a statement"
        return Blind(Reason.HUNG_UP, f"the server closed the connection {where}")
    return Blind(_ERRNO.get(number, Reason.SERVER_ERROR), text, number)


def waiting(rung: Rung) -> Blind:
    """The reason while a dial is still on its way, by the rung on which it stands."""
    match rung:
        case Rung.RESOLVING:
            return Blind(Reason.DNS, "the resolver gives no answer")
        case Rung.CONNECTING:
            return Blind(Reason.CONNECT_TIMEOUT, "the connection attempt got no answer")
        case Rung.CONNECTED:
            return Blind(Reason.NO_HANDSHAKE, "connected, and the server says nothing")
    return Blind(Reason.QUERY_TIMEOUT, "the server greets and does not finish the login")
