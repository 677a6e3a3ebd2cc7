"""A real Prometheus that scrapes a real application, with the configuration that drwatch ships."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from drwatch.core.assessment import Assessment
from drwatch.core.audit import Vitals
from drwatch.core.paging import Outcome
from drwatch.core.sample import Moment
from drwatch.exporter import Exporter, Instruments
from drwatch.lab.binaries import Binaries
from drwatch.store import Boxed, Past
from drwatch.web.app import Reader, application
from drwatch.web.listen import serve
from monitoring import world

SHIPPED = Path(__file__).parents[2] / "config" / "prometheus"
DASHBOARD = SHIPPED.parent / "grafana" / "drwatch.json"
DEADLINE = 30.0
"""Seconds for Prometheus to start, scrape twice and answer."""


async def until(true: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    """Whether it became true in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not await true():  # noqa: ASYNC110 - what is waited for lives in another process
                await asyncio.sleep(0.1)
            return True
    return False


@contextlib.asynccontextmanager
async def living_world() -> AsyncIterator[int]:
    """The world as of each scrape's own now, with looks, ticks and pages that go on; gives the port."""
    instruments = Instruments(["phone", "sms"])

    def assessment() -> Assessment:
        seen = world.whole(Moment(asyncio.get_running_loop().time(), datetime.now(UTC)))
        for key in seen.snapshot.sights:
            instruments.looked(key, 0.004)
        instruments.ticked(0.001)
        instruments.paged("sms", Outcome.REFUSED)
        return seen

    def incidents() -> tuple[world.Incident, ...]:
        return world.living(assessment())

    def rows() -> list[world.Row]:
        seen = assessment()
        return [world.row(world.living(seen)[0], seen.at)]

    async def history(limit: int) -> tuple[Past, ...]:
        return ()

    async def blackbox(incident: str) -> tuple[Boxed, ...]:
        return ()

    def vitals() -> Vitals:
        return Vitals(beats=True, beaten=assessment().at)

    exporter = Exporter(assessment, incidents, rows, lambda: 0, instruments, vitals)
    app = application(
        Reader(assessment, incidents, rows, exporter.render, lambda: None, history, blackbox, lambda *_: None)
    )
    async with serve(app, ("127.0.0.1", 0)) as bound:
        assert bound is not None
        yield bound[1]


class Prometheus:
    """Its HTTP API."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def get(self, path: str, **parameters: str) -> Any:
        """The ``data`` of an answer; None when there is none yet."""
        address = f"http://127.0.0.1:{self._port}{path}?{urlencode(parameters)}"
        try:
            body = await asyncio.to_thread(lambda: urlopen(address, timeout=5).read())
        except OSError:
            return None
        return json.loads(body)["data"]

    async def query(self, expr: str) -> list[Any]:
        """The series that a query answers with."""
        answer = await self.get("/api/v1/query", query=expr)
        return list(answer["result"]) if answer else []


def questions(clusters: str) -> set[tuple[str, str]]:
    """Every panel's title and query as Grafana sends it, with these clusters chosen (a regular expression)."""
    values = {"$cluster": clusters, "$__rate_interval": "10s", "$__range": "1m"}
    asked = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            expr = target["expr"]
            for name, value in values.items():
                expr = expr.replace(name, value)
            assert "$" not in expr
            asked.add((panel["title"], expr))
    assert len(asked) > 30
    return asked


async def unanswered(prometheus: Prometheus, asked: set[tuple[str, str]], seconds: float) -> set[tuple[str, str]]:
    """The queries that never answered with a number in that time, each on its own."""
    silent = set(asked)

    async def all_answered() -> bool:
        for title, expr in sorted(silent):
            series = await prometheus.query(expr)
            if any(math.isfinite(float(each["value"][1])) for each in series):
                silent.discard((title, expr))
        return not silent

    await until(all_answered, seconds)
    return silent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def scraping(binaries: Binaries, target: int, directory: Path) -> AsyncIterator[Prometheus]:
    """A Prometheus that scrapes the port each second and evaluates the shipped rules as often."""
    shipped = (SHIPPED / "prometheus.yml").read_text()
    config = shipped.replace("127.0.0.1:9633", f"127.0.0.1:{target}").replace(": 15s", ": 1s")
    assert config.count("1s") == 2
    (directory / "prometheus.yml").write_text(config)
    (directory / "drwatch.rules.yml").write_text((SHIPPED / "drwatch.rules.yml").read_text())
    port = _free_port()
    with (directory / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            binaries.prometheus,
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=log,
            stderr=log,
        )
    try:
        yield Prometheus(port)
    finally:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()
