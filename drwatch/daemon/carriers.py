"""Who carries what: alerts for Alertmanagers, all other pages through Apprise; the courier makes both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping

from drwatch.config import AlertmanagerSettings, Secret
from drwatch.core.hush import Hush
from drwatch.core.paging import Delivery, Killed, Letter
from drwatch.core.sample import Moment
from drwatch.paging.alertmanager import Alertmanager
from drwatch.paging.apprise import Courier
from drwatch.paging.peers import Peers


class Carriers:
    """Each letter goes by its channel's kind."""

    def __init__(self, courier: Courier, alertmanagers: Mapping[str, Alertmanager]) -> None:
        self._courier, self._alertmanagers = courier, alertmanagers

    async def start(self) -> Mapping[str, str]:
        return await self._courier.start()

    async def send(self, letter: Letter) -> Delivery:
        return await self._alertmanagers.get(letter.channel, self._courier).send(letter)

    async def keep(self) -> None:
        """Have the alert engines told again what stands, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for name, alertmanager in self._alertmanagers.items():
                tasks.create_task(alertmanager.keep(), name=f"alerts {name}")
            await asyncio.Event().wait()

    async def close(self) -> None:
        # The courier first: it ends every attempt under way.
        await self._courier.close()
        for alertmanager in self._alertmanagers.values():
            await alertmanager.close()


def carriers(
    channels: Mapping[str, Secret],
    alertmanagers: Mapping[str, AlertmanagerSettings],
    clock: Callable[[], Moment],
    living: Callable[[], Collection[str]] = tuple,
    hushed: Callable[[], Mapping[str, Hush] | None] = dict,
    standing: Iterable[Letter] = (),
    link: Callable[[str, str], str] = lambda *_: "",
    killed: Callable[[Killed], None] = lambda _: None,
) -> Carriers:
    """What carries pages through these channels. ``living`` are the incidents that are open now, ``hushed`` those of
    which nobody is to be told (None while that is not known), and ``standing`` what was accepted of them before.
    ``link`` is where a page is acknowledged, ``killed`` is told what had to be killed (see Courier)."""
    courier = Courier({name: url.reveal() for name, url in channels.items()}, link=link, killed=killed)
    before = tuple(standing)
    return Carriers(
        courier,
        {
            name: Alertmanager(
                Peers(peers.addresses, peers.headers(), None if peers.ca is None else str(peers.ca)),
                courier.ask,
                clock,
                living,
                hushed,
                [letter for letter in before if letter.channel == name],
            )
            for name, peers in alertmanagers.items()
        },
    )
