"""How a cluster stands: who leads it, and whether anybody could take over; what a restart must not forget."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from drwatch.core.sample import Moment, Node


@dataclass(frozen=True, slots=True)
class Leader:
    """The node that the nodes' own words make the primary, since when, and whom it took over from."""

    node: Node
    since: Moment
    former: Node | None = None
    """Who led before, until it replicates from the new leader: till then it is neither primary nor standby."""


class State(StrEnum):
    """What a loss of the primary would mean now; the ``state`` label of the metric."""

    PROTECTED = "protected"
    OVER_OBJECTIVE = "over_objective"
    """A standby could take over, and would lose more than the objective allows."""
    UNPROTECTED = "unprotected"
    TAKEN_OVER = "taken_over"
    """Unprotected since a takeover: nothing has been rebuilt as a standby yet."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Protection:
    """The state, and since when it has been so."""

    state: State
    since: Moment
