"""What a change of the configuration means for the incidents of an earlier run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from drwatch.core.delivery import Reach
from drwatch.core.incident import Incident, Phase
from drwatch.core.paging import Row
from drwatch.core.policy import Paging, Policy


def reconfigured(
    incidents: Iterable[Incident], policy: Policy, rows: Collection[Row], reach: Mapping[str, Mapping[str, Reach]]
) -> tuple[tuple[Incident, ...], tuple[Incident, ...]]:
    """Those that go on, and those of clusters that nobody watches any more, which end: nobody knows that they are over.

    ``rows`` are those of what is not settled, ``reach`` is by incident and channel.
    """
    watched = {"", *(cluster.name for cluster in policy.clusters)}

    def went(name: str) -> frozenset[str]:
        """The channels that have a page of an incident, or may still come to have it."""
        waiting = (row.channel for row in rows if row.incident == name)
        return frozenset((*waiting, *(channel for channel, came in reach.get(name, {}).items() if came.perhaps)))

    living = tuple(_rerouted(each, policy.paging, went(each.id)) for each in incidents if each.cluster in watched)
    return living, tuple(_unwatched(each) for each in incidents if each.cluster not in watched)


def _rerouted(incident: Incident, paging: Paging, went: Collection[str]) -> Incident:
    """The incident as untold, where no channel is left on which anybody has heard of it."""
    before = incident.told_through
    if not before or any(name in paging.channels for name in before):
        return incident
    if left := tuple(name for name in paging.channels if name in went):
        return replace(incident, told_through=left)
    if incident.acknowledged is not None:
        # Somebody has it in hand: its end goes to whom its steps reach now.
        return replace(incident, told_through=())
    return replace(incident, told_condition=None, told_grade=None, told_at=None, told_steps=0, told_through=(), held=())


def _unwatched(incident: Incident) -> Incident:
    phase = Phase.RESOLVED if incident.phase is Phase.OPEN else Phase.HEALED
    summary = f"no longer watched; it was: {incident.summary}"
    return replace(incident, phase=phase, ended=incident.last_true, summary=summary)
