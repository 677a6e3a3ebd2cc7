"""Acknowledging over HTTP: on the operators' socket, or by the signed link out of a page; never by only looking."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from monitoring import world

from drwatch.core.incident import Incident, Phase
from drwatch.core.rota import Duty, Person
from drwatch.web.links import LASTS, Bound, Links, NoLink, key
from drwatch.web.listen import serve
from web.asking import Client, World

OUTSIDE = "https://drwatch.example.no"
KEY = bytes(range(32))


@dataclass
class Wall:
    """A wall clock that a test moves."""

    at: datetime = datetime(2026, 11, 23, 3, 14, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@dataclass
class Desk:
    of: World
    listener: Client
    socket: Client
    wall: Wall

    @property
    def incident(self) -> Incident:
        return self.of.incidents[0]

    @property
    def path(self) -> str:
        assert self.of.links is not None
        return self.of.links.link(self.incident.id, "anna-phone").removeprefix(OUTSIDE)


@asynccontextmanager
async def desk(directory: Path) -> AsyncIterator[Desk]:
    """A world with one open incident, the listener, and the operators' socket."""
    assessment, wall = world.whole(), Wall()
    (first, *_) = (each for each in world.living(assessment) if each.phase is Phase.OPEN)
    of = World(assessment, [first], links=Links(KEY, OUTSIDE, wall))
    async with serve(of.application(), ("127.0.0.1", 0), directory / "drwatch.sock") as bound:
        assert bound is not None
        yield Desk(of, Client(bound), Client(directory / "drwatch.sock"), wall)


async def test_an_operator_acknowledges_on_the_socket_and_nobody_does_on_the_listener(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        path = f"/api/v1/incidents/{at.incident.id}/ack"
        refused = await at.listener.get(path, "POST", {"by": "mallory"})
        assert (refused.status, at.incident.acknowledged) == (403, None)
        answer = await at.socket.get(path.lower().replace("/ack", "/ack"), "POST", {"by": "anna", "note": "on it"})
        assert answer.status == 200
        ack = answer.json["acknowledged"]
        assert (ack["by"], ack["from"], ack["note"]) == ("anna", "socket", "on it")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"by": ""}, 409, "needs a name"),
        (None, 409, "needs a name"),
        ({"by": ["anna"]}, 400, "by is a text"),
        ({"by": "anna", "for": "2h"}, 400, "for is no key of an acknowledgement"),
        (["anna"], 400, "is no key of an acknowledgement"),
        (b"{nonsense", 400, "is no JSON"),
        ({"by": "a" * 5000}, 413, "at most 4096 bytes"),
    ],
)
async def test_what_is_no_acknowledgement_is_answered_with_a_sentence(
    tmp_path: Path, body: object, status: int, words: str
) -> None:
    async with desk(tmp_path) as at:
        answer = await at.socket.get(f"/api/v1/incidents/{at.incident.id}/ack", "POST", body)
        assert (answer.status, words in answer.text) == (status, True), answer.text
        assert at.incident.acknowledged is None


