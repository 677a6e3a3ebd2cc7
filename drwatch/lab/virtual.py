"""Plays a scenario against the daemon with everything around it simulated: under virtual time, in milliseconds."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from drwatch.config import load
from drwatch.core.ack import Answer
from drwatch.core.incident import Phase
from drwatch.core.policy import Policy
from drwatch.core.sample import Blind, EndpointFact, Key, Moment, Probe, Reason
from drwatch.daemon.delivery import Delivering
from drwatch.daemon.parts import Wording
from drwatch.daemon.watch import Daemon
from drwatch.exporter import Instruments
from drwatch.lab.leaping import LeapingLoop
from drwatch.lab.page import Told, read
from drwatch.lab.result import SIMULATED, Result
from drwatch.lab.scenario import Scenario, forgotten, judge, overlay
from drwatch.lab.simulated import Heard
from drwatch.lab.simulated_looks import looks
from drwatch.lab.simulated_week import ACKNOWLEDGED, strike
from drwatch.lab.simulated_witness import SimulatedLedger
from drwatch.lab.simulator import EPOCH, SimulatedLook, SimulatedPhone, World, clock
from drwatch.lab.wires import OUTSIDE, WITNESS
from drwatch.store import Past, Store, StoreError

T = TypeVar("T")

CONFIG = """\
clusters:
  shop:
    nodes:
      oslo-a: {role: primary, mysql: {host: 10.0.0.1, user: drwatch, password_file: pw},
               ssh: {host: 10.0.0.1, user: drwatch}}
      oslo-b: {role: standby, mysql: {host: 10.0.0.2, user: drwatch, password_file: pw},
               ssh: {host: 10.0.0.2, user: drwatch}}
    files:
      uploads: {path: /srv/uploads, marker: /var/lib/drwatch-sync/uploads, every: 2s, rpo: 60s}
paging:
  channels: {phone: {url_file: phone.url, prove: false}}
  escalation: [{to: [phone]}]
anchors: ["10.0.0.4:443"]
"""

SETTLE = 8.0
"""Seconds until everything has been looked at and found well."""


class Inline(Executor):
    """Works at once, in the caller's thread: virtual time stands still meanwhile."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except StoreError as error:
            future.set_exception(error)
        return future


@dataclass(frozen=True)
class Played:
    pages: tuple[Told, ...]
    missing: list[str]
    unexpected: list[str]
    history: tuple[Past, ...]
    daemon: Daemon
    zero: Moment


async def alone(world: World, zero: float) -> None:
    """Nobody else watches."""


async def play(
    scenario: Scenario,
    directory: Path,
    beside: Callable[[World, float], Coroutine[Any, Any, None]] = alone,
    words: Callable[[Policy], Wording | None] = lambda policy: None,
) -> Played:
    """The whole story once; ``directory`` takes the configuration and the ledger. Needs a loop of virtual time.

    ``beside`` watches the world from the story's zero (loop seconds) to its end. ``words`` may bring other words.
    """
    file = directory / "drwatch.yaml"
    file.touch(0o600)
    begins = EPOCH.set(scenario.begins or EPOCH.get())
    file.write_text(overlay(CONFIG, scenario.laid_over(clock().wall)))
    policy = load(file, os.environ, look=False).policy
    world, instruments = World("shop", scenario.rate, needs=scenario.needs), Instruments()
    equipment = world.equipment
    phone = SimulatedPhone(lambda: world.wires.reaches(WITNESS, OUTSIDE), equipment.refusing)
    store = await Store.open(directory / "drwatch.db", thread=Inline(), boot="virtual")
    ledger = SimulatedLedger(store, lambda: equipment.disk_closed)
    daemon = Daemon(
        policy=policy,
        looks=(*looks(world), *_unmarked(world, policy), *_endpoints(world, policy)),
        delivering=Delivering(phone, ledger, clock, instruments, chance=lambda: 0.5),
        ledger=ledger,
        clock=clock,
        zone=ZoneInfo(policy.zone),
        measures=instruments,
        chance=lambda: 0.5,
        words=words(policy),
    )
    watching = asyncio.create_task(daemon.run())
    try:
        await asyncio.sleep(SETTLE)
        begun = clock()
        zero = begun.loop
        observing = asyncio.create_task(beside(world, zero))
        await _act(scenario, world, daemon, zero)
        latest = max((expect.within for expect in scenario.expect), default=0.0)
        await asyncio.sleep(max(0.0, zero + latest - clock().loop) + scenario.watch)
        if watching.done():
            watching.result()
        history = await store.history()
        observing.cancel()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await store.close()
        EPOCH.reset(begins)
    pages = tuple(_read(phone.pages, zero))
    return Played(pages, *judge(scenario, pages), history, daemon, begun)


def unattended(scenario: Scenario) -> Result:
    """The whole story once, with a loop and a directory of its own; what the daemon logs is for nobody."""
    logging.getLogger("drwatch").addHandler(logging.NullHandler())
    with TemporaryDirectory(prefix="drwatch-") as directory, asyncio.Runner(loop_factory=LeapingLoop) as runner:
        played = runner.run(play(scenario, Path(directory)))
    result = Result(scenario.name, SIMULATED, "", SIMULATED, played.zero.wall.timestamp())
    result.unexpected = played.unexpected
    result.missing = played.missing + forgotten(scenario, {line.condition for line in played.history})
    result.tell(scenario, played.pages)
    return result


def _unmarked(world: World, policy: Policy) -> Iterator[SimulatedLook]:
    """The looks at the markers of file sets that the pair's own cron knows nothing of."""
    standby = world.standby.node
    for files in policy.clusters[0].files:
        if files.name != "uploads":
            yield SimulatedLook(world, Key(standby, Probe.MARKER, files.name), 5.0, lambda: Blind(Reason.MISSING))


def _endpoints(world: World, policy: Policy) -> Iterator[SimulatedLook]:
    """The look at the application's name, where the story has one: the zone's own server is outside."""
    cluster = policy.clusters[0]
    addresses = {world.primary.node: "10.0.0.1", world.standby.node: "10.0.0.2"}

    def find() -> EndpointFact | Blind:
        if not world.wires.names or not world.wires.reaches(WITNESS, OUTSIDE):
            return Blind(Reason.DNS)
        node = world.endpoint.node
        return EndpointFact((addresses[node],), 60.0, True, (node.name,))

    if cluster.endpoint is not None:
        yield SimulatedLook(world, Key(cluster.endpoint_node, Probe.ENDPOINT, cluster.endpoint.host), 10.0, find)


async def _act(scenario: Scenario, world: World, daemon: Daemon, zero: float) -> None:
    for act in scenario.acts:
        await asyncio.sleep(max(0.0, zero + act.at - clock().loop))
        if act.fault != ACKNOWLEDGED:
            strike(world, act.fault, act.mend)
            continue
        for incident in daemon.incidents:
            if incident.phase is Phase.OPEN:
                await daemon.acknowledging.take(Answer(incident.id, "anna", "socket"))


def _read(pages: Sequence[Heard], zero: float) -> list[Told]:
    return [read(page.title, page.body, page.at - zero, page.channel) for page in pages]
