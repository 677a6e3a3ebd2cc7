"""How long a service wants to be left alone: Retry-After (RFC 9110, 10.2.3), which Apprise reads past."""

from __future__ import annotations

import http.client
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Final

BUSY: Final = frozenset({429, 503})
"""The answers whose Retry-After says when they may be another one."""


class Leave:
    """``seconds`` is what the last HTTP answer of this process asked for; None where it asked for nothing.

    Only services that are spoken to over HTTP by Python's own client are heard: that is nearly all of them.
    """

    def __init__(self) -> None:
        self.seconds: float | None = None

    def listen(self) -> None:
        """Hear every HTTP answer of this process from now on."""
        leave = self

        class Answer(http.client.HTTPResponse):
            def begin(self) -> None:
                super().begin()
                leave.seconds = asked(self.headers) if self.status in BUSY else None

        http.client.HTTPConnection.response_class = Answer


def asked(headers: Message) -> float | None:
    """The seconds of an answer's Retry-After; of a date as seconds from the answer's own, whatever our clock says."""
    said = (headers.get("Retry-After") or "").strip()
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        until, now = (parsedate_to_datetime(text) for text in (said, headers.get("Date") or ""))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):
        return None
