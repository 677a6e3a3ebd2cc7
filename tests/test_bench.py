"""The benchmarks' own judgement: what they may not let pass."""

import pytest

from bench.rpo_accuracy import LOOK, SLACK, Kill, summary
from drwatch.lab.server import Flavour


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
