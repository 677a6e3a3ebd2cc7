"""The phone takes pages as Apprise sends them, and can be as bad as real ones are."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from drwatch.lab.inbox import Inbox, Mood, Page


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as inbox:
        yield inbox


def send(inbox: Inbox, title: str = "PrimaryDown shop", timeout: float = 5) -> int:
    body = json.dumps({"version": "1.0", "title": title, "message": "oslo-a", "type": "failure", "attachments": []})
    request = urllib.request.Request(inbox.url.replace("json:", "http:"), body.encode())
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return int(answer.status)


def test_a_page_is_dated_on_receipt(inbox: Inbox) -> None:
    before = time.monotonic()
    assert send(inbox) == 200
    (page,) = inbox.accepted
    assert before <= page.received_at <= time.monotonic()
    assert (page.title, page.message, page.type) == ("PrimaryDown shop", "oslo-a", "failure")


def test_the_hook_runs_before_the_answer(inbox: Inbox) -> None:
    seen: list[Page] = []
    inbox.on_receive = seen.append
    send(inbox)
    assert [page.title for page in seen] == ["PrimaryDown shop"]


@pytest.mark.parametrize("mood", [Mood.FORBID, Mood.FAIL])
def test_a_refused_page_was_tried_and_not_accepted(inbox: Inbox, mood: Mood) -> None:
    inbox.mood = mood
    with pytest.raises(urllib.error.HTTPError) as refusal:
        send(inbox)
    refusal.value.close()
    assert refusal.value.code == mood.value
    assert len(inbox.pages) == 1
    assert inbox.accepted == []


def test_a_hanging_phone_takes_the_page_and_never_answers(inbox: Inbox) -> None:
    inbox.mood = Mood.HANG
    with pytest.raises(TimeoutError):
        send(inbox, timeout=0.3)
    assert [page.accepted for page in inbox.pages] == [False]


def test_a_slow_phone_answers_late(inbox: Inbox) -> None:
    inbox.mood, inbox.slowness = Mood.SLOW, 0.2
    began = time.monotonic()
    assert send(inbox) == 200
    assert time.monotonic() - began >= 0.2


def test_waiting_finds_the_wanted_page_only(inbox: Inbox) -> None:
    send(inbox, "first")
    send(inbox, "second")
    assert inbox.wait_for(lambda page: page.title == "second", within=1).title == "second"
    with pytest.raises(TimeoutError):
        inbox.wait_for(lambda page: page.title == "third", within=0.1)


def test_one_channel_is_refused_and_the_others_are_not(inbox: Inbox) -> None:
    inbox.refusing.add("phone")
    with pytest.raises(urllib.error.HTTPError) as refusal:
        send(inbox)
    refusal.value.close()
    assert refusal.value.code == 401
    body = json.dumps({"title": "PagingBroken phone"}).encode()
    second = urllib.request.Request(inbox.url_of("second").replace("json:", "http:"), body)
    with urllib.request.urlopen(second, timeout=5) as answer:
        assert answer.status == 200
    assert [(page.channel, page.accepted) for page in inbox.pages] == [("phone", False), ("second", True)]
