"""What has been told already, and how much lower than raised a told finding clears."""

from __future__ import annotations

from dataclasses import replace

from drwatch.core.finding import Condition
from drwatch.core.policy import Limits

Firing = frozenset[tuple[str, str, str]]
"""(cluster, topic, subject) of the incidents that are open; of the primary's also with its condition for the topic."""

CLEAR = 0.8
"""A finding whose incident is open stays true down to this share of its limit."""


def eased(limits: Limits, cluster: str, primary: str, firing: Firing) -> Limits:
    """The limits of a primary's ailments, where one has been told those at which it is over."""

    if (cluster, Condition.PRIMARY_SATURATED, primary) in firing:
        limits = replace(limits, connections=limits.connections * CLEAR)
    if (cluster, Condition.PRIMARY_WRITES_STALLED, primary) in firing:
        limits = replace(limits, writes_still=limits.writes_still * CLEAR)
    return limits
