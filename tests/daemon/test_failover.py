"""The watch with channels that fail: who is told instead, how often, and what they read in the end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from simulated import Carrier, running

from drwatch.core.delivery import COPIES
from drwatch.core.finding import Condition
from drwatch.core.paging import Letter, Outcome
from drwatch.daemon.legacy import Legacy
from drwatch.lab.simulator import Accepted, World, clock

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]

PHONE_THEN_SMS = {
    "paging.channels": {"phone": {"url_file": "phone.url"}, "sms": {"url_file": "sms.url", "format": "short"}},
    "paging.escalation": [{"to": ["phone"]}, {"to": ["sms"], "after": "30m"}],
}


class Slow(Carrier):
    """A channel that takes what it is given and says nothing for a quarter of a minute."""

    seconds = 15.0

    def __init__(self, *hangs: str) -> None:
        super().__init__()
        self.hangs, self.took = hangs, list[tuple[str, str, float]]()

    async def send(self, letter: Letter) -> Accepted:
        self.took.append((letter.channel, letter.title, clock().loop))
        if letter.channel in self.hangs:
            await asyncio.sleep(self.seconds)
            return Accepted(Outcome.AMBIGUOUS, "killed after 15 s: it may have arrived")
        return await super().send(letter)


async def dead_for_half_a_minute(world: World) -> None:
    world.strike("primary-killed")
    await asyncio.sleep(30)
    world.strike("primary-killed", mend=True)


async def test_a_refused_page_is_on_the_next_channel_within_a_second_and_so_is_that_the_first_is_broken(
    tmp_path: Path,
) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.REFUSED})
    async with running(tmp_path, world, carrier, **PHONE_THEN_SMS) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(7)
        assert [(channel, title.split()[2]) for channel, title in carrier.told] == [
            ("sms", "PrimaryDown"),
            ("sms", "phone"),
        ]
        assert carrier.told[1][1].startswith("WARNING PagingBroken phone")
        assert watch.open() == {Condition.PRIMARY_DOWN, Condition.PAGING_BROKEN}
        assert watch.daemon.undelivered == 1
        await asyncio.sleep(60)
        assert len(carrier.told) == 2
        carrier.outcomes.clear()
        await asyncio.sleep(340)
        titles = [title for channel, title in carrier.told if channel == "phone"]
        assert [title.split(" since")[0] for title in titles] == ["CRITICAL shop: PrimaryDown oslo-a"]
        assert watch.open() == {Condition.PRIMARY_DOWN}, "the page that waited has proved the channel"
        assert watch.daemon.undelivered == 0


async def test_a_channel_that_hangs_is_stood_in_for_after_five_seconds_and_gets_three_copies_and_no_more(
    tmp_path: Path,
) -> None:
    world, carrier = World("shop", 50.0), Slow("phone")
    settings = {
        **PHONE_THEN_SMS,
        "paging.remind": "2h",
        "paging.escalation": [{"to": ["phone"]}, {"to": ["sms"], "after": "2h"}],
    }
    async with running(tmp_path, world, carrier, **settings):
        world.strike("primary-killed")
        await asyncio.sleep(200)
        first = {channel: at for channel, title, at in reversed(carrier.took) if "PrimaryDown" in title}
        assert 5.0 <= first["sms"] - first["phone"] < 6.0
        copies = [channel for channel, title, _ in carrier.took if "PrimaryDown" in title]
        assert (copies.count("phone"), copies.count("sms")) == (COPIES, 1)


async def test_who_waits_to_be_told_and_stands_in_for_a_later_step_is_told_whoever_takes_that(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED})
    settings = {
        **PHONE_THEN_SMS,
        "paging.remind": "2h",
        "paging.escalation": [{"to": ["phone"]}, {"to": ["sms"], "after": "1m"}],
    }
    async with running(tmp_path, world, carrier, **settings):
        world.strike("primary-killed")
        await asyncio.sleep(55)
        carrier.outcomes["sms"] = Outcome.FAILED
        await asyncio.sleep(25)
        del carrier.outcomes["sms"]
        await asyncio.sleep(60)
        told = [channel for channel, title in carrier.told if "PrimaryDown" in title]
        assert told == ["sms", "sms"], "the first in the phone's place, the second for itself"
        carrier.outcomes.clear()
        await asyncio.sleep(120)
        told = [channel for channel, title in carrier.told if "PrimaryDown" in title]
        assert told == ["sms", "sms", "phone"]


async def test_a_healthy_channel_has_it_within_ten_seconds_though_all_before_it_hang_one_after_the_other(
    tmp_path: Path,
) -> None:
    names = ("phone", "sms", "mail", "chat", "desk", "radio")
    world, carrier = World("shop", 50.0), Slow(*names[:-1])
    settings = {
        "paging.channels": {name: {"url_file": f"{name}.url"} for name in names},
        "paging.escalation": [{"to": ["phone"]}, {"to": list(names[1:]), "after": "2h"}],
    }
    async with running(tmp_path, world, carrier, **settings):
        world.strike("primary-killed")
        await asyncio.sleep(30)
        first = {channel: at for channel, title, at in reversed(carrier.took) if "PrimaryDown" in title}
        assert set(first) == set(names)
        assert first["radio"] - first["phone"] <= 10.0


async def test_a_page_behind_one_of_the_same_trouble_that_hangs_is_stood_in_for_as_soon_as_any(tmp_path: Path) -> None:
    """A warning hangs on its way to the phone while it becomes critical."""
    world, carrier = World("shop", 50.0), Slow("phone")
    async with running(tmp_path, world, carrier, **PHONE_THEN_SMS):
        world.strike("witness-walled-drops")
        await asyncio.sleep(10.5)
        assert [(channel, title.split()[2]) for channel, title, _ in carrier.took] == [("phone", "PrimaryUnseen")]
        killed = clock().loop
        world.strike("primary-killed")
        await asyncio.sleep(30)
        came = next(at for channel, title, at in carrier.took if channel == "sms" and "PrimaryDown" in title)
        assert came - killed < 14.0, "seven until it is due, five for the phone"


async def test_of_a_trouble_that_could_not_be_told_a_channel_hears_when_all_is_over_and_once(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED})
    async with running(tmp_path, world, carrier) as watch:
        await dead_for_half_a_minute(world)
        await asyncio.sleep(90)
        assert carrier.told == []
        carrier.outcomes.clear()
        await asyncio.sleep(120)
        told = [title for _, title in carrier.told if "PrimaryDown" in title]
        assert len(told) == 1
        assert told[0].startswith("MISSED shop: PrimaryDown oslo-a was 02:14:")
        assert watch.daemon.rows == ()


async def test_what_is_over_when_its_channel_takes_again_is_told_as_over_and_never_as_if_it_were_so(
    tmp_path: Path,
) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED})
    async with running(tmp_path, world, carrier) as watch:
        await dead_for_half_a_minute(world)
        await asyncio.sleep(8)
        carrier.outcomes.clear()
        await asyncio.sleep(15)
        assert carrier.told == [], "the primary serves again, and nobody has heard that it did not"
        assert watch.daemon.audit() == {}, "nobody is late with what may not leave"
        await asyncio.sleep(60)
        assert [title.partition(" was")[0] for _, title in carrier.told] == ["MISSED shop: PrimaryDown oslo-a"]


async def test_what_is_over_is_not_told_as_if_it_were_so_after_a_new_reading_of_the_configuration(
    tmp_path: Path,
) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED})
    async with running(tmp_path, world, carrier) as watch:
        await dead_for_half_a_minute(world)
        await asyncio.sleep(18)
        before = watch.daemon.legacy
    carrier.outcomes.clear()
    async with running(tmp_path, world, carrier, before=before):
        await asyncio.sleep(60)
    assert [title.partition(" was")[0] for _, title in carrier.told] == ["MISSED shop: PrimaryDown oslo-a"]


@pytest.mark.parametrize("again", ["restarted", "read anew"])
async def test_what_nobody_could_hear_of_and_became_milder_is_told_as_that_over_a_restart_too(
    tmp_path: Path, again: str
) -> None:
    """Ten seconds before the milder trouble has lasted."""
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED})
    async with running(tmp_path, world, carrier) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(40)
        world.strike("primary-killed", mend=True)
        world.strike("witness-primary-cut")
        await asyncio.sleep(20)
        assert Condition.PRIMARY_UNSEEN in watch.open()
        before = watch.daemon.legacy if again == "read anew" else Legacy()
    async with running(tmp_path, world, carrier, before=before):
        carrier.outcomes.clear()
        await asyncio.sleep(60)
        told = [title.partition(" since")[0] for _, title in carrier.told if "Primary" in title]
        assert told == ["WARNING shop: PrimaryUnseen oslo-a"]


@pytest.mark.parametrize("again", ["restarted", "read anew"])
async def test_a_death_that_was_told_and_was_unseen_meanwhile_is_not_told_as_worse_after_a_restart(
    tmp_path: Path, again: str
) -> None:
    world, carrier = World("shop", 50.0), Carrier()
    rarely = {"paging.remind": "6h"}
    before = Legacy()
    for _ in range(3):
        async with running(tmp_path, world, carrier, before=before, **rarely) as watch:
            world.strike("primary-killed")
            await asyncio.sleep(90)
            assert Condition.PRIMARY_DOWN in watch.open()
            world.strike("primary-killed", mend=True)
            world.strike("witness-primary-cut")
            await asyncio.sleep(50)
            assert Condition.PRIMARY_UNSEEN in watch.open()
            before = watch.daemon.legacy if again == "read anew" else before
    told = [title.partition(" since")[0] for _, title in carrier.told if "Primary" in title]
    assert told == ["CRITICAL shop: PrimaryDown oslo-a"]


@pytest.mark.parametrize("killed", [False, True])
async def test_what_was_over_before_a_restart_is_not_told_as_if_it_were_so_after_it(
    tmp_path: Path, killed: bool
) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED})
    async with running(tmp_path, world, carrier) as watch:
        await dead_for_half_a_minute(world)
        await asyncio.sleep(12)
        watch.ledger.dead = killed
    carrier.outcomes.clear()
    async with running(tmp_path, world, carrier):
        await asyncio.sleep(60)
    assert [title.partition(" was")[0] for _, title in carrier.told] == ["MISSED shop: PrimaryDown oslo-a"]


async def test_what_was_milder_before_a_restart_is_not_told_as_if_it_were_as_bad_after_it(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED})
    async with running(tmp_path, world, carrier):
        await dead_for_half_a_minute(world)
        world.strike("witness-primary-cut")
        await asyncio.sleep(12)
    carrier.outcomes.clear()
    async with running(tmp_path, world, carrier):
        await asyncio.sleep(60)
    assert [title.partition(" since")[0] for _, title in carrier.told] == ["WARNING shop: PrimaryUnseen oslo-a"]


async def test_a_death_that_is_back_after_a_restart_is_told_within_a_quarter_of_a_minute(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED})
    async with running(tmp_path, world, carrier):
        await dead_for_half_a_minute(world)
        await asyncio.sleep(12)
    carrier.outcomes.clear()
    world.strike("primary-killed")
    async with running(tmp_path, world, carrier, settle=15.0):
        assert [title.partition(" since")[0] for _, title in carrier.told] == ["CRITICAL shop: PrimaryDown oslo-a"]


async def test_a_channel_that_what_may_not_leave_waits_for_is_tried_by_day_all_the_same(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED})
    by_day = {**PHONE_THEN_SMS, "zone": "Asia/Tokyo", "paging.hold": "10m"}
    async with running(tmp_path, world, carrier, **by_day) as watch:
        world.strike("primary-killed")
        await asyncio.sleep(80)
        assert Condition.PAGING_BROKEN in watch.open()
        world.strike("primary-killed", mend=True)
        await asyncio.sleep(10)
        carrier.outcomes.clear()
        await asyncio.sleep(90)
        assert [title.split(":")[0] for channel, title in carrier.told if channel == "phone"][:1] == ["TEST"]


async def test_what_waits_for_a_channel_is_sent_at_once_when_it_is_so_again(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED})
    async with running(tmp_path, world, carrier):
        await dead_for_half_a_minute(world)
        await asyncio.sleep(8)
        carrier.outcomes.clear()
        world.strike("primary-killed")
        await asyncio.sleep(3)
        assert [title.partition(" since")[0] for _, title in carrier.told] == ["CRITICAL shop: PrimaryDown oslo-a"]


async def test_what_waits_for_a_channel_that_is_taken_out_of_the_configuration_goes_to_another(tmp_path: Path) -> None:
    world, carrier = World("shop", 50.0), Carrier({"phone": Outcome.FAILED, "sms": Outcome.FAILED})
    async with running(tmp_path, world, carrier, **PHONE_THEN_SMS):
        world.strike("primary-killed")
        await asyncio.sleep(8)
        carrier.outcomes.clear()
    settings = {
        "paging.channels": {"sms": {"url_file": "sms.url", "format": "short"}},
        "paging.escalation": [{"to": ["sms"]}],
    }
    async with running(tmp_path, world, carrier, **settings):
        await asyncio.sleep(5)
    assert [channel for channel, title in carrier.told if "PrimaryDown" in title] == ["sms"]


async def test_what_a_dead_disk_did_not_take_of_the_channels_in_reserve_is_written_once_it_takes_again(
    tmp_path: Path,
) -> None:
    """Else a restart would know of no channel that may stand in."""
    world, carrier = World("shop", 50.0), Slow("phone", "sms")
    settings = {
        "paging.channels": {name: {"url_file": f"{name}.url"} for name in ("phone", "sms", "mail")},
        "paging.escalation": [{"to": ["phone"]}, {"to": ["sms", "mail"], "after": "2h"}],
    }
    async with running(tmp_path, world, carrier, **settings) as watch:
        watch.ledger.dead = True
        world.strike("primary-killed")
        while not watch.daemon.rows:  # noqa: ASYNC110 - nothing is set by a page
            await asyncio.sleep(0.1)
        watch.ledger.dead = False
        while not (await watch.ledger.store.load(clock())).incidents:  # noqa: ASYNC110 - nor by what is written
            await asyncio.sleep(0.1)
        assert carrier.told == [], "the third is not asked yet"
    async with running(tmp_path, world, carrier, settle=20.0, **settings):
        assert [channel for channel, title in carrier.told if "PrimaryDown" in title] == ["mail"]


@pytest.mark.parametrize("reloaded", [True, False], ids=["reloaded", "restarted"])
async def test_an_attempt_that_a_reload_or_a_stop_cuts_off_counts_as_one_that_may_have_arrived(
    tmp_path: Path, reloaded: bool
) -> None:
    settings = {"paging.channels": {"phone": {"url_file": "phone.url"}}, "paging.escalation": [{"to": ["phone"]}]}
    world, carrier, before = World("shop", 50.0), Slow("phone"), Legacy()
    carrier.seconds = 3600.0
    world.strike("standby-writable")
    counts = []
    for _ in range(6):
        async with running(tmp_path, world, carrier, before=before, settle=25.0, **settings) as watch:
            soon = len(carrier.took)
            await asyncio.sleep(15)
        counts.append((soon, len(carrier.took)))
        before = watch.daemon.legacy if reloaded else Legacy()
    assert counts == [(1, 1), (1, 2), (2, COPIES), *[(COPIES, COPIES)] * 3]


async def test_a_page_that_a_reload_cuts_off_goes_to_another_channel_at_once(tmp_path: Path) -> None:
    settings = {
        "paging.channels": {name: {"url_file": "phone.url"} for name in ("phone", "sms")},
        "paging.escalation": [{"to": ["phone"]}, {"to": ["sms"], "after": "2h"}],
    }
    world, carrier = World("shop", 50.0), Slow("phone")
    async with running(tmp_path, world, carrier, **settings) as watch:
        world.strike("primary-killed")
        while not carrier.took:  # noqa: ASYNC110 - nothing is set by an attempt
            await asyncio.sleep(0.1)
    assert carrier.told == []
    async with running(tmp_path, world, carrier, before=watch.daemon.legacy, settle=2.0, **settings):
        assert [channel for channel, title in carrier.told if "PrimaryDown" in title] == ["sms"]
