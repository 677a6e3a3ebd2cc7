"""A wall clock that was years ahead for a while, and set right: tests and digests go on as before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from types import MappingProxyType

from worlds import at

from drwatch.core.ahead import put_right
from drwatch.core.policy import Prove
from drwatch.core.proof import Proof
from drwatch.core.proving import next_test, overdue
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot

HOUR = 3600.0
DAY = 24 * HOUR


def ahead(seconds: float) -> Moment:
    """As a clock that is ten years ahead dates it."""
    return Moment(at(seconds).loop, at(seconds).wall + timedelta(days=3650))


def proved(**known: Moment) -> Snapshot:
    return Snapshot(proofs=MappingProxyType({"phone": Proof(**{"since": at(0), **known})}))


def test_a_channel_that_was_tried_or_set_up_in_years_to_come_is_tried_when_it_was_to_be() -> None:
    for seen in (
        proved(accepted=at(HOUR), tested=ahead(2 * HOUR)),
        proved(accepted=ahead(2 * HOUR)),
        proved(since=ahead(2 * HOUR)),
    ):
        proof = put_right(seen, at(3 * HOUR)).proofs["phone"]
        assert next_test(proof, Prove(), UTC) < at(3 * DAY).wall
        assert not overdue(proof, Prove(), UTC, at(0), at(3 * HOUR))
        assert overdue(proof, Prove(), UTC, at(0), at(5 * DAY)), "and not believed for ten years"


def test_a_digest_that_was_told_in_years_to_come_does_not_silence_those_until_then() -> None:
    seen = replace(Snapshot(), digested=f"{ahead(0).wall:%Y-%m-%d}")
    assert put_right(seen, at(HOUR)).digested == ""


def test_a_clock_that_is_set_back_a_little_changes_nothing() -> None:
    seen = replace(proved(accepted=at(HOUR)), digested=f"{at(DAY).wall:%Y-%m-%d}")
    assert put_right(seen, at(0)) is seen
