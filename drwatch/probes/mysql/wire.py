"""One connection to a server, and the rung it has reached. The only file that knows aiomysql's private names.

aiomysql opens a connection in one breath and wraps what goes wrong on the way; the rung is read between its steps.
tests/probes/mysql/test_aiomysql_contract.py pins the names used here.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from aiomysql import connection as vendor  # type: ignore[import-untyped]
from pymysql.constants import CLIENT, COMMAND

from drwatch.probes.mysql import statements
from drwatch.probes.mysql.faults import ClearTextPassword, Oversized, Rung, TlsMissing
from drwatch.probes.mysql.resolver import Sockaddr, resolve

Row = dict[str, object]

_CLEAR_TEXT = frozenset({"mysql_clear_password", "mysql_old_password", "dialog"})
_LARGEST = 4 << 20
"""Bytes of one packet. A fragmented gtid_executed is the largest honest answer."""

_KEEPALIVE = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 5),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 2),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 10_000),
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
)
"""A host that is gone ends the connection within about 11 s; a hung process whose kernel answers does not."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where and as whom to log in. Without a TLS context the connection is plaintext, with one never."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: ssl.SSLContext | None = None
    idle: int = 30
    """Seconds of silence after which the server may take the session for dead."""


class Wire(vendor.Connection):  # type: ignore[misc]
    """A connection that knows its rung, tells of a hang-up at once, and says only what statements.py allows."""

    def __init__(self, address: Address) -> None:
        super().__init__(
            host=address.host,
            port=address.port,
            user=address.user,
            # aiomysql would encode as Latin-1; the server wants UTF-8's bytes.
            password=address.password.encode().decode("latin-1"),
            ssl=address.tls,
            charset="utf8mb4",
            autocommit=None,
            program_name="drwatch",
        )
        self.client_flag &= ~CLIENT.MULTI_STATEMENTS
        self._idle = address.idle
        self.rung = Rung.RESOLVING
        self.looks = 0
        """Looks that were answered on it."""
        self.constants: dict[str, str] | None = None
        """Global variables as they were discovered on this connection; None before."""
        self.working: dict[str, str] = {}
        """Which of several spellings of a statement this server understands."""
        self.logs_due = 0.0
        """Loop seconds before which it is not asked for its list of binary logs again."""
        self._server_auth_plugin: str
        self._on_loss: Callable[[], None] | None = None
        self._busy = self._ended = False

    def __repr__(self) -> str:
        return f"<Wire {self._host}:{self._port} {self.rung.name.lower()}>"

    async def open(self, connect_seconds: float) -> None:
        """Resolve, connect, log in. Only the TCP connect has a deadline of its own, that of the argument.

        Raises faults.WORLD or faults.STRANGER, with ``rung`` left where it happened and nothing left open.
        """
        try:
            addresses = await self._addresses()
            self.rung = Rung.CONNECTING
            connected = await self._connected(addresses, connect_seconds)
            self._reader, self._writer = await vendor._open_connection(sock=connected)
            self.rung = Rung.CONNECTED
            self._next_seq_id = 0
            await self._get_server_information()
            self.rung = Rung.GREETED
            await self._log_in()
            await self.rows(statements.idle(self._idle))
            if not self.get_autocommit():
                await self.rows(statements.AUTOCOMMIT)
        except BaseException:
            self.abort()
            raise
        self.rung = Rung.OPEN

    async def _addresses(self) -> list[tuple[int, Sockaddr]]:
        with contextlib.suppress(ValueError):
            version = ipaddress.ip_address(self._host).version
            return [(socket.AF_INET if version == 4 else socket.AF_INET6, (self._host, self._port))]
        return (await resolve(self._host, self._port))[:4]

    async def _connected(self, addresses: list[tuple[int, Sockaddr]], seconds: float) -> socket.socket:
        """The first address that answers; each has its share of the seconds. Else the error that says most."""
        errors: list[OSError] = []
        for family, address in addresses:
            candidate = socket.socket(family, socket.SOCK_STREAM)
            try:
                candidate.setblocking(False)
                for level, name, value in _KEEPALIVE:
                    if hasattr(socket, name):
                        candidate.setsockopt(level, getattr(socket, name), value)
                async with asyncio.timeout(seconds / len(addresses)):
                    await asyncio.get_running_loop().sock_connect(candidate, address)
            except OSError as error:
                candidate.close()
                errors.append(error)
            except BaseException:
                candidate.close()
                raise
            else:
                return candidate
        raise max(errors, key=lambda error: isinstance(error, ConnectionRefusedError))

    async def _log_in(self) -> None:
        if self._ssl_context and not self.server_capabilities & CLIENT.SSL:
            await self._decline()
            raise TlsMissing
        if not self._ssl_context and self._server_auth_plugin in _CLEAR_TEXT:
            # Answered with a scramble instead: the server then names the plugin again, and _process_auth refuses.
            self._server_auth_plugin = "mysql_native_password"
        await self._request_authentication()

    async def _decline(self) -> None:
        """Answer the greeting of a server without TLS with a login that has no password, in place of a hang-up.

        A connection given up before the login counts against this address until the server blocks it;
        a refused login does not.
        """
        self._password, self._ssl_context = "", None
        self.client_flag &= ~CLIENT.SSL
        with contextlib.suppress(Exception):
            await self._request_authentication()
            self._say_goodbye()

    async def _process_auth(self, plugin_name: bytes, auth_packet: object) -> object:
        if plugin_name.decode("latin-1") in _CLEAR_TEXT and not self._secure:
            raise ClearTextPassword
        return await super()._process_auth(plugin_name, auth_packet)

    async def _read_bytes(self, num_bytes: int) -> bytes:
        if num_bytes > _LARGEST:
            raise Oversized
        data: bytes = await super()._read_bytes(num_bytes)
        return data

    def watch(self, on_loss: Callable[[], None]) -> None:
        """Call ``on_loss`` once, as soon as the peer ends the idle connection; a statement in flight raises instead.

        A pending read would break the next statement, so the hook sits on the reader that the login left behind.
        """
        self._on_loss = on_loss
        reader = self._reader
        if reader is None or reader.at_eof():
            self._lost()
            return
        feed_eof, set_exception = reader.feed_eof, reader.set_exception

        def ended() -> None:
            feed_eof()
            self._lost()

        def failed(error: BaseException) -> None:
            set_exception(error)
            self._lost()

        reader.feed_eof, reader.set_exception = ended, failed

    def _lost(self) -> None:
        self._ended = True
        if self._busy:
            return
        on_loss, self._on_loss = self._on_loss, None
        if on_loss:
            on_loss()

    async def rows(self, statement: str) -> list[Row]:
        """The rows of one allowed statement, by column name as the server spells it.

        Raises faults.WORLD. Cancelled, it ends the connection: the answer would be taken for the next statement's.
        """
        if not statements.allowed(statement):
            raise AssertionError(f"not in the list of reads: {statement[:80]}")
        self._busy = True
        try:
            await self.query(statement)
        finally:
            self._busy = False
        result = self._result
        if self._ended:
            self._lost()
        if result is None or result.description is None:
            return []
        names = [str(column[0]) for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.rows or ()]

    def abort(self) -> None:
        """End the connection now, whatever is in flight on it."""
        self._on_loss = None
        writer, self._writer, self._reader = self._writer, None, None
        if writer is not None:
            writer.transport.abort()

    async def quit(self, seconds: float) -> None:
        """Leave politely, and wait at most so long for the server to have let go."""
        self._on_loss = None
        reader = self._reader
        if reader is None:
            return
        with contextlib.suppress(OSError):  # TimeoutError among them
            self._say_goodbye()
            async with asyncio.timeout(seconds):
                while await reader.read(4096):
                    pass
        self.abort()

    def _say_goodbye(self) -> None:
        self._writer.write(struct.pack("<iB", 1, COMMAND.COM_QUIT))


def values(rows: list[Row]) -> dict[str, str]:
    """SHOW VARIABLES or SHOW STATUS by lower-case name."""
    return {str(row["Variable_name"]).lower(): str(row["Value"]) for row in rows}
