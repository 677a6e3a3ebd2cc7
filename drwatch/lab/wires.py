"""The simulator's network: who reaches whom, each direction by itself, and what becomes of a question on its way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from drwatch.core.sample import Blind, Reason

T = TypeVar("T")

PRIMARY, STANDBY, WITNESS, OUTSIDE = "oslo-a", "oslo-b", "witness", "outside"

Path = tuple[str | None, str | None]
"""From whom to whom; None is everybody."""

LOSSY = 0.2
"""Share of the packets that a bad network loses, each way."""

TRIES = 3
"""Times that TCP sends a packet on a connection it knows within the second that a look waits: at 0, 0.2 and 0.6 s."""


@dataclass
class Wires:
    """Healthy until it is cut."""

    cuts: list[tuple[Path, ...]] = field(default_factory=list)
    """Each as it was made: two may lie on one path, and mending one of them does not mend the other."""
    noise: float = 0.0
    """Share of the packets that is lost all the time, each way."""
    lossy: bool = False
    walls: list[tuple[str | None, Reason]] = field(default_factory=list)
    """In front of the primary's MySQL port: what comes of a dial from there, None for from anywhere."""
    names: bool = True
    """Whether names resolve, where a new connection needs one."""
    delay: float = 0.0
    """Of the stream of replication, seconds."""
    rate: float | None = None
    """Bytes a second that the stream may have."""
    lag: float = 0.0
    """Seconds that a question of the witness to the primary takes, there and back."""
    chance: Random = field(default_factory=lambda: Random(1))

    def reaches(self, one: str, other: str) -> bool:
        """Whether a question comes there and its answer back."""
        return not self.cuts or (self._carries(one, other) and self._carries(other, one))

    def _carries(self, source: str, target: str) -> bool:
        return not any(a in (None, source) and b in (None, target) for cut in self.cuts for a, b in cut)

    def wall(self, source: str | None = None) -> Reason | None:
        """What a wall makes of everybody's dials, or of those of one alone."""
        return next((reason for whose, reason in self.walls if whose == source), None)

    @property
    def loss(self) -> float:
        return max(self.noise, LOSSY if self.lossy else 0.0)

    def dialled(self, target: str) -> Blind | None:
        """What keeps the witness from a new connection there, before the far end has a say."""
        if not self.names:
            return Blind(Reason.DNS)
        if not self.reaches(WITNESS, target) or self._lost(1) or self._lost(TRIES):
            return Blind(Reason.CONNECT_TIMEOUT)
        return None

    def asked(self, target: str) -> Blind | None:
        """What keeps an answer from the witness on a connection that it has."""
        if not self.reaches(WITNESS, target) or self._lost(TRIES):
            return Blind(Reason.QUERY_TIMEOUT)
        return None

    def walled(self, target: str) -> Blind | None:
        """What a wall makes of it."""
        if target != PRIMARY:
            return None
        reason = self.wall() or self.wall(WITNESS)
        return Blind(reason) if reason else None

    def _lost(self, tries: int) -> bool:
        arrives, loss = (1 - self.loss) ** 2, self.loss
        return bool(loss) and all(self.chance.random() > arrives for _ in range(tries))


def _put(into: list[T], one: T, broken: bool) -> None:
    if broken:
        into.append(one)
    elif one in into:
        into.remove(one)


def _cut(*paths: Path) -> Callable[[Wires, bool], None]:
    def strike(wires: Wires, broken: bool) -> None:
        _put(wires.cuts, paths, broken)

    return strike


def _both(one: str, other: str | None = None) -> tuple[Path, Path]:
    return (one, other), (other, one)


def _wall(reason: Reason, source: str | None = None) -> Callable[[Wires, bool], None]:
    def strike(wires: Wires, broken: bool) -> None:
        _put(wires.walls, (source, reason), broken)

    return strike


FAULTS: dict[str, Callable[[Wires, bool], None]] = {
    "witness-cut-off": _cut(*_both(WITNESS)),
    "witness-unplugged": _cut(*_both(WITNESS)),
    "witness-primary-cut": _cut(*_both(WITNESS, PRIMARY)),
    "witness-primary-deaf": _cut((PRIMARY, WITNESS)),
    "witness-primary-mute": _cut((WITNESS, PRIMARY)),
    "primary-standby-cut": _cut(*_both(PRIMARY, STANDBY)),
    "primary-standby-deaf": _cut((PRIMARY, STANDBY)),
    "standby-primary-mute": _cut((STANDBY, PRIMARY)),
    "network-loses": lambda wires, broken: setattr(wires, "lossy", broken),
    "wall-drops": _wall(Reason.CONNECT_TIMEOUT),
    "wall-rejects": _wall(Reason.REFUSED),
    "witness-walled-drops": _wall(Reason.CONNECT_TIMEOUT, WITNESS),
    "witness-walled-rejects": _wall(Reason.REFUSED, WITNESS),
    "stream-slow": lambda wires, broken: setattr(wires, "delay", 0.6 if broken else 0.0),
    "stream-thin": lambda wires, broken: setattr(wires, "rate", 2_000.0 if broken else None),
    "witness-primary-slow": lambda wires, broken: setattr(wires, "lag", 0.3 if broken else 0.0),
    "names-silent": lambda wires, broken: setattr(wires, "names", not broken),
}
"""Those of drwatch.lab.partition, as far as they are the network's alone."""
