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


def belong_together(service: Any, incident: str) -> None:
    """Have copies of a page, and its end, be one incident where the service knows such a thing.

    What the channel's URL says of it itself (``dedup``, ``alias``, ``action``) stays.
    """
    if getattr(service, "dedup", ...) is None:  # PagerDuty
        service.dedup = incident
        if service.action == service.template_args["action"]["default"]:
            # Its default would open an incident with the news that it is over.
            service.action = "map"
    if getattr(service, "alias", ...) is None:  # Opsgenie, Jira Service Management
        service.alias = incident
        if service.action == service.template_args["action"]["default"]:
            # Its default closes only what this very process has opened: a child would send nothing and call it done.
            service.action = "new"


def tell(service: Any, ask: Mapping[str, Any], redact: Callable[[str], str]) -> Verdict:
    """Send one page through one service, in this process; blocks at most until the service's own time-out."""
    if ask.get("incident"):
        belong_together(service, ask["incident"])
    carrier = apprise.Apprise(asset=service.asset)
    carrier.add(service)
    wire = Wire()
    wire.watch()
    leave = Leave()
    leave.listen()
    with listening(logging.DEBUG) as said:
        result = carrier.notify(
            body=ask["body"],
            title=ask["title"],
            notify_type=KINDS[ask["kind"]],
            body_format=apprise.NotifyFormat.TEXT,
        )
        wire.close()
        given_up = result.status is apprise.AppriseResultStatus.TIMEOUT
        verdict = judge(bool(result), given_up, tuple(said), wire, redact)
    return replace(verdict, wait=leave.seconds) if verdict.outcome == FAILED else verdict
