"""What a human wants to hear nothing of for a while: a silence, or the maintenance window that comes round again.

One hides what it covers from people and from nothing else. It ends by itself, and never hides that drwatch sees or
pages nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo

from drwatch.core.duration import span
from drwatch.core.finding import Condition
from drwatch.core.policy import LONGEST_SILENCE, Cluster, Policy, Window
from drwatch.core.sample import Moment

NEVER = frozenset({Condition.WITNESS_ISOLATED, Condition.PAGING_BROKEN, Condition.HISTORY_LOST})
"""What no silence hides: else nobody would know that nobody is told anything."""

MAINTENANCE = "maintenance"
"""Who silences where the configuration does."""

CONFIGURATION = "configuration"
"""Who ends a window that the configuration no longer has."""

WORDS = 300
"""Characters that a reason may have."""


class Refused(ValueError):
    """No such silence may be; the text says why and what to do, in one sentence."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Who wants to hear nothing of what, from when on, for how long (seconds) and why."""

    id: str
    cluster: str
    began: Moment
    seconds: float
    reason: str
    by: str
    condition: Condition | None = None
    """None for all of the cluster's."""
    node: str = ""
    """Empty for all of the cluster's."""
    ended: Moment | None = None
    """When somebody ended it before its time."""
    ended_by: str = ""

    @property
    def until(self) -> Moment:
        return self.began.plus(self.seconds)

    def over(self, now: Moment) -> bool:
        """By the loop's hand, as long as ``shifted`` is told where that jumped: a step of the wall's ends nothing."""
        return self.ended is not None or now.loop >= self.until.loop

    def shifted(self, slept: float, stepped: float) -> Silence:
        """The same after the machine slept for so many seconds, which the loop's hand left out, and the wall clock was
        stepped by so many: until then it lasts, and people read that in the new time."""
        began = Moment(self.began.loop - slept, self.began.wall + timedelta(seconds=stepped))
        return replace(self, began=began)

    def covers(self, cluster: str, condition: Condition, subject: str) -> bool:
        return (
            cluster == self.cluster
            and condition not in NEVER
            and self.condition in (None, condition)
            and self.node in ("", subject)
        )


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks to hear nothing of, as it was said."""

    cluster: str
    seconds: float
    reason: str
    by: str
    condition: str = ""
    node: str = ""


def silence(wish: Wish, policy: Policy, now: Moment) -> Silence:
    """The silence that was wished for, from now on. Refused for one that may not be."""
    cluster = next((each for each in policy.clusters if each.name == wish.cluster), None)
    if cluster is None:
        names = ", ".join(each.name for each in policy.clusters)
        raise Refused(f"there is no cluster {wish.cluster}: the configuration has {names}")
    if not 1.0 <= wish.seconds <= LONGEST_SILENCE:
        raise Refused(
            f"a silence lasts from a second to {span(LONGEST_SILENCE)}: ask for less, and anew when it is over"
        )
    reason, by = " ".join(wish.reason.split())[:WORDS], " ".join(wish.by.split())[:WORDS]
    if not reason or not by:
        raise Refused("a silence needs a reason and somebody who asks for it: whoever is paged next reads both")
    condition = _condition(wish.condition)
    if wish.node and wish.node not in _subjects(cluster):
        raise Refused(f"{cluster.name} has no node {wish.node}: it has {', '.join(_subjects(cluster))}")
    name = _identity(wish.cluster, wish.condition, wish.node, now.wall.isoformat())
    return Silence(name, wish.cluster, now, wish.seconds, reason, by, condition, wish.node)


def _condition(name: str) -> Condition | None:
    if not name:
        return None
    if name not in set(Condition):
        near = next((each for each in Condition if each.lower() == name.lower()), None)
        meant = f". Perhaps {near} was meant" if near else ": docs/runbooks.md has a heading for each"
        raise Refused(f"there is no condition {name}{meant}")
    condition = Condition(name)
    if condition in NEVER:
        raise Refused(f"{condition} is never silenced: it says that nobody would be told anything else")
    return condition


def _subjects(cluster: Cluster) -> tuple[str, ...]:
    return tuple(node.node.name for node in cluster.nodes)


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
"""Base 32 (RFC 4648)."""


def _identity(*parts: str) -> str:
    """Six letters and an S before them, so that nobody takes it for an incident's."""
    number = int.from_bytes(hashlib.sha256("|".join(parts).encode()).digest()[:4], "big") >> 2
    return "S" + "".join(_LETTERS[number >> shift & 31] for shift in range(25, -1, -5))


def keep(silences: Iterable[Silence], policy: Policy, zone: tzinfo, now: Moment) -> tuple[Silence, ...]:
    """Those that are not past yet, the ones of maintenance windows that are open among them.

    One that was ended early stays until its time is over, or its window would open it anew.
    """
    before = {each.id: each for each in silences}
    windows = {made.id: made for window in policy.maintenance for made in _occurrences(window, zone, now)}
    names = {cluster.name for cluster in policy.clusters}
    left: dict[str, Silence] = {}
    for name, each in before.items():
        if each.cluster not in names or replace(each, ended=None).over(now):
            continue
        gone = each.by == MAINTENANCE and name not in windows and each.ended is None
        left[name] = replace(each, ended=now, ended_by=CONFIGURATION) if gone else each
    for name, made in windows.items():
        if name not in left or left[name].ended_by == CONFIGURATION:
            left[name] = made
    return tuple(left.values())


def _occurrences(window: Window, zone: tzinfo, now: Moment) -> Iterator[Silence]:
    """The window's occurrence at this moment, if there is one.

    It begins when the wall clock of the zone shows its time: once, also on the day that has the hour twice, and an hour
    later where the hour does not exist. From there on it lasts its seconds, whatever the clocks do.
    """
    today = now.wall.astimezone(zone).date()
    for back in range(int(window.seconds // 86400) + 2):
        day = today - timedelta(days=back)
        if day.weekday() not in window.days:
            continue
        began = datetime.combine(day, window.at, zone).astimezone(UTC)
        since = (now.wall - began).total_seconds()
        if 0.0 <= since < window.seconds:
            name = _identity(MAINTENANCE, window.cluster, began.isoformat(), str(window.seconds), window.reason)
            at = Moment(now.loop - since, began)
            yield Silence(name, window.cluster, at, window.seconds, window.reason, MAINTENANCE)
