"""The first glance: severity, what, since when, RPO, RTO and the event in one line, however long the names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from drwatch.core.duration import at_most, span
from drwatch.core.finding import Severity
from drwatch.core.incident import Incident
from drwatch.core.paging import ENDS, PageReason, Row
from drwatch.core.sample import Moment
from drwatch.core.view import ClusterView

FIRST_GLANCE = 120
"""Characters that every phone shows."""

SMS = 160
"""Septets of one SMS in the GSM alphabet; a second one may come late, or first."""

DETAILS = "Details on the status page."
"""All that a channel which must not have a name is told beside the figures."""

LEAST = 8
"""Characters of a name that still tell one from another: for fewer the word on a takeover makes room."""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")
"""3GPP TS 23.038: a septet each, and two each. One letter of any other kind would halve the room of the whole SMS."""

_WORDS = {
    PageReason.STILL: "STILL ",
    PageReason.ESCALATED: "NOBODY ACTED ",
    PageReason.CHANGED: "NOW ",
    PageReason.AGAIN: "AGAIN ",
}


@dataclass(frozen=True, slots=True)
class Glance:
    """What stands in the line, in its order: ``head cluster: condition subject since figures tail [event]``."""

    head: str
    cluster: str
    condition: str
    subject: str
    since: str
    figures: str
    event: str

    def line(self, limit: int, size: Callable[[str], int] = len, tail: str = "") -> str:
        """At most ``limit`` by that measure. Names are cut for it, never what they stand between."""
        for words, least in ((tail, LEAST), ("", 0)) if tail else (("", 0),):
            cluster, subject = self.cluster, self.subject
            while size(line := self._with(cluster, subject, words)) > limit:
                if max(len(cluster), len(subject)) <= least:
                    break
                if len(subject) >= len(cluster):
                    subject = _cut(subject)
                else:
                    cluster = _cut(cluster)
            else:
                return line
        mark = f" [{self.event}]"
        return line[: limit - size(mark)] + mark

    def _with(self, cluster: str, subject: str, tail: str) -> str:
        where = f"{cluster}: " if cluster else ""
        about = f" {subject}" if subject else ""
        return f"{self.head}{where}{self.condition}{about}{self.since}{self.figures}{tail} [{self.event}]"


def _cut(name: str) -> str:
    """One character less, and a sign that it is not whole."""
    kept = name.removesuffix("..")[:-1] if name.endswith("..") else name[:-3]
    return f"{kept}.." if kept else ""


def septets(text: str) -> int:
    """Of a text in the GSM alphabet."""
    return sum(2 if letter in _EXTENDED else 1 for letter in text)


def gsm(text: str) -> str:
    """The text in the GSM alphabet; a letter that it lacks becomes a question mark."""
    return "".join(letter if letter in _BASIC or letter in _EXTENDED else "?" for letter in text)


def clock(at: datetime, zone: tzinfo, date: bool = False) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S%z" if date else "%H:%M:%S%z")


def since(began: datetime, now: Moment, zone: tzinfo) -> str:
    """The time of day, or of another day than today its date and the minute."""
    local = began.astimezone(zone)
    if local.date() == now.wall.astimezone(zone).date():
        return clock(began, zone)
    return local.strftime("%m-%d %H:%M%z")


def rpo(view: ClusterView) -> str:
    """The least exposure of the standbys, as a bound in words."""
    best = view.best
    return "RPO unknown" if best is None or best.seconds is None else f"RPO<={at_most(best.seconds)}"


def rto(view: ClusterView) -> str:
    known = [estimate.seconds for estimate in view.recovery if estimate.seconds is not None]
    return f"RTO~{span(min(known))}" if known else "RTO unknown"


def glance(
    incident: Incident, reason: PageReason, event: str, view: ClusterView | None, now: Moment, zone: tzinfo, drill: bool
) -> Glance:
    """In a drill it says so first. What ends is what people were told of, whatever face it took on its way out."""
    head = f"{'DRILL ' if drill else ''}{_head(reason, incident.severity)}"
    if reason in ENDS:
        end = incident.ended or incident.last_true
        condition = incident.told_condition or incident.condition
        was = _was(incident.began.wall, end.wall, now, zone)
        return Glance(head, incident.cluster, condition, incident.subject, was, "", event)
    began = f" since {since(incident.began.wall, now, zone)}"
    figures = f" {rpo(view)} {rto(view)}" if view is not None else ""
    return Glance(head, incident.cluster, incident.condition, incident.subject, began, figures, event)


def retold(row: Row, reason: PageReason, now: Moment, zone: tzinfo) -> Glance:
    """The same of a page that waits, from what the ledger has of it: the figures of its time are no longer known."""
    head, about = _head(reason, row.severity), row.alert
    if about is None:
        # A ledger of before this was noted has it in the title alone.
        return Glance(head, "", "a page", "", "", "", row.event)
    when = f" since {since(about.began, now, zone)}"
    if about.ended is not None:
        when = _was(about.began, about.ended, now, zone)
    return Glance(head, about.cluster, about.condition, about.subject, when, "", row.event)


def _head(reason: PageReason, severity: Severity) -> str:
    if reason in ENDS:
        return "MISSED " if reason is PageReason.MISSED else "RESOLVED "
    return f"{severity.upper()} {_WORDS.get(reason, '')}"


def _was(began: datetime, ended: datetime, now: Moment, zone: tzinfo) -> str:
    return f" was {since(began, now, zone)} to {clock(ended, zone)}"
