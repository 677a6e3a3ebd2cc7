"""The outside heartbeat: somebody elsewhere raises the alarm when it stays away.

One process a beat, ended at its limit: a resolver or a server that hangs holds up nothing here.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import Final

COMMAND: Final = (sys.executable, "-P", "-m", "drwatch.paging.beat")

LIMIT: Final = 15.0
"""Seconds until a beat is given up, DNS and all."""

MOST: Final = 300
"""Bytes of what the process may say."""


class Heartbeat:
    """Asks for one address, which is a secret: it goes over a pipe, and into no word."""

    def __init__(self, url: str, limit: float = LIMIT) -> None:
        self._url, self._limit = url, limit

    async def beat(self) -> str:
        """One beat; empty when it was accepted, else why not in one sentence. Never raises for what the world did."""
        try:
            process = await asyncio.create_subprocess_exec(
                *COMMAND,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # A traceback could hold the address.
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            return f"the heartbeat cannot be started: {error.strerror or 'unknown error'}"
        try:
            async with asyncio.timeout(self._limit):
                said, _ = await process.communicate(self._url.encode() + b"\n")
        except TimeoutError:
            return f"no answer within {self._limit:g} s"
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode == 0:
            return ""
        return said[:MOST].decode(errors="replace").strip() or "the heartbeat failed"
