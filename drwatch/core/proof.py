"""When a paging channel last took anything; what a restart must not forget."""

from __future__ import annotations

from dataclasses import dataclass

from drwatch.core.sample import Moment


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of one channel: since when it is configured, and when it last accepted and was last tried."""

    since: Moment
    accepted: Moment | None = None
    tested: Moment | None = None
