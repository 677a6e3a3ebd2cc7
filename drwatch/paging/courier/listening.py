"""What Apprise logs meanwhile: its only account of what went wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Line(NamedTuple):
    """A line that Apprise logged; it may hold secrets and never leaves this process."""

    level: int
    text: str


class _Listener(logging.Handler):
    """Keeps what is logged, for the judge."""

    def __init__(self, keep: int = 400) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[Line] = []
        self._keep = keep

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.lines) < self._keep:
            self.lines.append(Line(record.levelno, record.getMessage()[:4000]))


@contextmanager
def listening(level: int) -> Iterator[list[Line]]:
    logger = logging.getLogger("apprise")
    listener = _Listener()
    logger.addHandler(listener)
    before = logger.level
    logger.setLevel(level)
    try:
        yield listener.lines
    finally:
        logger.setLevel(before)
        logger.removeHandler(listener)
