"""Signed links by which a page is acknowledged: each for one incident and one channel, for a day."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from itsdangerous import BadData, URLSafeSerializer

log = logging.getLogger("drwatch")

LASTS = 24 * 3600
"""Seconds from the sending of a page for which its link is good."""

SIZE = 32
"""Bytes of the key."""

LONGEST = 1024
"""Characters of a link that may be one of ours."""


class NoLink(ValueError):
    """A link that acknowledges nothing; the text says why and what to do, in one sentence."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a link is for: an incident, and the channel that it was sent through."""

    incident: str
    channel: str


class Links:
    """Makes and reads the links; ``now`` is the wall clock, ``outside`` the listener's address or None without one.

    ``veiled`` are the channels whose service is to learn no name: it gets no link, which has one and leads to others.
    """

    def __init__(
        self, key: bytes, outside: str | None, now: Callable[[], datetime], veiled: frozenset[str] = frozenset()
    ) -> None:
        self._outside, self._now, self._veiled = outside, now, veiled
        self._signer = URLSafeSerializer(
            key, salt="drwatch acknowledges", signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        )

    def link(self, incident: str, channel: str) -> str:
        """Where the incident is acknowledged by whoever got its page through this channel; empty if it gets none."""
        if self._outside is None or channel in self._veiled:
            return ""
        ends = int(self._now().timestamp()) + LASTS
        return f"{self._outside}/ack/{self._signer.dumps([incident, channel, ends])}"

    def read(self, signed: str) -> Bound:
        """What a link is for. Raises NoLink."""
        try:
            if len(signed) > LONGEST:
                raise BadData("too long")
            incident, channel, ends = self._signer.loads(signed)
        except (BadData, ValueError, TypeError):
            raise NoLink(
                "this link is none of this drwatch's, or not the whole of one: take the one from the page, "
                "or 'drwatch ack'"
            ) from None
        if self._now().timestamp() >= ends:
            raise NoLink(f"this link for {incident} has expired: take the one from a newer page, or 'drwatch ack'")
        return Bound(incident, channel)


def key(path: Path) -> bytes:
    """The signing key, made at the first start. Where the disk gives none, a new one that dies with this process."""
    try:
        held = path.read_bytes() if path.exists() else b""
        if len(held) == SIZE:
            return held
        made = secrets.token_bytes(SIZE)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(made)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
        return made
    except OSError as error:
        words = "links that acknowledge a page die with this drwatch: %s cannot be kept: %s"
        log.error(words, path, error.strerror or error, extra={"event": "key"})
        return secrets.token_bytes(SIZE)
