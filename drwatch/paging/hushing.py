"""Silences in Alertmanager, for alerts of what somebody has in hand or has silenced here: no repeats of those.

The peers of a cluster tell each other of their silences, and each has the id that the peer gave it. So one is set on
one peer, the others are the reserve; it is ended on all of them, in case they do not hear each other. Before either, a
peer is asked what it holds: a restart or a second attempt adds none.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from drwatch.core.hush import Held, Hush, Labels, steps
from drwatch.core.paging import Outcome
from drwatch.core.policy import LONGEST_SILENCE
from drwatch.core.sample import Moment
from drwatch.paging.peers import Ask, Peers

log = logging.getLogger("drwatch")

LOOK: Final = 0.5
"""Seconds between two looks at what is to be silent."""

LIFT: Final = 1.0
"""Seconds that what is to be heard waits for the end of its silence: under that it would be told to nobody."""

TOGETHER: Final = 4
"""Requests of these at once: the courier begins one attempt after the other, and a page is among them."""

SLACK: Final = timedelta(minutes=5)
"""By how much a peer's clock may be behind: until a silence's beginning it silences nothing."""

Wish = tuple[Hush, Labels] | None


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a peer is waited for, and when it is asked again."""

    attempt: float = 3.0
    """Seconds that a peer is given for one request."""
    again: tuple[float, ...] = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
    """Seconds after a failed attempt until the next one; after the last there is none. An end goes on at that pace."""


class _Failed(Exception):
    """A peer did not do what it was asked; the text says why in one sentence, without secrets."""


@dataclass(slots=True)
class _Case:
    """What is wanted of one incident, and whether the peers have it so."""

    wish: Wish = None
    settled: bool = False
    tries: int = 0
    due: Moment | None = None
    """When it is tried again; None for at once."""
    runs_out: datetime | None = None
    """When all that was asked for is over by itself; None while nothing was."""
    task: asyncio.Task[None] | None = None


