"""What drwatch claims after its own death during an outage, beside what it claimed before; under virtual time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from simulated import Carrier, Running, running

from drwatch.core.exposure import Exposure
from drwatch.core.finding import Condition
from drwatch.core.standing import State
from drwatch.lab.simulator import World, clock

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]


def claim(watch: Running) -> Exposure:
    assert watch.daemon.assessment is not None
    (only,) = watch.daemon.assessment.clusters[0].database
    return only


async def killed(watch: Running) -> Exposure:
    """What it claims when SIGKILL ends it: from here on nothing is written."""
    await asyncio.sleep(1)
    watch.ledger.dead = True
    return claim(watch)


async def real_loss(world: World) -> None:
    """Five seconds of commits that never reach the standby, then the primary's death."""
    world.strike("replication-silent")
    await asyncio.sleep(5)
    world.strike("primary-killed")


async def test_a_claim_that_was_frozen_is_the_same_after_a_sigkill(tmp_path: Path) -> None:
    world = World("shop", 50.0)
    async with running(tmp_path, world, Carrier()) as watch:
        await real_loss(world)
        await asyncio.sleep(20)
        before = await killed(watch)
    assert before.frozen
    assert before.seconds is not None
    assert 5 <= before.seconds <= 8.1
    async with running(tmp_path, world, Carrier()) as watch:
        assert claim(watch) == before


async def test_one_record_of_one_death_however_often_drwatch_dies_meanwhile(tmp_path: Path) -> None:
    world = World("shop", 50.0)
    async with running(tmp_path, world, Carrier()) as watch:
        await real_loss(world)
        await asyncio.sleep(12)
        watch.ledger.dead = True
    for _ in range(3):
        async with running(tmp_path, world, Carrier()) as watch:
            (incident,) = (one.id for one in watch.daemon.incidents if one.condition is Condition.PRIMARY_DOWN)
            (boxed,) = await watch.ledger.store.blackbox(incident)
            assert boxed.body["standbys"][0]["claim"]["seconds"] == claim(watch).seconds


async def test_a_sigkill_at_the_proof_of_death_itself_costs_nothing(tmp_path: Path) -> None:
    """The memory is written each five seconds, and at a death at once."""
    world = World("shop", 50.0)
    async with running(tmp_path, world, Carrier()) as watch:
        await real_loss(world)
        while not watch.daemon.snapshot.deaths:  # noqa: ASYNC110 - nothing is set by a death
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        watch.ledger.dead = True
        before = claim(watch)
    async with running(tmp_path, world, Carrier()) as watch:
        after = claim(watch)
    assert (after.seconds, after.frozen, after.datum) == (before.seconds, True, before.datum)


async def test_a_claim_that_grew_has_grown_by_the_time_that_drwatch_was_gone(tmp_path: Path) -> None:
    world = World("shop", 50.0)
    async with running(tmp_path, world, Carrier()) as watch:
        world.strike("primary-host-gone")
        await asyncio.sleep(20)
        before, since = await killed(watch), clock()
    await asyncio.sleep(100)
    async with running(tmp_path, world, Carrier()) as watch:
        after = claim(watch)
        assert before.seconds is not None
        assert after.seconds == pytest.approx(before.seconds + (clock() - since), abs=1.1)
        assert (after.frozen, after.datum) == (False, before.datum)


async def test_a_primary_that_died_while_drwatch_was_gone_is_claimed_from_what_was_seen_before(tmp_path: Path) -> None:
    world = World("shop", 50.0)
    async with running(tmp_path, world, Carrier()) as watch:
        await killed(watch)
    lost_from = clock()
    await real_loss(world)
    died = clock()
    await asyncio.sleep(10)
    async with running(tmp_path, world, Carrier()) as watch:
        after = claim(watch)
        assert after.frozen
        assert after.seconds is not None
        # Proved dead only at the first look: until then it may have committed. The memory is at most five seconds old.
        assert died - lost_from <= after.seconds <= 5 + (clock() - lost_from)


async def test_a_primary_that_was_back_while_drwatch_slept_long_is_not_claimed_by_its_first_death(
    tmp_path: Path,
) -> None:
    world = World("shop", 50.0)
    async with running(tmp_path, world, Carrier()) as watch:
        await real_loss(world)
        await asyncio.sleep(20)
        before = await killed(watch)
    world.strike("primary-killed", mend=True)
    await asyncio.sleep(120)
    world.strike("primary-killed")
    async with running(tmp_path, world, Carrier()) as watch:
        after = claim(watch)
        assert before.seconds is not None
        assert after.seconds is not None
        assert after.seconds >= before.seconds + 120


