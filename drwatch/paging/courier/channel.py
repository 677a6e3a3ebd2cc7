"""One channel: Apprise's service for its URL, or what is wrong with that."""

from __future__ import annotations

import logging
from typing import Any, cast

import apprise
from apprise.utils.parse import parse_urls

from drwatch.paging.courier.listening import listening
from drwatch.paging.courier.redaction import Redactor


def manager() -> Any:
    """Apprise's one register of services; its calls carry no types."""
    return cast(Any, apprise.NotificationManager)()


class Trouble(Exception):
    """A channel's URL is no good; the text says why in one sentence, secrets struck out."""


def open_channel(url: str, limit: float) -> apprise.NotifyBase:
    """Apprise's service for one URL, with our own deadlines and without its retries.

    Raises Trouble with one sentence when the URL cannot be used.
    """
    redact = Redactor([url])
    scheme = url.split("://", 1)[0]
    if "://" not in url:
        raise Trouble("no Apprise URL: it has no scheme such as ntfys:// or mailtos://")
    if len(cast(Any, parse_urls)(url)) > 1:
        raise Trouble("more than one URL: give each its own channel, so that each page has one answer")
    asset = apprise.AppriseAsset(
        app_id="drwatch",
        app_desc="the witness of a database pair",
        http_redirects=False,
        secure_logging=True,
        service_timeout=limit * 0.9,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    with listening(logging.WARNING) as said:
        try:
            service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=False)
        except Exception as error:  # noqa: BLE001 (a plugin may raise anything over a URL; the answer is the same)
            raise Trouble(redact(f"{error}".strip().rstrip(".") or type(error).__name__)) from None
    if service is None:
        if scheme.lower() not in manager():
            raise Trouble(f"Apprise knows no service {redact(scheme) if len(scheme) > 20 else scheme}://")
        if not manager()[scheme.lower()].enabled:
            raise Trouble(f"{scheme}:// needs more than Apprise: install {_needs(scheme.lower())} beside drwatch")
        raise Trouble(redact(said[-1].text.rstrip(".")) if said else "Apprise cannot use this URL")
    service.retry = 0
    if service.overflow_mode is apprise.OverflowMode.UPSTREAM:
        # A message over the service's limit would be refused for good; its first lines are what matters.
        service.overflow_mode = apprise.OverflowMode.TRUNCATE
    service.redirects = False
    service.socket_connect_timeout = limit / 3
    service.socket_read_timeout = limit * 0.6
    targets = max(len(service), _count(getattr(service, "targets", ())), _count(getattr(service, "topics", ())))
    # A mail server that takes one recipient and refuses another is told of by nobody.
    targets += sum(_count(getattr(service, copies, ())) for copies in ("cc", "bcc"))
    if targets > 1:
        raise Trouble(f"{targets} targets in one URL: give each its own channel, so that each page has one answer")
    return service


def _needs(scheme: str) -> str:
    needed = manager()[scheme].requirements.get("packages_required") or "what Apprise's page on it names"
    return needed if isinstance(needed, str) else " and ".join(needed)


def _count(targets: object) -> int:
    return len(targets) if isinstance(targets, (list, tuple, set, dict)) else 0
