"""Whether a message can have left an attempt's process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Final


class NothingMoreLeaves(ConnectionError):
    """Raised inside a library that would begin to send after the attempt was given up."""


class Wire:
    """An audit hook (PEP 578) that knows whether a message can have left this process.

    ``sent`` turns true with the first bytes of an HTTP request, of an SMTP message or of a datagram. After
    ``close()`` nothing is sent any more: whoever tries gets an error. So "surely not delivered" is known, not guessed
    from a library's words.
    """

    _SENDS = frozenset({"socket.sendto", "socket.sendmsg", "subprocess.Popen", "os.posix_spawn"})

    def __init__(self) -> None:
        self.sent = False
        self.smtp = False
        self.dialled = False
        self._closed = False

    def watch(self) -> None:
        sys.addaudithook(self)

    def close(self) -> None:
        self._closed = True

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        if event == "socket.connect":
            self.dialled = True
        elif event == "smtplib.connect":
            self.smtp = True
        elif event in self._SENDS or (event in _BEGINS and _BEGINS[event](args)):
            self.sent = True
            # This order leaves no gap: who reads sent as false after close() knows that this line will raise.
            if self._closed:
                raise NothingMoreLeaves


def _said(args: tuple[object, ...]) -> str:
    """The second argument of a send event: what is said, as text or as bytes; empty when it is a stream."""
    said = args[1] if len(args) > 1 else ""
    return bytes(said[:16]).decode("ascii", "replace") if isinstance(said, (bytes, bytearray)) else str(said)[:16]


_BEGINS: Final[Mapping[str, Callable[[tuple[object, ...]], bool]]] = {
    # What a proxy is asked first is not yet the message.
    "http.client.send": lambda args: not _said(args).startswith("CONNECT "),
    # Before DATA an SMTP client says only the envelope.
    "smtplib.send": lambda args: _said(args).strip().casefold() == "data",
}
