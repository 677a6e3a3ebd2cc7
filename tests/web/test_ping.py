"""The address by which a job says that it has run."""

from __future__ import annotations

from drwatch.core.job import Said
from web.asking import World, asking


async def test_a_job_is_known_by_its_token_and_says_how_it_went() -> None:
    world = World()
    async with asking(world) as client:
        assert (await client.get("/ping/the-token-of-the-backup")).status == 200
        assert (await client.get("/ping/the-token-of-the-backup/start", "POST")).status == 200
        assert (await client.get("/ping/the-token-of-the-backup/fail")).status == 200
    assert world.pinged == [Said.DONE, Said.START, Said.FAIL]


async def test_a_stranger_a_preview_and_an_unknown_word_say_nothing() -> None:
    world = World()
    async with asking(world) as client:
        assert (await client.get("/ping/somebody-else")).status == 404
        assert (await client.get("/ping/the-token-of-the-backup/perhaps")).status == 404
        assert (await client.get("/ping/the-token-of-the-backup", "HEAD")).status == 405
        assert (await client.get("/ping/the-token-of-the-backup", "DELETE")).status == 405
    assert world.pinged == []
