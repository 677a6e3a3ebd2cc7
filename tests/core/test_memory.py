"""What a claim makes of a past that drwatch did not wake through."""

from __future__ import annotations

from dataclasses import replace

import pytest
import worlds
from worlds import (
    PRIMARY,
    REFUSED,
    SHOP,
    STANDBY,
    at,
    body,
    dead_host,
    gtids,
    position,
    primary,
    receiver,
    replication,
    seen,
    server,
    standby,
    standby_server,
    well,
)

from drwatch.core.exposure import Exposure, of_database
from drwatch.core.memory import ASLEEP, Memory, catch_up, memory, passage, recall, turns
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot

NODES = {PRIMARY, STANDBY}

KILLED = [*well(0), *well(1), primary(server(gtids(105)), 2), primary(REFUSED, 3), body(dead_host(), 3)]
"""Five commits were seen that did not arrive; proved dead within the fourth second."""


def claim(world: Snapshot, now: float) -> Exposure:
    return of_database(SHOP, world, STANDBY, at(now))


def woken(world: Snapshot, slept: float, noon: float) -> Snapshot:
    """What a run knows that starts at ``noon``, having slept for so long."""
    return recall(memory(world, at(noon - slept)), NODES, at(noon))


def test_a_short_sleep_during_an_outage_leaves_the_claim_as_it_was() -> None:
    before = claim(seen(KILLED), 10)
    assert (before.seconds, before.frozen) == (pytest.approx(2.01), True)
    assert claim(woken(seen(KILLED), slept=5, noon=20), 20) == before


def test_after_a_long_sleep_the_death_must_be_proved_again_for_the_server_may_have_been_back() -> None:
    world = woken(seen(KILLED), slept=ASLEEP + 1, noon=100)
    assert not claim(world, 100).frozen
    again = claim(world.keep(primary(REFUSED, 101)).keep(body(dead_host(), 101)), 200)
    assert (again.seconds, again.frozen) == (pytest.approx(100.01), True)


def test_a_sleep_while_the_primary_is_merely_out_of_reach_counts_as_exposure() -> None:
    world = seen(well(0), well(1), primary(worlds.LOST, 2))
    assert claim(woken(world, slept=50, noon=60), 60).seconds == 59


def test_a_standby_that_no_longer_answers_is_held_to_its_last_word() -> None:
    world = woken(seen(well(0), well(1)), slept=5, noon=10).keep(standby(REFUSED, 10)).keep(receiver(REFUSED, 10))
    assert claim(world, 10).seconds == 9


def test_a_new_word_of_the_standby_replaces_the_remembered_one() -> None:
    world = woken(seen(KILLED), slept=5, noon=10)
    fresh = receiver(replication(retrieved_gtid=gtids(105), executed_gtid=gtids(105)), 10)
    assert claim(world.keep(fresh), 11).seconds == pytest.approx(1.01)


def test_a_position_that_went_back_while_drwatch_slept_is_seen() -> None:
    world = woken(seen(well(0), well(1)), slept=5, noon=10).keep(primary(server(gtids(60)), 10))
    assert claim(world, 10).seconds is None


def test_a_position_that_went_back_once_is_not_forgotten() -> None:
    rewound = seen(well(0), primary(server(gtids(60)), 1), primary(server(gtids(200)), 2))
    world = woken(rewound, slept=500, noon=600)
    assert "went back" in claim(world.keep(standby(standby_server(gtids(200)), 600)), 600).unknown


def test_nothing_is_claimed_where_nobody_knows_how_long_drwatch_slept() -> None:
    """The machine was rebooted and its clock came up an hour back: the exposure since then cannot be told."""
    world = recall(replace(memory(seen(well(0), well(1)), at(2)), sure=False), NODES, at(2))
    assert "its clock went back" in claim(world, 3).unknown
    assert claim(seen_again(world, 4), 5).seconds == 1


