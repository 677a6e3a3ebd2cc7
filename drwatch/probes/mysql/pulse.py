"""Whether commits flow on a server: then a statement that takes the binary log's lock will not hang."""

from __future__ import annotations

from drwatch.core.sample import ServerFact


class Pulse:
    """What the fast look saw, for the slow one to know."""

    def __init__(self) -> None:
        self._position: object = None
        self._least: int | None = None
        """Threads_running of the quietest look: on MySQL a connected standby is one of them for ever."""
        self._moved = self._flows = False

    def note(self, fact: ServerFact) -> None:
        position, running = (fact.gtid, fact.binlog), fact.threads_running
        moves = self._position is not None and position not in (self._position, (None, None))
        self._moved |= moves
        self._position = position
        if running is not None:
            self._least = running if self._least is None else min(self._least, running)
        # A position that stands still is an idle server, unless somebody waits who did not wait before.
        self._flows = moves or (self._moved and running is not None and running == self._least)

    @property
    def flows(self) -> bool:
        return self._flows
