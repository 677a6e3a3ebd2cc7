"""The HTTP application: the status page, the metrics, the health of drwatch itself, and the JSON API.

It only reads, but for what an operator says over the unix socket (a standby was rebuilt, a drill begins or ends, an
incident is in hand), and for the last of these by whoever holds the signed link out of a page.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from drwatch.core import ack
from drwatch.core.ack import Answer
from drwatch.core.assessment import Assessment
from drwatch.core.audit import Vitals
from drwatch.core.drill import Drill, running
from drwatch.core.incident import Incident
from drwatch.core.job import Said
from drwatch.core.paging import Held, Row
from drwatch.core.preflight import no_drill, rehearsal
from drwatch.core.rota import Duty
from drwatch.core.sample import Moment
from drwatch.core.silence import Refused, Silence, Wish
from drwatch.core.view import ClusterView
from drwatch.store import Boxed, Past, StoreError
from drwatch.web import acks, page
from drwatch.web.drills import drill_json, rehearsal_json
from drwatch.web.incidents import boxed_json, incident_json, past_json
from drwatch.web.links import Bound, Links, NoLink
from drwatch.web.silences import silence_json, wish
from drwatch.web.status import status_json

MOST = 500
"""Lines of history that one answer may hold."""

LONGEST_DRILL = 7 * 86400
"""Seconds: what is announced for longer was forgotten."""


def _utc() -> tzinfo:
    return UTC


def _nobody(cluster: str, what: object) -> None:
    return None


def _stranger(token: str, said: Said) -> bool:
    return False


async def _none(limit: int) -> Sequence[Silence]:
    return ()


async def _nothing_begins(wish: Wish) -> Silence:
    raise Refused("nothing is watched here")


async def _nothing_ends(name: str, by: str) -> Silence | None:
    return None


async def _nothing_is_open(answer: Answer) -> Incident:
    raise ack.Refused("nothing is watched here")


@dataclass(frozen=True, slots=True)
class Reader:
    """What the application reads, each time anew; and the words of a human that it hands on."""

    assessment: Callable[[], Assessment | None]
    """None until the first tick."""
    incidents: Callable[[], Sequence[Incident]]
    """Those that are alive."""
    rows: Callable[[], Sequence[Row]]
    """Pages that are not settled."""
    metrics: Callable[[str], Awaitable[tuple[bytes, str]]]
    """The exposition and its content type, for an Accept header."""
    health: Callable[[], str | None]
    """What is wrong with drwatch itself, in a sentence; None when it is well."""
    history: Callable[[int], Awaitable[Sequence[Past]]]
    """At most so many incidents of the history, newest first."""
    blackbox: Callable[[str], Awaitable[Sequence[Boxed]]]
    """What was put down at the deaths under an incident."""
    rebuilt: Callable[[str, str], str | None] = _nobody
    """Takes a human's word that a standby of a cluster was rebuilt, and says what follows; None without such a one."""
    drill: Callable[[str, float], Drill | None] = _nobody
    """Takes a human's word that a drill of a cluster begins, for so many seconds, or ends, for 0 of them; it, then."""
    silences: Callable[[int], Awaitable[Sequence[Silence]]] = _none
    """At most so many silences, newest first, past ones too."""
    silence: Callable[[Wish], Awaitable[Silence]] = _nothing_begins
    """Silences what is wished for. Refused, or StoreError where it cannot be written down."""
    end_silence: Callable[[str, str], Awaitable[Silence | None]] = _nothing_ends
    """Ends the silence of that id, by somebody's word; None without such a one."""
    acknowledge: Callable[[Answer], Awaitable[Incident]] = _nothing_is_open
    """Takes a human's word that an incident is in hand; it, then. ack.Refused for one that may not be."""
    links: Links | None = None
    """What reads the links that pages carry; None where there are none."""
    duties: Callable[[], Sequence[Duty]] = tuple
    """Who is on duty now."""
    ping: Callable[[str, Said], bool] = _stranger
    """Takes the word of the job that a token belongs to; False for a token of nobody."""
    vitals: Callable[[], Vitals] = Vitals
    """How drwatch itself is, and its heartbeat."""
    held: Callable[[], Held] = dict
    """What quiet hours keep from channels now."""
    zone: Callable[[], tzinfo] = _utc
    """Of the times on the page for people."""


