"""Ten thousand generated troubles under virtual time: no death missed, none invented, none called by a wrong name.

Each timeline is played by the real daemon against the simulated pair, and its pages are held against what was true of
the primary. It prints the seeds of those that fail: `--seed N` plays one again and tells its story.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bench.report import finish
from bench.timelines import Instant, Truth, noise, observe, timeline
from drwatch.core.finding import PRIMARY_LOST, Condition
from drwatch.core.paging import PageReason
from drwatch.core.policy import Confirm
from drwatch.lab import virtual
from drwatch.lab.leaping import LeapingLoop
from drwatch.lab.page import Told
from drwatch.lab.simulator import World

TIMELINES = 10_000
WORKERS = 2

STALE = 3.0
"""Seconds for which a page may be behind the truth: a look, a verdict's wait for the other chairs, the sending."""

MEMORY = 20.0
"""Seconds in which a death's face may change before it is told: any name that was right in them is right."""

NOTICED = 60.0
"""Seconds of an unbroken death by which it must have been told, whatever the network does meanwhile; a verdict that one
chair alone has is given its 30 s of patience."""

RIGHT = {
    Truth.KILLED: {Condition.PRIMARY_DOWN},
    Truth.HUNG: {Condition.PRIMARY_HUNG},
    Truth.FROZEN: {Condition.PRIMARY_HUNG},
    Truth.GONE: {Condition.PRIMARY_HOST_DOWN},
}

OUT = PRIMARY_LOST | {Condition.PRIMARY_RESTARTING, Condition.PRIMARY_DISK_FULL}
"""What tells a human that the primary serves nobody."""


@dataclass
class Outcome:
    """What one timeline came to."""

    seed: int
    deaths: int = 0
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    """Seconds from the onset of each death that was told to its page, beyond the window of its confidence."""
    plain: bool = False
    """One fault, and not a packet lost."""

    @property
    def failed(self) -> bool:
        return bool(self.missed or self.false or self.wrong or self.twice)


def judge(seed: int, pages: Sequence[Told], truth: Sequence[Instant]) -> Outcome:
    """The pages of one timeline against what was true."""
    outcome = Outcome(seed)
    lost = [page for page in pages if page.condition in PRIMARY_LOST and not page.resolved]
    for page in lost:
        lately = [each for each in truth if page.after - STALE <= each.at <= page.after]
        if not any(_out(each) for each in lately):
            outcome.false.append(f"{page.title} after {page.after:.1f} s, and the primary served")
            continue
        before = [each for each in truth if page.after - MEMORY <= each.at <= page.after]
        if page.condition not in set().union(*(_right(each) for each in before)):
            outcome.wrong.append(f"{page.title} after {page.after:.1f} s")
    for onset, end in _deaths(truth):
        outcome.deaths += 1
        told = [page for page in pages if onset <= page.after <= end + STALE and not page.resolved]
        named = next((page for page in told if page.condition in OUT), None)
        if named is None and end - onset >= NOTICED and not _standing(pages, onset):
            outcome.missed.append(f"dead from {onset:.1f} s to {end:.1f} s")
        elif named is not None and named.reason is PageReason.FIRST:
            outcome.delays.append(named.after - onset - _window(named))
    outcome.twice = _twice(pages)
    return outcome


def _out(instant: Instant) -> bool:
    """Whether it may be called dead: it serves nobody, or none of those who could be asked can reach it."""
    alone = not instant.linked or not instant.standby
    return instant.primary is not Truth.SERVES or instant.walled or (alone and not instant.witnessed)


def _right(instant: Instant) -> set[Condition]:
    """The names that fit what could be seen at that instant."""
    names = set(RIGHT.get(instant.primary, ()))
    if instant.primary is Truth.FROZEN and instant.ended:
        names |= RIGHT[Truth.KILLED]  # the kernel of the frozen host refuses whoever dials the dead server
    if instant.walled or instant.witness_shut:
        # What a wall answers for the port, or does not, is all that there is to see of the server.
        names |= {Condition.PRIMARY_HUNG, Condition.PRIMARY_DOWN}
    if not instant.witnessed and _out(instant):
        # Nobody at the witness can tell a dead server from a dead host behind a cut.
        names |= {Condition.PRIMARY_HOST_DOWN, Condition.PRIMARY_DOWN, Condition.PRIMARY_HUNG}
    return names


