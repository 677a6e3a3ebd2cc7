"""Acknowledgements over HTTP: as JSON, out of a body, and the page behind a signed link."""

from __future__ import annotations

import json
from datetime import tzinfo
from typing import Any
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

from drwatch.core.ack import WORDS, Ack, Answer
from drwatch.core.duration import span
from drwatch.core.finding import Severity
from drwatch.core.incident import Incident
from drwatch.core.sample import Moment
from drwatch.store import Acked
from drwatch.web.markup import Markup, tag
from drwatch.web.page import STYLE_SOURCE, document
from drwatch.web.text import text_of, time

Json = dict[str, Any]

LARGEST = 4096
"""Bytes of a body."""

POLICY = f"default-src 'none'; style-src {STYLE_SOURCE}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
"""The page's Content-Security-Policy: its own style, and its own form."""


def ack_json(ack: Ack | Acked) -> Json:
    return {
        "by": ack.by,
        "from": ack.origin,
        "note": ack.note or None,
        "at": text_of(ack.at),
        "until": text_of(ack.until),
        "condition": ack.condition,
        "severity": ack.severity,
    }


async def answer(request: Request) -> Answer:
    """What the body says; HTTPException with a sentence for one that cannot be read."""
    try:
        body = json.loads(await _body(request) or b"{}")
    except ValueError:
        raise HTTPException(400, "the body is no JSON: send an object with by and, if you like, note") from None
    fields = body if isinstance(body, dict) else {"": ""}
    if unknown := set(fields) - {"by", "note"}:
        raise HTTPException(
            400, f"{sorted(unknown)[0] or 'what was sent'} is no key of an acknowledgement: see docs/api.md"
        )
    words = {key: fields.get(key) or "" for key in ("by", "note")}
    if wrong := next((key for key, value in words.items() if not isinstance(value, str)), None):
        raise HTTPException(400, f"{wrong} is a text")
    return Answer(request.path_params["id"].upper(), words["by"], "socket", words["note"])


async def signature(request: Request) -> str:
    """The name that the page's form was sent with; empty without one."""
    form = parse_qs((await _body(request)).decode(errors="replace"))
    return form.get("by", [""])[0].strip()


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise HTTPException(413, f"an acknowledgement takes at most {LARGEST} bytes")
    return body


def asked(incident: Incident, now: Moment, zone: tzinfo) -> str:
    """The page that asks whether somebody has the incident in hand."""
    ack = incident.acknowledged
    form = tag(
        "form",
        tag("input", name="by", placeholder="your name", autocomplete="name", maxlength=str(WORDS)),
        tag("button", "I have it in hand" if ack is None else "I have it in hand too"),
        method="post",
    )
    return document(f"{incident.id}: in hand?", [*_told(incident, now, zone), form])


def taken(incident: Incident, now: Moment, zone: tzinfo) -> str:
    """The page that thanks."""
    return document(f"{incident.id}: in hand", _told(incident, now, zone))


def _told(incident: Incident, now: Moment, zone: tzinfo) -> list[Markup]:
    ack, colour = incident.acknowledged, "bad" if incident.severity is Severity.CRITICAL else "warn"
    where = f"{incident.cluster} " if incident.cluster else ""
    head = f"{incident.severity.upper()}: {where}{incident.condition} {incident.subject}"
    since = tag("p", "since ", time(incident.began, zone, "%Y-%m-%d %H:%M:%S %Z"), f", {span(now - incident.began)}")
    held = []
    if ack is not None:
        held = [
            tag("p", f"{ack.by} has it in hand. Nobody is told again before ", time(ack.until, zone), class_="good")
        ]
        held.append(tag("p", "It is told sooner if it becomes graver, and when it is over."))
    return [
        tag("header", tag("h1", f"drwatch [{incident.id}]")),
        tag("div", head, class_=f"banner {colour}"),
        tag("p", incident.summary),
        *(tag("small", line) for line in incident.evidence),
        since,
        *held,
    ]