def application(reader: Reader) -> Starlette:
    """The ASGI application."""
    return Starlette(routes=_Pages(reader).routes(), middleware=[Middleware(_Headers)])


class _Pages:
    """One method an address. What is judged never changes, so it is drawn in a thread and holds up no look."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def routes(self) -> list[Route]:
        return [
            Route("/", self.status_page),
            Route("/metrics", self.metrics),
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/api/v1/status", self.status),
            Route("/api/v1/incidents", self.incidents),
            Route("/api/v1/incidents/{id}", self.incident),
            Route("/api/v1/incidents/{id}/ack", self.acknowledge, methods=["POST"]),
            Route("/ack/{signed}", self.ask),
            Route("/ack/{signed}", self.take, methods=["POST"]),
            Route("/api/v1/nodes/{cluster}/{node}/rebuilt", self.rebuilt, methods=["POST"]),
            Route("/api/v1/clusters/{cluster}/drill", self.drill),
            Route("/api/v1/clusters/{cluster}/drill", self.announce, methods=["POST", "DELETE"]),
            Route("/api/v1/silences", self.silences),
            Route("/api/v1/silences", self.begin_silence, methods=["POST"]),
            Route("/ping/{token}", self.ping, methods=["GET", "POST"]),
            Route("/ping/{token}/{said}", self.ping, methods=["GET", "POST"]),
            Route("/api/v1/silences/{id}", self.end_silence, methods=["DELETE"]),
        ]

    async def status_page(self, request: Request) -> Response:
        reader = self._reader
        seen = reader.assessment(), reader.incidents(), reader.rows()
        html = await asyncio.to_thread(
            page.render, *seen, reader.health(), reader.zone(), reader.duties(), reader.vitals(), reader.held()
        )
        return HTMLResponse(html, headers={"content-security-policy": page.POLICY})

    async def metrics(self, request: Request) -> Response:
        body, content_type = await self._reader.metrics(request.headers.get("accept", ""))
        headers = {"content-type": content_type, "vary": "accept, accept-encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            body = gzip.compress(body, compresslevel=1)
            headers["content-encoding"] = "gzip"
        return Response(body, headers=headers)

    async def healthz(self, request: Request) -> Response:
        wrong = self._reader.health()
        return PlainTextResponse(f"{wrong or 'well'}\n", 503 if wrong else 200)

    async def readyz(self, request: Request) -> Response:
        assessment = self._reader.assessment()
        if assessment is None:
            return PlainTextResponse("nothing has been judged yet\n", 503)
        if assessment.unsettled:
            names = ", ".join(sorted(assessment.unsettled))
            return PlainTextResponse(f"not looked at all round yet: {names}\n", 503)
        return PlainTextResponse("ready\n")

    async def status(self, request: Request) -> Response:
        seen = self._reader.assessment(), self._reader.incidents(), self._reader.rows(), self._reader.duties()
        vitals, held = self._reader.vitals(), self._reader.held()
        return await asyncio.to_thread(lambda: JSONResponse(status_json(*seen, vitals, held)))

    async def incidents(self, request: Request) -> Response:
        try:
            history = [past_json(past) for past in await self._reader.history(_limit(request))]
        except StoreError as broken:
            # What is alive is in memory: a dead disk does not hide it.
            return JSONResponse({"living": self._living(), "history": None, "unknown": str(broken)})
        return JSONResponse({"living": self._living(), "history": history, "unknown": ""})

    async def incident(self, request: Request) -> Response:
        wanted, unknown = request.path_params["id"].upper(), ""
        found: dict[str, Any] = {}
        boxed: list[dict[str, Any]] | None = None
        try:
            found = next((past_json(past) for past in await self._reader.history(MOST) if past.id == wanted), {})
            boxed = [boxed_json(each) for each in await self._reader.blackbox(wanted)]
        except StoreError as broken:
            unknown = str(broken)
        found |= next((living for living in self._living() if living["id"] == wanted), {})
        if found:
            return JSONResponse({**found, "blackbox": boxed})
        if unknown:
            raise HTTPException(503, unknown)
        raise HTTPException(404, f"no incident {wanted} among the living and the last {MOST}")

    async def acknowledge(self, request: Request) -> Response:
        _of_an_operator(request, "drwatch ack INCIDENT")
        return JSONResponse(incident_json(await self._taken(await acks.answer(request)), self._now()))

    async def ask(self, request: Request) -> Response:
        """Shows what there is to acknowledge: whatever fetches a link only to look at it acknowledges nothing."""
        bound = self._bound(request)
        incident = next((each for each in self._reader.incidents() if each.id == bound.incident), None)
        now = self._now()
        if incident is None or now is None:
            raise HTTPException(410, f"no incident {bound.incident} is open any more: there is nothing to acknowledge")
        html = acks.asked(incident, now, self._reader.zone())
        return HTMLResponse(html, headers={"content-security-policy": acks.POLICY})

    async def take(self, request: Request) -> Response:
        bound = self._bound(request)
        by = await acks.signature(request) or bound.channel
        address = request.client.host if request.client is not None else "the socket"
        incident = await self._taken(Answer(bound.incident, by, f"link to {bound.channel}, from {address}"))
        assert incident.acknowledged is not None
        html = acks.taken(incident, incident.acknowledged.at, self._reader.zone())
        return HTMLResponse(html, headers={"content-security-policy": acks.POLICY})

    def _bound(self, request: Request) -> Bound:
        if self._reader.links is None:
            raise HTTPException(404, "this drwatch gives no links: take 'drwatch ack'")
        try:
            return self._reader.links.read(request.path_params["signed"])
        except NoLink as none:
            raise HTTPException(403, str(none)) from None

    async def _taken(self, answer: Answer) -> Incident:
        try:
            return await self._reader.acknowledge(answer)
        except ack.Refused as refused:
            raise HTTPException(409, str(refused)) from None

    async def drill(self, request: Request) -> Response:
        """What a drill would be now: may one be announced, and what would its humans do."""
        name = request.path_params["cluster"]
        assessment, view = self._seen(name)
        on = running(assessment.snapshot.drills, name, assessment.at)
        plans = [rehearsal_json(rehearsal(view, assessment.snapshot, standby)) for standby in view.ranked]
        refused = "" if on else no_drill(view) or ""
        return JSONResponse({"drill": drill_json(on, True) if on else None, "refused": refused, "plans": plans})

    async def announce(self, request: Request) -> Response:
        _of_an_operator(request, "drwatch drill CLUSTER")
        name, begins = request.path_params["cluster"], request.method == "POST"
        assessment, view = self._seen(name)
        if begins and not running(assessment.snapshot.drills, name, assessment.at):
            refused = no_drill(view)
            if refused is not None:
                raise HTTPException(409, refused)
        said = self._reader.drill(name, _seconds(request) if begins else 0)
        if said is None:
            raise HTTPException(404, f"no drill of {name} is on")
        return JSONResponse({"drill": drill_json(said, begins)})

    async def rebuilt(self, request: Request) -> Response:
        _of_an_operator(request, "drwatch rebuilt CLUSTER NODE")
        name, node = request.path_params["cluster"], request.path_params["node"]
        cluster = self._seen(name)[1].cluster
        if node == cluster.primary.node.name:
            names = ", ".join(each.node.name for each in cluster.standbys) or "none"
            raise HTTPException(404, f"{node} leads {name}, so it is no standby: its standbys are {names}")
        words = self._reader.rebuilt(name, node)
        if words is None:
            names = ", ".join(each.node.name for each in cluster.nodes)
            raise HTTPException(404, f"{name} has no node {node}: it has {names}")
        return JSONResponse({"done": words})

    async def ping(self, request: Request) -> Response:
        """A job says how it went. A HEAD, which a link's preview sends, is no word of a job."""
        if request.method == "HEAD":
            raise HTTPException(405, headers={"allow": "GET, POST"})
        said = request.path_params.get("said", "done")
        if said not in list(Said) or not self._reader.ping(request.path_params["token"], Said(said)):
            raise HTTPException(404, "no job has this address")
        return PlainTextResponse("heard\n")

    async def silences(self, request: Request) -> Response:
        now = self._now()
        try:
            found = [silence_json(each, now) for each in await self._reader.silences(_limit(request))]
        except StoreError as broken:
            raise HTTPException(503, str(broken)) from None
        return JSONResponse({"silences": found})

    async def begin_silence(self, request: Request) -> Response:
        _of_an_operator(request, "drwatch silence CLUSTER --for 1h --reason WHY")
        try:
            made = await self._reader.silence(await wish(request))
        except Refused as refused:
            raise HTTPException(400, str(refused)) from None
        except StoreError as broken:
            raise HTTPException(503, f"nothing is silenced: {broken}") from None
        return JSONResponse(silence_json(made, made.began))

    async def end_silence(self, request: Request) -> Response:
        _of_an_operator(request, "drwatch silence --end ID")
        name, by = request.path_params["id"].upper(), request.query_params.get("by", "")
        if not by.strip():
            raise HTTPException(400, "?by= says who ends it: the history keeps that")
        try:
            ended = await self._reader.end_silence(name, by)
        except StoreError as broken:
            raise HTTPException(503, f"the silence goes on: {broken}") from None
        if ended is None:
            raise HTTPException(404, f"no silence {name} is in force: see drwatch silence --list")
        return JSONResponse(silence_json(ended, ended.ended))

    def _seen(self, cluster: str) -> tuple[Assessment, ClusterView]:
        """What was judged, and of this cluster; else a sentence for whoever asked."""
        assessment = self._reader.assessment()
        if assessment is None:
            raise HTTPException(503, "nothing has been judged yet: ask again in a moment")
        view = assessment.view(cluster)
        if view is None:
            names = ", ".join(each.cluster.name for each in assessment.clusters)
            raise HTTPException(404, f"there is no cluster {cluster}: the configuration has {names}")
        return assessment, view

    def _now(self) -> Moment | None:
        assessment = self._reader.assessment()
        return assessment.at if assessment else None

    def _living(self) -> list[dict[str, Any]]:
        now, held = self._now(), self._reader.held()
        return [incident_json(incident, now, held) for incident in self._reader.incidents()]


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "50")
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MOST:
        raise HTTPException(400, f"limit is a number from 1 to {MOST}")
    return int(text)


def _of_an_operator(request: Request, command: str) -> None:
    if request.client is not None:
        # It has an address, so it did not come over the unix socket, which only the operators may open.
        raise HTTPException(403, f"this is told over drwatch's own socket: {command}")


def _seconds(request: Request) -> int:
    text = request.query_params.get("for", "")
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= LONGEST_DRILL:
        raise HTTPException(400, f"for is a whole number of seconds from 1 to {LONGEST_DRILL}")
    return int(text)


class _Headers:
    """What every answer carries: it is fresh, it is what it says, it goes into nobody's frame."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", "default-src 'none'; frame-ancestors 'none'")
                headers["cache-control"] = "no-store"
                headers["referrer-policy"] = "no-referrer"
                headers["x-content-type-options"] = "nosniff"
                headers["x-frame-options"] = "DENY"
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)
