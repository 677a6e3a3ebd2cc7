"""Nothing of a channel's URL is ever said: not in an answer, not on stderr, not where other users can look."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from corpus import KINDS, leaks, urls_at
from hypothesis import given
from hypothesis import strategies as st
from receivers import Inbox, free_port

from drwatch.paging.courier.redaction import Redactor


class Raw:
    """A courier spoken to directly, with every byte that it says."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "drwatch.paging.courier"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
        )
        self.said = b""

    def ask(self, *messages: dict[str, Any]) -> list[dict[str, Any]]:
        assert self.process.stdin is not None
        self.process.stdin.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
        self.process.stdin.flush()
        return [self._answer() for _ in messages]

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.said += line
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> str:
        """Everything that it ever said."""
        out, err = self.process.communicate(timeout=10)
        return (self.said + out + err).decode()


@pytest.fixture
def raw() -> Iterator[Raw]:
    dead = f"http://127.0.0.1:{free_port()}"
    proxies = {"HTTPS_PROXY": dead, "https_proxy": dead, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    raw = Raw(proxies)
    yield raw
    raw.process.kill()
    raw.process.communicate()


def page(number: int, channel: str) -> dict[str, Any]:
    return {"id": number, "channel": channel, "title": "t", "body": "b", "kind": "failure", "incident": "ABCDEF"}


@pytest.mark.parametrize("behaviour", ["401", "reset", "dead"])
def test_no_attempt_says_anything_of_its_url(raw: Raw, inbox: Inbox, behaviour: str) -> None:
    inbox.always = behaviour
    urls = urls_at(free_port() if behaviour == "dead" else inbox.port)
    (ready,) = raw.ask({"channels": urls, "limit": 6.0})
    assert {name for name, why in ready["ready"].items() if why is not None} == set()
    answers = []
    names = list(urls)
    # A few at a time: it is their words that are looked at, not how many fit beside each other.
    for start in range(0, len(names), 8):
        answers += raw.ask(*(page(start + number, name) for number, name in enumerate(names[start : start + 8])))
    assert len(answers) == len(urls)
    outcomes = {"401": {"refused", "failed", "ambiguous"}, "reset": {"failed", "ambiguous"}, "dead": {"failed"}}
    assert outcomes[behaviour] <= {answer["outcome"] for answer in answers}
    assert raw.end().count("\n") == 1 + len(answers)
    assert leaks(raw.said.decode(), urls) == []


def test_the_corpus_has_thirty_kinds_and_more() -> None:
    assert len({url.partition("://")[0] for url in KINDS.values()}) >= 30


def test_a_courier_that_fails_says_nothing_of_its_urls(raw: Raw, inbox: Inbox) -> None:
    """Its words go nowhere when drwatch has started it; and if somebody were to look, its traceback is clean."""
    urls = urls_at(inbox.port)
    raw.ask({"channels": urls})
    assert raw.process.stdin is not None
    raw.process.stdin.write(b'{"id": 1, "channel": ["no such thing"]}\n')
    raw.process.stdin.flush()
    said = raw.end()
    assert "Traceback" in said
    assert leaks(said, urls) == []


def test_no_complaint_about_a_url_says_anything_of_it(raw: Raw) -> None:
    whole = urls_at(1)
    broken = {f"{name} cut at {end}": url[:end] for name, url in whole.items() for end in range(8, len(url), 9)}
    broken |= {f"{name} doubled": f"{url}, {url}" for name, url in whole.items()}
    broken |= {f"{name} of no kind": f"nonsense{url}" for name, url in whole.items()}
    broken |= {f"{name} bare": url.split("://", 1)[1] for name, url in whole.items()}
    (answer,) = raw.ask({"check": broken})
    assert sum(why is not None for why in answer["checked"].values()) > 50
    assert leaks(" ".join(filter(None, answer["checked"].values())), whole) == []
    assert raw.end().count("\n") == 1


def test_other_users_see_no_url_of_a_running_courier(raw: Raw, inbox: Inbox) -> None:
    urls = {"phone": inbox.url("ok/SecretPath77")}
    raw.ask({"channels": urls})
    for name in ("cmdline", "environ"):
        assert b"SecretPath77" not in Path(f"/proc/{raw.process.pid}/{name}").read_bytes()


WORD = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~!$ø", min_size=4, max_size=24)


@given(
    st.lists(WORD, min_size=1, max_size=5),
    st.text(max_size=12),
    st.sampled_from(["{}", "({})", "x{}x", "'{}':", "/{}?"]),
)
def test_whatever_stands_around_a_secret_it_is_struck_out(words: list[str], noise: str, shape: str) -> None:
    url = "json://" + "/".join(quote(word) for word in words)
    said = Redactor([url])(noise + " ".join(shape.format(word) for word in words) + noise + quote(words[0]))
    assert [word for word in words if word.casefold() in said.casefold()] == []


def test_what_is_no_secret_stays_readable() -> None:
    text = "An invalid Telegram Bot Token (4839201745:AAHdq) was specified"
    assert Redactor(["tgram://4839201745:AAHdq/1"])(text) == "An invalid Telegram Bot Token (…) was specified"
