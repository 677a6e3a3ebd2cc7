"""Waiting in the lab: for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T | None], *, within: float, what: str, every: float = 0.02) -> T:
    """The first truthy value of `condition`, looked at each `every` seconds; TimeoutError says `what` did not come."""
    give_up_at = time.monotonic() + within
    while True:
        if value := condition():
            return value
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{what}: not within {within:g} s")
        time.sleep(every)
