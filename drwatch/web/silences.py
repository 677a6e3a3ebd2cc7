"""Silences over HTTP: who asked for which, when and why; and a new one, or an early end, by an operator's word."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from drwatch.core.sample import Moment
from drwatch.core.silence import Silence, Wish
from drwatch.web.text import text_of

Json = dict[str, Any]

LARGEST = 16384
"""Bytes of a body."""


def silence_json(silence: Silence, now: Moment | None) -> Json:
    """One silence; ``now`` says whether it is over."""
    return {
        "id": silence.id,
        "cluster": silence.cluster,
        "condition": silence.condition,
        "node": silence.node or None,
        "reason": silence.reason,
        "by": silence.by,
        "began_at": text_of(silence.began),
        "until": text_of(silence.until),
        "active": not silence.over(now) if now else None,
        "left_seconds": max(0.0, silence.until - now) if now and silence.ended is None else None,
        "ended_at": text_of(silence.ended),
        "ended_by": silence.ended_by or None,
    }


async def wish(request: Request) -> Wish:
    """What the body asks for; HTTPException with a sentence for one that cannot be read."""
    if int(request.headers.get("content-length", "0") or 0) > LARGEST:
        raise HTTPException(413, f"a silence is asked for in at most {LARGEST} bytes")
    try:
        body = await request.json()
    except ValueError:
        raise HTTPException(
            400, "the body is no JSON: send an object with cluster, for_seconds, reason and by"
        ) from None
    fields = body if isinstance(body, dict) else {}
    if unknown := set(fields) - {"cluster", "for_seconds", "reason", "by", "condition", "node"}:
        raise HTTPException(400, f"{sorted(unknown)[0]} is no key of a silence: see docs/api.md")
    seconds = fields.get("for_seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise HTTPException(400, "for_seconds is how long it lasts, a number of seconds")
    words = {key: fields.get(key) or "" for key in ("cluster", "reason", "by", "condition", "node")}
    if wrong := next((key for key, value in words.items() if not isinstance(value, str)), None):
        raise HTTPException(400, f"{wrong} is a text")
    return Wish(seconds=float(seconds), **words)
