"""What is written before it is told: changes and the pages that they cause, and again what the disk did not take."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from drwatch.core.decision import Decided, Decision, after
from drwatch.core.incident import Incident, Phase
from drwatch.core.paging import Row
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot
from drwatch.daemon.parts import Ledger
from drwatch.store import StoreError

log = logging.getLogger("drwatch")

OWED_AGAIN = 5.0
"""Seconds after which a change that the ledger did not take is offered to it again."""


class Keeping:
    """The changes that the ledger still has to take, and whether it has been begun anew under this run."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._owed: Mapping[str, Incident] = {}
        self._lines: tuple[Decision, ...] = ()
        """What was decided, and the ledger has not taken."""
        self.decided: Decided = {}
        """What was decided last of each living incident, taken or not."""
        self._offer: Moment | None = None
        """When what is owed is offered again; None while nothing is."""
        self._losses = 0

    @property
    def owed(self) -> Mapping[str, Incident]:
        """The changes that the ledger has not taken."""
        return self._owed

    @property
    def lines(self) -> tuple[Decision, ...]:
        """What was decided with them."""
        return self._lines

    def offer(self, changes: Mapping[str, Incident], lines: Sequence[Decision], now: Moment) -> None:
        """Write these too, and the rows that wait, with the next judgement."""
        self._owed, self._lines, self._offer = {**changes, **self._owed}, (*lines, *self._lines), now

    def due(self, now: Moment) -> bool:
        """Whether something is to be offered again."""
        return self._offer is not None and now - self._offer >= 0

    async def commit(
        self,
        changed: Mapping[str, Incident],
        decided: Sequence[Decision],
        rows: Sequence[Row],
        waiting: Sequence[Row],
        now: Moment,
    ) -> StoreError | None:
        """Write changes, what was decided and new rows, and what is owed with the rows that wait; what stands in the
        way, if anything."""
        incidents, lines = {**self._owed, **changed}, (*self._lines, *decided)
        again = () if self._offer is None else waiting
        try:
            await self._ledger.commit(tuple(incidents.values()), (*again, *rows), lines)
        except StoreError as broken:
            # Law 4: with a dead disk the page still leaves, from memory. Its row is written with each attempt.
            self._owed, self._lines, self._offer = incidents, lines, now.plus(OWED_AGAIN)
            self.decided = after(self.decided, decided)
            log.error("the ledger cannot be written, paging from memory: %s", broken, extra={"event": "ledger"})
            return broken
        self._owed, self._lines, self._offer = {}, (), None
        self.decided = after(self.decided, decided)
        return None

    def anew(self, seen: Snapshot, incidents: Iterable[Incident], unread: bool, now: Moment) -> Snapshot | None:
        """The snapshot in which a new file was begun since this was last asked, None where none was.

        What this run knows is offered to it with the next judgement; ``unread`` is whether it knows nothing yet.
        """
        if len(self._ledger.lost) == self._losses:
            return None
        self._losses = len(self._ledger.lost)
        changes = {each.id: each for each in incidents if each.phase is Phase.OPEN}
        self.offer(changes, [line for name, line in self.decided.items() if name in changes], now)
        return seen.begun_anew(self._ledger.lost[-1], now, unread)
