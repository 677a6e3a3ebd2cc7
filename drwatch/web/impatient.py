"""uvicorn's protocol, less patient: for the first request, and the end of any, it would wait for ever."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

UNFINISHED = (h11.IDLE, h11.SEND_BODY)
"""Of whoever asks: nothing whole has come."""


class Impatient(H11Protocol):
    """Closes a connection that has not come to the end of a request as long after the last answer as an idle one is
    kept."""

    _until: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _expect(self) -> None:
        self._forget()
        self._until = self.loop.call_later(self.timeout_keep_alive, self._give_up)

    def _forget(self) -> None:
        if self._until is not None:
            self._until.cancel()

    def _give_up(self) -> None:
        if self.conn.their_state in UNFINISHED:
            self.transport.close()
