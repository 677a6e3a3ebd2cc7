"""The one clock of the program, and the boot of the machine that its loop hand counts from."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from drwatch.core.sample import Moment

Clock = Callable[[], Moment]


def clock() -> Moment:
    """Now, on both hands: the event loop's monotonic seconds and the wall's UTC."""
    return Moment(asyncio.get_running_loop().time(), datetime.now(UTC))


def asleep() -> float:
    """Seconds that the machine has slept since it was booted: the loop's hand leaves them out, the wall's does not."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def boot(kernel: Path = Path("/proc/sys/kernel/random/boot_id")) -> str:
    """The kernel's name for this boot of the machine: in one and the same, loop seconds can be compared across runs.

    The unit's sandbox hides it, and systemd gives it. Empty where there is none, and then none can.
    """
    try:
        said = kernel.read_text()
    except OSError:
        said = os.environ.get("DRWATCH_BOOT", "")
    try:
        # systemd writes it without dashes.
        return str(UUID(said.strip()))
    except ValueError:
        return ""
