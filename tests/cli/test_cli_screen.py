"""The terminal's picture of a status: what a human without a browser decides by."""

from __future__ import annotations

import io
from dataclasses import replace

from monitoring import world
from rich.console import Console
from worlds import POLICY, START

from drwatch.cli.screen import picture
from drwatch.core.silence import Wish, silence
from drwatch.web.status import status_json


def shown() -> str:
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(picture(status_json(world.whole(), (), ())))
    return " ".join(console.export_text().split())


def test_repair_and_takeover_stand_one_below_the_other_with_what_each_takes_and_loses() -> None:
    words = shown()
    assert "if it is lost: repair about 5 min* loses nothing" in words
    assert "if it is lost: take over, oslo-b about " in words
    assert "better 10 min after its death" in words


def test_the_paths_stand_in_one_line() -> None:
    assert "paths: witness–oslo-a up, witness–oslo-b up" in shown()


def test_what_is_unknown_is_a_word_there_too() -> None:
    assert "if it is lost: take over, bergen-b UNKNOWN loses UNKNOWN" in shown()


def test_a_silence_in_force_is_said_below_the_clusters() -> None:
    made = silence(Wish("shop", 3600, "upgrade", "anna", node="oslo-b"), POLICY, START)
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(picture(status_json(replace(world.whole(), silences=(made,)), (), ())))
    assert f"nobody is paged for shop oslo-b until 2026-11-23T04:14:00.000Z (anna: upgrade) [{made.id}]" in (
        console.export_text()
    )
