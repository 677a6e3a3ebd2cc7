"""Alerts for an Alertmanager (API v2): every peer is told, and told again for as long as the incident is open.

An Alertmanager takes an alert for over once its ``endsAt`` has passed, and peers tell each other what was notified but
not what was received. So each alert goes to all of them with an end a few minutes ahead, and again well before that.
What is over is repeated too, for peers that were away when it ended. What somebody has in hand is silenced there.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from drwatch.core.hush import Hush, Labels
from drwatch.core.paging import Delivery, Letter, Outcome
from drwatch.core.sample import Moment
from drwatch.paging.hushing import Hushing, Pace
from drwatch.paging.peers import Ask, Peers

log = logging.getLogger("drwatch")

LIMIT: Final = 10.0
"""Seconds after which a page that no peer has accepted has failed, so that another channel can take over."""

ATTEMPT: Final = 8.0
"""Seconds that one peer is given; what is left up to the limit is for killing the attempt."""

REFRESH: Final = 60.0
"""Seconds between two tellings of an alert that stands."""

LASTS: Final = 5
"""Refreshes that an alert outlives: as long may drwatch be away before an Alertmanager takes the trouble for over."""

REPEATED: Final = 900.0
"""Seconds for which the end of an alert is repeated, as Prometheus does it."""


class Alertmanager:
    """Tells one channel's peers. ``living`` names the incidents that are open now, and ``hushed`` gives those of which
    nobody is to be told, or None while that is not known; ``standing`` are the latest letters that an earlier run had
    accepted here."""

    def __init__(
        self,
        peers: Peers,
        ask: Ask,
        clock: Callable[[], Moment],
        living: Callable[[], Collection[str]],
        hushed: Callable[[], Mapping[str, Hush] | None] = dict,
        standing: Iterable[Letter] = (),
        every: float = REFRESH,
        pace: Pace = Pace(),  # noqa: B008 - immutable
    ) -> None:
        self._peers, self._ask, self._clock, self._living, self._every = peers, ask, clock, living, every
        self._hushed = hushed
        self._standing = {letter.incident: letter for letter in standing}
        self._hushing = Hushing(peers, ask, clock, self._silent, tuple(self._standing), pace)
        self._over: dict[str, tuple[Moment, dict[str, Any]]] = {}
        """By their labels the alerts whose end is still repeated, and since when."""
        self._mute: set[str] = set()
        """Peers that took nothing when they were last told."""
        self._under_way: dict[str, set[asyncio.Task[Delivery]]] = {peer: set() for peer in peers.addresses}
        """By peer the POSTs that are not over, whoever still waits for them."""

    async def send(self, letter: Letter) -> Delivery:
        """Tell all peers; accepted as soon as one of them has accepted, else after at most 10 s.

        What is to be heard waits up to a second for the end of its silence.
        """
        hushed = self._hushed()
        heard = letter.resolved or (hushed is not None and letter.incident not in hushed)
        if heard and not _notice(letter):
            await self._hushing.lift(letter.incident)
        return await self._tell(self._turn(letter, self._clock()))

    async def keep(self) -> None:
        """Tell again what stands, and keep silent what is to be, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hushing.keep(), name="silences")
            tasks.create_task(self._refresh(), name="refresh")

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            alerts = self.standing()
            if alerts:
                came = await self._tell(alerts)
                if came.outcome is not Outcome.ACCEPTED:
                    log.error("no alert was refreshed: %s", came.detail, extra={"event": "alertmanager"})

    def standing(self) -> list[dict[str, Any]]:
        """What every peer should know by now; what has ended without a word is left to run out."""
        now, living = self._clock(), self._living()
        self._over = {name: over for name, over in self._over.items() if now - over[0] < REPEATED}
        on = [letter for letter in self._standing.values() if letter.incident in living]
        return [alert for _, alert in self._over.values()] + [self._alert(letter, now) for letter in on]

    async def close(self) -> None:
        """Leave the attempts that nobody waits for; the courier ends them."""
        left = [task for tasks in self._under_way.values() for task in tasks]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._hushing.close()

    def _silent(self) -> dict[str, tuple[Hush, Labels]] | None:
        """By incident what is to be silent now, and the labels that its alert has; None while nobody knows."""
        hushed = self._hushed()
        if hushed is None:
            return None
        return {
            incident: (hushed[incident], labels(letter))
            for incident, letter in self._standing.items()
            if incident in hushed
        }

    def _turn(self, letter: Letter, now: Moment) -> list[dict[str, Any]]:
        """What is to be told with this letter: its alert, and the end of the one that it takes the place of."""
        told = self._alert(letter, now)
        if _notice(letter):
            return [told]
        before = self._standing.pop(letter.incident, None)
        if letter.resolved:
            self._over[_key(letter)] = now, told
        else:
            self._standing[letter.incident] = letter
            self._over.pop(_key(letter), None)
        if before is None or _key(before) == _key(letter):
            return [told]
        ended = self._alert(before, now) | {"endsAt": _time(now.wall)}
        self._over[_key(before)] = now, ended
        return [ended, told]

    def _alert(self, letter: Letter, now: Moment) -> dict[str, Any]:
        about, wall = None if _notice(letter) else letter.alert, now.wall
        ends = wall + timedelta(seconds=LASTS * self._every)
        if about is not None and about.ended is not None:
            ends = min(about.ended, wall)
        # A clock that was set back since: an alert that ends before it began is refused for good.
        starts = min(wall if about is None else about.began, wall, ends)
        return {
            "labels": labels(letter),
            "annotations": {"summary": letter.title, "description": letter.body, "event": letter.event},
            "startsAt": _time(starts),
            "endsAt": _time(ends),
        }

    async def _tell(self, alerts: list[dict[str, Any]]) -> Delivery:
        begun, waiting = self._clock(), set[asyncio.Task[Delivery]]()
        for peer, tasks in self._under_way.items():
            task = asyncio.create_task(self._post(peer, alerts, tuple(tasks)), name=f"alert {peer}")
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            waiting.add(task)
        came: list[Delivery] = []
        while waiting and (left := LIMIT - (self._clock() - begun)) > 0:
            done, waiting = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            came += [task.result() for task in done]
            if accepted := next((each for each in came if each.outcome is Outcome.ACCEPTED), None):
                return accepted
        seconds = self._clock() - begun
        came += [Delivery(Outcome.AMBIGUOUS, "no answer in time: it may have arrived", seconds) for _ in waiting]
        return Delivery(_worst(came), "; ".join(sorted({each.detail for each in came})), seconds, wait=_leave(came))

    async def _post(
        self, peer: str, alerts: list[dict[str, Any]], before: Collection[asyncio.Task[Delivery]]
    ) -> Delivery:
        now = self._clock().wall
        if before and any(datetime.fromisoformat(alert["endsAt"]) <= now for alert in alerts):
            # What was sent before would bring it up again if it came after its end, and wake people for nothing.
            await asyncio.wait(before, timeout=ATTEMPT)
        asked = self._peers.request(peer, "alerts", json.dumps(alerts, ensure_ascii=False))
        came, _ = await self._ask(asked, ATTEMPT)
        if came.outcome is Outcome.ACCEPTED:
            if peer in self._mute:
                log.info("%s takes alerts again", peer, extra={"event": "alertmanager"})
            self._mute.discard(peer)
            return Delivery(came.outcome, f"accepted by {peer}", came.seconds)
        if peer not in self._mute:
            log.warning("%s takes no alerts: %s", peer, came.detail, extra={"event": "alertmanager"})
        self._mute.add(peer)
        return Delivery(came.outcome, f"{peer}: {came.detail}", came.seconds, wait=came.wait)


