"""How an instant and a size are written: in the JSON, and for people."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from drwatch.core.sample import Moment
from drwatch.web.markup import Markup, tag


def text_of(at: Moment | datetime | None) -> str | None:
    """An instant as ISO 8601 in UTC, to the millisecond."""
    if at is None:
        return None
    wall = at.wall if isinstance(at, Moment) else at
    return wall.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def time(at: Moment | datetime, zone: tzinfo, form: str = "%H:%M:%S") -> Markup:
    """An instant where its readers are."""
    wall = (at.wall if isinstance(at, Moment) else at).astimezone(zone)
    return tag("time", wall.strftime(form), datetime=wall.isoformat(timespec="seconds"))


def size(count: int) -> str:
    """A size that a human reads at a glance, in powers of 1024."""
    amount = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 10 else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