async def test_a_reboot_whose_clock_comes_up_an_hour_back_claims_nothing_it_cannot_know(tmp_path: Path) -> None:
    world = World("shop", 50.0)
    async with running(tmp_path, world, Carrier()) as watch:
        world.strike("primary-host-gone")
        await asyncio.sleep(20)
        await killed(watch)
    async with running(tmp_path, world, Carrier(), boot="another", wall_step=-3600) as watch:
        assert claim(watch).seconds is None
        assert "clock went back" in claim(watch).unknown
        world.strike("primary-host-gone", mend=True)
        await asyncio.sleep(20)
        seconds = claim(watch).seconds
        assert seconds is not None
        assert seconds < 5


async def test_a_clock_that_is_stepped_back_in_one_boot_moves_no_claim(tmp_path: Path) -> None:
    world = World("shop", 50.0)
    async with running(tmp_path, world, Carrier()) as watch:
        await real_loss(world)
        await asyncio.sleep(20)
        before = await killed(watch)
    async with running(tmp_path, world, Carrier(), wall_step=-3600) as watch:
        assert claim(watch) == before


async def test_a_disk_that_is_dead_holds_up_no_look_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, World("shop", 50.0), Carrier(), dead=True) as watch:
        ticks = watch.daemon.ticks
        await asyncio.sleep(60)
        assert watch.daemon.ticks >= ticks + 60
    assert caplog.text.count("the memory cannot be written") == 1


async def test_who_took_over_is_remembered_and_the_zombie_known_by_a_run_that_saw_neither(tmp_path: Path) -> None:
    world = World("shop", 50.0)
    async with running(tmp_path, world, Carrier()) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(10)
        world.strike("taken-over")
        await asyncio.sleep(10)
        before = watch.daemon.snapshot.leaders["shop"]
        assert before.node == world.standby.node
        watch.ledger.dead = True
    world.strike("old-primary-back")
    async with running(tmp_path, world, Carrier()) as watch:
        assert watch.daemon.snapshot.leaders["shop"] == before
        protection = watch.daemon.snapshot.protections["shop"]
        assert protection.state is State.TAKEN_OVER
        assert protection.since.loop <= before.since.loop + 1
        assert Condition.ZOMBIE_PRIMARY in watch.open()


async def test_a_takeover_that_drwatch_slept_through_is_followed_when_it_wakes(tmp_path: Path) -> None:
    world = World("shop", 50.0)
    async with running(tmp_path, world, Carrier()):
        await asyncio.sleep(1)
    world.strike("primary-killed")
    world.strike("taken-over")
    async with running(tmp_path, world, Carrier()) as watch:
        await asyncio.sleep(8)
        assert watch.daemon.snapshot.leaders["shop"].node == world.standby.node


@pytest.mark.parametrize("mended", [False, True])
async def test_an_outage_that_a_witness_without_a_network_slept_through_is_told_once_and_ends_once(
    tmp_path: Path, mended: bool
) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier):
        world.strike("primary-killed")
        await asyncio.sleep(10)
        world.strike("witness-cut-off")
        await asyncio.sleep(20)
    world.strike("primary-killed", mend=mended)
    async with running(tmp_path, world, carrier):
        await asyncio.sleep(60)
        world.strike("witness-cut-off", mend=True)
        await asyncio.sleep(60)
    of_it = [title.split()[0] for _, title in carrier.told if "PrimaryDown" in title]
    assert of_it == ["CRITICAL", *(["RESOLVED"] if mended else [])]


async def test_a_memory_that_the_disk_does_not_take_delays_neither_a_look_nor_a_page(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    async with running(tmp_path, world, carrier) as watch:
        watch.ledger.stuck = True
        await asyncio.sleep(10)
        ticks = watch.daemon.ticks
        await real_loss(world)
        await asyncio.sleep(10)
        assert watch.daemon.ticks >= ticks + 15
        assert any("PrimaryDown" in title for _, title in carrier.told)
        ended = clock()
    assert clock() - ended <= 2