def labels(letter: Letter) -> Labels:
    """What an Alertmanager knows an alert again by: the same as long as the incident is told by this name."""
    about = letter.alert
    named = {"alertname": str(about.condition) if about is not None and not letter.missed else "DrwatchNotice"}
    where = {} if about is None else {"cluster": about.cluster, "subject": about.subject}
    severity = "info" if letter.quiet else str(letter.severity)
    given = {**named, **where, "severity": severity, "incident": letter.incident, "job": "drwatch"}
    return {name: value for name, value in given.items() if value}


def _notice(letter: Letter) -> bool:
    """Whether it is an alert of its own that runs out by itself: about no incident, or about one that is over.

    An Alertmanager says nothing of the end of an alert that it never had.
    """
    return letter.alert is None or letter.missed


def _key(letter: Letter) -> str:
    return json.dumps(labels(letter))


def _worst(came: Collection[Delivery]) -> Outcome:
    """What came of a page that no peer accepted; refused for good only where every peer refused."""
    outcomes = {each.outcome for each in came}
    if Outcome.AMBIGUOUS in outcomes:
        return Outcome.AMBIGUOUS
    return Outcome.REFUSED if outcomes == {Outcome.REFUSED} else Outcome.FAILED


def _leave(came: Collection[Delivery]) -> float | None:
    """Seconds for which all peers that may yet take a page want to be left alone; None where one of them does not."""
    waits = [each.wait for each in came if each.outcome is not Outcome.REFUSED]
    asked = [wait for wait in waits if wait is not None]
    return min(asked) if asked and len(asked) == len(waits) else None


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
