"""The words of jobs: who speaks is known by a token, of which only a digest is kept."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable

from drwatch.config import JobToken
from drwatch.core.job import Said

log = logging.getLogger("drwatch")


class Hearing:
    """``hear`` takes the word of a job: its cluster, its name, what it says."""

    def __init__(self, tokens: Iterable[JobToken], hear: Callable[[str, str, Said], None]) -> None:
        self._hear = hear
        # Looked up by digest: how long that takes says nothing of a token.
        self._jobs = {_digest(each.token.reveal()): (each.cluster, each.job) for each in tokens}

    def ping(self, token: str, said: Said) -> bool:
        """Whether the token is a job's; its word is taken then."""
        found = self._jobs.get(_digest(token)) if token else None
        if found is None:
            return False
        log.info("the job %s of %s says: %s", found[1], found[0], said, extra={"event": "job", "job": found[1]})
        self._hear(*found, said)
        return True


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