class Hushing:
    """Sees to one channel's silences. ``wanted`` are by incident the alerts that are to be silent now, None while
    nobody knows; ``unsure`` the incidents of which an earlier run may have left one."""

    def __init__(
        self,
        peers: Peers,
        ask: Ask,
        clock: Callable[[], Moment],
        wanted: Callable[[], Mapping[str, tuple[Hush, Labels]] | None],
        unsure: Iterable[str] = (),
        pace: Pace = Pace(),
    ) -> None:
        self._peers, self._ask, self._clock, self._wanted, self._pace = peers, ask, clock, wanted, pace
        longest = timedelta(seconds=LONGEST_SILENCE)
        self._cases = {incident: _Case(runs_out=clock().wall + longest) for incident in unsure}
        self._turnstile = asyncio.Semaphore(TOGETHER)
        self._good = peers.addresses[0]
        """The peer that took a silence last."""

    async def keep(self) -> None:
        """See to them until cancelled."""
        while True:
            wanted = self._wanted()
            if wanted is not None:
                for incident in {**self._cases, **wanted}:
                    self._turn(incident, wanted.get(incident))
            await asyncio.sleep(LOOK)

    async def lift(self, incident: str) -> None:
        """End what is silent of an incident, before it is told. Who waits goes on after a second all the same."""
        case = self._cases.get(incident)
        if case is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LIFT):
                if case.task is not None:
                    await asyncio.wait({case.task})
                case.due = None
                self._turn(incident, None)
                if case.task is not None:
                    await asyncio.wait({case.task})

    async def close(self) -> None:
        """Leave what is under way; the courier ends it."""
        tasks = [case.task for case in self._cases.values() if case.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _turn(self, incident: str, wish: Wish) -> None:
        case = self._cases.setdefault(incident, _Case())
        if wish is not None:
            case.runs_out = max(case.runs_out or wish[0].until, wish[0].until)
        if case.wish != wish:
            case.wish, case.settled, case.tries, case.due = wish, False, 0, None
        if case.task is not None:
            if not case.task.done():
                return
            case.task.result()  # an error ends the process
            case.task = None
        if wish is None:
            if case.settled or case.runs_out is None or self._clock().wall > case.runs_out + SLACK:
                del self._cases[incident]
                return
        elif case.settled or case.tries > len(self._pace.again):
            return
        if case.due is None or self._clock() - case.due >= 0:
            case.task = asyncio.create_task(self._try(incident, case), name=f"silence {incident}")

    async def _try(self, incident: str, case: _Case) -> None:
        wish = case.wish
        what = "ended" if wish is None else "set"
        try:
            await (self._end(incident) if wish is None else self._set(incident, wish))
        except _Failed as failed:
            if case.wish != wish:
                return
            case.tries += 1
            again = self._pace.again
            left = wish is None or case.tries <= len(again)
            case.due = self._clock().plus(again[min(case.tries, len(again)) - 1]) if left else None
            if case.tries == 1 or not left:
                words = "it is tried again" if left else "it is given up"
                text = "the silence of %s in Alertmanager cannot be %s, %s: %s"
                log.warning(text, incident, what, words, failed, extra=_extra(incident))
        else:
            case.settled = case.wish == wish

    async def _set(self, incident: str, wish: tuple[Hush, Labels]) -> None:
        """Have one peer silence it. Raises _Failed when none does."""
        whys = []
        for peer in sorted(self._peers.addresses, key=lambda each: each != self._good):
            try:
                await self._bring(peer, incident, wish)
            except _Failed as failed:
                whys.append(str(failed))
            else:
                self._good = peer
                return
        raise _Failed("; ".join(whys))

    async def _end(self, incident: str) -> None:
        """Have every peer silence nothing of it. Raises _Failed when one may go on doing so."""
        came = await asyncio.gather(
            *(self._bring(peer, incident, None) for peer in self._peers.addresses), return_exceptions=True
        )
        whys = [error for error in came if error is not None]
        if bug := next((error for error in whys if not isinstance(error, _Failed)), None):
            raise bug
        if whys:
            raise _Failed("; ".join(map(str, whys)))

    async def _bring(self, peer: str, incident: str, wish: Wish) -> None:
        """Ask a peer what it holds, and have it hold what is wished and nothing else. Raises _Failed."""
        about = quote(f'incident="{incident}"')
        found = await self._request(peer, f"silences?filter={about}", method="GET")
        try:
            held = _held(found)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise _Failed(f"{peer}: no list of silences") from None
        lacks, over = steps(incident, wish, held)
        if wish is not None and lacks:
            await self._request(peer, "silences", json.dumps(self._silence(*wish), ensure_ascii=False))
            log.info("%s is silent in Alertmanager: %s", incident, wish[0].why, extra=_extra(incident))
        for each in over:
            await self._request(peer, f"silence/{each}", method="DELETE")
            log.info("a silence of %s in Alertmanager is ended", incident, extra=_extra(incident))

    def _silence(self, hush: Hush, labels: Labels) -> dict[str, Any]:
        return {
            "matchers": [{"name": name, "value": value, "isRegex": False} for name, value in labels.items()],
            "startsAt": (self._clock().wall - SLACK).isoformat(timespec="milliseconds"),
            "endsAt": hush.until.isoformat(timespec="milliseconds"),
            "createdBy": hush.by,
            "comment": hush.comment,
        }

    async def _request(self, peer: str, path: str, body: str = "", method: str = "POST") -> str:
        asked = self._peers.request(peer, path, body, method, answer=method == "GET")
        async with self._turnstile:
            came, answer = await self._ask(asked, self._pace.attempt)
        if came.outcome is not Outcome.ACCEPTED:
            raise _Failed(f"{peer}: {came.detail}")
        return answer


def _held(answer: str) -> list[Held]:
    """The silences in a peer's answer that are not over. One that is about more or less than certain labels is not
    drwatch's."""
    return [
        Held(
            each["id"],
            {matcher["name"]: matcher["value"] for matcher in each["matchers"]},
            each["comment"],
            datetime.fromisoformat(each["endsAt"]),
        )
        for each in json.loads(answer)
        if each["status"]["state"] != "expired"
        and not any(matcher["isRegex"] or not matcher.get("isEqual", True) for matcher in each["matchers"])
    ]


def _extra(incident: str) -> dict[str, str]:
    return {"event": "alertmanager", "incident": incident}
