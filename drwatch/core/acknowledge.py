"""Taking an incident in hand, and whether that may be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from drwatch.core.ack import WORDS, Ack, Answer, Refused
from drwatch.core.incident import Incident, Phase
from drwatch.core.sample import Moment


def acknowledge(answer: Answer, incidents: Iterable[Incident], seconds: float, now: Moment) -> Incident:
    """The incident with its acknowledgement, which lasts so many seconds. Refused for one that may not be."""
    incident = next((each for each in incidents if each.id == answer.incident), None)
    by, note = _one_line(answer.by), _one_line(answer.note)
    if incident is None:
        raise Refused(f"no incident {answer.incident} is open: it may be over; 'drwatch incidents' lists them")
    if incident.phase is not Phase.OPEN:
        raise Refused(f"{incident.id} is not confirmed, and nobody was told of it: there is nothing to acknowledge yet")
    if not by:
        raise Refused("an acknowledgement needs a name: whoever is paged next reads who has it in hand")
    ack = Ack(now, seconds, by, answer.origin, incident.condition, incident.severity, note)
    return replace(incident, acknowledged=ack)


def _one_line(words: str) -> str:
    """Words that came from outside, without what would move a terminal's cursor."""
    shown = "".join(letter if letter.isprintable() else " " for letter in words)
    return " ".join(shown.split())[:WORDS]
