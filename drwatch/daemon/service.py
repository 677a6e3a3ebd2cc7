"""The process: signals, systemd, the listener, and one watch after another as the configuration is read again."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from drwatch.config import Config, ConfigErrors
from drwatch.core.audit import stuck
from drwatch.core.hush import hushes
from drwatch.core.incident import Phase
from drwatch.core.paging import Letter
from drwatch.daemon import build
from drwatch.daemon.beating import Beating
from drwatch.daemon.carriers import carriers
from drwatch.daemon.clock import boot, clock
from drwatch.daemon.hearing import Hearing
from drwatch.daemon.legacy import Legacy
from drwatch.daemon.supervisor import Supervisor
from drwatch.daemon.watch import Daemon
from drwatch.exporter import Exporter, Instruments
from drwatch.paging.heartbeat import Heartbeat
from drwatch.store import Store, StoreError
from drwatch.web.app import Reader, application
from drwatch.web.links import Links, key
from drwatch.web.listen import ListenError, serve

log = logging.getLogger("drwatch")

BEAT = 1.0
"""Seconds between two looks at whether the watch may still be called alive."""


async def run(config: Config, read_again: Callable[[], Config]) -> None:
    """Watch until SIGTERM or SIGINT. SIGHUP calls ``read_again``; a wrong file is logged and the old one kept.

    Raises StoreError or ListenError when the daemon cannot even start.
    """
    loop = asyncio.get_running_loop()
    stop, reload = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    supervisor, instruments, legacy = Supervisor(), Instruments(), Legacy()
    fresh: Config | None = config
    before: Config | None = None
    while fresh is not None:
        config, turn = fresh, asyncio.create_task(_next(stop, reload, read_again))
        try:
            legacy = await _generation(config, instruments, supervisor, legacy, turn)
        except (StoreError, ListenError) as error:
            turn.cancel()
            if before is None:
                raise
            log.error(
                "the new configuration cannot be used, the old one stays in force: %s", error, extra={"event": "config"}
            )
            fresh, before = before, None
        else:
            fresh, before = await turn, config
    supervisor.tell("STOPPING=1")


async def _next(stop: asyncio.Event, reload: asyncio.Event, read_again: Callable[[], Config]) -> Config | None:
    """The configuration to go on with once there is another; None when it is time to stop."""
    stopping = asyncio.create_task(stop.wait())
    while True:
        reloading = asyncio.create_task(reload.wait())
        await asyncio.wait((stopping, reloading), return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            reloading.cancel()
            return None
        # Not before: what was asked for while the watch turned has not been read yet.
        reload.clear()
        try:
            fresh = read_again()
        except ConfigErrors as wrong:
            for error in wrong.errors:
                log.error("%s", error, extra={"event": "config"})
            log.error("the configuration is wrong, the old one stays in force", extra={"event": "config"})
            continue
        log.info("the configuration has been read again", extra={"event": "config"})
        stopping.cancel()
        return fresh


async def _generation(
    config: Config, instruments: Instruments, supervisor: Supervisor, before: Legacy, turn: asyncio.Task[Config | None]
) -> Legacy:
    """One watch under one configuration, until its ``turn`` is over; returns what it leaves to the next."""
    for notice in config.notices:
        log.warning("%s", notice, extra={"event": "config"})
    store = await Store.open(config.state_dir / "drwatch.db", boot=boot())
    try:
        private = config.policy.paging.private
        links = Links(key(config.state_dir / "ack.key"), config.public_url, lambda: clock().wall, private)
        standing = await _standing(config, store)
        carrier = carriers(
            config.channels,
            config.alertmanagers,
            clock,
            living=lambda: {incident.id for incident in watch.incidents if incident.phase is Phase.OPEN},
            # Before the first judgement nothing is known of what an earlier run was told.
            hushed=lambda: hushes(watch.incidents, watch.silencing.known) if watch.assessment else None,
            standing=standing,
            link=links.link,
            killed=instruments.killed,
        )
        watch = build.daemon(config, store, carrier, instruments, clock, before)
        heartbeat = config.heartbeat
        heart = Heartbeat(heartbeat.url.reveal()) if heartbeat else None
        beating = Beating(heart, heartbeat.every if heartbeat else 0.0, watch.audit, clock)
        reader = Reader(
            assessment=lambda: watch.assessment,
            incidents=lambda: watch.incidents,
            rows=lambda: watch.rows,
            metrics=Exporter(
                lambda: watch.assessment,
                lambda: watch.incidents,
                lambda: watch.rows,
                lambda: watch.undelivered,
                instruments,
                lambda: beating.vitals,
                lambda: watch.held,
            ).render,
            vitals=lambda: beating.vitals,
            health=lambda: stuck(watch.assessment, watch.rows, clock()),
            history=store.history,
            blackbox=store.blackbox,
            rebuilt=watch.rebuilt,
            drill=watch.drill,
            silences=lambda limit: store.silences(clock(), limit),
            silence=watch.silencing.begin,
            end_silence=watch.silencing.end,
            acknowledge=watch.acknowledging.take,
            links=links,
            duties=lambda: watch.duties,
            held=lambda: watch.held,
            ping=Hearing(config.jobs, watch.heard).ping,
            zone=lambda: ZoneInfo(config.policy.zone),
        )
        instruments.expect(config.policy.paging.channels)
        async with serve(application(reader), config.listen, config.runtime_dir / "drwatch.sock"):
            works = [asyncio.create_task(work) for work in (watch.run(), carrier.keep(), _beat(watch, supervisor))]
            works += [asyncio.create_task(beating.run())] if heart else []
            await _until(turn, works)
    finally:
        await store.close()
    return watch.legacy


async def _standing(config: Config, store: Store) -> tuple[Letter, ...]:
    """What Alertmanagers were told by an earlier run and hold for true; nothing of it is worth a start that fails."""
    if not config.alertmanagers:
        return ()
    try:
        return tuple(row.letter for row in await store.standing(config.alertmanagers, clock()))
    except StoreError as broken:
        log.error("which alerts stand is not known, they run out: %s", broken, extra={"event": "ledger"})
        return ()


async def _until(turn: asyncio.Task[Config | None], works: Sequence[asyncio.Task[None]]) -> None:
    """Let the works run until it is time to turn, or until one of them ends, which only an error makes it do."""
    try:
        done, _ = await asyncio.wait([*works, turn], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # an error ends the process, and systemd starts it anew
    finally:
        for task in works:
            task.cancel()
        await asyncio.gather(*works, return_exceptions=True)


async def _beat(watch: Daemon, supervisor: Supervisor) -> None:
    """Tell systemd what a completed judgement and the auditor allow, and nothing else."""
    ready, ticks = False, 0
    while True:
        await asyncio.sleep(BEAT if ready else 0.05)
        if watch.ticks == ticks:
            continue
        ticks = watch.ticks
        if not ready:
            ready = True
            log.info("ready", extra={"event": "ready"})
            supervisor.tell("READY=1")
        wrong = stuck(watch.assessment, watch.rows, clock())
        if wrong is None:
            supervisor.tell("WATCHDOG=1")
        else:
            log.error("not well: %s", wrong, extra={"event": "audit"})
