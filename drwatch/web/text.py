"""How the JSON writes an instant."""

from __future__ import annotations

from datetime import UTC, datetime

from drwatch.core.sample import Moment


def text_of(at: Moment | datetime | None) -> str | None:
    """An instant as ISO 8601 in UTC, to the millisecond."""
    if at is None:
        return None
    wall = at.wall if isinstance(at, Moment) else at
    return wall.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
