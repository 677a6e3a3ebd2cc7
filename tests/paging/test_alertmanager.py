"""What an Alertmanager's peers are told, and what becomes of a page that they take or do not, over real HTTP."""

import asyncio
import base64
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from engines import Channel, clock, letter
from receivers import Inbox, Mute, Page, SelfSigned, free_port, until

from drwatch.core.finding import Condition, Severity
from drwatch.core.paging import Delivery, Letter, Outcome
from drwatch.core.sample import Moment
from drwatch.paging.alertmanager import Alertmanager
from drwatch.paging.peers import Peers

Make = Callable[..., Channel]


@pytest.fixture
def peers() -> Iterator[tuple[Inbox, Inbox]]:
    both = Inbox(), Inbox()
    yield both
    for each in both:
        each.close()


def at(inbox: Inbox, behaviour: str = "ok") -> str:
    return f"http://127.0.0.1:{inbox.port}/{behaviour}"


def alerts(inbox: Inbox) -> list[Page]:
    """What it was told of alerts."""
    return [page for page in inbox.pages if page.path.endswith("/alerts")]


def told(page: Page) -> dict[str, str]:
    """alertname → firing or over, of one POST."""
    now = clock().wall
    return {
        alert["labels"]["alertname"]: "firing" if datetime.fromisoformat(alert["endsAt"]) > now else "over"
        for alert in page.body
    }