async def test_an_incident_that_is_not_open_cannot_be_acknowledged(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        answer = await at.socket.get("/api/v1/incidents/QQQQQQ/ack", "POST", {"by": "anna"})
        assert (answer.status, "no incident QQQQQQ is open" in answer.text) == (409, True)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_whatever_only_looks_at_a_link_acknowledges_nothing(tmp_path: Path, method: str) -> None:
    async with desk(tmp_path) as at:
        answer = await at.listener.get(at.path, method)
        assert (answer.status, at.incident.acknowledged) == (200, None)
        assert (await at.listener.get(at.path, "PUT")).status == 405
        assert at.incident.acknowledged is None


async def test_the_page_behind_a_link_shows_the_incident_and_asks_by_a_form_without_script(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.of.incidents = [replace(at.incident, summary="<script>alert(1)</script>", subject='"oslo"')]
        answer = await at.listener.get(at.path)
        assert '<form method="post"><input' in answer.text
        assert f"[{at.incident.id}]" in answer.text
        assert str(at.incident.condition) in answer.text
        assert "<script" not in answer.text
        assert "<script>alert(1)</script>" in unescape(answer.text)
        assert 'content="width=device-width' in answer.text
        assert "http-equiv" not in answer.text
        policy = answer.headers["content-security-policy"]
        assert "form-action 'self'" in policy
        assert "script-src" not in policy
        assert answer.headers["referrer-policy"] == "no-referrer"


async def test_the_button_acknowledges_by_the_name_that_was_given_else_by_the_channels(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        answer = await at.listener.get(at.path, "POST", b"by=Anna+%3Cb%3E")
        assert answer.status == 200
        assert "Anna &lt;b&gt; has it in hand" in answer.text
        assert at.incident.acknowledged is not None
        assert at.incident.acknowledged.origin == "link to anna-phone, from 127.0.0.1"
        assert "Anna &lt;b&gt; has it in hand" in (await at.listener.get(at.path)).text
        await at.listener.get(at.path, "POST")
        assert at.incident.acknowledged.by == "anna-phone"


async def test_a_link_is_for_one_incident_and_for_a_day(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        path = at.path
        at.wall.at += timedelta(seconds=LASTS - 1)
        assert (await at.listener.get(path)).status == 200
        at.wall.at += timedelta(seconds=1)
        late = await at.listener.get(path, "POST")
        assert (late.status, "has expired" in late.text, at.incident.acknowledged) == (403, True, None)
        fresh = at.path
        at.of.incidents = [replace(at.incident, id="QQQQQQ")]
        for method, status in (("GET", 410), ("POST", 409)):
            over = await at.listener.get(fresh, method)
            assert (over.status, "open" in over.text, "\n" in over.text) == (status, True, False)
        assert at.incident.acknowledged is None


async def test_a_link_that_was_changed_cut_off_or_made_by_another_acknowledges_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        path, wall = at.path, at.wall
        foreign = Links(bytes(32), OUTSIDE, wall).link(at.incident.id, "anna-phone").removeprefix(OUTSIDE)
        letter = "A" if path[-1] != "A" else "B"
        for wrong in (
            foreign,
            path[:-1],
            path[:-8] + letter * 8,
            "/ack/" + "x" * 5000,
            "/ack/%00",
            "/ack/%F0%9F%98%80",
        ):
            answer = await at.listener.get(wrong, "POST")
            assert (answer.status, "none of this drwatch's" in answer.text) == (403, True), wrong
            assert "\n" not in answer.text
        assert at.incident.acknowledged is None


async def test_without_links_the_address_says_what_to_do_instead(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        path, at.of.links = at.path, None
    async with serve(at.of.application(), ("127.0.0.1", 0)) as bound:
        assert bound is not None
        answer = await Client(bound).get(path)
        assert (answer.status, "drwatch ack" in answer.text) == (404, True)


async def test_who_has_it_in_hand_and_who_is_on_duty_is_shown_everywhere(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.of.duties = [Duty("oncall", Person("bo", ("bo-sms",)), datetime(2026, 11, 30, 8, tzinfo=UTC))]
        await at.listener.get(at.path, "POST", b"by=Anna")
        page = (await at.listener.get("/")).text
        assert "Anna has it in hand until" in page
        assert "bo is on duty (oncall) until" in page
        status = (await at.listener.get("/api/v1/status")).json
        assert status["on_duty"] == [
            {"rota": "oncall", "who": "bo", "channels": ["bo-sms"], "until": "2026-11-30T08:00:00.000Z"}
        ]
        (living,) = (await at.listener.get("/api/v1/incidents")).json["living"]
        assert living["acknowledged"]["by"] == "Anna"
        labels = f'condition="{at.incident.condition}",severity="{at.incident.severity}"'
        metrics = (await at.listener.get("/metrics")).text
        assert f'drwatch_incident_acknowledged{{cluster="{at.incident.cluster}",{labels}}} 1.0' in metrics


def test_without_an_outside_address_there_are_no_links() -> None:
    assert Links(KEY, None, Wall()).link("ABCDEF", "phone") == ""


def test_a_channel_that_is_to_learn_no_name_gets_neither_the_listeners_nor_what_acknowledges() -> None:
    """Whoever holds a link may also read on its page what is wrong, with every name."""
    links = Links(KEY, OUTSIDE, Wall(), veiled=frozenset({"chat"}))
    assert links.link("ABCDEF", "chat") == ""
    assert links.link("ABCDEF", "phone").startswith(OUTSIDE)


def test_a_link_says_which_channel_it_was_sent_through() -> None:
    links = Links(KEY, OUTSIDE, Wall())
    signed = links.link("ABCDEF", "anna-phone").rpartition("/")[2]
    assert links.read(signed) == Bound("ABCDEF", "anna-phone")
    with pytest.raises(NoLink):
        Links(bytes(32), OUTSIDE, Wall()).read(signed)


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "ack.key"
    made = key(file)
    assert (key(file), len(made), stat.S_IMODE(file.stat().st_mode)) == (made, 32, 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["ack.key"]


def test_a_key_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "ack.key"
    file.write_bytes(b"short")
    assert len(made := key(file)) == 32
    assert key(file) == made


def test_where_the_disk_takes_no_key_links_hold_for_this_process(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = key(tmp_path / "nowhere" / "ack.key")
    assert len(made) == 32
    assert "links that acknowledge a page die with this drwatch" in caplog.text
    assert made.hex() not in caplog.text
