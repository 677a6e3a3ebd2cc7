"""How long what a human announces shall last: the value of ``--for``."""

from __future__ import annotations

from drwatch.cli.trouble import Trouble
from drwatch.config.values import seconds


def lasting(text: str, what: str, longest: str) -> int:
    """Whole seconds, from 1 to ``longest``, a duration as a user writes it. Raises Trouble for anything else."""
    form = "--for takes whole seconds: write it like 30m, 1h30m or 2d"
    try:
        duration = seconds(text)
    except ValueError:
        raise Trouble(form) from None
    if not 1 <= duration <= seconds(longest):
        raise Trouble(f"a {what} lasts from 1s to {longest}")
    if duration % 1:
        raise Trouble(form)
    return int(duration)
