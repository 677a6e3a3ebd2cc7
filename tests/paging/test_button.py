"""The link by which a page is acknowledged: a button where the service has one, a line where not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from receivers import Inbox

from drwatch.core.finding import Severity
from drwatch.core.paging import Letter, Outcome
from drwatch.paging.apprise import Courier

Make = Callable[..., Courier]

ASKS = Letter("phone", "ABCDEF.1", "the title", "first line\nsecond line", Severity.CRITICAL, asks=True)
LINK = "https://drwatch.example.no/ack/signed-for-ABCDEF-phone"


def signed(incident: str, channel: str) -> str:
    return f"https://drwatch.example.no/ack/signed-for-{incident}-{channel}"


async def told(courier: Courier, letter: Letter = ASKS) -> None:
    assert (await courier.send(letter)).outcome is Outcome.ACCEPTED


async def test_ntfy_shows_a_button_that_posts_to_the_link_and_goes(courier: Make, inbox: Inbox) -> None:
    await told(courier(link=signed, phone=inbox.url("topic", "ntfy")))
    (page,) = inbox.pages
    assert page.actions == f"http, I have it in hand, {LINK}, method=POST, clear=true"
    assert LINK not in page.body["message"]


async def test_ntfy_with_buttons_of_its_own_keeps_them_and_has_the_link_as_a_line(courier: Make, inbox: Inbox) -> None:
    url = inbox.url("topic", "ntfy") + "?actions=view%2C%20Wiki%2C%20https%3A%2F%2Fwiki.example.no"
    await told(courier(link=signed, phone=url))
    (page,) = inbox.pages
    assert page.actions == "view, Wiki, https://wiki.example.no"
    assert f"To take it in hand: {LINK}" in page.body["message"]


async def test_another_service_has_the_link_below_the_first_line_where_no_limit_cuts_it(
    courier: Make, inbox: Inbox
) -> None:
    await told(courier(link=signed, phone=inbox.url("ok")))
    (page,) = inbox.pages
    assert page.body["message"] == f"first line\nTo take it in hand: {LINK}\nsecond line"


@pytest.mark.parametrize("scheme", ["json", "ntfy"])
@pytest.mark.parametrize("letter", [replace(ASKS, asks=False, resolved=True), replace(ASKS, body="")])
async def test_what_asks_nobody_and_what_is_short_has_no_link(
    courier: Make, inbox: Inbox, scheme: str, letter: Letter
) -> None:
    await told(courier(link=signed, phone=inbox.url("topic", scheme)), letter)
    (page,) = inbox.pages
    assert page.actions is None
    assert "signed-for" not in page.body["message"]


async def test_the_next_page_of_another_incident_has_its_own_button(courier: Make, inbox: Inbox) -> None:
    """The attempt's process dies with what it knew."""
    carrier = courier(link=signed, phone=inbox.url("topic", "ntfy"))
    for event in ("ABCDEF.1", "GHIJKL.1"):
        await told(carrier, replace(ASKS, event=event))
    assert ["ABCDEF" in (page.actions or "") for page in inbox.pages] == [True, False]
    assert "GHIJKL" in (inbox.pages[1].actions or "")