def _deaths(truth: Sequence[Instant]) -> Iterable[tuple[float, float]]:
    """From when to when the primary was dead, for stretches in which the witness was never cut off from everything."""
    onset: float | None = None
    for each in truth:
        dead = each.primary is not Truth.SERVES and not each.isolated
        if dead and onset is None:
            onset = each.at
        elif not dead and onset is not None:
            yield onset, each.at
            onset = None
    if onset is not None:
        yield onset, truth[-1].at


def _standing(pages: Sequence[Told], at: float) -> bool:
    """Whether people had been told by then that it was out, and not that it was over."""
    last = [page for page in pages if page.condition in OUT and page.after <= at][-1:]
    return bool(last) and not last[0].resolved


def _window(page: Told) -> float:
    """The confirm window that its confidence has, by its own last line."""
    confirm = Confirm()
    by_word = {"conclusive": confirm.conclusive, "likely": confirm.likely, "alone": confirm.alone}
    return next(seconds for word, seconds in by_word.items() if word in page.body.rsplit("\n", 1)[-1])


def _twice(pages: Sequence[Told]) -> list[str]:
    """Pages that say again what was said and is not over."""
    found, standing = [], set()
    events = Counter(page.event for page in pages)
    found += [f"event {event} came {count} times" for event, count in events.items() if count > 1]
    for page in pages:
        key = page.condition, page.title.split()[3]
        if page.resolved:
            standing.discard(key)
        elif page.reason is PageReason.FIRST and key in standing:
            found.append(f"{page.title} after {page.after:.1f} s, again")
        else:
            standing.add(key)
    return found


def play(seed: int) -> tuple[Outcome, tuple[Told, ...]]:
    truth: list[Instant] = []

    async def beside(world: World, zero: float) -> None:
        world.wires.noise = noise(seed)
        await observe(world, zero, truth)

    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as place:
        loop = LeapingLoop()
        try:
            played = loop.run_until_complete(virtual.play(timeline(seed), Path(place), beside))
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
    return judge(seed, played.pages, truth), played.pages


def outcome(seed: int) -> Outcome:
    logging.disable()  # what it would log of ten thousand troubles is nobody's
    found = play(seed)[0]
    found.plain = noise(seed) == 0 and len({act.fault for act in timeline(seed).acts}) == 1
    return found


def tell(seed: int) -> None:
    """One timeline's story, for whoever looks into it."""
    found, pages = play(seed)
    print(f"noise {noise(seed):.0%}")
    for act in timeline(seed).acts:
        print(f"{act.at:7.1f} s {'mended' if act.mend else 'struck'} {act.fault}")
    for page in pages:
        print(f"{page.after:7.1f} s {page.title}")
    print(found)


def _spread(delays: Sequence[float]) -> str:
    if not delays:
        return "no page"
    return f"{statistics.median(delays):.2f} s median, {delays[int(0.99 * (len(delays) - 1))]:.2f} s 99 %"


def main() -> None:
    asked = argparse.ArgumentParser(prog="verdict-campaign", description=__doc__.partition("\n")[0])
    asked.add_argument("--timelines", type=int, default=TIMELINES)
    asked.add_argument("--first", type=int, default=0, help="the first seed")
    asked.add_argument("--seed", type=int, help="play this one alone, and tell its story")
    options = asked.parse_args()
    if options.seed is not None:
        tell(options.seed)
        return
    seeds = range(options.first, options.first + options.timelines)
    found: list[Outcome] = []
    with ProcessPoolExecutor(WORKERS) as pool:
        for each in pool.map(outcome, seeds, chunksize=20):
            found.append(each)
            for kind in ("missed", "false", "wrong", "twice"):
                for words in getattr(each, kind):
                    print(f"seed {each.seed}: {kind}: {words}", flush=True)
    totals = {kind: sum(len(getattr(each, kind)) for each in found) for kind in ("missed", "false", "wrong", "twice")}
    delays = sorted(delay for each in found for delay in each.delays)
    plain = sorted(delay for each in found if each.plain for delay in each.delays)
    deaths = sum(each.deaths for each in found)
    print(f"seeds {seeds.start} to {seeds.stop - 1}; {deaths} deaths, {len(delays)} of them told by name")
    print(f"beyond the window, one fault and no noise: {_spread(plain)} of {len(plain)} pages")
    line = (
        f"{len(found)} timelines: deaths missed {totals['missed']}, wrong class {totals['wrong']}, false pages"
        f" {totals['false']}, duplicates {totals['twice']}; beyond the window {_spread(delays)}"
    )
    figures = {"timelines": len(found), "deaths": deaths, **totals, "delays": delays, "plain": plain}
    finish("verdict-campaign", figures, not any(totals.values()), line)


if __name__ == "__main__":
    main()
