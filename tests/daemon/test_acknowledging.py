"""Acknowledgements, rotas and quiet hours through the whole daemon: who is still told what, also after a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from simulated import Carrier, Running, running

from drwatch.core.ack import Answer, Refused
from drwatch.core.finding import Condition
from drwatch.core.incident import Incident
from drwatch.core.paging import Outcome
from drwatch.lab.simulator import World, clock
from drwatch.store import read_account, read_history

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]

TWO = {
    "paging.channels": {"phone": {"url_file": "phone.url"}, "sms": {"url_file": "sms.url"}},
    "paging.escalation": [{"to": ["phone"]}, {"to": ["sms"], "after": "5m"}],
    "paging.acknowledged": "4m",
}


async def acknowledge(watch: Running, by: str = "anna") -> Incident:
    (incident,) = (each for each in watch.daemon.incidents if each.condition is Condition.PRIMARY_DOWN)
    return await watch.daemon.acknowledging.take(Answer(incident.id, by, "socket", "on it"))


def heard(carrier: Carrier) -> list[tuple[str, str]]:
    """(channel, the words between severity and the condition) of what was told of the death."""
    told = ((channel, title.partition(" shop:")[0]) for channel, title in carrier.told if "PrimaryDown" in title)
    return [(channel, words) for channel, words in told]


async def test_nobody_is_told_again_of_what_somebody_has_in_hand_until_that_runs_out(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier, **TWO) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(20)
        await acknowledge(watch)
        await asyncio.sleep(230)
        assert heard(carrier) == [("phone", "CRITICAL")]
        await asyncio.sleep(20)
        assert heard(carrier)[1:] == [("phone", "CRITICAL STILL")]
        world.strike("primary-killed", mend=True)
        await asyncio.sleep(60)
        assert heard(carrier)[2:] == [("phone", "RESOLVED")]


async def test_a_page_that_waits_for_its_next_attempt_is_given_up_within_a_second(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"sms": Outcome.FAILED})
    both = {**TWO, "paging.escalation": [{"to": ["phone", "sms"]}]}
    async with running(tmp_path, world, carrier, **both) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(20)
        assert [row.channel for row in watch.daemon.rows] == ["sms"]
        taken = await acknowledge(watch)
        await asyncio.sleep(1)
        assert watch.daemon.rows == ()
        carrier.outcomes.clear()
        await asyncio.sleep(120)
        assert heard(carrier) == [("phone", "CRITICAL")]
    account = read_account(tmp_path / "drwatch.db", taken.id)
    assert account is not None
    assert [(page.channel, page.state) for page in account.pages] == [("phone", "accepted"), ("sms", "expired")]


async def test_pages_stop_within_a_second_of_an_acknowledgement_that_the_disk_takes_long_to_write(
    tmp_path: Path,
) -> None:
    world, carrier = World("shop", 50.0), Carrier({"sms": Outcome.FAILED})
    both = {**TWO, "paging.escalation": [{"to": ["phone", "sms"]}]}
    async with running(tmp_path, world, carrier, **both) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(20)
        watch.ledger.slow = 5.0
        asked = asyncio.create_task(acknowledge(watch))
        await asyncio.sleep(1)
        assert (watch.daemon.rows, asked.done()) == ((), False), "it is answered once it is written"
        assert (await asked).acknowledged is not None


async def test_what_somebody_has_in_hand_stays_there_over_a_restart_and_runs_out_on_time(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"sms": Outcome.FAILED})
    both = {**TWO, "paging.escalation": [{"to": ["phone", "sms"]}]}
    async with running(tmp_path, world, carrier, **both) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(20)
        taken = await acknowledge(watch)
        until = taken.acknowledged.until.loop if taken.acknowledged else 0.0
    carrier.outcomes.clear()
    async with running(tmp_path, world, carrier, **both) as watch:
        await asyncio.sleep(until - clock().loop - 2)
        assert heard(carrier) == [("phone", "CRITICAL")]
        await asyncio.sleep(7)
        assert heard(carrier)[1:] == [("phone", "CRITICAL STILL"), ("sms", "CRITICAL STILL")]
    (past,) = (line for line in read_history(tmp_path / "drwatch.db") if line.id == taken.id)
    assert [(each.by, each.origin, each.note) for each in past.acks] == [("anna", "socket", "on it")]


async def test_a_row_of_before_a_crash_is_not_sent_when_somebody_had_taken_its_incident(tmp_path: Path) -> None:
    """Killed after the acknowledgement was written and before the row was given up."""
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED})
    async with running(tmp_path, world, carrier) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(20)
        (row,) = watch.daemon.rows
        await acknowledge(watch)
        await asyncio.sleep(1)
        await watch.ledger.store.mark(row)
    carrier.outcomes.clear()
    async with running(tmp_path, world, carrier) as watch:
        await asyncio.sleep(60)
        assert (carrier.told, watch.daemon.rows) == ([], ())


async def test_an_escalation_is_not_late_after_a_restart(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier, **TWO):
        world.strike("primary-killed")
        await asyncio.sleep(10)
        confirmed = clock().loop
    async with running(tmp_path, world, carrier, **TWO):
        await asyncio.sleep(confirmed + 300 - clock().loop)
        assert heard(carrier) == [("phone", "CRITICAL"), ("sms", "CRITICAL NOBODY ACTED")]


async def test_on_a_dead_disk_it_is_in_hand_from_memory_and_is_written_when_the_disk_is_back(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier, **TWO) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(20)
        watch.ledger.dead = True
        taken = await acknowledge(watch)
        await asyncio.sleep(200)
        assert heard(carrier) == [("phone", "CRITICAL")]
        watch.ledger.dead = False
        await asyncio.sleep(10)
    (past,) = (line for line in read_history(tmp_path / "drwatch.db") if line.id == taken.id)
    assert [each.by for each in past.acks] == ["anna"]


async def test_what_is_over_cannot_be_acknowledged(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier) as watch:
        with pytest.raises(Refused, match="no incident QQQQQQ is open"):
            await watch.daemon.acknowledging.take(Answer("QQQQQQ", "anna", "socket"))


ROTA = {
    "zone": "Europe/Oslo",
    "paging.channels": {name: {"url_file": f"{name}.url"} for name in ("anna", "bo")},
    "paging.rotas": {
        "oncall": {"people": {"Anna": ["anna"], "Bo": ["bo"]}, "handover": "mon 03:16", "from": "2026-11-16"}
    },
    "paging.escalation": [{"to": ["oncall"], "remind": "1m"}],
    "paging.hold": "5s",
}
"""The simulated clock begins on a Monday at 03:14 in Oslo: Anna's week ends two minutes later."""


