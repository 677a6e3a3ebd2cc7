"""Inhibition by cause, in histories that hypothesis invents: nobody is told an echo, and nothing told is left open."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from worlds import POLICY, Story, at

from drwatch.core.finding import Condition, Finding
from drwatch.core.incident import ENDED, Incident, Phase, window
from drwatch.core.paging import PageReason, page
from drwatch.core.policy import Paging, Step
from drwatch.core.suppression import suppress

EAGER = replace(POLICY, paging=Paging(("phone", "sms"), (Step(("phone",)), Step(("sms",), after=20.0)), remind=30.0))
"""Escalates and reminds within the seconds that these histories last."""

PARENTS = {
    "down": Finding(Condition.PRIMARY_DOWN, "shop", "oslo-a", "dead"),
    "isolated": Finding(Condition.WITNESS_ISOLATED, "shop", "oslo-a", "cut off"),
    "standby": Finding(Condition.STANDBY_DOWN, "shop", "oslo-b", "gone"),
    "split": Finding(Condition.SPLIT_BRAIN, "shop", "oslo-b", "two"),
}
CHILDREN = {
    "stopped": Finding(Condition.REPLICATION_STOPPED, "shop", "oslo-b", "stopped"),
    "late": Finding(Condition.RPO_BREACHED, "shop", "oslo-b", "late"),
    "stale": Finding(Condition.FILES_STALE, "shop", "uploads", "old"),
    "slow": Finding(Condition.RTO_BREACHED, "shop", "oslo-b", "slow", confirm=20.0),
    "blind": Finding(Condition.PROBE_BLIND, "shop", "oslo-b", "blind", confirm=10.0),
}
KNOWN = PARENTS | CHILDREN

Key = tuple[str, str, str]


class Echoes(RuleBasedStateMachine):
    """Troubles come and go as they like; every tick is judged, told, and held against what must hold."""

    @initialize()
    def begin(self) -> None:
        self.story = Story(EAGER)
        self.now = 0
        self.true: set[str] = set()
        self.open: Counter[Key] = Counter()
        """Told and not told as over."""
        self.told: list[tuple[Incident, PageReason]] = []
        self.free: dict[Key, int] = {}
        """For how many ticks each finding has now been true with nothing to explain it."""

    @rule(what=st.sampled_from(sorted(KNOWN)), seconds=st.integers(1, 45))
    def turn(self, what: str, seconds: int) -> None:
        self.true ^= {what}
        self._pass(seconds)

    @rule(seconds=st.integers(1, 90))
    def wait(self, seconds: int) -> None:
        self._pass(seconds)

    @rule(seconds=st.integers(31, 60))
    def mend_all(self, seconds: int) -> None:
        self.true.clear()
        self._pass(seconds)

    def _pass(self, seconds: int) -> None:
        for _ in range(seconds):
            self._tick()
            self.now += 1

    def _tick(self) -> None:
        found = {self._key(each): each for each in suppress([KNOWN[name] for name in sorted(self.true)])}
        step = self.story.tick(self.now, *found.values())
        told: dict[str, Incident] = {}
        for incident in (*step.living, *(each for each in step.changed if each.phase in ENDED)):
            event = page(incident, EAGER.paging, EAGER.confirm.conclusive, at(self.now))
            if event is not None:
                told[incident.id] = event.incident
                self._hold(event.incident, event.reason, found)
        self.story.incidents = tuple(told.get(each.id, each) for each in step.living)
        explained = {key for key, each in found.items() if each.suppressed_by is not None}
        self.free = {key: self.free.get(key, 0) + 1 for key in found if key not in explained}
        self._owed(found)

    def _hold(self, incident: Incident, reason: PageReason, found: dict[Key, Finding]) -> None:
        key = incident.key
        if reason is PageReason.RESOLVED:
            assert self.open[key] == 1, "a resolve of what was not told, or a second one"
            self.open[key] = 0
            return
        finding = found.get(key)
        assert finding is not None, "what is not true is told"
        assert finding.suppressed_by is None, f"{finding.condition} is told, and {finding.suppressed_by} explains it"
        assert self.open[key] == (0 if reason is PageReason.FIRST else 1), "told twice, or again before the first time"
        self.open[key] = 1

    def _owed(self, found: dict[Key, Finding]) -> None:
        """What has been true and unexplained for its window has been told, the second that it is over at the latest."""
        for key, ticks in self.free.items():
            due = window(found[key], EAGER) + 1
            assert ticks <= due or self.open[key], f"{key} has been true for {ticks} s, and nobody was told"

    @staticmethod
    def _key(finding: Finding) -> Key:
        return (finding.cluster, finding.topic, finding.subject)

    @invariant()
    def what_is_told_and_not_over_is_alive(self) -> None:
        """So its resolve will be told; what has ended owes none."""
        alive = {each.key for each in self.story.incidents if each.phase is Phase.OPEN}
        assert {key for key, count in self.open.items() if count} <= alive

    def teardown(self) -> None:
        self.true.clear()
        self._pass(40)
        assert not +self.open, "told, and never told as over"
        assert self.story.incidents == ()


TestEchoes = Echoes.TestCase
TestEchoes.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
