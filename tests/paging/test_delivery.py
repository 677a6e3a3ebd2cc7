"""What the daemon's end of the courier says of a page, whatever the far end does. Real processes, real sockets."""

import asyncio
import os
import signal
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from receivers import Inbox, MailServer, Mute, SelfSigned, free_port, until

from drwatch.core.finding import Severity
from drwatch.core.paging import Killed, Letter, Outcome
from drwatch.paging.apprise import PATIENCE, Courier, Delivery

Make = Callable[..., Courier]


async def send(courier: Courier, channel: str, body: str = "the body", resolved: bool = False) -> Delivery:
    return await courier.send(Letter(channel, "ABCDEF.1", "the title", body, Severity.CRITICAL, resolved))


def children(courier: Courier) -> list[psutil.Process]:
    return psutil.Process(courier.pid).children()


async def test_a_page_arrives_with_its_title_its_body_and_its_gravity(courier: Make, inbox: Inbox) -> None:
    carrier = courier(phone=inbox.url("ok"))
    delivery = await carrier.send(Letter("phone", "ABCDEF.1", "PrimaryDown", "oslo-a is dead", Severity.CRITICAL))
    assert delivery.outcome is Outcome.ACCEPTED
    await carrier.send(Letter("phone", "ABCDEF.2", "FilesStale", "uploads", Severity.WARNING))
    await carrier.send(Letter("phone", "ABCDEF.3", "Resolved", "all is well", Severity.CRITICAL, True))
    first, *_ = inbox.pages
    assert (first.body["title"], first.body["message"]) == ("PrimaryDown", "oslo-a is dead")
    assert [page.body["type"] for page in inbox.pages] == ["failure", "warning", "success"]


async def test_a_page_in_the_short_form_has_no_body_and_arrives(courier: Make, inbox: Inbox) -> None:
    delivery = await send(courier(sms=inbox.url("ok")), "sms", body="")
    assert delivery.outcome is Outcome.ACCEPTED
    assert inbox.pages[0].body["message"] == "the title"


async def test_an_answer_is_read_for_what_it_says(courier: Make, inbox: Inbox) -> None:
    expected = {
        "201": Outcome.ACCEPTED,
        "400": Outcome.REFUSED,
        "401": Outcome.REFUSED,
        "403": Outcome.REFUSED,
        "404": Outcome.REFUSED,
        "429": Outcome.FAILED,
        "500": Outcome.FAILED,
        "502": Outcome.FAILED,
        "503": Outcome.FAILED,
        "504": Outcome.AMBIGUOUS,
        "302": Outcome.FAILED,
        "reset": Outcome.AMBIGUOUS,
    }
    carrier = courier(**{name: inbox.url(name) for name in expected})
    deliveries = dict(zip(expected, await asyncio.gather(*(send(carrier, name) for name in expected)), strict=True))
    assert {name: delivery.outcome for name, delivery in deliveries.items()} == expected
    assert all(name in deliveries[name].detail for name in expected if name.isdigit() and name != "201")
    assert "redirect" in deliveries["302"].detail
    assert sorted(page.path.strip("/") for page in inbox.pages) == sorted(expected)