async def test_a_page_finds_whoever_is_on_duty_and_the_end_all_who_were_told(tmp_path: Path) -> None:
    """Restarted in between: who was told is not forgotten."""
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier, **ROTA) as watch:
        assert [duty.person.name for duty in watch.daemon.duties] == ["Anna"]
        await asyncio.sleep(70 - clock().loop)
        world.strike("primary-killed")
        await asyncio.sleep(125 - clock().loop)
        assert [duty.person.name for duty in watch.daemon.duties] == ["Bo"]
        await asyncio.sleep(15)
        assert heard(carrier) == [("anna", "CRITICAL"), ("bo", "CRITICAL STILL")]
    async with running(tmp_path, world, carrier, **ROTA):
        world.strike("primary-killed", mend=True)
        await asyncio.sleep(20)
        assert sorted(heard(carrier)[2:]) == [("anna", "RESOLVED"), ("bo", "RESOLVED")]


async def test_a_warning_that_waits_for_the_channel_of_one_goes_to_the_other_when_that_one_is_on_duty(
    tmp_path: Path,
) -> None:
    world, carrier = World("shop", 50.0), Carrier({"anna": Outcome.FAILED})
    async with running(tmp_path, world, carrier, **ROTA) as watch:
        world.strike("standby-writable")
        await asyncio.sleep(115 - clock().loop)
        assert [duty.person.name for duty in watch.daemon.duties] == ["Anna"]
        assert [title for _, title in carrier.told if "StandbyWritable" in title] == []
        await asyncio.sleep(190 - clock().loop)
        assert [channel for channel, title in carrier.told if "StandbyWritable" in title] == ["bo"]
