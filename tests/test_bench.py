"""The benchmarks' own judgement: what they may not let pass."""

import asyncio
import random

import pytest

from bench.rpo_accuracy import LOOK, SLACK, Kill, summary
from bench.soak import LossyLook
from drwatch.core.sample import Blind
from drwatch.lab.leaping import LeapingLoop
from drwatch.lab.server import Flavour
from drwatch.lab.simulated_looks import looks
from drwatch.lab.simulator import World


def kill(**seen: float | None) -> Kill:
    """A death with a loss of two seconds, claimed half a second above it."""
    usual: dict[str, float | None] = {"claimed": 2.5, "at_first": 2.6, "truth": 2.0, "seen": 90, "lost": 100}
    usual |= {"acknowledged": 100, "bytes_seen": 9000, "bytes_lost": 10000, "behind": 0.0, "heartbeat": None}
    return Kill(death="silent wire", **{**usual, **seen})  # type: ignore[arg-type]


def test_a_death_whose_bounds_all_hold_has_no_faults() -> None:
    assert kill().faults == []


@pytest.mark.parametrize(
    ("seen", "bound"),
    [
        ({"claimed": 1.9}, "claimed seconds >= truth"),
        ({"at_first": 1.9}, "claimed seconds >= truth"),
        ({"claimed": None}, "claimed seconds >= truth"),
        ({"seen": 101}, "transactions seen <= truth"),
        ({"bytes_seen": 10001}, "bytes seen <= truth"),
    ],
)
def test_a_bound_that_does_not_hold_is_named_and_fails_the_benchmark(seen: dict[str, float | None], bound: str) -> None:
    broken = kill(**seen)
    assert broken.faults == [bound]
    assert not summary(Flavour.MARIADB, [kill(), kill(), broken])


def test_claims_that_are_far_above_the_truth_miss_the_goal() -> None:
    far = kill(claimed=2.0 + LOOK + SLACK + 0.01)
    assert summary(Flavour.MARIADB, [kill(), kill(), far])
    assert not summary(Flavour.MARIADB, [kill(), far, far])


def test_the_soak_can_lose_each_look_that_there_is() -> None:
    async def lose_all() -> list[type]:
        lossy = [LossyLook(look, random.Random(1), 1.0) for look in looks(World("shop", 50.0))]
        return [type((await look.look()).found) for look in lossy]

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        found = runner.run(lose_all())
    assert found
    assert set(found) == {Blind}
