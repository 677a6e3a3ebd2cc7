"""The terminal's picture of a status: what a human without a browser decides by."""

from __future__ import annotations

import io

from monitoring import world
from rich.console import Console

from drwatch.cli.screen import picture
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
