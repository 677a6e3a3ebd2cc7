"""A service of the cloud as an attempt sees it: a proxy on loopback that is whatever host it is asked for, over TLS."""

from __future__ import annotations

import json
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from authority import Authority
from receivers import end, serve


@dataclass(frozen=True)
class Request:
    host: str
    line: str
    """POST /path HTTP/1.1"""
    body: dict[str, Any]


@dataclass
class Cloud:
    """Answers 202 to everything; ``environment`` leads an attempt here, whatever its service's address."""

    folder: Path
    host: str
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._authority = Authority(self.folder, self.host)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self._authority.certificate)
        self._socket = socket.create_server(("127.0.0.1", 0))
        serve(self._socket, self._take)

    @property
    def environment(self) -> dict[str, str]:
        proxy = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        return {"https_proxy": proxy, "HTTPS_PROXY": proxy, "REQUESTS_CA_BUNDLE": str(self._authority.ca)}

    def close(self) -> None:
        end(self._socket)

    def _take(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            asked = _head(connection).split()[1]
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with self._context.wrap_socket(connection, server_side=True) as safe:
                head = _head(safe)
                length = next(
                    int(line.partition(":")[2])
                    for line in head.splitlines()
                    if line.lower().startswith("content-length:")
                )
                body = b""
                while len(body) < length:
                    body += safe.recv(65536)
                self.requests.append(Request(asked.partition(":")[0], head.splitlines()[0], json.loads(body)))
                answer = b'{"status": "success", "result": "ok", "requestId": "R1"}'
                safe.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))


def _head(stream: socket.socket) -> str:
    """Read byte by byte up to the empty line, for what comes after it is another's."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = stream.recv(1)
        if not byte:
            raise ConnectionError
        head += byte
    return head.decode()
