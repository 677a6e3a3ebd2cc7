"""One page through one service: what an attempt does, in a child of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import apprise

from drwatch.paging.courier.leave import Leave
from drwatch.paging.courier.listening import listening
from drwatch.paging.courier.verdict import FAILED, Verdict, judge
from drwatch.paging.courier.wire import Wire

KINDS: Final = {
    "info": apprise.NotifyType.INFO,
    "success": apprise.NotifyType.SUCCESS,
    "warning": apprise.NotifyType.WARNING,
    "failure": apprise.NotifyType.FAILURE,
}


ACTIONS: Final = "_NotifyNtfy__actions"
"""Where Apprise's ntfy keeps the buttons of its URL (2.2.0); where it does not, the link becomes a line."""


def belong_together(service: Any, incident: str) -> bool:
    """Have copies of a page, and its end, be one incident where the service knows such a thing.

    What the channel's URL says of it itself (``dedup``, ``alias``, ``action``) stays. True where the service has
    this incident for itself and an end closes it.
    """
    closes = False
    if getattr(service, "dedup", ...) is None:  # PagerDuty
        service.dedup = incident
        if service.action == service.template_args["action"]["default"]:
            # Its default would open an incident with the news that it is over.
            service.action = "map"
        closes = service.action == "map"
    if getattr(service, "alias", ...) is None:  # Opsgenie, Jira Service Management
        service.alias = incident
        if service.action == service.template_args["action"]["default"]:
            # Its default closes only what this very process has opened: a child would send nothing and call it done.
            service.action = "new"
    return closes


def _with_link(service: Any, body: str, link: str) -> str:
    """The body, with the link below its first line; ntfy has a button for it, unless its URL has some of its own."""
    if not link:
        return body
    if getattr(service, ACTIONS, ...) is None:
        setattr(service, ACTIONS, f"http, I have it in hand, {link}, method=POST, clear=true")
        return body
    first, _, rest = body.partition("\n")
    return f"{first}\nTo take it in hand: {link}\n{rest}"


def tell(service: Any, ask: Mapping[str, Any], redact: Callable[[str], str]) -> Verdict:
    """Send one page through one service, in this process; blocks at most until the service's own time-out."""
    closes = bool(ask.get("incident")) and belong_together(service, ask["incident"])
    body = _with_link(service, ask["body"], ask.get("link") or "")
    carrier = apprise.Apprise(asset=service.asset)
    carrier.add(service)
    wire = Wire()
    wire.watch()
    leave = Leave()
    leave.listen()
    with listening(logging.DEBUG) as said:
        result = carrier.notify(
            body=body,
            title=ask["title"],
            notify_type=KINDS[ask["kind"]],
            body_format=apprise.NotifyFormat.TEXT,
        )
        heard = tuple(said)
        if result and closes and ask.get("over"):
            # A test that stays open would swallow the next one, and is nothing that anybody has to do with.
            carrier.notify(body=body, title=ask["title"], notify_type=apprise.NotifyType.SUCCESS)
        wire.close()
        given_up = result.status is apprise.AppriseResultStatus.TIMEOUT
        verdict = judge(bool(result), given_up, heard, wire, redact)
    return replace(verdict, wait=leave.seconds) if verdict.outcome == FAILED else verdict
