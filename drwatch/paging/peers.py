"""The Alertmanagers behind one channel, and how one of them is asked something."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from drwatch.core.paging import Delivery

Ask = Callable[[Mapping[str, object], float], Awaitable[tuple[Delivery, str]]]
"""Makes one HTTP request within so many seconds; what came of it, and the answer's body where that was asked for."""


@dataclass(frozen=True, slots=True)
class Peers:
    """The Alertmanagers behind one channel, one cluster of them."""

    addresses: tuple[str, ...]
    """Like http://am1:9093 or https://example.no/alertmanager; no secret."""
    headers: Mapping[str, str]
    """What proves who asks."""
    ca: str | None = None
    """PEM file; None takes the system's authorities."""

    def request(
        self, peer: str, path: str, body: str = "", method: str = "POST", answer: bool = False
    ) -> Mapping[str, object]:
        """One request to a peer's second API; ``answer`` is whether its body is of use."""
        return {
            "url": f"{peer.rstrip('/')}/api/v2/{path}",
            "method": method,
            "headers": {"Content-Type": "application/json", **self.headers},
            "body": body,
            "ca": self.ca,
            "answer": answer,
        }
