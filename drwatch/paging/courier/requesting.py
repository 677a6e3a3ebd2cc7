"""One HTTP request, without Apprise: what an attempt does for an alert engine, in a child of its own."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from drwatch.paging.courier.leave import BUSY, asked
from drwatch.paging.courier.verdict import ACCEPTED, AMBIGUOUS, FAILED, Verdict, by_status, why_of
from drwatch.paging.courier.wire import Wire

PATIENCE: Final = 0.8
"""Share of an attempt's limit after which a dial or an answer is no longer waited for, so that the child can say so."""


LONGEST: Final = 2**17
"""Bytes of an answer that are read. Escaped they are less than what the daemon takes for a line."""


def request(asked_for: Mapping[str, Any], limit: float) -> Verdict:
    """The verdict on one request, in this process. No proxy is asked and no redirect followed."""
    wire = Wire()
    wire.watch()
    try:
        answer = _answer(asked_for, limit * PATIENCE)
        body = answer.read(LONGEST).decode("utf-8", "replace") if asked_for["answer"] and answer.status < 300 else ""
    except (OSError, http.client.HTTPException) as error:
        # Every byte that was sent or received stays here: an error's own words are only looked at.
        late = isinstance(error, TimeoutError) and not wire.sent
        why = "the connection timed out" if late else why_of(f"{type(error).__name__}: {error}") or "no HTTP answer"
        if wire.sent:
            return Verdict(AMBIGUOUS, f"{why}, after the message had left: it may have arrived")
        return Verdict(FAILED, why)
    if answer.status < 300:
        return Verdict(ACCEPTED, "accepted", body=body)
    return replace(by_status(answer.status, ""), wait=asked(answer.headers) if answer.status in BUSY else None)


def _answer(asked_for: Mapping[str, Any], patience: float) -> http.client.HTTPResponse:
    url = urlsplit(asked_for["url"])
    connection = (
        http.client.HTTPSConnection(
            url.hostname or "", url.port, timeout=patience, context=ssl.create_default_context(cafile=asked_for["ca"])
        )
        if url.scheme == "https"
        else http.client.HTTPConnection(url.hostname or "", url.port, timeout=patience)
    )
    path = f"{url.path}?{url.query}" if url.query else url.path
    connection.request(asked_for["method"], path, asked_for["body"].encode(), asked_for["headers"])
    return connection.getresponse()
