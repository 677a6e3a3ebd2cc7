"""One loop a look: each is asked in its time, and never twice at once."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping

from drwatch.core.audit import Turn
from drwatch.core.sample import Blind, Key, Moment, Node, Reason, Sample, ServerFact
from drwatch.daemon.clock import Clock
from drwatch.daemon.parts import HostReader, Look, Measures

log = logging.getLogger("drwatch")

GAP = 0.05
"""Seconds between the end of a look and the next of the same kind, whoever asks for it."""

REPEATED = 1.0
"""Seconds for which a look that has handed out an older sample is not asked again."""

JITTER = 0.1
"""Share of an interval by which looks are spread, so that they do not march in step."""


class Looking:
    """Hands what each of ``looks`` brings to ``keep``; ``chance`` draws from 0..1."""

    def __init__(
        self,
        looks: Iterable[Look],
        clock: Clock,
        chance: Callable[[], float],
        measures: Measures,
        keep: Callable[[Sample], None],
    ) -> None:
        self._looks: Mapping[Key, Look] = {look.key: look for look in looks}
        self._hosts = {look.key.node: look for look in self._looks.values() if isinstance(look, HostReader)}
        self._clock, self._chance, self._measures, self._keep = clock, chance, measures, keep
        self._came: dict[Key, Moment] = {}
        self._repeating: dict[Key, Moment] = {}
        """Looks that last handed out an older sample, and when: to ask them again at once brings nothing."""

    @property
    def keys(self) -> Collection[Key]:
        return self._looks.keys()

    def turns(self, started: Moment) -> list[Turn]:
        """When each look that is asked by the clock last came back, if only at the start."""
        looks = (look for look in self._looks.values() if not math.isinf(look.every))
        return [Turn(look.key, look.every, self._came.get(look.key, started)) for look in looks]

    def start(self, tasks: asyncio.TaskGroup) -> None:
        for look in self._looks.values():
            tasks.create_task(self._watch(look), name=f"look {look.key.node.name} {look.key.probe}")

    async def close(self) -> None:
        await asyncio.gather(*(look.close() for look in self._looks.values()), return_exceptions=True)

    def wake(self, wanted: Iterable[Key], now: Moment) -> None:
        """Ask for these looks now."""
        for key in wanted:
            repeated = self._repeating.get(key)
            if key in self._looks and (repeated is None or now - repeated >= REPEATED):
                self._looks[key].wake.set()

    def point(self, node: Node, fact: ServerFact) -> None:
        """Let the host look read the space of what this server writes to, and the position that it does not tell."""
        if (host := self._hosts.get(node)) is None:
            return
        host.directories = fact.directories
        if fact.binlog_to_measure is not None:
            host.binlog = fact.binlog_to_measure

    async def _watch(self, look: Look) -> None:
        if math.isinf(look.every):
            await look.wake.wait()
        await asyncio.sleep(min(look.every, 1.0) * JITTER * self._chance())
        while True:
            look.wake.clear()
            began = self._clock()
            sample = await self._look(look, began)
            self._came[look.key] = self._clock()
            if sample.asked.loop < began.loop:
                self._repeating[look.key] = began
            else:
                self._repeating.pop(look.key, None)
            self._keep(sample)
            pause = look.every * (1 - JITTER * self._chance()) - (sample.answered - sample.asked)
            await asyncio.sleep(GAP)
            try:
                async with asyncio.timeout(max(0.0, pause - GAP)):
                    await look.wake.wait()
            except TimeoutError:
                continue

    async def _look(self, look: Look, asked: Moment) -> Sample:
        try:
            sample = await look.look()
        except Exception:
            log.exception("bug in the %s probe of %s", look.key.probe, look.key.node.name)
            sample = Sample(look.key, asked, self._clock(), Blind(Reason.BUG, "drwatch's own fault, see its log"))
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # wait_for of Python 3.11, which the libraries use, loses a cancellation that comes as its work is done
            # (python/cpython#86296): the watch would never end.
            raise asyncio.CancelledError
        self._measures.looked(look.key, sample.answered - sample.asked)
        return sample
