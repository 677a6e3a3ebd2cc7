"""Silences over HTTP: an operator's word, on the socket alone, and a sentence for one that may not be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from monitoring import world
from worlds import POLICY, START

from drwatch.core.silence import Wish, silence
from drwatch.store import StoreError
from drwatch.web.listen import serve
from web.asking import Client, World

pytestmark = pytest.mark.asyncio

ASKED = {"cluster": "shop", "for_seconds": 3600, "reason": "upgrade", "by": "anna", "node": "oslo-b"}
PATH = "/api/v1/silences"


@asynccontextmanager
async def doors(of: World, directory: Path) -> AsyncIterator[tuple[Client, Client]]:
    """The listener, and the operators' socket."""
    async with serve(of.application(), ("127.0.0.1", 0), directory / "drwatch.sock") as bound:
        assert bound is not None
        yield Client(bound), Client(directory / "drwatch.sock")


async def test_a_silence_is_asked_for_and_ended_on_the_socket_and_listed_everywhere(tmp_path: Path) -> None:
    of = World()
    async with doors(of, tmp_path) as (listener, socket):
        assert (await listener.get(PATH, "POST", ASKED)).status == 403
        assert of.silences == []
        made = (await socket.get(PATH, "POST", ASKED)).json
        assert (made["cluster"], made["node"], made["by"], made["left_seconds"]) == ("shop", "oslo-b", "anna", 3600)
        for door in (listener, socket):
            assert [each["id"] for each in (await door.get(PATH)).json["silences"]] == [made["id"]]
        one = f"{PATH}/{made['id'].lower()}"
        assert (await listener.get(f"{one}?by=bo", "DELETE")).status == 403
        assert (await socket.get(one, "DELETE")).status == 400
        assert (await socket.get(f"{one}?by=bo", "DELETE")).json["ended_by"] == "bo"
        assert (await socket.get(f"{PATH}/SNOTHERE?by=bo", "DELETE")).status == 404


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({**ASKED, "for_seconds": 72 * 3600 + 1}, "a silence lasts from a second to 3 d"),
        ({**ASKED, "for_seconds": "1h"}, "a number of seconds"),
        ({**ASKED, "for_seconds": True}, "a number of seconds"),
        ({**ASKED, "reason": ""}, "needs a reason"),
        ({**ASKED, "reason": ["x"]}, "reason is a text"),
        ({**ASKED, "condition": "PagingBroken"}, "is never silenced"),
        ({**ASKED, "until": "noon"}, "until is no key of a silence"),
        (["shop"], "a number of seconds"),
        (b"{nonsense", "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
    ],
)
async def test_a_silence_that_may_not_be_is_answered_with_a_sentence(tmp_path: Path, body: object, words: str) -> None:
    of = World()
    async with doors(of, tmp_path) as (_, socket):
        answer = await socket.get(PATH, "POST", body)
        assert (answer.status, words in answer.text) == (400, True), answer.text
    assert of.silences == []


async def test_a_silence_that_cannot_be_written_down_is_none(tmp_path: Path) -> None:
    of = World(broken=StoreError("the disk is dead"))
    async with doors(of, tmp_path) as (_, socket):
        answer = await socket.get(PATH, "POST", ASKED)
        assert (answer.status, answer.text) == (503, "nothing is silenced: the disk is dead")


async def test_a_silence_in_force_is_on_the_status_page_and_in_the_json(tmp_path: Path) -> None:
    of = World(assessment=world.whole())
    assert of.assessment is not None
    made = silence(Wish("shop", 3600, "<upgrade>", "anna"), POLICY, START)
    of.assessment = replace(of.assessment, silences=(made,))
    async with doors(of, tmp_path) as (listener, _):
        assert [each["id"] for each in (await listener.get("/api/v1/status")).json["silences"]] == [made.id]
        page = (await listener.get("/")).text
        assert "Nobody is paged for shop until" in page
        assert "(anna: &lt;upgrade&gt;)" in page
        assert 'drwatch_silence_active{cluster="shop"} 1.0' in (await listener.get("/metrics")).text
