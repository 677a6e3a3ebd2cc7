"""A phone in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drwatch.core.finding import Severity
from drwatch.core.paging import Outcome
from drwatch.lab.simulator import clock


@dataclass(frozen=True)
class Accepted:
    outcome: Outcome = Outcome.ACCEPTED
    detail: str = ""


class SimulatedPhone:
    """A carrier whose channel always accepts; ``pages`` are (loop seconds, title, body)."""

    def __init__(self) -> None:
        self.pages: list[tuple[float, str, str]] = []

    async def start(self) -> Mapping[str, str]:
        """Nothing to get ready, and nothing wrong."""
        return {}

    async def send(
        self, channel: str, title: str, body: str, severity: Severity, resolved: bool, event: str
    ) -> Accepted:
        self.pages.append((clock().loop, title, body))
        return Accepted()

    async def close(self) -> None:
        """Nothing is held."""
