"""Receivers of pages on loopback, friendly and hostile, each real."""

from __future__ import annotations

import asyncio
import datetime
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class Page:
    path: str
    at: float
    body: Any
    headers: dict[str, str]

    @property
    def actions(self) -> str | None:
        """The buttons that ntfy is asked to show."""
        return self.headers.get("X-Actions")


class Inbox:
    """An HTTP receiver; the first part of the path says how it behaves.

    A number answers with that status, ``hang`` never answers, ``drip`` answers without an end, ``reset`` takes the
    page and breaks the connection, ``slow`` answers after 8 s, ``mends`` fails once and then accepts, anything else
    accepts. Everything that came is in ``pages``. With ``always`` it behaves like that whatever the path.
    """

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self.always: str | None = None
        self.headers: dict[str, str] = {}
        """Sent with each answer."""
        self._over = threading.Event()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                inbox._take(self)

            do_GET = do_PUT = do_POST

            def do_CONNECT(self) -> None:
                self.send_error(502)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, behaviour: str, scheme: str = "json") -> str:
        return f"{scheme}://127.0.0.1:{self.port}/{behaviour}"

    def at(self, behaviour: str) -> list[Page]:
        return [page for page in self.pages if page.path.strip("/").split("/")[0] == behaviour]

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        said = request.rfile.read(int(request.headers.get("content-length", 0)))
        body: Any = {}
        with suppress(ValueError):
            body = json.loads(said)
        self.pages.append(Page(request.path, time.monotonic(), body, dict(request.headers)))
        behaviour = self.always or request.path.strip("/").split("/")[0].split("?")[0]
        if behaviour == "slow":
            self._over.wait(8)
        if behaviour == "mends" and len(self.at("mends")) == 1:
            behaviour = "500"
        if behaviour == "hang":
            self._over.wait(120)
        elif behaviour == "reset":
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.connection.close()
        elif behaviour == "drip":
            request.send_response(200)
            request.end_headers()
            with suppress(OSError):
                while not self._over.wait(0.1):
                    request.wfile.write(b".")
        else:
            status = int(behaviour) if behaviour.isdigit() else 200
            request.send_response(status)
            if 300 <= status < 400:
                request.send_header("Location", "/portal")
            for name, value in self.headers.items():
                request.send_header(name, value)
            request.send_header("Content-Length", "2")
            request.end_headers()
            request.wfile.write(b"ok")


def serve(listening: socket.socket, take: Callable[[socket.socket], None]) -> None:
    """Have each connection taken in a thread of its own, until the socket is ended."""

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=take, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def end(listening: socket.socket) -> None:
    with suppress(OSError):
        listening.shutdown(socket.SHUT_RDWR)
    listening.close()


class MailServer:
    """An SMTP server that answers each command as ``answers`` says, else with 250; its mails are in ``mails``.

    ``None`` as an answer means silence.
    """

    def __init__(self, **answers: str | None) -> None:
        self.mails: list[str] = []
        self._answers = answers
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        serve(self._socket, self._talk)

    def url(self) -> str:
        return f"mailto://user:passw0rd@127.0.0.1:{self.port}?smtp=127.0.0.1&mode=insecure&from=a@example.no&to=b@example.no"

    def close(self) -> None:
        end(self._socket)

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rwb") as stream:

            def say(line: str) -> None:
                stream.write(line.encode() + b"\r\n")
                stream.flush()

            say("220 mail")
            for raw in stream:
                line = raw.decode().strip()
                verb = line.split(" ")[0].lower()
                default = {"ehlo": "250-mail\r\n250 AUTH PLAIN", "auth": "235 yes", "data": "354 go on"}.get(
                    verb, "250 ok"
                )
                answer = self._answers.get(verb, default)
                if answer is None:
                    time.sleep(60)
                    return
                say(answer)
                if verb == "data" and answer.startswith("354"):
                    mail = ""
                    for part in stream:
                        if part == b".\r\n":
                            break
                        mail += part.decode()
                    self.mails.append(mail)
                    end = self._answers.get("end", "250 queued")
                    if end is None:
                        time.sleep(60)
                        return
                    say(end)
                if verb == "quit":
                    return


class Mute:
    """A port that takes connections and never says a word; with ``full`` not even the dial is answered."""

    def __init__(self, full: bool = False) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(0)
        self.port: int = self._socket.getsockname()[1]
        self._dials: list[socket.socket] = []
        for _ in range(4 if full else 0):
            dial = socket.socket()
            dial.setblocking(False)
            dial.connect_ex(("127.0.0.1", self.port))
            self._dials.append(dial)

    def close(self) -> None:
        for dial in (self._socket, *self._dials):
            dial.close()


class SelfSigned:
    """A TLS port with a certificate that nobody vouches for."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .sign(key, hashes.SHA256())
        )
        pem = folder / "self-signed.pem"
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with connection, suppress(OSError), self._context.wrap_socket(connection, server_side=True) as safe:
                    safe.recv(1)


def free_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def until(what: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for what no event tells of; TimeoutError when it does not come about."""
    async with asyncio.timeout(seconds):
        while not what():  # noqa: ASYNC110 (the world outside sets no event)
            await asyncio.sleep(0.01)
