"""The process: signals, systemd, the listener, and one watch after another as the configuration is read again."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any
from zoneinfo import ZoneInfo

from drwatch.config import Config, ConfigErrors
from drwatch.core.audit import audit
from drwatch.core.snapshot import Snapshot
from drwatch.daemon import build
from drwatch.daemon.clock import clock
from drwatch.daemon.supervisor import Supervisor
from drwatch.daemon.watch import Daemon
from drwatch.exporter import Exporter, Instruments
from drwatch.paging.apprise import Courier
from drwatch.store import Store
from drwatch.web.app import Reader, application
from drwatch.web.listen import serve

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
    supervisor, instruments, seen = Supervisor(), Instruments(), Snapshot()
    while not stop.is_set():
        reload.clear()
        seen = await _generation(config, instruments, supervisor, seen, stop, reload)
        if not stop.is_set():
            config = _again(config, read_again)
    supervisor.tell("STOPPING=1")


def _again(config: Config, read_again: Callable[[], Config]) -> Config:
    try:
        fresh = read_again()
    except ConfigErrors as wrong:
        for error in wrong.errors:
            log.error("%s", error, extra={"event": "config"})
        log.error("the configuration is wrong, the old one stays in force", extra={"event": "config"})
        return config
    log.info("the configuration has been read again", extra={"event": "config"})
    return fresh


async def _generation(
    config: Config,
    instruments: Instruments,
    supervisor: Supervisor,
    seen: Snapshot,
    stop: asyncio.Event,
    reload: asyncio.Event,
) -> Snapshot:
    """One watch, from its configuration to the next signal; returns what it had seen."""
    for notice in config.notices:
        log.warning("%s", notice, extra={"event": "config"})
    store = await Store.open(config.state_dir / "drwatch.db")
    try:
        carrier = Courier({name: url.reveal() for name, url in config.channels.items()})
        watch = build.daemon(config, store, carrier, instruments, clock, seen)
        reader = Reader(
            assessment=lambda: watch.assessment,
            incidents=lambda: watch.incidents,
            rows=lambda: watch.rows,
            metrics=Exporter(lambda: watch.assessment, lambda: watch.incidents, lambda: watch.rows, instruments).render,
            health=lambda: audit(watch.assessment, watch.rows, clock()),
            history=store.history,
            zone=lambda: ZoneInfo(config.policy.zone),
        )
        instruments.expect(config.channels)
        async with serve(application(reader), config.listen, config.runtime_dir / "drwatch.sock"):
            await _until((stop, reload), watch.run(), _beat(watch, supervisor))
    finally:
        await store.close()
    return watch.snapshot


async def _until(signals: tuple[asyncio.Event, ...], *works: Coroutine[Any, Any, None]) -> None:
    """Run everything until a signal comes or one of the works ends, which only an error makes it do."""
    running = [asyncio.create_task(work) for work in works]
    waiting = [asyncio.create_task(event.wait()) for event in signals]
    try:
        done, _ = await asyncio.wait([*running, *waiting], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # an error ends the process, and systemd starts it anew
    finally:
        for task in (*running, *waiting):
            task.cancel()
        await asyncio.gather(*running, *waiting, return_exceptions=True)


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
        wrong = audit(watch.assessment, watch.rows, clock())
        if wrong is None:
            supervisor.tell("WATCHDOG=1")
        else:
            log.error("not well: %s", wrong, extra={"event": "audit"})
