"""The page and the picture that a newcomer sees first: of one real run, and without the sandbox that it ran in."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from drwatch.core.finding import Condition
from drwatch.core.message import FIRST_GLANCE
from drwatch.lab.page import read

HOME = Path(__file__).parents[2]
SHOWN = re.search(
    r"^<!-- the page: scripts/picture -->\n```text\n(.*?)^```", (HOME / "README.md").read_text(), re.S | re.M
)
PICTURE = (HOME / "docs" / "demo.svg").read_text()


def drawn() -> str:
    """The words of the picture, in the order in which they are drawn."""
    texts = ElementTree.fromstring(PICTURE).iter("{http://www.w3.org/2000/svg}text")
    return " ".join("".join(text.itertext()) for text in texts).replace("\N{NO-BREAK SPACE}", " ")


def test_the_readme_shows_a_page_that_drwatch_wrote() -> None:
    assert SHOWN is not None
    title, _, body = SHOWN[1].partition("\n")
    told = read(title, body, 0.0)
    assert told.condition is Condition.PRIMARY_DOWN
    assert len(title) <= FIRST_GLANCE
    assert f"Event {told.event}, begun " in body


def test_the_picture_is_of_the_same_run() -> None:
    assert SHOWN is not None
    title = SHOWN[1].partition("\n")[0]
    assert title in drawn()


def test_neither_shows_the_sandbox() -> None:
    assert SHOWN is not None
    for text in (SHOWN[1], PICTURE):
        assert not re.search(r"127\.0\.0\.\d|drwatch-lab-|/tmp/", text)


def test_the_picture_loads_nothing_from_elsewhere() -> None:
    assert not re.search(r"url\(\s*[\"']?(?!#)|href=|@import|<script", PICTURE)


def test_the_readmes_first_screen_says_what_it_is() -> None:
    first = "\n".join((HOME / "README.md").read_text().splitlines()[:40])
    for words in ("never promotes", "make demo", "make test", "TAKEOVER WITH"):
        assert words in first
