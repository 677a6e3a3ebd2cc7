"""What drwatch tells two real Alertmanagers of one cluster is notified once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from cluster import Cluster, notified, settled
from engines import Channel, clock, letter
from receivers import Inbox

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


@pytest_asyncio.fixture
async def channel(cluster: Cluster) -> AsyncIterator[Channel]:
    channel = Channel(*cluster.addresses, every=AGAIN)
    await channel.courier.start()
    yield channel
    await channel.close()


async def test_a_page_is_notified_once_and_stands_until_its_end_which_is_notified_once(
    cluster: Cluster, channel: Channel, inbox: Inbox
) -> None:
    channel.keep()
    assert (await channel.engine.send(letter())).outcome is Outcome.ACCEPTED
    await settled(lambda: notified(inbox) == [("firing", "PrimaryDown")])
    assert inbox.pages[0].body["alerts"][0]["annotations"]["event"] == "ABCDEF.1"
    await settled(lambda: cluster.firing() == [["PrimaryDown"]] * 2)
    # Longer than it would last without being told again, with a reminder in between.
    began = clock().loop
    await channel.engine.send(letter(2))
    await settled(lambda: clock().loop - began > LASTS * AGAIN + 1)
    assert cluster.firing() == [["PrimaryDown"]] * 2
    assert (await channel.engine.send(letter(3, resolved=True))).outcome is Outcome.ACCEPTED
    channel.open.clear()
    await settled(lambda: len(notified(inbox)) >= 2)
    await settled(lambda: cluster.firing() == [[], []])
    # A group interval and the peer's patience: a copy would have come by then.
    over = clock().loop
    await settled(lambda: clock().loop - over > 4.5)
    assert notified(inbox) == [("firing", "PrimaryDown"), ("resolved", "PrimaryDown")]


async def test_with_one_peer_killed_pages_arrive_and_with_both_they_come_back_at_once(
    cluster: Cluster, channel: Channel, inbox: Inbox
) -> None:
    channel.keep()
    cluster.peers[0].kill()
    assert (await channel.engine.send(letter())).outcome is Outcome.ACCEPTED
    await settled(lambda: notified(inbox) == [("firing", "PrimaryDown")])
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
            await settled(lambda: inbox.pages)
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
        await settled(lambda: clock().loop - began > LASTS * AGAIN + 1)
        assert cluster.firing() == [["PrimaryDown"]] * 2
        await again.engine.send(letter(2, resolved=True))
        await settled(lambda: notified(inbox) == [("firing", "PrimaryDown"), ("resolved", "PrimaryDown")])
    finally:
        await again.close()
