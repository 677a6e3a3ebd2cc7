"""The phone: an HTTP receiver that notes each page on receipt and answers as well or as badly as it is told."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from drwatch.lab.deadline import until
from drwatch.lab.host import HERE, Host

PHONE = "phone"
"""The channel that everybody has."""


class Mood(Enum):
    ACCEPT = 200
    FORBID = 401
    FAIL = 500
    HANG = "hang"  # takes the page and never answers
    SLOW = "slow"  # takes the page and answers after `Inbox.slowness` seconds


@dataclass(frozen=True)
class Page:
    """One POST as Apprise's json:// sends it."""

    received_at: float  # time.monotonic(), seconds
    received_wall: float  # time.time(), seconds
    title: str
    message: str
    type: str  # info, success, warning or failure
    accepted: bool
    channel: str
    payload: dict[str, Any] = field(repr=False)


class Inbox:
    """`pages` in order of receipt; `on_receive` is called with each before it is answered."""

    def __init__(self, host: Host = HERE) -> None:
        self.host = host
        self.pages: list[Page] = []
        self.asked: list[str] = []
        """Paths of what was asked for by GET, as a heartbeat does."""
        self.mood = Mood.ACCEPT
        self.refusing: set[str] = set()
        """Channels that get 401, whatever the mood."""
        self.slowness = 5.0  # seconds
        self.on_receive: Callable[[Page], None] = lambda page: None
        self._closing = threading.Event()
        self._http = host.call(lambda: _Receiver((host.address, 0), _Handler))
        self._http.inbox = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="inbox", daemon=True)

    @property
    def url(self) -> str:
        """Of the phone, as an Apprise URL."""
        return self.url_of(PHONE)

    def url_of(self, channel: str) -> str:
        """Of any channel: all ring here."""
        return f"json://{self.address}/{channel}"

    @property
    def address(self) -> str:
        """host:port"""
        return f"{self.host.address}:{self._http.server_port}"

    @property
    def accepted(self) -> list[Page]:
        return [page for page in self.pages if page.accepted]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def wait_for(self, wanted: Callable[[Page], bool], within: float) -> Page:
        """The first accepted page that is `wanted`, come already or within so many seconds; else TimeoutError."""
        return until(lambda: next(filter(wanted, self.accepted), None), within=within, what="the page", every=0.005)

    def receive(self, channel: str, payload: dict[str, Any]) -> int | None:
        """Note one page; the HTTP status to answer it with, None for no answer."""
        now, mood = time.monotonic(), Mood.FORBID if channel in self.refusing else self.mood
        accepted = mood in (Mood.ACCEPT, Mood.SLOW)
        title, message, kind = (str(payload.get(key, "")) for key in ("title", "message", "type"))
        page = Page(now, time.time(), title, message, kind, accepted, channel, payload)
        self.pages.append(page)
        self.on_receive(page)
        if mood is Mood.HANG:
            self._closing.wait()
            return None
        if mood is Mood.SLOW:
            self._closing.wait(self.slowness)
        return 200 if accepted else int(mood.value)


class _Receiver(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a hanging answer must not hold the end of the run
    request_queue_size = 128
    inbox: Inbox


class _Handler(BaseHTTPRequestHandler):
    server: _Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            payload = json.loads(body)
        except ValueError:
            payload = {"message": body.decode(errors="replace")}
        status = self.server.inbox.receive(self.path.strip("/"), payload)
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.server.inbox.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """The inbox keeps its pages itself."""
