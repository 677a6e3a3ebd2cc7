"""A thread for what a disk may never answer, so that nobody else waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from drwatch.store.trouble import DiskAiling

T = TypeVar("T")


class Thread:
    """Runs one piece of work after another, each for ``limit`` seconds at most."""

    def __init__(self, path: Path, limit: float, executor: Executor | None, name: str) -> None:
        self._path, self._limit = path, limit
        self._executor = executor or ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._late: Future[Any] | None = None
        """The work that the disk still owes an answer."""

    async def run(self, work: Callable[[], T]) -> T:
        """Raises DiskAiling for what takes too long, and at once for what would have to wait behind that."""
        stuck = f"{self._path}: the disk did not answer within {self._limit:g} s: look into the kernel's log"
        if self._late is not None and not self._late.done():
            # One wait for a dead disk is enough: pages must not queue behind it.
            raise DiskAiling(stuck)
        job = self._executor.submit(work)
        try:
            async with asyncio.timeout(self._limit):
                return await asyncio.wrap_future(job)
        except TimeoutError:
            # One that was still queued is called off, and the one before it is what the disk holds.
            if self._late is None or self._late.done():
                self._late = job
            raise DiskAiling(stuck) from None

    def end(self) -> None:
        """Nothing more is begun. RuntimeError comes of whatever is asked after this."""
        self._executor.shutdown(wait=False, cancel_futures=True)