@pytest.mark.parametrize(
    ("path", "said", "wait"),
    [
        ("429", "30", 30.0),
        ("429?method=put", "30", 30.0),
        ("503", "0", 0.0),
        ("429", "Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("429", "soon", None),
        ("500", "30", None),
        ("404", "30", None),
    ],
)
async def test_how_long_a_service_wants_to_be_left_alone_is_heard(
    courier: Make, inbox: Inbox, path: str, said: str, wait: float | None
) -> None:
    inbox.headers["Retry-After"] = said
    assert (await send(courier(phone=inbox.url(path)), "phone")).wait == wait


async def test_a_redirect_is_not_followed_even_if_the_url_asks_for_it(courier: Make, inbox: Inbox) -> None:
    delivery = await send(courier(phone=inbox.url("302?redirect=yes")), "phone")
    assert delivery.outcome is Outcome.FAILED
    assert inbox.at("portal") == []


async def test_one_attempt_is_one_request_even_if_the_url_asks_for_retries(courier: Make, inbox: Inbox) -> None:
    delivery = await send(courier(phone=inbox.url("500?retry=5&wait=0")), "phone")
    assert delivery.outcome is Outcome.FAILED
    assert len(inbox.pages) == 1


async def test_a_dead_port_is_surely_not_delivered(courier: Make) -> None:
    delivery = await send(courier(phone=f"json://127.0.0.1:{free_port()}/x"), "phone")
    assert (delivery.outcome, delivery.detail) == (Outcome.FAILED, "connection refused")


async def test_a_name_that_does_not_exist_is_surely_not_delivered(courier: Make) -> None:
    delivery = await send(courier(phone="json://no-such-host.invalid/x"), "phone")
    assert (delivery.outcome, delivery.detail) == (Outcome.FAILED, "no such host")


async def test_a_dial_that_nobody_answers_is_surely_not_delivered(courier: Make, unanswering: Mute) -> None:
    delivery = await send(courier(limit=1.5, phone=f"json://127.0.0.1:{unanswering.port}/x"), "phone")
    assert (delivery.outcome, delivery.detail) == (Outcome.FAILED, "the connection timed out")


async def test_a_proxy_that_cannot_connect_has_surely_not_delivered(
    courier: Make, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{inbox.port}")
    delivery = await send(courier(phone="ntfys://a-topic.invalid/x"), "phone")
    assert (delivery.outcome, delivery.detail) == (Outcome.FAILED, "the proxy did not connect")


async def test_a_page_that_is_too_long_for_its_service_is_cut_and_arrives_once(courier: Make, inbox: Inbox) -> None:
    delivery = await send(courier(phone=inbox.url("topic", "ntfy")), "phone", body="what matters " + "x" * 50_000)
    assert delivery.outcome is Outcome.ACCEPTED
    (page,) = inbox.pages
    assert page.body["message"].startswith("what matters")
    assert len(page.body["message"]) <= 7800


async def test_a_certificate_that_nobody_vouches_for_is_surely_not_delivered(
    courier: Make, self_signed: SelfSigned
) -> None:
    delivery = await send(courier(phone=f"jsons://127.0.0.1:{self_signed.port}/x"), "phone")
    assert (delivery.outcome, delivery.detail) == (Outcome.FAILED, "TLS: the certificate does not verify")


async def test_a_tls_handshake_that_hangs_is_not_delivered(courier: Make, mute: Mute) -> None:
    delivery = await send(courier(limit=1.5, phone=f"jsons://127.0.0.1:{mute.port}/x"), "phone")
    assert delivery.outcome is Outcome.FAILED


@pytest.mark.parametrize("behaviour", ["hang", "drip"])
async def test_silence_after_the_page_has_left_may_be_a_delivery(courier: Make, inbox: Inbox, behaviour: str) -> None:
    delivery = await send(courier(limit=1.5, phone=inbox.url(behaviour)), "phone")
    assert delivery.outcome is Outcome.AMBIGUOUS
    assert "may have arrived" in delivery.detail
    assert delivery.seconds < 1.8


async def test_mail_is_accepted_when_the_server_has_queued_it(
    courier: Make, mail_server: Callable[..., MailServer]
) -> None:
    server = mail_server()
    delivery = await send(courier(mail=server.url()), "mail")
    assert delivery.outcome is Outcome.ACCEPTED
    assert "the body" in server.mails[0]


async def test_a_mail_server_is_read_for_what_it_says(courier: Make, mail_server: Callable[..., MailServer]) -> None:
    expected = {
        ("auth", "535 5.7.8 no"): Outcome.REFUSED,
        ("rcpt", "550 5.1.1 nobody here"): Outcome.REFUSED,
        ("rcpt", "451 4.7.1 greylisted"): Outcome.FAILED,
        ("end", "554 5.7.1 spam"): Outcome.REFUSED,
        ("end", "452 4.3.1 full"): Outcome.FAILED,
        ("rcpt", None): Outcome.FAILED,
        ("end", None): Outcome.AMBIGUOUS,
    }
    urls = {f"{verb} {answer}": mail_server(**{verb: answer}).url() for verb, answer in expected}
    carrier = courier(limit=2.0, **urls)
    outcomes = [delivery.outcome for delivery in await asyncio.gather(*(send(carrier, name) for name in urls))]
    assert dict(zip(urls, outcomes, strict=True)) == dict(zip(urls, expected.values(), strict=True))


async def test_a_bad_url_refuses_its_pages_and_no_other(courier: Make, inbox: Inbox) -> None:
    carrier = courier(good=inbox.url("ok"), bad="ntfy://127.0.0.1/one/two", unknown="nonsense://x")
    await carrier.start()
    assert sorted(carrier.wrong) == ["bad", "unknown"]
    assert (await send(carrier, "bad")).outcome is Outcome.REFUSED
    assert (await send(carrier, "unknown")).outcome is Outcome.REFUSED
    assert (await send(carrier, "never configured")).outcome is Outcome.REFUSED
    assert (await send(carrier, "good")).outcome is Outcome.ACCEPTED


async def test_a_healthy_channel_does_not_wait_for_wedged_ones(courier: Make, inbox: Inbox) -> None:
    wedged = {f"wedged{number}": inbox.url("drip") for number in range(6)}
    carrier = courier(limit=20.0, phone=inbox.url("ok"), **wedged)
    await carrier.start()
    stuck = [asyncio.create_task(send(carrier, name)) for name in wedged]
    await until(lambda: len(inbox.at("drip")) == 6)
    delivery = await send(carrier, "phone")
    assert delivery.outcome is Outcome.ACCEPTED
    assert delivery.seconds < 2
    await carrier.close()
    assert {(await task).outcome for task in stuck} == {Outcome.AMBIGUOUS}


async def test_an_attempt_that_stands_still_is_killed_at_its_limit(courier: Make, inbox: Inbox) -> None:
    killed: list[Killed] = []
    carrier = courier(limit=2.0, killed=killed.append, phone=inbox.url("hang"))
    await carrier.start()
    task = asyncio.create_task(send(carrier, "phone"))
    await until(lambda: inbox.pages)
    (attempt,) = children(carrier)
    attempt.suspend()
    delivery = await task
    assert delivery.outcome is Outcome.AMBIGUOUS
    assert delivery.detail == "killed after 2 s: it may have arrived"
    assert children(carrier) == []
    assert killed == [Killed.ATTEMPT]


async def test_a_courier_that_dies_is_replaced_and_what_it_carried_is_ambiguous(courier: Make, inbox: Inbox) -> None:
    carrier = courier(hanging=inbox.url("hang"), phone=inbox.url("ok"))
    await carrier.start()
    before = carrier.pid
    assert before is not None
    task = asyncio.create_task(send(carrier, "hanging"))
    await until(lambda: inbox.pages)
    attempts = children(carrier)
    os.kill(before, signal.SIGKILL)
    assert (await task).outcome is Outcome.AMBIGUOUS
    await until(lambda: not any(attempt.is_running() for attempt in attempts))
    assert (await send(carrier, "phone")).outcome is Outcome.ACCEPTED
    assert carrier.pid not in (None, before)


async def test_a_courier_that_is_stuck_is_replaced_and_what_it_carried_is_ambiguous(
    courier: Make, inbox: Inbox
) -> None:
    killed: list[Killed] = []
    carrier = courier(limit=0.5, killed=killed.append, phone=inbox.url("ok"))
    await carrier.start()
    stuck = carrier.pid
    assert stuck is not None
    os.kill(stuck, signal.SIGSTOP)
    delivery, other = await asyncio.gather(send(carrier, "phone"), send(carrier, "phone"))
    assert (delivery.outcome, other.outcome) == (Outcome.AMBIGUOUS, Outcome.AMBIGUOUS)
    assert 4.4 < delivery.seconds < 6
    assert not psutil.pid_exists(stuck)
    assert (await send(carrier, "phone")).outcome is Outcome.ACCEPTED
    assert killed == [Killed.COURIER], "once, whatever it carried"


async def test_a_courier_that_is_only_late_is_waited_for(courier: Make, inbox: Inbox) -> None:
    """On a busy machine fifty attempts at once take longer than one may: what they carry must not become ambiguous."""
    carrier = courier(limit=1.0, hanging=inbox.url("hang"), phone=inbox.url("ok"))
    await carrier.start()
    late = carrier.pid
    assert late is not None
    os.kill(late, signal.SIGSTOP)
    sending = asyncio.create_task(send(carrier, "phone"))
    await asyncio.sleep(1.0 + PATIENCE + 1.0)
    os.kill(late, signal.SIGCONT)
    assert (await sending).outcome is Outcome.ACCEPTED
    assert carrier.pid == late


async def test_what_the_first_of_many_came_to_is_told_before_the_last_is_begun(courier: Make, inbox: Inbox) -> None:
    hanging = {f"hangs{number}": inbox.url("hang") for number in range(60)}
    carrier = courier(limit=20.0, phone=inbox.url("ok"), **hanging)
    await carrier.start()
    first, *rest = [asyncio.create_task(send(carrier, name)) for name in ("phone", *hanging)]
    assert (await first).outcome is Outcome.ACCEPTED
    begun = len(children(carrier))
    await carrier.close()
    await asyncio.gather(*rest)
    assert begun < 60


async def test_a_courier_that_does_not_get_ready_in_time_fails_all_that_wait_for_it_at_once(inbox: Inbox) -> None:
    """Not one after the other, each after a start of its own: the last of many would be minutes late."""
    carrier = Courier({"phone": inbox.url("ok")}, start=0.1)
    started = time.monotonic()
    came = await asyncio.gather(*(send(carrier, "phone") for _ in range(40)))
    assert time.monotonic() - started < 3.0
    assert {(each.outcome, each.detail) for each in came} == {
        (Outcome.FAILED, "the courier was not ready within 0.1 s")
    }
    await carrier.close()
    assert not [each for each in psutil.Process().children() if "drwatch.paging.courier" in each.cmdline()]


async def test_closing_takes_less_than_a_second_and_leaves_nothing_behind(courier: Make, inbox: Inbox) -> None:
    carrier = courier(limit=15.0, hanging=inbox.url("hang"))
    await carrier.start()
    task = asyncio.create_task(send(carrier, "hanging"))
    await until(lambda: inbox.pages)
    left = [psutil.Process(carrier.pid), *children(carrier)]
    begun = time.monotonic()
    await carrier.close()
    assert time.monotonic() - begun < 1.0
    assert (await task).outcome is Outcome.AMBIGUOUS
    await until(lambda: not any(process.is_running() for process in left))
    assert (await send(carrier, "hanging")).outcome is Outcome.FAILED


async def test_a_stuck_courier_does_not_delay_closing(courier: Make, inbox: Inbox) -> None:
    carrier = courier(phone=inbox.url("ok"))
    await carrier.start()
    assert carrier.pid is not None
    os.kill(carrier.pid, signal.SIGSTOP)
    begun = time.monotonic()
    await carrier.close()
    assert time.monotonic() - begun < 1.0


@pytest.mark.parametrize("courier_hangs", [False, True])
async def test_no_attempt_outlives_a_daemon_that_is_killed(inbox: Inbox, tmp_path: Path, courier_hangs: bool) -> None:
    daemon = tmp_path / "daemon.py"
    daemon.write_text(
        textwrap.dedent(
            f"""
            import asyncio
            from drwatch.core.finding import Severity
            from drwatch.core.paging import Letter
            from drwatch.paging.apprise import Courier

            async def main():
                courier = Courier({{"phone": {inbox.url("hang")!r}}}, 60.0)
                await courier.start()
                print(courier.pid, flush=True)
                await courier.send(Letter("phone", "ABCDEF.1", "t", "b", Severity.CRITICAL))

            asyncio.run(main())
            """
        )
    )
    process = await asyncio.create_subprocess_exec(sys.executable, daemon, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    courier = psutil.Process(int(await process.stdout.readline()))
    await until(lambda: inbox.pages)
    left = [courier, *courier.children()]
    assert len(left) == 2
    if courier_hangs:
        courier.suspend()
    process.kill()
    await process.wait()
    await until(lambda: not any(one.is_running() for one in left), 3.0)


async def test_the_interruption_of_a_terminal_is_for_the_daemon_alone(courier: Make, inbox: Inbox) -> None:
    carrier = courier(phone=inbox.url("ok"))
    await carrier.start()
    assert carrier.pid is not None
    os.kill(carrier.pid, signal.SIGINT)
    os.kill(carrier.pid, signal.SIGTERM)
    assert (await send(carrier, "phone")).outcome is Outcome.ACCEPTED
    assert os.getsid(carrier.pid) != os.getsid(0)
