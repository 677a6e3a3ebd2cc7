"""What an earlier run left for a channel that the configuration no longer has, on a ledger that takes its time."""

from __future__ import annotations

import asyncio

import pytest
from simulated import Carrier

from drwatch.core.delivery import Reach
from drwatch.core.finding import Severity
from drwatch.core.paging import PageReason, Row, RowState
from drwatch.daemon.delivery import Delivering
from drwatch.exporter import Instruments
from drwatch.lab.simulator import clock
from drwatch.store import Attempt

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]


class Slow:
    """A disk that takes two milliseconds for each row; ``states`` are what they came to."""

    def __init__(self) -> None:
        self.states: dict[tuple[str, str], RowState] = {}

    async def mark(self, row: Row, attempt: Attempt | None = None) -> None:
        await asyncio.sleep(0.002)
        self.states[row.event, row.channel] = row.state


async def test_who_stands_in_for_a_channel_that_is_gone_is_sent_every_incident_that_it_left() -> None:
    """Both pages were refused by the phone, and the stand-in was being sent when drwatch was restarted without it."""
    now = clock()

    def row(event: str, channel: str, instead: str = "") -> Row:
        reason, severity = PageReason.FIRST, Severity.CRITICAL
        return Row(event, channel, event[:6], reason, severity, event, "", now.plus(-20), now, 1, instead=instead)

    events = ("AAAAAA.1", "BBBBBB.1")
    rows = [each for event in events for each in (row(event, "phone"), row(event, "sms", "phone"))]
    reach = {event[:6]: {name: Reach(now.plus(-20)) for name in ("phone", "sms")} for event in events}
    carrier, ledger = Carrier(), Slow()
    delivering = Delivering(carrier, ledger, clock, Instruments(), chance=lambda: 0.5)
    async with asyncio.TaskGroup() as tasks:
        delivering.start(tasks, lambda *_: None, lambda _: "", lambda _: False, lambda: ("sms", "mail"))
        await delivering.resume(rows, reach)
    assert sorted(carrier.told) == [("sms", event) for event in events]
    accepted, expired = RowState.ACCEPTED, RowState.EXPIRED
    assert ledger.states == {
        **{(event, "sms"): accepted for event in events},
        **{(event, "phone"): expired for event in events},
    }
