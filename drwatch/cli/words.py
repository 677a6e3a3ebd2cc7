"""Words that several commands share."""

from __future__ import annotations

import math
from datetime import datetime, tzinfo

from drwatch.core.message import span


def at_most(seconds: float) -> str:
    """A duration rounded up to what the words can say: an upper bound must not shrink on its way to the reader."""
    step = 0.1 if seconds < 9.9 else 1.0 if seconds < 600 else 60.0
    return span(math.ceil(round(seconds / step, 9)) * step)


def one_line(text: str) -> str:
    """Without line ends and control characters: a server's error text may hold any."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def moment(at: datetime, zone: tzinfo) -> str:
    """As in a page, with the zone's offset."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S%z")