async def test_a_clock_that_is_set_back_while_an_alert_stands_makes_none_that_ends_before_it_began() -> None:
    """An Alertmanager refuses such a one for good, whether it is a refresh, a reminder or the end."""
    now, asked = [clock()], list[dict[str, Any]]()

    async def ask(request: Mapping[str, object], limit: float) -> tuple[Delivery, str]:
        asked.extend(json.loads(str(request["body"])))
        return Delivery(Outcome.ACCEPTED, "", 0.0), ""

    engine = Alertmanager(Peers(("http://am1:9093",), {}), ask, lambda: now[0], lambda: {"ABCDEF"})
    await engine.send(letter())
    now[0] = Moment(now[0].loop + 60, now[0].wall - timedelta(hours=1))
    asked += engine.standing()
    await engine.send(letter(2))
    await engine.send(replace(letter(3, resolved=True), alert=replace(letter().alert, ended=now[0].wall)))
    times = [[datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt")] for alert in asked]
    assert len(times) == 4
    assert all(starts <= ends for starts, ends in times)
    assert [ends > now[0].wall for _, ends in times] == [True, True, True, False], "it stands until it is over"


async def test_an_end_that_the_clock_went_back_behind_is_over_at_once() -> None:
    now, asked = clock(), list[dict[str, Any]]()

    async def ask(request: Mapping[str, object], limit: float) -> tuple[Delivery, str]:
        asked.extend(json.loads(str(request["body"])))
        return Delivery(Outcome.ACCEPTED, "", 0.0), ""

    back = Moment(now.loop, now.wall - timedelta(hours=1))
    await Alertmanager(Peers(("http://am1:9093",), {}), ask, lambda: back, set).send(letter(2, resolved=True))
    (end,) = asked
    assert datetime.fromisoformat(end["endsAt"]) <= back.wall


async def test_every_peer_is_told_an_alert_in_the_form_of_the_second_api(
    channel: Make, peers: tuple[Inbox, Inbox]
) -> None:
    came = await channel(*(at(peer) for peer in peers)).engine.send(letter())
    assert came.outcome is Outcome.ACCEPTED
    await until(lambda: all(peer.pages for peer in peers))
    first, second = (peer.pages[0] for peer in peers)
    assert (first.path, first.body) == ("/ok/api/v2/alerts", second.body)
    (alert,) = first.body
    assert alert["labels"] == {
        "alertname": "PrimaryDown",
        "cluster": "shop",
        "subject": "oslo-a",
        "severity": "critical",
        "incident": "ABCDEF",
        "job": "drwatch",
    }
    assert alert["annotations"] == {
        "summary": "CRITICAL shop: PrimaryDown oslo-a [ABCDEF.1]",
        "description": "what to do",
        "event": "ABCDEF.1",
    }
    ends = datetime.fromisoformat(alert["endsAt"])
    assert timedelta(minutes=4) < ends - clock().wall < timedelta(minutes=5, seconds=1)
    assert datetime.fromisoformat(alert["startsAt"]) < clock().wall - timedelta(seconds=59)


async def test_the_labels_stay_from_the_first_page_to_the_end_and_the_end_is_past(channel: Make, inbox: Inbox) -> None:
    engine = channel(at(inbox)).engine
    for number, resolved in ((1, False), (2, False), (3, True)):
        assert (await engine.send(letter(number, resolved=resolved))).outcome is Outcome.ACCEPTED
    assert len({tuple(alert["labels"].items()) for page in inbox.pages for alert in page.body}) == 1
    assert [told(page) for page in inbox.pages] == [
        {"PrimaryDown": "firing"},
        {"PrimaryDown": "firing"},
        {"PrimaryDown": "over"},
    ]


async def test_a_trouble_with_another_face_ends_the_alert_that_it_was(channel: Make, inbox: Inbox) -> None:
    engine = channel(at(inbox)).engine
    await engine.send(letter(condition=Condition.PRIMARY_UNSEEN))
    await engine.send(letter(2))
    await engine.send(letter(3, resolved=True))
    assert [told(page) for page in inbox.pages] == [
        {"PrimaryUnseen": "firing"},
        {"PrimaryUnseen": "over", "PrimaryDown": "firing"},
        {"PrimaryDown": "over"},
    ]
    # And a peer that was away hears of both ends.
    assert [alert["labels"]["alertname"] for alert in engine.standing()] == ["PrimaryUnseen", "PrimaryDown"]


async def test_a_face_that_comes_back_is_not_told_as_over_too(channel: Make, inbox: Inbox) -> None:
    engine = channel(at(inbox)).engine
    for number, condition in enumerate((Condition.PRIMARY_DOWN, Condition.PRIMARY_HUNG, Condition.PRIMARY_DOWN), 1):
        await engine.send(letter(number, condition=condition))
    assert {alert["labels"]["alertname"]: alert["annotations"]["event"] for alert in engine.standing()} == {
        "PrimaryHung": "ABCDEF.2",
        "PrimaryDown": "ABCDEF.3",
    }


async def test_a_page_that_one_peer_takes_is_accepted_and_the_refresh_mends_the_other(
    channel: Make, peers: tuple[Inbox, Inbox]
) -> None:
    good, other = peers
    other.always = "500"
    made = channel(at(good), at(other), every=1.0)
    assert (await made.engine.send(letter())).outcome is Outcome.ACCEPTED
    await until(lambda: other.pages)
    other.always, other.pages[:] = "ok", []
    made.keep()
    await until(lambda: other.pages)
    assert told(other.pages[0]) == {"PrimaryDown": "firing"}


async def test_an_alert_is_told_again_while_its_incident_is_open_and_then_its_end(channel: Make, inbox: Inbox) -> None:
    made = channel(at(inbox), every=0.2)
    await made.engine.send(letter())
    made.keep()
    await until(lambda: len(inbox.pages) >= 3)
    ends = [page.body[0]["endsAt"] for page in inbox.pages]
    assert ends == sorted(set(ends)), "each with a later end"
    await made.engine.send(letter(2, resolved=True))
    made.open.clear()
    before = len(inbox.pages)
    await until(lambda: len(inbox.pages) > before + 1)
    assert told(inbox.pages[-1]) == {"PrimaryDown": "over"}


async def test_an_incident_that_drwatch_no_longer_knows_is_left_to_run_out(channel: Make, inbox: Inbox) -> None:
    made = channel(at(inbox))
    await made.engine.send(letter())
    assert len(made.engine.standing()) == 1
    made.open.clear()
    assert made.engine.standing() == []


async def test_a_later_run_goes_on_with_what_an_earlier_one_had_told(channel: Make, inbox: Inbox) -> None:
    made = channel(at(inbox), every=1.0, standing=[letter(7)])
    made.keep()
    await until(lambda: alerts(inbox))
    assert told(alerts(inbox)[0]) == {"PrimaryDown": "firing"}
    await made.engine.send(letter(8, condition=Condition.ZOMBIE_PRIMARY))
    assert told(next(page for page in reversed(alerts(inbox)) if len(page.body) > 1)) == {
        "PrimaryDown": "over",
        "ZombiePrimary": "firing",
    }


async def test_what_is_about_no_incident_is_a_notice_that_is_never_told_again(channel: Make, inbox: Inbox) -> None:
    engine = channel(at(inbox)).engine
    test = Letter("engine", "TEST.1", "TEST drwatch", "nothing is wrong", Severity.WARNING)
    assert (await engine.send(test)).outcome is Outcome.ACCEPTED
    assert told(inbox.pages[0]) == {"DrwatchNotice": "firing"}
    assert engine.standing() == []


async def test_a_trouble_that_nobody_here_was_told_of_is_a_notice_once_it_is_over(channel: Make, inbox: Inbox) -> None:
    """An Alertmanager drops the end of an alert that it never had: nobody would hear that it was down at all."""
    engine = channel(at(inbox)).engine
    missed = letter(3, resolved=True, missed=True)
    assert (await engine.send(missed)).outcome is Outcome.ACCEPTED
    assert told(inbox.pages[0]) == {"DrwatchNotice": "firing"}
    (alert,) = inbox.pages[0].body
    assert alert["labels"] == {
        "alertname": "DrwatchNotice",
        "cluster": "shop",
        "subject": "oslo-a",
        "severity": "critical",
        "incident": "ABCDEF",
        "job": "drwatch",
    }
    assert alert["annotations"]["summary"] == missed.title
    assert engine.standing() == [], "it runs out by itself"


async def test_what_nobody_need_hear_of_now_has_the_severity_of_a_note(channel: Make, inbox: Inbox) -> None:
    engine = channel(at(inbox)).engine
    await engine.send(Letter("engine", "DIGEST.1", "DIGEST", "two healed", Severity.WARNING, quiet=True))
    assert inbox.pages[0].body[0]["labels"]["severity"] == "info"


@pytest.mark.parametrize(
    ("one", "other", "wait"),
    [
        (("429", "30"), ("503", "50"), 30.0),
        # Another peer may take it any moment.
        (("429", "30"), ("500", None), None),
        (("429", "30"), ("401", None), 30.0),
        (("429", None), ("503", "50"), None),
        (("500", "30"), ("500", "30"), None),
    ],
)
async def test_peers_are_left_alone_for_as_long_as_all_of_them_ask_for(
    channel: Make, peers: tuple[Inbox, Inbox], one: tuple[str, str], other: tuple[str, str], wait: float | None
) -> None:
    for peer, (_, seconds) in zip(peers, (one, other), strict=True):
        if seconds is not None:
            peer.headers["Retry-After"] = seconds
    came = await channel(at(peers[0], one[0]), at(peers[1], other[0])).engine.send(letter())
    assert (came.outcome, came.wait) == (Outcome.FAILED, wait)


async def test_a_page_does_not_wait_for_a_peer_that_hangs(channel: Make, inbox: Inbox, unanswering: Mute) -> None:
    engine = channel(f"http://127.0.0.1:{unanswering.port}", at(inbox)).engine
    began = clock().loop
    assert (await engine.send(letter())).outcome is Outcome.ACCEPTED
    assert clock().loop - began < 4


@pytest.mark.parametrize(
    ("one", "other", "outcome"),
    [
        ("401", "404", Outcome.REFUSED),
        ("401", "500", Outcome.FAILED),
        ("500", "302", Outcome.FAILED),
        ("500", "reset", Outcome.AMBIGUOUS),
    ],
)
async def test_a_page_that_no_peer_takes_comes_back(
    channel: Make, peers: tuple[Inbox, Inbox], one: str, other: str, outcome: Outcome
) -> None:
    came = await channel(at(peers[0], one), at(peers[1], other)).engine.send(letter())
    assert came.outcome is outcome
    assert all(address in came.detail for address in (at(peers[0], one), at(peers[1], other)))


async def test_dead_peers_are_known_at_once(channel: Make) -> None:
    began = clock().loop
    came = await channel(f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}").engine.send(letter())
    assert came.outcome is Outcome.FAILED
    assert came.detail.count("connection refused") == 2
    assert clock().loop - began < 4


async def test_peers_that_hang_have_failed_within_ten_seconds(channel: Make, inbox: Inbox, unanswering: Mute) -> None:
    # One takes the page and is silent, the other's dial is never answered.
    engine = channel(at(inbox, "hang"), f"http://127.0.0.1:{unanswering.port}").engine
    began = clock().loop
    came = await engine.send(letter())
    assert came.outcome is Outcome.AMBIGUOUS
    assert clock().loop - began < 10.5


async def test_the_end_of_an_alert_does_not_overtake_what_was_told_before() -> None:
    """A telling that is slow on its way and comes after the end would wake people for what is over."""
    road, arrived = asyncio.Event(), list[str]()

    async def slowly(request: Mapping[str, object], limit: float) -> tuple[Delivery, str]:
        (alert,) = json.loads(str(request["body"]))
        if alert["annotations"]["event"] == "ABCDEF.1":
            await road.wait()
        arrived.append(alert["annotations"]["event"])
        return Delivery(Outcome.ACCEPTED, "accepted", 0.0), ""

    engine = Alertmanager(Peers(("http://am1:9093",), {}), slowly, clock, lambda: {"ABCDEF"})
    async with asyncio.TaskGroup() as both:
        both.create_task(engine.send(letter()))
        await asyncio.sleep(0.05)
        both.create_task(engine.send(letter(2, resolved=True)))
        await asyncio.sleep(0.05)
        road.set()
    assert arrived == ["ABCDEF.1", "ABCDEF.2"]


async def test_a_peer_that_goes_silent_is_said_once_and_so_is_its_return(
    channel: Make, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "drwatch")
    engine = channel(at(inbox, "peer")).engine
    for behaviour in ("500", "500", "ok", "ok"):
        inbox.always = behaviour
        await engine.send(letter())
    assert [record.message for record in caplog.records] == [
        f"{at(inbox, 'peer')} takes no alerts: HTTP 500 Internal Server Error",
        f"{at(inbox, 'peer')} takes alerts again",
    ]


async def test_who_asks_is_proved_and_never_said(channel: Make, inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    proof = f"Basic {base64.b64encode(b'drwatch:Hunter2pw').decode()}"
    engine = channel(at(inbox, "401"), headers={"Authorization": proof}).engine
    came = await engine.send(letter())
    assert inbox.pages[0].headers["Authorization"] == proof
    assert proof not in caplog.text + came.detail


async def test_a_peer_s_certificate_is_verified(channel: Make, self_signed: SelfSigned) -> None:
    came = await channel(f"https://127.0.0.1:{self_signed.port}").engine.send(letter())
    assert came.outcome is Outcome.FAILED
    assert "the certificate does not verify" in came.detail
