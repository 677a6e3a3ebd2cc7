"""A story that also notes what was told, as the daemon does it."""

from __future__ import annotations

from collections.abc import Iterable

from worlds import PAGING, POLICY, Story, at

from drwatch.core.ack import Answer
from drwatch.core.acknowledge import acknowledge
from drwatch.core.finding import Condition, Finding
from drwatch.core.incident import ENDED, Incident
from drwatch.core.paging import PageReason, page
from drwatch.core.policy import Paging

Told = tuple[float, PageReason, tuple[str, ...], Condition]


class Pager(Story):
    """``told`` are (second, reason, channels, condition)."""

    def __init__(self, paging: Paging = PAGING) -> None:
        super().__init__(POLICY)
        self.paging = paging
        self.told: list[Told] = []
        self.events: list[str] = []

    def tell(self, now: float, *findings: Finding, unsettled: Iterable[str] = ()) -> None:
        step = self.tick(now, *findings, unsettled=unsettled)
        living = []
        for incident in (*step.living, *(i for i in step.changed if i.phase in ENDED)):
            event = page(incident, self.paging, POLICY.confirm.conclusive, at(now))
            if event is not None:
                self.told.append((now, event.reason, event.channels, event.incident.condition))
                self.events.append(event.event)
            living.append(event.incident if event else incident)
        self.incidents = tuple(i for i in living if i.phase not in ENDED)

    def acknowledge(self, now: float, by: str = "anna") -> Incident:
        """Somebody has the first incident in hand."""
        taken = acknowledge(
            Answer(self.incidents[0].id, by, "socket"), self.incidents, self.paging.acknowledged, at(now)
        )
        self.incidents = (taken, *self.incidents[1:])
        return taken

    def reasons(self) -> list[tuple[float, PageReason]]:
        return [(now, reason) for now, reason, _, _ in self.told]

    def heard(self) -> list[tuple[float, PageReason, tuple[str, ...]]]:
        return [(now, reason, channels) for now, reason, channels, _ in self.told]
