"""Why nobody is told of a trouble now, and what an alert engine is to keep to itself for that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from drwatch.core.finding import ALWAYS_TOLD
from drwatch.core.incident import Incident, Phase
from drwatch.core.silence import Silence

NEAR = timedelta(seconds=1)
"""By how much an engine's silence may end otherwise than was asked for: engines keep milliseconds."""

Labels = Mapping[str, str]


class Cause(StrEnum):
    """Why nobody is told of a trouble; the closed list."""

    EXPLAINED = "explained"
    """A greater trouble explains it."""
    SILENCED = "silenced"
    FLAPPING = "flapping"
    ACKNOWLEDGED = "acknowledged"
    QUIET_HOURS = "quiet_hours"


def cause(incident: Incident, kept_back: bool) -> Cause | None:
    """Why nobody is told of it, the first that holds; None where nothing of the kind does.

    ``kept_back`` is whether quiet hours keep it from a channel.
    """
    living = incident.phase in (Phase.SUSPECTED, Phase.OPEN)
    if living and incident.suppressed_by is not None:
        return Cause.EXPLAINED
    if incident.phase is not Phase.OPEN:
        return None
    if incident.silence:
        return Cause.SILENCED
    if incident.flaps and incident.condition not in ALWAYS_TOLD:
        return Cause.FLAPPING
    if incident.acknowledged is not None:
        return Cause.ACKNOWLEDGED
    return Cause.QUIET_HOURS if kept_back else None


@dataclass(frozen=True, slots=True)
class Hush:
    """By whose word nobody is to be told again of an incident, why, and until when (aware)."""

    incident: str
    by: str
    why: str
    until: datetime

    @property
    def comment(self) -> str:
        return f"{mark(self.incident)} {self.why}"


@dataclass(frozen=True, slots=True)
class Held:
    """A silence that an engine holds, and that is not over: the labels that it is about, word for word."""

    id: str
    labels: Labels
    comment: str
    until: datetime


def mark(incident: str) -> str:
    """How the comment of drwatch's own silences begins: what a human has set there is left alone."""
    return f"drwatch {incident}:"


def hushes(incidents: Iterable[Incident], silences: Iterable[Silence]) -> Mapping[str, Hush]:
    """By their ids the open incidents of which nobody is to be told now; of two reasons the one that lasts longer."""
    known = {each.id: each for each in silences}
    found: dict[str, Hush] = {}
    for incident in incidents:
        if incident.phase is not Phase.OPEN:
            continue
        ack, silence = incident.acknowledged, known.get(incident.silence)
        reasons = []
        if ack is not None:
            why = f"in hand: {ack.note}" if ack.note else "in hand"
            reasons.append(Hush(incident.id, ack.by, why, ack.until.wall))
        if silence is not None:
            why = f"silenced ({silence.id}): {silence.reason}"
            reasons.append(Hush(incident.id, silence.by, why, silence.until.wall))
        if reasons:
            found[incident.id] = max(reasons, key=lambda each: each.until)
    return found


def steps(incident: str, wanted: tuple[Hush, Labels] | None, held: Iterable[Held]) -> tuple[bool, tuple[str, ...]]:
    """Whether an engine that holds these is to be given a silence, and the ids of those that are to be ended there.

    ``wanted`` is what it is to keep to itself, under these labels; None for nothing of this incident.
    """
    mine = [each for each in held if each.comment.startswith(mark(incident))]
    good = None
    if wanted is not None:
        hush, labels = wanted
        fits = (each.id for each in mine if each.labels == labels and abs(each.until - hush.until) <= NEAR)
        good = next(fits, None)
    return wanted is not None and good is None, tuple(each.id for each in mine if each.id != good)
