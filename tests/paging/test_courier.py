"""The courier's own parts: what it makes of Apprise's words, what it loads, what it costs."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest
from receivers import Inbox

from drwatch.core.finding import Severity
from drwatch.core.paging import Letter, Outcome
from drwatch.paging.apprise import Courier, check
from drwatch.paging.courier import verdict
from drwatch.paging.courier.listening import Line
from drwatch.paging.courier.verdict import judge
from drwatch.paging.courier.wire import NothingMoreLeaves, Wire

MIB = 2**20


def wire(*events: str) -> Wire:
    """A wire on which these events happened; of a send, the one that begins the message."""
    wire = Wire()
    for event in events:
        wire(event, (None, b"data\r\n"))
    return wire


def test_what_comes_before_a_message_is_not_the_message() -> None:
    wire = Wire()
    for event, said in [
        ("http.client.send", b"CONNECT api.example.no:443 HTTP/1.0\r\n"),
        ("smtplib.send", "ehlo [127.0.0.1]\r\n"),
        ("smtplib.send", b"rcpt TO:<a@example.no>\r\n"),
        ("open", "/etc/hosts"),
    ]:
        wire(event, (None, said))
    assert not wire.sent
    wire("http.client.send", (None, b"POST /topic HTTP/1.1\r\n"))
    assert wire.sent


def said(*texts: str, level: int = logging.WARNING) -> tuple[Line, ...]:
    return tuple(Line(level, text) for text in texts)


def test_the_outcomes_are_the_core_s_outcomes() -> None:
    ours = {verdict.ACCEPTED, verdict.REFUSED, verdict.FAILED, verdict.AMBIGUOUS}
    assert ours == {str(outcome) for outcome in Outcome}


@pytest.mark.parametrize(
    ("lines", "seen", "outcome"),
    [
        (["Failed to send: error=429."], wire("socket.connect", "http.client.send"), "failed"),
        (["Logging in: error=200.", "Failed to send: error=403."], wire("http.client.send"), "refused"),
        (["Slack says no, error=200."], wire("http.client.send"), "failed"),
        (["Bad gateway, error=524."], wire("http.client.send"), "ambiguous"),
        (["HTTPConnectionPool(host='x', port=1): Read timed out."], wire("http.client.send"), "ambiguous"),
        (["HTTPConnectionPool(host='x', port=1): Read timed out."], wire("socket.connect"), "failed"),
        (["Growl said nothing; timed out"], wire("socket.connect"), "ambiguous"),
        (["Growl: [Errno 111] Connection refused"], wire("socket.connect"), "failed"),
        (["Syslog is gone"], wire("socket.sendto"), "ambiguous"),
        (["a script was run and failed"], wire("subprocess.Popen"), "ambiguous"),
        (["the message could not be prepared"], wire(), "failed"),
        ([], wire(), "failed"),
        ([], wire("socket.connect"), "ambiguous"),
        (["(535, b'no')"], wire("smtplib.connect"), "refused"),
        (["(451, b'later')"], wire("smtplib.connect"), "failed"),
        (["timed out"], wire("smtplib.connect", "socket.connect"), "failed"),
        (["timed out"], wire("smtplib.connect", "smtplib.send"), "ambiguous"),
    ],
)
def test_a_failure_is_ambiguous_only_if_the_page_may_have_arrived(lines: list[str], seen: Wire, outcome: str) -> None:
    assert judge(False, False, said(*lines), seen, str).outcome == outcome


def test_an_attempt_given_up_before_anything_left_is_not_delivered() -> None:
    assert judge(False, True, (), wire(), str).outcome == "failed"
    assert judge(False, True, (), wire("socket.connect", "http.client.send"), str).outcome == "ambiguous"


def test_after_an_attempt_is_given_up_nothing_more_leaves() -> None:
    wire = Wire()
    wire.close()
    assert not wire.sent
    with pytest.raises(NothingMoreLeaves):
        wire("http.client.send", (None, b"POST"))


def test_a_page_s_debug_lines_are_read_and_never_repeated() -> None:
    lines = said("Payload: the secret", level=logging.DEBUG)
    assert "secret" not in judge(False, False, lines, wire(), str).detail


URLS = {
    "json": "json://127.0.0.1:9/x",
    "phone": "ntfys://some-topic",
    "mail": "mailtos://u:p@example.no?smtp=127.0.0.1",
    "chat": "https://discord.com/api/webhooks/472910384756102938/Xv9bQe2RtYu7IoPaSd4FgHjKl",
}

SCRIPT = """
import json, sys
from drwatch.paging.courier import services as loading
{before}
services, wrong = loading.open_channels(json.loads(sys.argv[1]), 15.0)
print(json.dumps([
    sorted(services), wrong, sum(name.startswith("apprise.plugins.") for name in sys.modules),
    sorted(type(service).__name__ for service in services.values()),
]))
"""


def opened(before: str = "") -> tuple[list[str], dict[str, str | None], int, list[str]]:
    """What a fresh process makes of URLS: services, complaints, number of Apprise's service modules in memory."""
    script = SCRIPT.format(before=before)
    run = subprocess.run(
        [sys.executable, "-P", "-c", script, json.dumps(URLS)], capture_output=True, text=True, check=True
    )
    services, wrong, modules, classes = json.loads(run.stdout)
    return services, wrong, modules, classes


