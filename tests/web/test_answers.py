"""What each address of the application answers."""

import gzip
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from monitoring import world

from drwatch.core.finding import Condition
from drwatch.core.incident import Incident, Phase
from drwatch.store import Past, StoreError
from drwatch.web.listen import serve
from web.asking import Client, World, asking

PATHS = ("/", "/metrics", "/healthz", "/readyz", "/api/v1/status", "/api/v1/incidents")


def full() -> World:
    assessment = world.whole()
    incidents = world.living(assessment)
    return World(assessment, incidents, [world.row(incidents[0])], [past(incidents[0]), past(incidents[1], "QQQQQQ")])


def past(incident: Incident, name: str | None = None) -> Past:
    began = incident.began.wall - timedelta(days=1 if name else 0)
    return Past(
        id=name or incident.id,
        cluster=incident.cluster,
        subject=incident.subject,
        condition=incident.condition,
        severity=incident.severity,
        phase=Phase.RESOLVED if name else incident.phase,
        summary=incident.summary,
        began=began,
        confirmed=began,
        ended=began + timedelta(minutes=3) if name else None,
        pages=2,
        told=1,
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("of", [World, full], ids=["nothing judged yet", "a whole world"])
async def test_every_page_is_fresh_typed_and_in_nobodys_frame(path: str, of: type[World]) -> None:
    async with asking(of()) as client:
        answer = await client.get(path)
    assert answer.status in (200, 503)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers


@pytest.mark.parametrize("path", PATHS)
async def test_the_pages_only_read(path: str) -> None:
    async with asking(full()) as client:
        assert (await client.get(path, "POST")).status == 405
        assert (await client.get(path, "DELETE")).status == 405


async def test_health_is_the_auditors_sentence() -> None:
    state = full()
    async with asking(state) as client:
        assert (await client.get("/healthz")).status == 200
        state.wrong = "no look came back for 31 s"
        sick = await client.get("/healthz")
        page = await client.get("/")
    assert (sick.status, sick.text) == (503, "no look came back for 31 s\n")
    assert "DRWATCH ITSELF IS NOT WELL: no look came back for 31 s" in page.text


async def test_ready_is_when_every_cluster_was_looked_at_all_round() -> None:
    state = World()
    async with asking(state) as client:
        answers = [await client.get("/readyz")]
        state.assessment = world.assessed(world.looks())
        answers.append(await client.get("/readyz"))
        state.assessment = world.whole()
        answers.append(await client.get("/readyz"))
    assert [(each.status, each.text) for each in answers] == [
        (503, "nothing has been judged yet\n"),
        (503, "not looked at all round yet: dark\n"),
        (200, "ready\n"),
    ]


async def test_metrics_come_in_the_format_and_the_packing_that_were_asked_for() -> None:
    async with asking(full()) as client:
        plain = await client.get("/metrics")
        modern = await client.get("/metrics", accept="application/openmetrics-text;version=1.0.0")
        packed = await client.get("/metrics", accept_encoding="gzip")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert modern.text.endswith("# EOF\n")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 4


async def test_incidents_are_the_living_and_the_history() -> None:
    state = full()
    async with asking(state) as client:
        answer = (await client.get("/api/v1/incidents?limit=1")).json
    assert {each["id"] for each in answer["living"]} == {each.id for each in state.incidents}
    assert [each["id"] for each in answer["history"]] == [state.incidents[0].id]
    assert state.asked_for == [1]


@pytest.mark.parametrize("limit", ["0", "501", "-1", "ten", "1e3", "", "٣", "9" * 40])
async def test_a_senseless_limit_is_refused(limit: str) -> None:
    async with asking(full()) as client:
        answer = await client.get(f"/api/v1/incidents?limit={quote(limit)}")
    assert (answer.status, answer.text) == (400, "limit is a number from 1 to 500")


async def test_one_incident_is_found_by_its_six_letters_in_either_case() -> None:
    state = full()
    alive, gone = state.incidents[0], state.past[1]
    async with asking(state) as client:
        living = await client.get(f"/api/v1/incidents/{alive.id.lower()}")
        ended = await client.get(f"/api/v1/incidents/{gone.id}")
        none = await client.get("/api/v1/incidents/ZZZZZZ")
    assert living.json["evidence"] == list(alive.evidence)
    assert living.json["told"] == 1
    assert ended.json["phase"] == "resolved"
    assert ended.json["ended_at"] is not None
    assert none.status == 404


async def test_a_dead_disk_hides_the_history_and_nothing_that_is_alive() -> None:
    state = full()
    alive = state.incidents[0].id
    state.broken = StoreError("the disk is gone")
    async with asking(state) as client:
        all_of_them = await client.get("/api/v1/incidents")
        one, other = await client.get(f"/api/v1/incidents/{alive}"), await client.get("/api/v1/incidents/QQQQQQ")
        status = await client.get("/api/v1/status")
    assert all_of_them.json["living"][0]["id"] == alive
    assert (all_of_them.json["history"], all_of_them.json["unknown"]) == (None, "the disk is gone")
    assert (one.status, one.json["id"]) == (200, alive)
    assert (other.status, other.text) == (503, "the disk is gone")
    assert status.status == 200


async def test_a_bug_in_one_answer_is_logged_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    state = full()
    state.broken = ZeroDivisionError("ours")
    async with asking(state) as client:
        assert (await client.get("/api/v1/incidents")).status == 500
        assert (await client.get("/api/v1/status")).status == 200
    assert "ZeroDivisionError: ours" in caplog.text


async def test_a_suppressed_incident_is_shown_with_what_explains_it() -> None:
    state = full()
    state.incidents = [replace(state.incidents[0], suppressed_by=Condition.PRIMARY_DOWN)]
    async with asking(state) as client:
        assert "explained by PrimaryDown" in (await client.get("/")).text


async def test_an_operators_word_is_taken_on_the_socket_alone(tmp_path: Path) -> None:
    of = World(world.whole())
    async with serve(of.application(), ("127.0.0.1", 0), tmp_path / "drwatch.sock") as bound:
        assert bound is not None
        path = "/api/v1/nodes/shop/oslo-b/rebuilt"
        assert (await Client(bound).get(path, "POST")).status == 403
        assert of.said == []
        socket = Client(tmp_path / "drwatch.sock")
        assert (await socket.get(path)).status == 405
        assert (await socket.get("/api/v1/nodes/shop/oslo-x/rebuilt", "POST")).status == 404
        assert of.said == []
        assert (await socket.get(path, "POST")).json == {"done": "it counts again"}
        assert of.said == [("shop", "oslo-b")]
