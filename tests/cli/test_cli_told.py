"""What a user asks of a running daemon: the real application on its real socket, and the program beside it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from commands import Ran, drwatch
from monitoring import world
from web.asking import World
from worlds import PRIMARY, REFUSED, STANDBY, START, body, dead_host, judged, primary, seen, standby, well

from drwatch.core.drill import announced
from drwatch.core.incident import Phase
from drwatch.core.standing import Leader
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


async def test_an_incident_is_acknowledged_by_its_letters_or_by_an_event_of_its_page(tmp_path: Path) -> None:
    ill = world.whole()
    (first, *_) = (each for each in world.living(ill) if each.phase is Phase.OPEN and each.cluster)
    of, name = World(ill, (first,)), first.id
    async with told(of, tmp_path) as run:
        ran = await run("ack", f"{name.lower()}.2", "--by", "anna", "--note", "on it")
        assert (ran.status, ran.err) == (0, "")
        assert ran.out.startswith(
            f"{name}  anna has {first.condition} {first.subject} in hand: nobody is told again before "
        )
        made = json.loads((await run("ack", name, "--by", "bo", "--json")).out)
        assert (made["acknowledged"]["by"], made["acknowledged"]["from"]) == ("bo", "socket")
        assert "(bo has it in hand until " in (await run("status")).out
        ran = await run("ack", "QQQQQQ")
        assert (ran.status, ran.sentence.startswith("no incident QQQQQQ is open: it may be over")) == (2, True)


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


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["drill", "web"], "there is no cluster web: the configuration has shop"),
        (["drill", "web", "--end"], "there is no cluster web: the configuration has shop"),
        (["drill", "shop", "--end"], "no drill of shop is on"),
        (["rebuilt", "web", "oslo-b"], "there is no cluster web: the configuration has shop"),
        (["rebuilt", "shop", "oslo-c"], "shop has no node oslo-c: it has oslo-a, oslo-b"),
        (["rebuilt", "shop", "oslo-a"], "oslo-a leads shop, so it is no standby: its standbys are oslo-b"),
        (["silence", "web", "--for", "1h", "--reason", "x"], "there is no cluster web: the configuration has shop"),
        (["silence", "--list", "web"], "there is no cluster web: the configuration has shop"),
        (["silence", "--end", "SAAAAAA"], "no silence SAAAAAA is in force: see drwatch silence --list"),
        (
            ["silence", "shop", "--for", "1h", "--reason", "x", "--condition", "replicationstopped"],
            "there is no condition replicationstopped. Perhaps ReplicationStopped was meant",
        ),
    ],
)
async def test_what_a_user_got_wrong_is_one_sentence(tmp_path: Path, words: list[str], sentence: str) -> None:
    of = World(judged(seen(well(0)), 1))
    async with told(of, tmp_path) as run:
        ran = await run(*words)
    assert (ran.status, ran.out, ran.sentence) == (2, "", sentence)


async def test_after_a_takeover_it_is_who_led_before_that_can_be_rebuilt(tmp_path: Path) -> None:
    led = replace(seen(well(0)), leaders={"shop": Leader(STANDBY, START, PRIMARY)})
    of = World(judged(led, 1))
    async with told(of, tmp_path) as run:
        ran = await run("rebuilt", "shop", "oslo-b")
        assert (ran.status, ran.sentence) == (2, "oslo-b leads shop, so it is no standby: its standbys are oslo-a")
        assert (await run("rebuilt", "shop", "oslo-a")).status == 0
    assert of.said == [("shop", "oslo-a")]


@pytest.mark.parametrize("words", [["drill", "shop"], ["drill", "shop", "--end"], ["rebuilt", "web", "oslo-b"]])
async def test_before_the_first_judgement_nobody_can_say_whether_there_is_such_a_cluster(
    tmp_path: Path, words: list[str]
) -> None:
    async with told(World(), tmp_path) as run:
        ran = await run(*words)
    assert (ran.status, ran.out) == (3, "")
    assert ran.sentence == "drwatch answered 503: nothing has been judged yet: ask again in a moment"


async def test_a_silence_lasts_three_days_at_most_and_the_list_can_be_of_one_cluster(tmp_path: Path) -> None:
    of = World(judged(seen(well(0)), 1))
    async with told(of, tmp_path) as run:
        assert (await run("silence", "shop", "--for", "72h", "--reason", "move")).status == 0
        of.silences.insert(0, replace(of.silences[0], id="SBBBBBB", cluster="gone"))
        assert len((await run("silence", "--list")).out.splitlines()) == 2
        (line,) = (await run("silence", "--list", "shop")).out.splitlines()
        assert "shop  from " in line
