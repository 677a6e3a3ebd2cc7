"""What a user asks of a running daemon: the real application on its real socket, and the program beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from commands import Ran, drwatch
from web.asking import World
from worlds import REFUSED, START, body, dead_host, judged, primary, seen, standby, well

from drwatch.core.drill import announced
from drwatch.web.listen import serve

CONFIG = """\
clusters:
  shop:
    nodes:
      oslo-a: {{role: primary, mysql: {{host: 10.0.0.1, password_file: mysql.pw}}}}
      oslo-b: {{role: standby, mysql: {{host: 10.0.0.2, password_file: mysql.pw}}}}
paging: {{channels: {{phone: {{url_file: phone.url}}}}}}
state: {{directory: {home}/state, runtime: {home}}}
zone: Europe/Oslo
"""


@asynccontextmanager
async def told(of: World, home: Path) -> AsyncIterator[Callable[..., asyncio.Future[Ran]]]:
    """Runs one command beside a daemon that sees ``of``."""
    config = home / "drwatch.yaml"
    config.write_text(CONFIG.format(home=home))
    async with serve(of.application(), None, home / "drwatch.sock"):
        yield lambda *words: asyncio.ensure_future(asyncio.to_thread(drwatch, *words, "--config", config))


async def test_no_drill_is_announced_while_its_takeover_is_no_go(tmp_path: Path) -> None:
    """The primary serves; the standby that should take over does not answer."""
    lame = seen(well(0), standby(REFUSED, 1))
    of = World(judged(lame, 2))
    async with told(of, tmp_path) as run:
        for form in ((), ("--json",)):
            ran = await run("drill", "shop", *form)
            assert (ran.status, ran.out, of.drilled) == (1, "", [])
            assert ran.sentence.startswith("no drill was announced: NO-GO, oslo-b does not answer (refused)")
        of.assessment = judged(replace(lame, drills=announced((), "shop", 3600, START)), 3)
        assert (await run("drill", "shop", "--for", "3h")).status == 0  # one that is on can still be prolonged
        assert of.drilled == [("shop", 3 * 3600.0)]


async def test_a_drill_that_may_go_is_announced(tmp_path: Path) -> None:
    of = World(judged(seen(well(0)), 1))
    async with told(of, tmp_path) as run:
        ran = await run("drill", "shop")
    assert (ran.status, ran.err, of.drilled) == (0, "", [("shop", 7200.0)])
    assert ran.out.startswith("DRILL OF shop, A PLANNED TAKEOVER with oslo-b: GO")


async def test_a_dead_primary_is_no_drill(tmp_path: Path) -> None:
    of = World(judged(seen(well(0), primary(REFUSED, 1), body(dead_host(), 1)), 8))
    async with told(of, tmp_path) as run:
        ran = await run("drill", "shop")
    assert (ran.status, of.drilled) == (1, [])
    assert "oslo-a is PrimaryDown: this is no drill" in ran.sentence
