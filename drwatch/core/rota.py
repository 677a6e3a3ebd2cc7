"""Who is on duty, and when a channel keeps still: both by the wall clock of the people whom they are about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who takes turns, and the channels that wake them."""

    name: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody stands in: from the one instant (aware) until before the other."""

    begins: datetime
    ends: datetime
    who: str


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is on duty on a rota, and until when (aware UTC)."""

    rota: str
    person: Person
    until: datetime


@dataclass(frozen=True, slots=True)
class Rota:
    """People who take turns by the week.

    ``order`` names them in their turn; its first one's duty begins with the first hand-over on or after ``since``.
    Hand-over is on ``day`` (Monday is 0) at ``at`` by the zone's wall clock. Of overrides that overlap the last counts.
    """

    name: str
    people: tuple[Person, ...]
    order: tuple[str, ...]
    day: int
    at: time
    zone: tzinfo
    since: date
    overrides: tuple[Override, ...] = ()

    def duty(self, wall: datetime) -> Duty:
        """Who is on duty at this instant (aware)."""
        who, until = self._turn(wall)
        for each in self.overrides:
            if each.begins <= wall < each.ends:
                who, until = each.who, each.ends
        # A later override may begin, or one that hides this one's end may lie upon it.
        later = [each.begins for each in self.overrides if wall < each.begins < until]
        until = min([until, *later])
        person = next(each for each in self.people if each.name == who)
        return Duty(self.name, person, until.astimezone(UTC))

    def _turn(self, wall: datetime) -> tuple[str, datetime]:
        """Whose week it is, and when that ends."""
        today = wall.astimezone(self.zone).date()
        latest = today - timedelta(days=(today.weekday() - self.day) % 7)
        if self._handover(latest) > wall:
            latest -= timedelta(days=7)
        first = self.since + timedelta(days=(self.day - self.since.weekday()) % 7)
        weeks = (latest - first).days // 7
        return self.order[weeks % len(self.order)], self._handover(latest + timedelta(days=7))

    def _handover(self, day: date) -> datetime:
        return _instant(day, self.at, self.zone)


def _instant(day: date, at: time, zone: tzinfo) -> datetime:
    """Once, also on the day that has the hour twice, and an hour later where the hour does not exist (aware UTC)."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def reached(names: Iterable[str], rotas: Iterable[Rota], wall: datetime) -> tuple[str, ...]:
    """The channels behind names of channels and of rotas, at this instant; each once."""
    on_duty = {rota.name: rota for rota in rotas}
    found: list[str] = []
    for name in names:
        rota = on_duty.get(name)
        found += [name] if rota is None else rota.duty(wall).person.channels
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Quiet:
    """From one time of the zone's day until before another, of the next day where that is the earlier one.

    They begin and end once on the day that has the hour twice, and an hour later where the hour does not exist.
    """

    begins: time
    ends: time
    zone: tzinfo

    def covers(self, wall: datetime) -> bool:
        return self._end(wall) is not None

    def until(self, wall: datetime) -> datetime:
        """When they end (aware UTC), for an instant that they cover."""
        end = self._end(wall)
        if end is None:
            raise ValueError(f"no quiet hours cover {wall}")
        return end

    def _end(self, wall: datetime) -> datetime | None:
        """The end of those that cover this instant (aware)."""
        today, nights = wall.astimezone(self.zone).date(), timedelta(days=1 if self.ends < self.begins else 0)
        for day in (today, today - timedelta(days=1)):
            begins, ends = _instant(day, self.begins, self.zone), _instant(day + nights, self.ends, self.zone)
            if begins <= wall < ends:
                return ends
        return None
