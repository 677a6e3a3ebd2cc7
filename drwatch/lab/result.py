"""What came of a scenario that was played, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from drwatch.core.duration import at_most
from drwatch.lab.page import Told
from drwatch.lab.scenario import Scenario

SIMULATED = "simulated"


@dataclass
class Result:
    """What `drwatch demo --scenario NAME --json` prints; the names are the contract's."""

    scenario: str
    flavour: str
    """``SIMULATED`` where it was played in memory."""
    version: str
    """As the server itself says it."""
    topology: str
    fault_at: float
    """Epoch seconds."""
    pages: list[dict[str, Any]] = field(default_factory=list)
    time_to_page_s: float | None = None
    rpo: dict[str, Any] = field(default_factory=dict)
    expected: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    harm: dict[str, int] = field(default_factory=dict)
    """What drwatch did to the servers: handshake errors, threads left behind, stuck ones beyond one: all to be 0."""
    threads: dict[str, int | None] = field(default_factory=dict)
    """drwatch's on the primary before the fault, during it, how many stuck then, and after; None: it did not answer."""

    @property
    def passed(self) -> bool:
        return not self.missing and not self.unexpected and not any(self.harm.values())

    def tell(self, scenario: Scenario, pages: Sequence[Told]) -> None:
        """What came, and what was to come."""
        self.pages = [_page(page) for page in pages]
        self.time_to_page_s = round(pages[0].after, 3) if pages else None
        self.expected = [expect.words for expect in scenario.expect]

    def json(self) -> str:
        return json.dumps({**asdict(self), "passed": self.passed}, ensure_ascii=False)

    def told(self) -> str:
        """For people: the pages, and whether all was as expected."""
        lines = [
            f"--- {page['after_s']} s after the fault, on {page['channel']}:\n{page['title']}\n{page['body']}"
            for page in self.pages
        ]
        lines += [f"MISSING: {words}" for words in self.missing]
        lines += [f"UNEXPECTED: {words}" for words in self.unexpected]
        lines += [f"HARM: {count} {what}" for what, count in self.harm.items() if count]
        if self.rpo:
            claimed = self.rpo["claimed_seconds"]
            lines.append(
                f"claimed: {'an unknown amount' if claimed is None else f'at most {at_most(claimed)}'}; really lost: "
                f"{self.rpo['actual_transactions']} transactions, {self.rpo['actual_seconds']} s"
            )
        return "\n".join([*lines, f"{self.scenario}, {self.flavour}: {'passed' if self.passed else 'FAILED'}"])


def _page(page: Told) -> dict[str, Any]:
    return {
        "after_s": round(page.after, 3),
        "condition": page.condition,
        "severity": page.severity,
        "reason": page.reason,
        "title": page.title,
        "body": page.body,
        "channel": page.channel,
    }
