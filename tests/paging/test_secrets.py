"""Nothing of a channel's URL is ever said: not in an answer, not on stderr, not where other users can look."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from receivers import Inbox, free_port

from drwatch.paging.courier.redaction import Redactor

HERE = "127.0.0.1:{port}"
KINDS = {
    "json": "json://Ursula9:Hunter2pw@" + HERE + "/x/SecretPath77?+X-Auth=SecretHeader5",
    "json-odd-password": "json://Ursula9:p%40ss%2Fw0rd%21%C3%B8@" + HERE + "/x/x",
    "xml": "xml://Ursula9:Hunter2pw@" + HERE + "/x/SecretPath77",
    "form": "form://" + HERE + "/x/SecretPath77?-pin=SecretField3",
    "ntfy": "ntfy://Ursula9:Hunter2pw@" + HERE + "/oslo-night-pager",
    "ntfy-token": "ntfy://tk_q8w7e6r5t4y3u2i1@" + HERE + "/oslo-night-pager",
    "ntfy-cloud": "ntfys://oslo-night-pager",
    "gotify": "gotify://" + HERE + "/AxMk9qwErty2ZuI",
    "telegram": "tgram://4839201745:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/77341290/",
    "pushover": "pover://uQiRzpo4DXghDmr9QzzfQu27cmVRsG@azGDORePK8gMaC0QOYAMyEEuzJnyUi",
    "pagerduty": "pagerduty://R0kS3Gvt8eQwPzLm5XyB2nJc7aHd4fUi@nx8QZvR3tLk9wPb2sYdM",
    "opsgenie": "opsgenie://7f3c9a52-51e4-4b0c-9d27-6a8e1b3f5c90",
    "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#nightwatch",
    "discord": "discord://472910384756102938/Xv9bQe2RtYu7IoPaSd4FgHjKlZ0xCvBnM-qWeRtYuI_oPa",
    "discord-native": "https://discord.com/api/webhooks/472910384756102938/Xv9bQe2RtYu7IoPaSd4FgHjKl",
    "twilio": "twilio://AC735c307c62944b5a8f1e6d2c9b7a4f30:e29dfbcebf390dee9a1b2c3d4e5f6071@+15551234567/+15557654321",
    "matrix": "matrix://Ursula9:Hunter2pw@" + HERE + "/!nightwatch77:example.no",
    "mattermost": "mmost://" + HERE + "/3ccdd113474722377935511fc85d3dd4",
    "rocket": "rocket://Ursula9:Hunter2pw@" + HERE + "/#nightwatch",
    "signal": "signal://" + HERE + "/+15551234567/+15557654321",
    "mail": "mailto://Ursula9:Hunter2pw@" + HERE + "?smtp=127.0.0.1&mode=insecure&from=Ursula9@x9.no&to=night-9@x9.no",
    "pushbullet": "pbul://o.gn5kj6nfhv736I7jC3cj3QLRiyhgl98b",
    "prowl": "prowl://8f3a2b1c9d4e5f60718293a4b5c6d7e8f9012345",
    "home-assistant": "hassio://" + HERE + "/eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9",
    "simplepush": "spush://HuxgBB7",
    "webex": "wxteams://" + "Zm9vYmFyYmF6cXV4" * 5,
}
"""URL by kind. Those without a host of ours would go to the cloud, were there not a dead proxy in the way."""

PUBLIC = {"json", "https", "discord", "webhooks", "example", "smtp", "mode", "insecure", "from", "auth", "token"}


def secrets(url: str) -> set[str]:
    """Every piece of a URL that somebody could use: four characters or more, as written and as meant."""
    rest = url.split("://", 1)[1]
    pieces = {piece for piece in re.split(r"[/?&=@:#+]", rest) if len(piece) >= 4}
    pieces |= {unquote(piece) for piece in pieces}
    return {piece for piece in pieces if piece.casefold() not in PUBLIC and not piece.startswith("127.0.0.1")}


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


def leaks(said: str, urls: dict[str, str]) -> list[tuple[str, str]]:
    heard = said.casefold()
    heard += unquote(heard) + json.dumps(heard).casefold() + heard.encode().decode("unicode_escape", "replace")
    return [(name, secret) for name, url in urls.items() for secret in secrets(url) if secret.casefold() in heard]


def urls_at(port: int) -> dict[str, str]:
    return {name: url.format(port=port) for name, url in KINDS.items()}


def test_no_attempt_says_anything_of_its_url(raw: Raw, inbox: Inbox) -> None:
    urls = urls_at(inbox.port) | {f"{name}, dead": url for name, url in urls_at(free_port()).items()}
    (ready,) = raw.ask({"channels": urls, "limit": 3.0})
    assert {name for name, why in ready["ready"].items() if why is not None} == set()
    answers = []
    for behaviour in ("401", "reset"):
        inbox.always = behaviour
        answers += raw.ask(*(page(number, name) for number, name in enumerate(urls)))
    assert len(answers) == 2 * len(urls)
    assert {answer["outcome"] for answer in answers} == {"refused", "failed", "ambiguous"}
    assert raw.end().count("\n") == 1 + len(answers)
    assert leaks(raw.said.decode(), urls) == []


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
