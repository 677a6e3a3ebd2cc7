"""Whether a block device finishes what it has begun."""

from __future__ import annotations

from dataclasses import dataclass

from drwatch.core.sample import Device, Moment


@dataclass(frozen=True, slots=True)
class Still:
    """One device over its host's looks. What was under way at two looks between which nothing was finished, was under
    way all the time."""

    done: int
    since: Moment | None
    """The first look that found I/O under way of which none was finished since; None while it has none, or finishes."""


def still(before: Still | None, device: Device, at: Moment) -> Still | None:
    """With one look more, answered ``at``; None of what is no block device."""
    if device.done is None:
        return None
    since = before.since if before is not None and before.done == device.done else None
    return Still(device.done, (since or at) if device.in_flight else None)
