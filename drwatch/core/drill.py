"""Drills: takeovers that humans announce and do, so that they can be dated. They end by themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from drwatch.core.sample import Moment

KEPT = 100
"""Drills remembered, of all clusters."""


@dataclass(frozen=True, slots=True)
class Drill:
    """One that was announced; over once ``until`` is past, which ending it by hand brings forward."""

    cluster: str
    began: Moment
    until: Moment


def running(drills: Iterable[Drill], cluster: str, now: Moment) -> Drill | None:
    """The drill of a cluster that is on now; a cluster has one at a time."""
    return next((each for each in drills if each.cluster == cluster and now.loop < each.until.loop), None)


def announced(drills: tuple[Drill, ...], cluster: str, seconds: float, now: Moment) -> tuple[Drill, ...]:
    """With a drill of so many seconds from now; one that is on already gets that end instead."""
    before = running(drills, cluster, now)
    if before is None:
        return (*drills[1 - KEPT :], Drill(cluster, now, now.plus(seconds)))
    return tuple(replace(each, until=now.plus(seconds)) if each is before else each for each in drills)


def ended(drills: tuple[Drill, ...], cluster: str, now: Moment) -> tuple[Drill, ...]:
    """Without one that is on; the same ones where none is."""
    before = running(drills, cluster, now)
    return tuple(replace(each, until=now) if each is before else each for each in drills)
