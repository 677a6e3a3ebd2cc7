"""A drill is asked about anywhere, announced on the socket alone, and refused over a primary that is really lost."""

from dataclasses import replace
from pathlib import Path

import pytest
from monitoring import world
from monitoring.world import NOW, A
from worlds import REFUSED, body, dead_host, judged, primary, seen, well

from drwatch.core.assessment import assess
from drwatch.core.drill import announced
from drwatch.web.listen import serve
from web.asking import Client, World, asking

PATH = "/api/v1/clusters/shop/drill"


async def test_the_plan_is_there_before_anything_is_announced() -> None:
    async with asking(World(judged(seen(well(0)), 1))) as client:
        plan = (await client.get(PATH)).json
    assert (plan["drill"], plan["refused"]) == (None, "")
    assert [(each["standby"], each["decision"]) for each in plan["plans"]] == [("oslo-b", "GO")]
    assert plan["plans"][0]["steps"][-1]["line"] == "drwatch drill shop --end"


async def test_a_drill_is_announced_prolonged_and_ended_on_the_socket_alone(tmp_path: Path) -> None:
    of = World(judged(seen(well(0)), 1))
    async with serve(of.application(), ("127.0.0.1", 0), tmp_path / "drwatch.sock") as bound:
        assert bound is not None
        for method in ("POST", "DELETE"):
            assert (await Client(bound).get(f"{PATH}?for=60", method)).status == 403
        assert of.drilled == []
        socket = Client(tmp_path / "drwatch.sock")
        assert (await socket.get(f"{PATH}?for=7200", "POST")).json["drill"]["on"]
        assert not (await socket.get(PATH, "DELETE")).json["drill"]["on"]
    assert of.drilled == [("shop", 7200), ("shop", 0)]


@pytest.mark.parametrize("query", ["", "?for=0", "?for=-5", "?for=2h", "?for=604801", "?for=\u0662"])
async def test_a_duration_that_is_none_is_refused_with_what_is_expected(query: str, tmp_path: Path) -> None:
    of = World(judged(seen(well(0)), 1))
    async with serve(of.application(), None, tmp_path / "drwatch.sock"):
        answer = await Client(tmp_path / "drwatch.sock").get(PATH + query.replace("\u0662", "%D9%A2"), "POST")
    assert answer.status == 400
    assert "whole number of seconds from 1 to 604800" in answer.text
    assert of.drilled == []


async def test_no_drill_is_announced_over_a_lost_primary_but_one_that_is_on_can_be_prolonged(tmp_path: Path) -> None:
    dead = seen(well(0), primary(REFUSED, 1), body(dead_host(), 1))
    of = World(judged(dead, 8))
    async with serve(of.application(), None, tmp_path / "drwatch.sock"):
        socket = Client(tmp_path / "drwatch.sock")
        answer = await socket.get(f"{PATH}?for=60", "POST")
        assert answer.status == 409
        assert "oslo-a is PrimaryDown: this is no drill" in answer.text
        assert (await socket.get(PATH)).json["refused"] in answer.text
        of.assessment = judged(replace(dead, drills=announced((), "shop", 3600, of.assessment.at)), 9)
        assert (await socket.get(f"{PATH}?for=60", "POST")).status == 200
    assert of.drilled == [("shop", 60)]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_cluster_that_is_not_there_is_said_to_be_none(method: str, tmp_path: Path) -> None:
    of = World(judged(seen(well(0)), 1))
    async with serve(of.application(), None, tmp_path / "drwatch.sock"):
        answer = await Client(tmp_path / "drwatch.sock").get("/api/v1/clusters/web/drill?for=60", method)
    assert answer.status == 404
    assert "there is no cluster web" in answer.text


async def test_the_status_page_says_that_a_drill_is_on_and_what_takeovers_took() -> None:
    snapshot = world.seen(world.looks())
    playing = replace(snapshot, drills=announced(snapshot.drills, "shop", 3600, NOW))
    of = World(assess(playing, world.POLICY, frozenset(), NOW))
    async with asking(of) as client:
        html = (await client.get("/")).text
        (drill,) = [each for each in (await client.get("/api/v1/status")).json["clusters"][0]["drills"] if each["on"]]
    assert "pages still go out, and are marked" in html
    assert drill["until"] == "2026-11-23T03:14:07.000Z"
    assert f"{A.name} to oslo-b: drain 4.0 s, promote 20 s, switch 60 s; lost at most 0.8 s" in html
    assert html.index("<small>incident</small>") < html.index("<small>drill</small>")


async def test_the_status_page_says_that_a_term_was_measured_in_a_drill() -> None:
    snapshot = world.seen(world.looks())
    drilled = tuple(each for each in snapshot.outages if each.kind == "drill")
    of = World(assess(replace(snapshot, outages=drilled), world.POLICY, frozenset(), NOW))
    async with asking(of) as client:
        html = (await client.get("/")).text
    assert "promote 20 s, measured: measured in a drill on 2026-10-24, 30 d ago" in html
