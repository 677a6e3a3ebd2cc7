"""Words that several commands share."""

from __future__ import annotations

from datetime import datetime, tzinfo


def one_line(text: str) -> str:
    """Without line ends and control characters: a server's error text may hold any."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def moment(at: datetime, zone: tzinfo) -> str:
    """As in a page, with the zone's offset."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S%z")
