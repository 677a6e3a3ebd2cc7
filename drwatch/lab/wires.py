"""The simulator's network: who reaches whom, each direction by itself, and what becomes of a question on its way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from drwatch.core.sample import Blind, Reason

PRIMARY, STANDBY, WITNESS, OUTSIDE = "oslo-a", "oslo-b", "witness", "outside"

Path = tuple[str | None, str | None]
"""From whom to whom; None is everybody."""

TRIES = 3
"""Times that TCP sends a packet on a connection it knows within the second that a look waits: at 0, 0.2 and 0.6 s."""


@dataclass
class Wires:
    """Healthy until it is cut."""

    cuts: set[Path] = field(default_factory=set)
    loss: float = 0.0
    """Share of the packets, each way."""
    walls: dict[str | None, Reason] = field(default_factory=dict)
    """In front of the primary's MySQL port: what comes of a dial from there, None for from anywhere."""
    names: bool = True
    """Whether names resolve, where a new connection needs one."""
    delay: float = 0.0
    """Of the stream of replication, seconds."""
    rate: float | None = None
    """Bytes a second that the stream may have."""
    chance: Random = field(default_factory=lambda: Random(1))

    def reaches(self, one: str, other: str) -> bool:
        """Whether a question comes there and its answer back."""
        return self._carries(one, other) and self._carries(other, one)

    def _carries(self, source: str, target: str) -> bool:
        return not any(a in (None, source) and b in (None, target) for a, b in self.cuts)

    def streams(self) -> bool:
        """Whether the primary's stream comes to its standby."""
        return self.reaches(PRIMARY, STANDBY) and self.walls.get(None) is None

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
        reason = self.walls.get(None) or self.walls.get(WITNESS)
        return Blind(reason) if reason else None

    def _lost(self, tries: int) -> bool:
        arrives = (1 - self.loss) ** 2
        return bool(self.loss) and all(self.chance.random() > arrives for _ in range(tries))


def _cut(*paths: Path) -> Callable[[Wires, bool], None]:
    def strike(wires: Wires, broken: bool) -> None:
        (wires.cuts.update if broken else wires.cuts.difference_update)(paths)

    return strike


def _both(one: str, other: str | None = None) -> tuple[Path, Path]:
    return (one, other), (other, one)


def _wall(reason: Reason, source: str | None = None) -> Callable[[Wires, bool], None]:
    def strike(wires: Wires, broken: bool) -> None:
        if broken:
            wires.walls[source] = reason
        else:
            wires.walls.pop(source, None)

    return strike


FAULTS: dict[str, Callable[[Wires, bool], None]] = {
    "witness-cut-off": _cut(*_both(WITNESS)),
    "witness-unplugged": _cut(*_both(WITNESS)),
    "witness-primary-cut": _cut(*_both(WITNESS, PRIMARY)),
    "witness-primary-deaf": _cut((PRIMARY, WITNESS)),
    "witness-primary-mute": _cut((WITNESS, PRIMARY)),
    "primary-standby-cut": _cut(*_both(PRIMARY, STANDBY)),
    "primary-standby-deaf": _cut((PRIMARY, STANDBY)),
    "network-loses": lambda wires, broken: setattr(wires, "loss", 0.2 if broken else 0.0),
    "wall-drops": _wall(Reason.CONNECT_TIMEOUT),
    "wall-rejects": _wall(Reason.REFUSED),
    "witness-walled-drops": _wall(Reason.CONNECT_TIMEOUT, WITNESS),
    "witness-walled-rejects": _wall(Reason.REFUSED, WITNESS),
    "stream-slow": lambda wires, broken: setattr(wires, "delay", 0.6 if broken else 0.0),
    "stream-thin": lambda wires, broken: setattr(wires, "rate", 2_000.0 if broken else None),
    "names-silent": lambda wires, broken: setattr(wires, "names", not broken),
}
"""Those of drwatch.lab.partition, as far as they are the network's alone."""
