"""The ways in which the primary dies in rpo-accuracy: what is done to the wire and the load before, and at the kill."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from drwatch.lab.faults import block_applier, unblock_applier
from drwatch.lab.pair import Pair

RATE = 50.0
"""Commits a second, about 17 kB of binary log."""

THIN = 6000.0
"""Bytes a second on a thin wire: two thirds of the load stay behind, and its end lies inside a transaction."""

LONG = 1.5
"""Seconds that a long wire takes each way."""

LARGE = 300
"""Rows of a large transaction, about 35 kB of binary log."""

BURST = 0.6
"""Seconds of writing as fast as it goes."""

Act = Callable[[Pair], None]


@dataclass(frozen=True)
class Death:
    """``before``, then ``lasts`` seconds and a random part of one, then ``last``, and at once the kill.

    ``after`` follows it: what the wire still holds is lost when that cuts it.
    """

    name: str
    before: Act
    lasts: float
    last: Act
    after: Act
    arrives: bool = True
    """Whether the standby notices that its source is gone; behind a silent wire it does not."""


def nothing(pair: Pair) -> None:
    pass


def cut(pair: Pair) -> None:
    pair.link.refuses()


def silent(pair: Pair) -> None:
    pair.link.silent()


def thin(pair: Pair) -> None:
    pair.link.rate = THIN


def long(pair: Pair) -> None:
    pair.link.delay = LONG


def large(pair: Pair) -> None:
    """Transactions that each take two seconds to cross."""
    pair.writer.rows, pair.writer.rate = LARGE, 1
    pair.link.rate = 3 * THIN


def rotate(pair: Pair) -> None:
    pair.primary.sql("FLUSH BINARY LOGS")


def burst(pair: Pair) -> None:
    pair.writer.rate = 0
    pair.writer.resume()
    time.sleep(BURST)


def idle(pair: Pair) -> None:
    pair.writer.pause()


def both(*acts: Act) -> Act:
    def act(pair: Pair) -> None:
        for each in acts:
            each(pair)

    return act


def block(pair: Pair) -> None:
    block_applier(pair)


DEATHS = (
    Death("healthy wire", nothing, 0, nothing, cut),
    Death("thin wire", thin, 3, nothing, cut),
    Death("long wire", long, 2, nothing, cut),
    Death("silent wire", silent, 2, nothing, nothing, arrives=False),
    Death("burst since the last look", nothing, 0, burst, cut),
    Death("idle, then a burst nobody heard", idle, 1.5, both(silent, burst), nothing, arrives=False),
    Death("large transaction torn", large, 3, nothing, cut),
    Death("thin wire, logs rotated", both(thin, rotate), 3, rotate, cut),
    Death("long wire, logs rotated", both(long, rotate), 2, rotate, cut),
    Death("silent wire, logs rotated", both(silent, rotate), 2, rotate, nothing, arrives=False),
    Death("long wire, the rest arrives", long, 2, nothing, nothing),
    Death("applier held up, nothing lost", block, 3, nothing, unblock_applier),
)
