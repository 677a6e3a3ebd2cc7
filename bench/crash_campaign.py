"""SIGKILL at every named place, and at every system call, between a detection and its acceptance.

Each line is a story of its own: a real daemon with its store and courier, a simulated pair behind the probes'
interface, and two phones of which the second is paged a second after the first. The daemon is killed once, started
again, and the trouble is then ended. Required are the trouble and its end on each phone; every page that the ledger
calls accepted must have come, no row may be left unsettled, and nothing be told as two events. Then the same with the
courier killed, or the attempt that it forked, while drwatch lives.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from bench.report import finish
from drwatch.lab.crashing import Told, crash, crash_at_the_phone
from drwatch.lab.failpoints import FAILPOINTS
from drwatch.lab.tracing import crash_at, crash_courier_at, syscalls

Case = tuple[str, Callable[[], Told | None]]


def named() -> list[Case]:
    points: list[Case] = [(name, partial(crash, point)) for name, point in FAILPOINTS.items()]
    phones: list[Case] = [(f"the phone, answered: {each}", partial(crash_at_the_phone, each)) for each in (False, True)]
    return points + phones


def calls(made: Mapping[str, int], stride: int, crash: Callable[[str, int], Told | None]) -> list[Case]:
    """A case for each ``stride``th of these system calls."""
    every = [(name, number + 1) for name, count in sorted(made.items()) for number in range(count)]
    # So that of each kind some are played before the time is up.
    random.Random(1).shuffle(every)
    return [(f"{name} {number}", partial(crash, name, number)) for name, number in every[::stride]]


def play(cases: list[Case], seconds: float) -> Iterator[Told]:
    """The stories in turn, until the time is up."""
    end = time.monotonic() + seconds
    for number, (name, case) in enumerate(cases):
        if time.monotonic() > end:
            print(f"the time is up: {len(cases) - number} of {len(cases)} were not played")
            return
        told = case()
        if told is None:
            print(f"{name:52}      not reached before the acceptance", flush=True)
            continue
        again = "-" if told.resent_after is None else f"{told.resent_after:.1f}"
        unreached = [] if told.killed else ["NOT REACHED"]
        unaccounted = [f"an attempt of {each} is not in the record" for each in told.unaccounted]
        events = [] if told.ids else ["told as two events"]
        wrong = "; ".join((*unreached, *told.lost, *told.extra, *unaccounted, *events))
        print(f"{told.where:52} {told.killed:5} {len(told.lost):5} {told.copies:6} {again:>7}  {wrong}", flush=True)
        yield told


def main() -> None:
    parser = argparse.ArgumentParser(prog="crash-campaign", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1200.0, help="for the named places, and as many for the calls")
    parser.add_argument("--stride", type=int, default=10, help="of the system calls, each so manyth; 0: none")
    parser.add_argument("--only", default="", help="the named places whose name has this")
    options = parser.parse_args()
    print(f"{'killed at':52} {'kills':>5} {'lost':>5} {'copies':>6} {'again s':>7}")
    places = list(play([case for case in named() if options.only in case[0]], options.seconds))
    own, couriers = syscalls() if options.stride else ({}, {})
    counted, of_courier, at_calls, at_couriers = sum(own.values()), sum(couriers.values()), [], []
    if options.stride:
        print(
            f"system calls of drwatch between the decision and the mark: {counted}, a kill at each {options.stride}th"
        )
        at_calls = list(play(calls(own, options.stride, crash_at), options.seconds))
        print(f"those of its courier and of an attempt: {of_courier}, likewise")
        at_couriers = list(play(calls(couriers, options.stride, crash_courier_at), options.seconds))
    told = [*places, *at_calls, *at_couriers]
    lost = sum(len(each.lost) for each in told)
    reasons, states = (sum((Counter(found) for found in each), Counter[str]()) for each in _counts(told))
    copies, waits = max((each.copies for each in told), default=0), [each.resent_after or 0.0 for each in told]
    figures = {
        "places": len(places),
        "unreached": [each.where for each in places if not each.killed],
        "system_calls": counted,
        "system_calls_killed_at": len(at_calls),
        "courier_calls": of_courier,
        "courier_calls_killed_at": len(at_couriers),
        "received": dict(reasons),
        "ledger": dict(states),
        "lost": lost,
        "worst_copies": copies,
        "one_event_id_each": all(each.ids for each in told),
        "slowest_again_s": round(max(waits, default=0.0), 2),
    }
    met = bool(told) and all(each.good for each in told) and (bool(options.only) or len(places) >= 25)
    words = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    rows = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    finish(
        "crash-campaign",
        figures,
        met,
        f"{lost} pages lost after {sum(each.killed for each in told)} kills at {len(places)} places and "
        f"{len(at_calls) + len(at_couriers)} system calls, at most {max(copies, 0)} copy; {reasons.total()} came "
        f"({words}), the ledger's rows ended {rows}; sent again within {figures['slowest_again_s']:g} s",
    )


def _counts(told: Sequence[Told]) -> tuple[list[Mapping[str, int]], list[Mapping[str, int]]]:
    return [each.reasons for each in told], [each.states for each in told]


if __name__ == "__main__":
    main()
