"""Generated troubles of a pair: which faults, when, for how long; and what is true of the primary meanwhile.

The truth is read off the simulated world itself, many times a second, by rules of its own: none of drwatch's.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from drwatch.lab.scenario import Act, Scenario
from drwatch.lab.simulated import loop_time
from drwatch.lab.simulator import World
from drwatch.lab.wires import OUTSIDE, PRIMARY, STANDBY, WITNESS

PERIOD = 0.2
"""Seconds between two samples of the truth."""

AFTERWARDS = 75.0
"""Seconds of watching after the last change: whatever is to be told has been told by then."""

DEATHS = ("primary-killed", "primary-hung", "host-gone", "host-frozen")
PATHS = (
    "witness-cut-off",
    "witness-primary-cut",
    "witness-primary-deaf",
    "witness-primary-mute",
    "witness-walled-drops",
    "witness-walled-rejects",
    "primary-standby-cut",
    "primary-standby-deaf",
    "wall-drops",
    "wall-rejects",
    "network-loses",
    "names-silent",
    "stream-slow",
)
OTHERS = (
    "standby-killed",
    "io-thread-stopped",
    "sql-thread-broken",
    "applier-blocked",
    "replication-removed",
    "standby-writable",
    "files-stale",
    "primary-saturated",
    "primary-locked",
    "primary-data-full",
    "access-denied",
    "host-key-changed",
)
LENGTHS = ((0.3, 4.0), (4.0, 20.0), (30.0, 90.0), None)
"""Seconds that a fault lasts, from and to; None: it is never mended."""

NOISE = (0.0, 0.0, 0.01, 0.03, 0.05)
"""Share of the packets that is lost all the time."""


class Truth(StrEnum):
    """What the primary does."""

    SERVES = "serves"
    KILLED = "killed"
    """The server is dead, its host lives."""
    HUNG = "hung"
    FROZEN = "frozen"
    """The host's kernel answers and nothing on it does."""
    GONE = "gone"


@dataclass(frozen=True)
class Instant:
    """What was so at ``at`` seconds after the timeline's beginning."""

    at: float
    primary: Truth
    walled: bool
    """A firewall lets nobody to its port, or lets nobody connect anew."""
    witnessed: bool
    """The witness reaches the primary's host."""
    witness_shut: bool
    """A firewall keeps the witness from its port."""
    linked: bool
    """The standby reaches it."""
    isolated: bool
    """The witness reaches nothing at all."""
    standby: bool
    """The standby's server lives."""
    ended: bool = False
    """The primary's server is dead, whatever has become of its host."""


def timeline(seed: int) -> Scenario:
    """One to three faults with random onset, length, overlap and noise; the same for the same seed."""
    chance = Random(seed)
    acts: list[Act] = []
    for fault in _faults(chance):
        onset, length = chance.uniform(0, 40), chance.choice(LENGTHS)
        acts.append(Act(onset, fault))
        if length is not None:
            acts.append(Act(onset + chance.uniform(*length), fault, mend=True))
    acts.sort(key=lambda act: act.at)
    return Scenario(f"timeline-{seed}", f"generated from the seed {seed}", tuple(acts), watch=AFTERWARDS)


def noise(seed: int) -> float:
    return Random(seed ^ 0x5EED).choice(NOISE)


def _faults(chance: Random) -> list[str]:
    """Different ones, a death in most."""
    faults: list[str] = []
    for _ in range(chance.choice((1, 1, 2, 2, 3))):
        kind = chance.choice((DEATHS, DEATHS, PATHS, PATHS, OTHERS))
        faults.append(chance.choice([fault for fault in kind if fault not in faults]))
    return faults


async def observe(world: World, zero: float, into: list[Instant]) -> None:
    """Sample the truth until cancelled."""
    while True:
        into.append(_instant(world, loop_time() - zero))
        await asyncio.sleep(PERIOD)


def _instant(world: World, at: float) -> Instant:
    primary, wires = world.primary, world.wires
    if not primary.powered:
        truth = Truth.GONE
    elif primary.host_frozen:
        truth = Truth.FROZEN
    elif not primary.runs:
        truth = Truth.KILLED
    else:
        truth = Truth.HUNG if primary.frozen else Truth.SERVES
    return Instant(
        at=at,
        primary=truth,
        walled=wires.wall() is not None,
        witnessed=wires.reaches(WITNESS, PRIMARY) and wires.names,
        witness_shut=wires.wall(WITNESS) is not None,
        linked=wires.reaches(PRIMARY, STANDBY),
        isolated=not any(wires.reaches(WITNESS, other) for other in (PRIMARY, STANDBY, OUTSIDE)),
        standby=world.standby.serves,
        ended=not primary.runs,
    )
