"""What somebody has in hand is silent in two real Alertmanagers of one cluster, until it is told anew or over."""

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cluster import Cluster, notified, settled
from engines import Channel, clock, hush, letter
from receivers import Inbox

from drwatch.core.paging import Outcome
from drwatch.lab import deadline
from drwatch.lab.faults import FAULTS
from drwatch.lab.pair import Pair
from drwatch.lab.play import Watching, configuration

pytestmark = pytest.mark.xdist_group("alertmanager")


@pytest.fixture
def repeating(tmp_path: Path, inbox: Inbox) -> Iterator[Cluster]:
    """One that notifies again, every three seconds, what goes on firing."""
    cluster = Cluster(tmp_path, inbox, repeats=True)
    yield cluster
    cluster.close()


@pytest_asyncio.fixture
async def channel(cluster: Cluster) -> AsyncIterator[Channel]:
    channel = Channel(*cluster.addresses)
    await channel.courier.start()
    yield channel
    await channel.close()


IN_HAND = [("anna", "drwatch ABCDEF: in hand: on it")]


async def test_what_somebody_has_in_hand_is_not_repeated_and_what_is_told_when_that_is_over_is_heard(
    repeating: Cluster, inbox: Inbox
) -> None:
    channel = Channel(*repeating.addresses)
    await channel.courier.start()
    try:
        channel.keep()
        await channel.engine.send(letter())
        await settled(lambda: len(notified(inbox)) >= 2)
        began = clock().loop
        channel.hushed["ABCDEF"] = hush()
        await settled(lambda: repeating.silences() == [IN_HAND, IN_HAND])
        assert clock().loop - began < 1.5
        heard = len(notified(inbox))
        # Two repeats would have come.
        await settled(lambda: clock().loop - began > 8)
        assert len(notified(inbox)) <= heard + 1, "at most the one that was on its way"
        heard, began = len(notified(inbox)), clock().loop
        channel.hushed.clear()
        await settled(lambda: repeating.silences() == [[], []])
        assert clock().loop - began < 1.5
        await channel.engine.send(letter(2))
        await settled(lambda: len(notified(inbox)) > heard)
    finally:
        await channel.close()


async def test_the_end_of_what_somebody_has_in_hand_is_notified(
    cluster: Cluster, channel: Channel, inbox: Inbox
) -> None:
    channel.keep()
    await channel.engine.send(letter())
    await settled(lambda: notified(inbox) == [("firing", "PrimaryDown")])
    channel.hushed["ABCDEF"] = hush()
    await settled(lambda: cluster.silences() == [IN_HAND, IN_HAND])
    channel.hushed.clear()
    assert (await channel.engine.send(letter(3, resolved=True))).outcome is Outcome.ACCEPTED
    assert cluster.silences()[0] == []
    await settled(lambda: notified(inbox) == [("firing", "PrimaryDown"), ("resolved", "PrimaryDown")])


async def test_a_restarted_drwatch_goes_on_with_the_silence_that_there_is(cluster: Cluster, channel: Channel) -> None:
    mine = hush()
    channel.keep()
    await channel.engine.send(letter())
    channel.hushed["ABCDEF"] = mine
    await settled(lambda: cluster.silences() == [IN_HAND, IN_HAND])
    await channel.close()
    again = Channel(*cluster.addresses, standing=[letter()])
    try:
        again.hushed["ABCDEF"] = mine
        again.keep()
        began = clock().loop
        await settled(lambda: clock().loop - began > 2)
        assert len(cluster.ask(cluster.ports[0], "silences")) == 1, "none was added, none ended"
        # Somebody else takes it on, for longer.
        again.hushed["ABCDEF"] = hush(by="bo", lasts=7200.0)
        theirs = [("bo", IN_HAND[0][1])]
        await settled(lambda: cluster.silences() == [theirs, theirs])
    finally:
        await again.close()


async def test_an_acknowledgement_that_ran_out_while_drwatch_was_away_leaves_no_silence(
    cluster: Cluster, channel: Channel
) -> None:
    channel.keep()
    await channel.engine.send(letter())
    channel.hushed["ABCDEF"] = hush()
    await settled(lambda: cluster.silences() == [IN_HAND, IN_HAND])
    await channel.close()
    again = Channel(*cluster.addresses, standing=[letter()])
    try:
        again.keep()
        await settled(lambda: cluster.silences() == [[], []])
    finally:
        await again.close()


async def test_with_one_peer_killed_the_other_is_silent(cluster: Cluster, channel: Channel) -> None:
    channel.keep()
    cluster.peers[0].kill()
    await channel.engine.send(letter())
    channel.hushed["ABCDEF"] = hush()
    await settled(lambda: cluster.silences() == [IN_HAND])
    channel.hushed.clear()
    await settled(lambda: cluster.silences() == [[]])


@pytest.mark.timeout(180)
def test_an_acknowledgement_silences_the_alert_within_about_a_second_and_over_a_kill_of_drwatch(
    cluster: Cluster, inbox: Inbox
) -> None:
    """The daemon as a process, beside a real pair."""
    channels: dict[str, Any] = {"engine": {"alertmanager": cluster.addresses}, "phone": {"url": inbox.url("ok")}}
    settings = {"paging.channels": channels, "paging.escalation": [{"to": ["engine", "phone"]}], "paging.hold": "3s"}
    with Pair() as pair:
        config = configuration(pair, settings)
        with Watching(pair, config) as watching:
            watching.wait_until_well()
            FAULTS["standby-writable"].strike(pair)
            both = [["StandbyWritable"]] * 2
            deadline.until(lambda: cluster.firing() == both, within=45, what="the alert")
            (alert,) = cluster.ask(cluster.ports[0], "alerts")
            name = alert["labels"]["incident"]
            ack = ["ack", name, "--by", "anna", "--note", "on it", "--config", str(config)]
            subprocess.run([sys.executable, "-m", "drwatch", *ack], capture_output=True, timeout=60, check=True)
            began = time.monotonic()
            silent = [[("anna", f"drwatch {name}: in hand: on it")]] * 2
            deadline.until(lambda: cluster.silences() == silent, within=10, what="the silence")
            assert time.monotonic() - began < 2
            watching.kill()
            watching.start()
            watching.wait_for(lambda shop: any(each["id"] == name for each in shop["incidents"]))
            deadline.until(lambda: time.monotonic() - began > 8, within=10, what="a few looks")
            assert len(cluster.ask(cluster.ports[0], "silences")) == 1
            assert cluster.silences() == silent
            FAULTS["standby-writable"].mend(pair)
            deadline.until(
                lambda: ("resolved", "StandbyWritable") in notified(inbox), within=45, what="the end of the alert"
            )
            assert cluster.silences() == [[], []]