def seen_again(world: Snapshot, asked: float) -> Snapshot:
    for sample in well(asked):
        world = world.keep(sample)
    return world


def test_what_was_remembered_of_a_node_that_is_gone_from_the_configuration_is_left_out() -> None:
    world = recall(memory(seen(KILLED), at(5)), {STANDBY}, at(6))
    assert not world.deaths
    assert set(world.timelines) == {key.node for key in world.recalled} == {STANDBY}


def test_a_death_and_who_lives_are_worth_writing_at_once_and_a_commit_is_not() -> None:
    world = seen(well(0))
    assert turns(world) == turns(seen(well(0), well(1, last=200)))
    assert turns(world) != turns(seen(well(0), primary(REFUSED, 3), body(dead_host(), 3)))
    assert turns(world) != turns(seen(well(0), primary(server(gtids(60)), 1)))
    assert turns(seen(primary(server(position(3)), 0))) != turns(Snapshot())


def test_a_recalled_snapshot_is_remembered_whole_before_anything_was_looked_at() -> None:
    past = memory(seen(KILLED), at(5))
    assert memory(recall(past, NODES, at(6)), at(5)) == past


def test_in_one_boot_of_the_machine_a_stepped_clock_moves_nothing() -> None:
    written = at(0)
    for step in (-3600, 0, 3600):
        now = Moment(written.loop + 5, at(5 + step).wall)
        assert passage(written, same_boot=True, now=now).of(at(-2)) == at(-2)


def test_across_a_reboot_the_wall_says_how_long_and_distances_hold() -> None:
    now = Moment(17.0, at(100).wall)
    over = passage(at(0), same_boot=False, now=now)
    assert over.sure
    assert now - over.of(at(0)) == 100
    assert over.of(at(0)) - over.of(at(-7)) == 7


def test_across_a_reboot_a_clock_that_went_back_is_not_believed() -> None:
    over = passage(at(0), same_boot=False, now=Moment(17.0, at(-1).wall))
    assert not over.sure
    assert over.of(at(0)).loop == 17.0


def test_loop_seconds_that_went_back_are_another_boot_whatever_its_name() -> None:
    assert passage(at(0), same_boot=True, now=Moment(17.0, at(9).wall)).of(at(0)).loop == 8.0


def test_an_empty_memory_is_an_empty_snapshot() -> None:
    assert recall(Memory(at(0)), NODES, at(0)) == Snapshot()


def test_a_reboot_lasted_at_least_as_long_as_any_nodes_clock_says() -> None:
    """The machine of drwatch came up with the time of its shutdown; an hour had passed, and the nodes know it."""
    hour = at(3602).wall
    world = seen(
        well(0), primary(server(gtids(105), clock=at(1).wall), 1), standby(standby_server(clock=at(1).wall), 1)
    )
    world = recall(replace(memory(world, at(2)), rebooted=True), NODES, at(2))
    assert claim(world, 2).seconds == 2
    for sample in (primary(REFUSED, 2), standby(standby_server(clock=hour), 2)):
        world = catch_up(world, sample).keep(sample)
    assert claim(world, 2).seconds == pytest.approx(3602)
    again = standby(standby_server(clock=at(9999).wall), 3)
    assert claim(catch_up(world, again).keep(again), 3).seconds == pytest.approx(3603)


def test_a_nodes_clock_that_was_set_back_makes_no_claim_smaller() -> None:
    world = recall(replace(memory(seen(well(0)), at(2)), rebooted=True), NODES, at(50))
    back = standby(standby_server(clock=at(-900).wall), 50)
    assert claim(catch_up(world, back).keep(back), 50).seconds == claim(world, 50).seconds


def test_in_one_boot_a_nodes_clock_is_not_asked() -> None:
    world = recall(memory(seen(well(0)), at(2)), NODES, at(3))
    ahead = standby(standby_server(clock=at(9999).wall), 3)
    assert claim(catch_up(world, ahead).keep(ahead), 3).seconds == 3
