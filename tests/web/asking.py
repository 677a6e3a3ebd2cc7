"""The real application behind its real listener, asked over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp
from worlds import POLICY, START

from drwatch.core.ack import Answer as InHand
from drwatch.core.acknowledge import acknowledge
from drwatch.core.assessment import Assessment
from drwatch.core.drill import Drill
from drwatch.core.incident import Incident
from drwatch.core.job import Said
from drwatch.core.paging import Row
from drwatch.core.rota import Duty
from drwatch.core.silence import Silence, Wish, silence
from drwatch.exporter import Exporter, Instruments
from drwatch.store import Boxed, Past
from drwatch.web.app import Reader, application
from drwatch.web.links import Links
from drwatch.web.listen import serve


@dataclass
class World:
    """What the application reads; a test may change it between two requests."""

    assessment: Assessment | None = None
    incidents: Sequence[Incident] = ()
    rows: Sequence[Row] = ()
    past: Sequence[Past] = ()
    boxed: Sequence[Boxed] = ()
    wrong: str | None = None
    broken: Exception | None = None
    """What reading the history comes to."""
    said: list[tuple[str, str]] = field(default_factory=list)
    """Cluster and node of each standby that was said to be rebuilt."""
    drilled: list[tuple[str, float]] = field(default_factory=list)
    """Cluster and seconds of each drill that was said to begin; 0 seconds for one that is over."""
    links: Links | None = None
    duties: Sequence[Duty] = ()
    pinged: list[Said] = field(default_factory=list)
    """What the backup said."""
    silences: list[Silence] = field(default_factory=list)
    asked_for: list[int] = field(default_factory=list)
    """How much history was asked for."""

    async def history(self, limit: int) -> Sequence[Past]:
        self.asked_for.append(limit)
        if self.broken is not None:
            raise self.broken
        return self.past[:limit]

    async def blackbox(self, incident: str) -> Sequence[Boxed]:
        return [boxed for boxed in self.boxed if boxed.body["incident"] == incident]

    def rebuilt(self, cluster: str, node: str) -> str | None:
        if cluster != "shop" or node not in {"oslo-a", "oslo-b"}:
            return None
        self.said.append((cluster, node))
        return "it counts again"

    def drill(self, cluster: str, seconds: float) -> Drill | None:
        if cluster != "shop" or self.assessment is None or not (seconds or self.drilled):
            return None
        self.drilled.append((cluster, seconds))
        return Drill(cluster, self.assessment.at, self.assessment.at.plus(seconds))

    async def latest(self, limit: int) -> Sequence[Silence]:
        return self.silences[:limit]

    async def silence(self, wish: Wish) -> Silence:
        if self.broken is not None:
            raise self.broken
        self.silences.append(silence(wish, POLICY, START))
        return self.silences[-1]

    async def end_silence(self, name: str, by: str) -> Silence | None:
        found = next((each for each in self.silences if each.id == name), None)
        return replace(found, ended=START.plus(60), ended_by=by) if found else None

    async def acknowledge(self, answer: InHand) -> Incident:
        taken = acknowledge(answer, self.incidents, 3600.0, self.assessment.at if self.assessment else START)
        self.incidents = tuple(taken if each.id == taken.id else each for each in self.incidents)
        return taken

    def ping(self, token: str, said: Said) -> bool:
        if token != "the-token-of-the-backup":
            return False
        self.pinged.append(said)
        return True

    def application(self) -> ASGIApp:
        exporter = Exporter(
            lambda: self.assessment, lambda: self.incidents, lambda: self.rows, lambda: 0, Instruments(["phone"])
        )
        return application(
            Reader(
                assessment=lambda: self.assessment,
                incidents=lambda: self.incidents,
                rows=lambda: self.rows,
                metrics=exporter.render,
                health=lambda: self.wrong,
                history=self.history,
                blackbox=self.blackbox,
                rebuilt=self.rebuilt,
                drill=self.drill,
                silences=self.latest,
                silence=self.silence,
                end_silence=self.end_silence,
                acknowledge=self.acknowledge,
                links=self.links,
                duties=lambda: self.duties,
                ping=self.ping,
            )
        )


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks over TCP, or over a unix socket."""

    def __init__(self, where: tuple[str, int] | Path) -> None:
        self._where = where

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._where, Path):
            return await asyncio.open_unix_connection(self._where)
        return await asyncio.open_connection(*self._where)

    async def get(self, path: str, method: str = "GET", body: object = None, **headers: str) -> Answer:
        async with asyncio.timeout(10):
            reader, writer = await self.dial()
            try:
                lines = [f"{method} {path} HTTP/1.1", "host: localhost", "connection: close"]
                lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
                sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
                lines += [f"content-length: {len(sent)}"] if sent else []
                writer.write("\r\n".join([*lines, "", ""]).encode() + sent)
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()
        status, *rest = head.decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in rest)
        return Answer(int(status.split()[1]), fields, body)


@contextlib.asynccontextmanager
async def asking(world: World) -> AsyncIterator[Client]:
    async with serve(world.application(), ("127.0.0.1", 0)) as bound:
        assert bound is not None
        yield Client(bound)
