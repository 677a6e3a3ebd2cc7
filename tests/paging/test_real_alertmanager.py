"""Two real Alertmanagers as one cluster, and the webhook that they notify: what drwatch tells them is told once."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from engines import Channel, clock, hush, letter
from real import Running, program
from receivers import Inbox, free_port
from ruamel.yaml import YAML

from drwatch.config import AlertmanagerSettings, Secret
from drwatch.core.finding import Condition
from drwatch.core.paging import Outcome, PageReason, Row, RowState
from drwatch.daemon.carriers import carriers
from drwatch.daemon.delivery import Delivering
from drwatch.exporter import Instruments
from drwatch.paging.alertmanager import LASTS, LIMIT
from drwatch.store import Store

pytestmark = pytest.mark.xdist_group("alertmanager")

AGAIN = 0.8
"""Seconds until an alert is told again; it lasts for five times that."""


class Cluster:
    """Both peers. The second waits a second for the first, so that a page is notified once.

    That is less than the interval in which both look at their groups, as it is with what they come with: else one of
    them would notify what it saw before the other had told the end.
    """

    def __init__(self, folder: Path, hook: Inbox, repeats: bool = False) -> None:
        self._folder, self._hook, self._repeats = folder, hook, repeats
        self.ports = [free_port(), free_port()]
        self._gossip = [free_port(), free_port()]
        self.peers = [self._start(0), self._start(1)]
        self.addresses = [f"http://127.0.0.1:{port}" for port in self.ports]

    def _start(self, number: int) -> Running:
        place = self._folder / f"am{number}"
        place.mkdir()
        hook = {"url": self._hook.url("hook", "http"), "send_resolved": True}
        route = {"receiver": "bell", "group_by": ["..."], "group_wait": "0s", "group_interval": "3s"}
        route |= {"repeat_interval": "3s"} if self._repeats else {}
        with (place / "config.yml").open("w") as file:
            YAML().dump({"route": route, "receivers": [{"name": "bell", "webhook_configs": [hook]}]}, file)
        port = self.ports[number]
        command = [
            program("prometheus-alertmanager"),
            f"--config.file={place / 'config.yml'}",
            f"--storage.path={place}",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--cluster.listen-address=127.0.0.1:{self._gossip[number]}",
            f"--cluster.peer=127.0.0.1:{self._gossip[0]}",
            "--cluster.gossip-interval=50ms",
            "--cluster.settle-timeout=1s",
            "--cluster.peer-timeout=1s",
        ]
        return Running(command, place / "log", lambda: self._ready(port))

    def _ready(self, port: int) -> bool:
        with suppress(OSError, ValueError):
            return bool(self.ask(port, "status")["cluster"]["status"] == "ready")
        return False

    def ask(self, port: int, what: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/{what}", timeout=5) as answer:
            return json.load(answer)

    def firing(self) -> list[list[str]]:
        """What each peer that lives holds for firing."""
        lives = [port for port, peer in zip(self.ports, self.peers, strict=True) if peer.lives]
        return [sorted(alert["labels"]["alertname"] for alert in self.ask(port, "alerts")) for port in lives]

    def silences(self) -> list[list[tuple[str, str]]]:
        """By peer that lives who has silenced something and why, of what is silenced now."""
        lives = [port for port, peer in zip(self.ports, self.peers, strict=True) if peer.lives]
        return [
            [
                (each["createdBy"], each["comment"])
                for each in self.ask(port, "silences")
                if each["status"]["state"] == "active"
            ]
            for port in lives
        ]

    def close(self) -> None:
        for peer in self.peers:
            peer.kill()


@pytest.fixture
def cluster(tmp_path: Path, inbox: Inbox) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, inbox)
    yield cluster
    cluster.close()


@pytest.fixture
def repeating(tmp_path: Path, inbox: Inbox) -> Iterator[Cluster]:
    """One that notifies again, every three seconds, what goes on firing."""
    cluster = Cluster(tmp_path, inbox, repeats=True)
    yield cluster
    cluster.close()


@pytest_asyncio.fixture
async def channel(cluster: Cluster) -> AsyncIterator[Channel]:
    channel = Channel(*cluster.addresses, every=AGAIN)
    await channel.courier.start()
    yield channel
    await channel.close()


async def until(what: Callable[[], object], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not what():  # noqa: ASYNC110 (the world outside sets no event)
            await asyncio.sleep(0.05)


def notified(inbox: Inbox) -> list[tuple[str, str]]:
    """(status, alertname) of every notification that came, in its order."""
    return [(alert["status"], alert["labels"]["alertname"]) for page in inbox.pages for alert in page.body["alerts"]]


async def test_a_page_is_notified_once_and_stands_until_its_end_which_is_notified_once(
    cluster: Cluster, channel: Channel, inbox: Inbox
) -> None:
    channel.keep()
    assert (await channel.engine.send(letter())).outcome is Outcome.ACCEPTED
    await until(lambda: notified(inbox) == [("firing", "PrimaryDown")])
    assert inbox.pages[0].body["alerts"][0]["annotations"]["event"] == "ABCDEF.1"
    await until(lambda: cluster.firing() == [["PrimaryDown"]] * 2)
    # Longer than it would last without being told again, with a reminder in between.
    began = clock().loop
    await channel.engine.send(letter(2))
    await until(lambda: clock().loop - began > LASTS * AGAIN + 1)
    assert cluster.firing() == [["PrimaryDown"]] * 2
    assert (await channel.engine.send(letter(3, resolved=True))).outcome is Outcome.ACCEPTED
    channel.open.clear()
    await until(lambda: len(notified(inbox)) >= 2)
    await until(lambda: cluster.firing() == [[], []])
    # A group interval and the peer's patience: a copy would have come by then.
    over = clock().loop
    await until(lambda: clock().loop - over > 4.5)
    assert notified(inbox) == [("firing", "PrimaryDown"), ("resolved", "PrimaryDown")]


async def test_with_one_peer_killed_pages_arrive_and_with_both_they_come_back_at_once(
    cluster: Cluster, channel: Channel, inbox: Inbox
) -> None:
    channel.keep()
    cluster.peers[0].kill()
    assert (await channel.engine.send(letter())).outcome is Outcome.ACCEPTED
    await until(lambda: notified(inbox) == [("firing", "PrimaryDown")])
    cluster.peers[1].kill()
    began = clock().loop
    came = await channel.engine.send(letter(2, condition=Condition.ZOMBIE_PRIMARY))
    assert came.outcome is Outcome.FAILED
    assert came.detail.count("connection refused") == 2
    assert clock().loop - began < 10


def due(channel: str, state: RowState) -> Row:
    about = letter()
    now = clock()
    return Row(
        about.event,
        channel,
        about.incident,
        PageReason.FIRST,
        about.severity,
        about.title,
        about.body,
        created=now,
        due=now,
        state=state,
        alert=about.alert,
    )


@pytest.mark.parametrize("end", ["kill", "freeze"])
async def test_with_both_peers_gone_the_phone_has_the_page_within_ten_seconds(
    cluster: Cluster, inbox: Inbox, tmp_path: Path, end: str
) -> None:
    """Killed, they refuse at once; frozen, their kernel takes the page and nobody ever answers."""
    for peer in cluster.peers:
        getattr(peer, end)()
    carrier = carriers(
        {"phone": Secret(inbox.url("ok"))}, {"engine": AlertmanagerSettings(tuple(cluster.addresses))}, clock
    )
    store, counts = await Store.open(tmp_path / "drwatch.db"), Instruments(("engine", "phone"))
    delivering = Delivering(carrier, store, clock, counts, chance=lambda: 1.0)
    rows = due("engine", RowState.DUE), due("phone", RowState.RESERVE)
    await carrier.start()
    with suppress(asyncio.CancelledError):
        async with asyncio.TaskGroup() as tasks:
            delivering.start(tasks, lambda *_: None, lambda row: "", lambda row: False, lambda: ("engine", "phone"))
            await store.commit([], rows)
            began = clock().loop
            delivering.take(rows)
            await until(lambda: inbox.pages)
            assert clock().loop - began < LIMIT
            assert inbox.pages[0].body["title"] == rows[0].title
            raise asyncio.CancelledError
    await carrier.close()
    await store.close()


async def test_a_restarted_drwatch_keeps_the_alert_up_and_ends_it(
    cluster: Cluster, channel: Channel, inbox: Inbox
) -> None:
    await channel.engine.send(letter())
    await channel.close()
    again = Channel(*cluster.addresses, every=AGAIN, standing=[letter()])
    try:
        again.keep()
        began = clock().loop
        await until(lambda: clock().loop - began > LASTS * AGAIN + 1)
        assert cluster.firing() == [["PrimaryDown"]] * 2
        await again.engine.send(letter(2, resolved=True))
        await until(lambda: notified(inbox) == [("firing", "PrimaryDown"), ("resolved", "PrimaryDown")])
    finally:
        await again.close()


IN_HAND = [("anna", "drwatch ABCDEF: in hand: on it")]


async def test_what_somebody_has_in_hand_is_not_repeated_and_what_is_told_when_that_is_over_is_heard(
    repeating: Cluster, inbox: Inbox
) -> None:
    channel = Channel(*repeating.addresses)
    await channel.courier.start()
    try:
        channel.keep()
        await channel.engine.send(letter())
        await until(lambda: len(notified(inbox)) >= 2)
        began = clock().loop
        channel.hushed["ABCDEF"] = hush()
        await until(lambda: repeating.silences() == [IN_HAND, IN_HAND])
        assert clock().loop - began < 1.5
        heard = len(notified(inbox))
        # Two repeats would have come.
        await until(lambda: clock().loop - began > 8)
        assert len(notified(inbox)) <= heard + 1, "at most the one that was on its way"
        heard, began = len(notified(inbox)), clock().loop
        channel.hushed.clear()
        await until(lambda: repeating.silences() == [[], []])
        assert clock().loop - began < 1.5
        await channel.engine.send(letter(2))
        await until(lambda: len(notified(inbox)) > heard)
    finally:
        await channel.close()


async def test_the_end_of_what_somebody_has_in_hand_is_notified(
    cluster: Cluster, channel: Channel, inbox: Inbox
) -> None:
    channel.keep()
    await channel.engine.send(letter())
    await until(lambda: notified(inbox) == [("firing", "PrimaryDown")])
    channel.hushed["ABCDEF"] = hush()
    await until(lambda: cluster.silences() == [IN_HAND, IN_HAND])
    channel.hushed.clear()
    assert (await channel.engine.send(letter(3, resolved=True))).outcome is Outcome.ACCEPTED
    assert cluster.silences()[0] == []
    await until(lambda: notified(inbox) == [("firing", "PrimaryDown"), ("resolved", "PrimaryDown")])


async def test_a_restarted_drwatch_goes_on_with_the_silence_that_there_is(cluster: Cluster, channel: Channel) -> None:
    mine = hush()
    channel.keep()
    await channel.engine.send(letter())
    channel.hushed["ABCDEF"] = mine
    await until(lambda: cluster.silences() == [IN_HAND, IN_HAND])
    await channel.close()
    again = Channel(*cluster.addresses, standing=[letter()])
    try:
        again.hushed["ABCDEF"] = mine
        again.keep()
        began = clock().loop
        await until(lambda: clock().loop - began > 2)
        assert len(cluster.ask(cluster.ports[0], "silences")) == 1, "none was added, none ended"
        # Somebody else takes it on, for longer.
        again.hushed["ABCDEF"] = hush(by="bo", lasts=7200.0)
        theirs = [("bo", IN_HAND[0][1])]
        await until(lambda: cluster.silences() == [theirs, theirs])
    finally:
        await again.close()


async def test_an_acknowledgement_that_ran_out_while_drwatch_was_away_leaves_no_silence(
    cluster: Cluster, channel: Channel
) -> None:
    channel.keep()
    await channel.engine.send(letter())
    channel.hushed["ABCDEF"] = hush()
    await until(lambda: cluster.silences() == [IN_HAND, IN_HAND])
    await channel.close()
    again = Channel(*cluster.addresses, standing=[letter()])
    try:
        again.keep()
        await until(lambda: cluster.silences() == [[], []])
    finally:
        await again.close()


async def test_with_one_peer_killed_the_other_is_silent(cluster: Cluster, channel: Channel) -> None:
    channel.keep()
    cluster.peers[0].kill()
    await channel.engine.send(letter())
    channel.hushed["ABCDEF"] = hush()
    await until(lambda: cluster.silences() == [IN_HAND])
    channel.hushed.clear()
    await until(lambda: cluster.silences() == [[]])
