"""What came of an attempt, from what Apprise said of it and whether anything had left."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from drwatch.paging.courier.listening import Line
from drwatch.paging.courier.wire import Wire

ACCEPTED: Final = "accepted"
REFUSED: Final = "refused"
FAILED: Final = "failed"
AMBIGUOUS: Final = "ambiguous"

FOR_GOOD: Final = frozenset({400, 401, 403, 404})
"""What no second attempt will mend: the token, the topic or the address is wrong."""

MAYBE_DELIVERED: Final = frozenset({504, 524})
"""A gateway that lost patience with a server that had the message already."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of an attempt: one of the four outcomes, and one sentence without secrets."""

    outcome: str
    detail: str
    wait: float | None = None
    """Seconds for which the service asked to be left alone; None where it did not."""
    body: str = ""
    """What the service answered, where that was asked for."""


def judge(accepted: bool, given_up: bool, said: Sequence[Line], wire: Wire, redact: Callable[[str], str]) -> Verdict:
    """The verdict on an attempt from Apprise's answer, the lines that were logged meanwhile, and the wire.

    ``given_up`` says that Apprise ran out of time. ``said`` may hold secrets; the verdict never does.
    """
    if accepted:
        return Verdict(ACCEPTED, "accepted")
    text = "\n".join(line.text for line in said)
    warnings = [line.text for line in said if line.level >= logging.WARNING]
    words = redact(warnings[-1])[:160].rstrip(".") if warnings else "the service gave no reason"
    if (status := _last(r"error=(\d{3})\b", text)) is not None:
        return by_status(status, words)
    if (code := _last(r"\((\d{3}), b?['\"]", text)) is not None and wire.smtp:
        # An SMTP answer is final either way: 5yz for good, 4yz for now.
        return Verdict(REFUSED if code >= 500 else FAILED, f"the mail server answered {code}")
    why = why_of(text) or ("no answer in time" if given_up else words)
    if wire.sent:
        return Verdict(AMBIGUOUS, f"{why}, after the message had left: it may have arrived")
    # A service that speaks neither HTTP nor SMTP sends unseen once it is connected.
    unseen = wire.dialled and not wire.smtp and "ConnectionPool(" not in text and why not in _NEVER_CONNECTED
    return Verdict(AMBIGUOUS, f"{why}: it may have arrived") if unseen else Verdict(FAILED, why)


def _last(pattern: str, text: str) -> int | None:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else None


def by_status(status: int, words: str) -> Verdict:
    try:
        phrase = f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = f"HTTP {status}"
    if status in FOR_GOOD:
        return Verdict(REFUSED, f"{phrase}: the service refuses this channel")
    if status < 300:
        return Verdict(FAILED, f"{phrase}, and yet: {words}")
    if status < 400:
        return Verdict(FAILED, f"{phrase}: a redirect, never followed: a login portal, or an address that has moved")
    if status in MAYBE_DELIVERED:
        return Verdict(AMBIGUOUS, f"{phrase}: it may have arrived")
    return Verdict(FAILED, phrase)


_WHYS: Final = (
    (r"ProxyError|Unable to connect to proxy", "the proxy did not connect"),
    (r"NameResolutionError|Name or service not known|Temporary failure in name resolution|gaierror", "no such host"),
    (r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|doesn't match", "TLS: the certificate does not verify"),
    (r"SSLError|SSL:|\[SSL", "TLS: the handshake failed"),
    (r"Errno 111|Connection refused", "connection refused"),
    (r"Errno 113|No route to host|Errno 101|Network is unreachable", "no route to the host"),
    (r"ConnectTimeout|connect timeout", "the connection timed out"),
)

_NEVER_CONNECTED: Final = frozenset(why for _, why in _WHYS)

_IN_DOUBT: Final = (
    (r"timed out|ReadTimeout", "no answer in time"),
    (r"Connection aborted|ConnectionReset|RemoteDisconnected|Errno 104|IncompleteRead", "the connection broke"),
)


def why_of(text: str) -> str | None:
    return next((why for pattern, why in (*_WHYS, *_IN_DOUBT) if re.search(pattern, text, re.IGNORECASE)), None)
