"""What a wall clock that was far ahead has dated, once it is right again: it happened, but not in years to come."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType

from drwatch.core.proof import Proof
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot

AHEAD = timedelta(days=2)
"""More than a time zone, summer time or a clock that drifts makes of a day."""


def put_right(snapshot: Snapshot, now: Moment) -> Snapshot:
    """The snapshot in which no channel was tried, and no digest told, later than now; the same one where none was.

    Of a digest that is not due for years it is not known when the last one was told: the next day's is.
    """
    proofs = {name: _dated(proof, now) for name, proof in snapshot.proofs.items()}
    digested = snapshot.digested
    if digested and date.fromisoformat(digested) > (now.wall + AHEAD).date():
        digested = ""
    if (proofs, digested) == (snapshot.proofs, snapshot.digested):
        return snapshot
    return replace(snapshot, proofs=MappingProxyType(proofs), digested=digested)


def _dated(proof: Proof, now: Moment) -> Proof:
    def dated(at: Moment) -> Moment:
        # By the hand that nobody sets: as long ago as it is.
        return Moment(at.loop, now.plus(at - now).wall) if at.wall > now.wall + AHEAD else at

    accepted, tested = (None if at is None else dated(at) for at in (proof.accepted, proof.tested))
    return replace(proof, since=dated(proof.since), accepted=accepted, tested=tested)