def test_only_the_services_that_the_channels_need_are_loaded() -> None:
    services, wrong, modules, _ = opened()
    assert services == sorted(URLS)
    assert set(wrong.values()) == {None}
    assert modules < 25


def test_if_apprise_changes_its_loading_everything_is_loaded_and_all_channels_work() -> None:
    lean, full = opened(), opened("loading.load_only = None")
    assert full[2] > 150
    assert (lean[0], lean[1], lean[3]) == (full[0], full[1], full[3])


def test_apprise_still_has_what_the_courier_sets_on_its_services() -> None:
    script = """
import apprise
service = apprise.Apprise.instantiate("pagerduty://R0kS3Gvt8eQwPzLm5XyB2nJc7aHd4fUi@nx8QZvR3tLk9wPb2sYdM")
names = ("retry", "redirects", "socket_connect_timeout", "socket_read_timeout", "dedup")
print([name for name in names if not hasattr(service, name)], service.dedup)
"""
    run = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "[] None\n"


async def test_check_tells_what_is_wrong_with_each_url_and_sends_nothing(inbox: Inbox) -> None:
    wrong = await check(
        {
            "good": inbox.url("ok"),
            "two topics": "ntfy://127.0.0.1/one/two",
            "two mails": "mailto://u:p@example.no?smtp=127.0.0.1&to=a@example.no,b@example.no",
            "a copy": "mailto://u:p@example.no?smtp=127.0.0.1&to=a@example.no&bcc=b@example.no",
            "two chats": "tgram://123456789:abcdefg_hijklmnop/11111/22222",
            "two rooms": "matrix://u:p@127.0.0.1/#one/#two",
            "two users": "opsgenie://a1b2c3d4-0000/user1/user2",
            "two numbers": "signal://127.0.0.1:9/+15551234567/+15557654321/+15557654322",
            "two urls": f"{inbox.url('ok')}, {inbox.url('ok')}",
            "no scheme": "just words",
            "unknown": "nonsense://x",
            "bad token": "tgram://hopeless",
        }
    )
    assert wrong == {
        "two topics": "2 targets in one URL: give each its own channel, so that each page has one answer",
        "two mails": "2 targets in one URL: give each its own channel, so that each page has one answer",
        **dict.fromkeys(
            ("a copy", "two chats", "two rooms", "two users"),
            "2 targets in one URL: give each its own channel, so that each page has one answer",
        ),
        "two numbers": "2 targets in one URL: give each its own channel, so that each page has one answer",
        "two urls": "more than one URL: give each its own channel, so that each page has one answer",
        "no scheme": "no Apprise URL: it has no scheme such as ntfys:// or mailtos://",
        "unknown": "Apprise knows no service nonsense://",
        "bad token": "Unparseable Telegram URL tgram://…",
    }
    assert inbox.pages == []


def test_the_daemon_s_end_does_not_load_apprise() -> None:
    script = "import sys, drwatch.paging.apprise; print('apprise' in sys.modules, 'requests' in sys.modules)"
    run = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "False False\n"


def pss(one: psutil.Process) -> int:
    return int(one.memory_full_info().pss)


async def test_it_is_small(courier: Callable[..., Courier], inbox: Inbox) -> None:
    carrier = courier(limit=30.0, phone=inbox.url("hang"), mail=URLS["mail"], topic=URLS["phone"])
    await carrier.start()
    assert pss(psutil.Process(carrier.pid)) < 45 * MIB


async def test_a_page_takes_a_moment(courier: Callable[..., Courier], inbox: Inbox) -> None:
    carrier = courier(phone=inbox.url("ok"))
    await carrier.start()
    deliveries = [await carrier.send(Letter("phone", f"ABCDEF.{n}", "t", "b", Severity.WARNING)) for n in range(9)]
    assert sorted(delivery.seconds for delivery in deliveries)[4] < 0.25


async def test_a_service_that_needs_another_package_says_which() -> None:
    wrong = await check({"growl": "growl://127.0.0.1"})
    assert wrong == {"growl": "growl:// needs more than Apprise: install gntp beside drwatch"}
