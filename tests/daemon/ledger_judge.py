"""What the phones got, held against what they had to get."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ledger_world import Sent, World
from required import Course, Required

from drwatch.core.delivery import COPIES, PATIENCE
from drwatch.core.paging import Outcome

PUNCTUAL = 1.0
"""Seconds within which a channel that is well has a page, and after which nothing more leaves of what is in hand."""

LONGEST = 16.0
"""Seconds for which an attempt that was begun before may keep the channel from a later page of the same trouble."""

FAILOVER = 1.5 * PATIENCE + 0.5
"""Seconds within which one channel that is well has the first page: the first is given its patience, the next half."""

INSTANT = 0.01
"""Seconds in which the tasks of one virtual instant, in which a trouble goes away, may come in any order."""


def judge(world: World, now: float) -> None:
    for course in world.courses:
        _somebody_at_once(world, course, now)
        for channel in world.moods:
            Verdict(world, course, channel, now).judge()
    for (event, channel), copies in copies_of(world).items():
        mine = [each for each in world.sent if (each.event, each.channel) == (event, channel)]
        left_open = any(each.mood.outcome is Outcome.AMBIGUOUS for each in mine) or world.stopped[event, channel]
        most = (COPIES if left_open else 1) + world.cut[event, channel]
        assert copies <= most, f"{copies} copies of {event} came through {channel}, and {most} may"


def _somebody_at_once(world: World, course: Course, now: float) -> None:
    """The first page of a trouble is with somebody in seconds if one channel is well, whatever the others do."""
    first = next(iter(course.required), None)
    if first is None or first.at + FAILOVER > min(now, first.needed, course.ended or now):
        return
    soon = first.at + FAILOVER
    killed = any(first.at <= death <= soon for death in world.deaths)
    if not killed and any(world.well(channel, first.at, soon) for channel in world.moods):
        came = [each for each in world.sent if each.incident == course.trouble.id and each.mood.arrives]
        assert any(each.at <= soon for each in came), (
            f"{course.trouble.id}: due at {first.at:.2f}, and nobody had it soon"
        )


def copies_of(world: World) -> Mapping[tuple[str, str], int]:
    return Counter((each.event, each.channel) for each in world.sent if each.mood.arrives)


class Verdict:
    """Of one trouble on one channel."""

    def __init__(self, world: World, course: Course, channel: str, now: float) -> None:
        self.world, self.course, self.channel, self.now = world, course, channel, now
        self.name = f"{course.trouble.id} on {channel}"
        self.required = [each for each in course.required if each.channel == channel]
        self.sent = [each for each in world.sent if (each.incident, each.channel) == (course.trouble.id, channel)]
        self.arrived = [each for each in self.sent if each.mood.arrives]

    def judge(self) -> None:
        self._at_once()
        self._in_the_end()
        self._none_too_many()
        self._in_order()
        if self.course.ended is not None:
            self._its_end(self.course.ended)

    def _at_once(self) -> None:
        """Whatever a channel that is well must get, it has within a second."""
        for each in self.required:
            soon = each.at + PUNCTUAL
            killed = any(each.at <= death <= soon for death in self.world.deaths)
            if soon > min(self.now, each.needed) or killed:
                continue
            if self.world.well(self.channel, each.at - LONGEST, soon):
                assert self._came(each, soon), f"{self.name}: what was due at {each.at:.2f} did not come"

    def _in_the_end(self) -> None:
        """The latest that any channel must get, it has once it has been well for long enough."""
        # What is made in the last second is on its way.
        made = [each for each in self.required if each.at + PUNCTUAL <= self.now]
        if made and (made[-1].end or not self.course.why_still):
            came = self._came(made[-1], self.now) or self._left_open(made[-1].at)
            assert came, f"{self.name}: what was due at {made[-1].at:.2f} is lost"

    def _came(self, required: Required, until: float) -> bool:
        return any(required.at <= each.at <= until and each.end == required.end for each in self.arrived)

    def _left_open(self, since: float) -> bool:
        """Whether a page was given up because it may have arrived: after three such answers, or when others had it.

        An attempt that an orderly stop ends has no answer, and may have arrived too.
        """
        sent = [each for each in self.sent if each.at >= since]
        doubts = Counter(each.event for each in sent if each.mood.outcome is Outcome.AMBIGUOUS)
        doubts.update({event: self.world.stopped[event, self.channel] for event in {each.event for each in sent}})
        taken = {each.event for each in self.world.sent if each.channel != self.channel and each.mood.arrives}
        return any(count >= COPIES or event in taken for event, count in doubts.items())

    def _none_too_many(self) -> None:
        """Nothing that nobody must be told, and nothing of what is not so, is over, silenced or in hand."""
        for each in self.arrived:
            assert each.number <= self.course.pages, f"{self.name}: nobody had to be told {each.event}"
            for still in self.course.stills:
                grace = PUNCTUAL if still.why in ("silenced", "in hand") else INSTANT
                wrong = still.began + grace < each.at < still.ended and not each.end
                assert not wrong, (
                    f"{self.name}: {each.event} came at {each.at:.2f}, and it is {still.why} since {still.began:.2f}"
                )

    def _in_order(self) -> None:
        numbers = [each.number for each in self.arrived]
        assert numbers == sorted(numbers), f"{self.name}: {numbers} came, an older one after a later one"

    def _its_end(self, ended: float) -> None:
        """Who has heard of it hears that it is over; who cannot have hears both at once."""
        problems = [each for each in self.sent if not each.end]
        heard = [each for each in problems if each.mood.arrives]
        ends = [each for each in self.arrived if each.end]
        if heard and ended + PUNCTUAL <= self.now:
            assert ends or self._left_open(ended), f"{self.name}: it was told, and its end was not"
        if self._cut_off():
            return
        perhaps = heard or any(_may_have_arrived(each, ended) for each in problems)
        for each in ends:
            assert not (each.missed and heard), f"{self.name}: it was told, and is told as missed"
            assert each.missed or perhaps, f"{self.name}: it was not told, and is told as over"

    def _cut_off(self) -> bool:
        """Whether a crash kept the program from knowing what had come of one of its pages."""
        mine = self.course.trouble.id, self.channel
        return any((event.partition(".")[0], channel) == mine for event, channel in self.world.cut)


def _may_have_arrived(each: Sent, by: float) -> bool:
    return each.mood.outcome is Outcome.AMBIGUOUS or each.at + each.mood.seconds >= by
