"""The one clock of the program."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from drwatch.core.sample import Moment

Clock = Callable[[], Moment]


def clock() -> Moment:
    """Now, on both hands: the event loop's monotonic seconds and the wall's UTC."""
    return Moment(asyncio.get_running_loop().time(), datetime.now(UTC))
