"""SIGKILL at every named place, and at every system call, between a detection and its acceptance.

Each line is a story of its own: a real daemon with its store and courier, a simulated pair behind the probes'
interface, and two phones of which the second is paged a second after the first. The daemon is killed once, started
again, and the trouble is then ended. Required are four pages: the trouble and its end, on each phone.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator
from functools import partial

from bench.report import finish
from drwatch.lab.crashing import Told, crash, crash_at, crash_at_the_phone, syscalls
from drwatch.lab.failpoints import FAILPOINTS

REQUIRED = 4

Case = tuple[str, Callable[[], Told | None]]


def named() -> list[Case]:
    points: list[Case] = [(name, partial(crash, point)) for name, point in FAILPOINTS.items()]
    phones: list[Case] = [(f"the phone, answered: {each}", partial(crash_at_the_phone, each)) for each in (False, True)]
    return points + phones


def calls(stride: int) -> tuple[int, list[Case]]:
    """How many system calls there are, and a case for each ``stride``th of them."""
    made = [(name, number + 1) for name, count in sorted(syscalls().items()) for number in range(count)]
    # So that of each kind some are played before the time is up.
    random.Random(1).shuffle(made)
    return len(made), [(f"{name} {number}", partial(crash_at, name, number)) for name, number in made[::stride]]


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
        wrong = "; ".join((*told.lost, *told.extra, *([] if told.ids else ["another event id on a copy"])))
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
    counted, at_calls = 0, []
    if options.stride:
        counted, cases = calls(options.stride)
        print(f"{counted} system calls between the decision and the mark, a kill at each {options.stride}th")
        at_calls = list(play(cases, options.seconds))
    told = [*places, *at_calls]
    lost = sum(len(each.lost) for each in told)
    copies, waits = max((each.copies for each in told), default=0), [each.resent_after or 0.0 for each in told]
    figures = {
        "places": len(places),
        "system_calls": counted,
        "system_calls_killed_at": len(at_calls),
        "required": REQUIRED * len(told),
        "received": REQUIRED * len(told) - lost,
        "lost": lost,
        "worst_copies": copies,
        "same_event_id": all(each.ids for each in told),
        "slowest_again_s": round(max(waits, default=0.0), 2),
    }
    met = bool(told) and all(each.good for each in told) and (bool(options.only) or len(places) >= 25)
    finish(
        "crash-campaign",
        figures,
        met,
        f"{figures['received']} of {figures['required']} pages after {sum(each.killed for each in told)} kills at "
        f"{len(places)} places and {len(at_calls)} system calls, at most {max(copies, 0)} copy, "
        f"sent again within {figures['slowest_again_s']:g} s",
    )


if __name__ == "__main__":
    main()
