"""Durations in words that fit a phone."""

from __future__ import annotations

import math


def span(seconds: float) -> str:
    """A duration in words that fit a phone: 0.8 s, 42 s, 4 min 10 s, 2 h 5 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"


def at_most(seconds: float) -> str:
    """The duration in words, rounded up to what the words can say: an upper bound must not shrink on its way."""
    step = 0.1 if seconds < 9.9 else 1 if seconds < 599 else 60 if seconds < 48 * 3600 else 3600
    # A tenth is no exact binary fraction: what is over by a rounding error is not over.
    return span(math.ceil(round(seconds / step, 9)) * step)
