"""What people want to hear nothing of: by their own word, written down before it is answered, or by the calendar."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Protocol

from drwatch.core.duration import span
from drwatch.core.policy import Policy
from drwatch.core.sample import Moment
from drwatch.core.silence import CONFIGURATION, MAINTENANCE, Silence, Wish, keep, silence
from drwatch.daemon.clock import Clock
from drwatch.store import StoreError

log = logging.getLogger("drwatch")


JUMP = 1.0
"""Seconds by which the clock's two hands must differ before one has jumped: less is a clock that is being adjusted."""


class Silences(Protocol):
    async def silence(self, changed: Sequence[Silence]) -> None: ...


class Silencing:
    """The silences whose time is not over; ``changed`` is called when a human has said something about them."""

    def __init__(
        self,
        policy: Policy,
        zone: tzinfo,
        ledger: Silences,
        clock: Clock,
        changed: Callable[[], None],
        asleep: Callable[[], float],
    ) -> None:
        self._policy, self._zone, self._ledger, self._clock, self._changed = policy, zone, ledger, clock, changed
        self._asleep = asleep
        self._known: tuple[Silence, ...] = ()
        self._hands: tuple[Moment, float] | None = None
        """The clock, and how long the machine had slept, when the two hands were last compared and found apart."""

    @property
    def known(self) -> tuple[Silence, ...]:
        """All whose time is not over, ended ones too."""
        return self._known

    def load(self, silences: Sequence[Silence]) -> None:
        """Those of an earlier run."""
        self._known = tuple(silences)

    def active(self, now: Moment) -> tuple[Silence, ...]:
        return tuple(each for each in self._known if not each.over(now))

    async def begin(self, wish: Wish) -> Silence:
        """Silence what is wished for. Raises Refused, or StoreError, and then nothing is silenced."""
        made = silence(wish, self._policy, self._clock())
        await self._ledger.silence([made])
        self._known += (made,)
        what = " ".join(filter(None, (made.cluster, made.node, made.condition)))
        log.warning("%s silences %s for %s: %s", made.by, what, span(made.seconds), made.reason, extra=_extra(made))
        self._changed()
        return made

    async def end(self, name: str, by: str) -> Silence | None:
        """End one before its time; None where there is none such. Raises StoreError, and then it goes on."""
        now = self._clock()
        found = next((each for each in self.active(now) if each.id == name), None)
        if found is None:
            return None
        ended = replace(found, ended=now, ended_by=by)
        await self._ledger.silence([ended])
        self._known = tuple(ended if each.id == name else each for each in self._known)
        log.warning("%s ends the silence %s of %s", by, name, ended.cluster, extra=_extra(ended))
        self._changed()
        return ended

    async def write(self) -> None:
        """Write those that are known into a ledger that was begun anew."""
        await self._write(self._known)

    async def turn(self, now: Moment) -> tuple[Silence, ...]:
        """Those in force now; what has changed by the calendar is written down."""
        await self._follow(now)
        kept = keep(self._known, self._policy, self._zone, now)
        changed = [each for each in kept if each not in self._known]
        self._known = kept
        if changed:
            for each in changed:
                what = "ended" if each.ended_by == CONFIGURATION else "begun"
                log.warning("maintenance of %s has %s: %s", each.cluster, what, each.reason, extra=_extra(each))
            await self._write(changed)
        return self.active(now)

    async def _follow(self, now: Moment) -> None:
        """Let what people have asked for last as long as they asked for, where a hand of the clock has jumped.

        A maintenance window is the calendar's, and so the wall clock's.
        """
        asleep = self._asleep()
        then, before = self._hands or (now, asleep)
        slept = asleep - before
        stepped = (now.wall - then.wall).total_seconds() - (now - then) - slept
        if self._hands is None or max(slept, abs(stepped)) >= JUMP:
            self._hands = now, asleep
        if max(slept, abs(stepped)) < JUMP:
            return
        shifted = {each.id: each.shifted(slept, stepped) for each in self._known if each.by != MAINTENANCE}
        self._known = tuple(shifted.get(each.id, each) for each in self._known)
        await self._write(tuple(shifted.values()))

    async def _write(self, silences: Sequence[Silence]) -> None:
        try:
            await self._ledger.silence(silences)
        except StoreError as broken:
            log.error("the ledger cannot be written: %s", broken, extra={"event": "ledger"})


def _extra(each: Silence) -> dict[str, str]:
    return {"event": "silence", "silence": each.id, "by": each.by}
