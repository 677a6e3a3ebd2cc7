"""Scenarios: what is broken and when, what must be told by when, and that nothing else is told."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from ruamel.yaml import YAML

from drwatch.core.finding import Condition
from drwatch.lab.disk import Under
from drwatch.lab.flavour import Flavour, Need, lacking
from drwatch.lab.page import Told


@dataclass(frozen=True)
class Expect:
    """A page that must come: this condition, within so many seconds of the fault; and how often it may come.

    ``after`` is the moment before which it comes too early, where a window or a hold is what the story is about. A hold
    begins with the last look that saw the trouble, up to a second before its mending.
    """

    condition: Condition
    within: float
    resolved: bool = False
    at_most: int = 1
    says: str = ""
    """Words that the page must have."""
    after: float = 0.0

    @property
    def what(self) -> str:
        return f"{'RESOLVED ' if self.resolved else ''}{self.condition}"

    @property
    def words(self) -> str:
        return f"{self.what} within {self.within:g} s" + (f", not before {self.after:g} s" if self.after else "")


@dataclass(frozen=True)
class Act:
    """A fault of drwatch.lab.faults, struck or mended, so many seconds after the scenario's zero."""

    at: float
    fault: str
    mend: bool = False


class Crash(StrEnum):
    """Where drwatch itself is killed (SIGKILL) and started again while it pages."""

    BEFORE_SEND = "before the send"
    """The page is committed, and nothing has left."""
    BEFORE_MARK = "before the mark"
    """The phone has the page, and the ledger does not know it."""


class Topology(StrEnum):
    """What a scenario is played on."""

    PAIR = "pair"
    """Two servers on the machine's loopback."""
    HOSTS = "hosts"
    """Each on a host of its own, with a network in between."""


@dataclass(frozen=True)
class Scenario:
    """One story. ``settings`` are laid over the pair's configuration (dotted keys, YAML values)."""

    name: str
    sentence: str
    acts: tuple[Act, ...] = ()
    expect: tuple[Expect, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    watch: float = 3.0
    """Seconds to go on watching after the last expectation, for pages that must not come."""
    rate: float = 50.0
    """Commits a second."""
    may: tuple[Condition, ...] = ()
    """What may be told or not: where chance decides how bad it gets."""
    history: tuple[Condition, ...] = ()
    """What the history must hold although nobody was told."""
    mends: bool = True
    """Whether the pair is made healthy again before its servers are asked what drwatch did to them."""
    turned_away: bool = False
    """The server itself refuses logins in this one and counts each in Aborted_connects, whoever dials."""
    small_disk: Under | None = None
    """What lies on a disk that can be filled."""
    needs: tuple[Need, ...] = ()
    """What the pair must have beside what each has; its faults' own needs are among them."""
    begins: datetime | None = None
    """What the wall clock shows at the start; only a simulated one can be set."""
    maintenance: float | None = None
    """Seconds for which a maintenance window is open from the start of drwatch on."""
    topology: Topology = Topology.PAIR
    """The least that it needs: whatever a pair can have, hosts can have too."""
    crash: Crash | None = None
    """Only real processes can be killed: the simulator does not play these."""

    def laid_over(self, now: datetime) -> Mapping[str, Any]:
        """The settings of a run that begins ``now``: its window is at a time of day."""
        if self.maintenance is None:
            return self.settings
        opens = now.astimezone(UTC).replace(second=0, microsecond=0)
        lasts = self.maintenance + (now - opens).total_seconds()
        window = {"cluster": "shop", "at": f"{opens:%H:%M}", "for": f"{lasts:.0f}s", "reason": "upgrades"}
        return {"zone": "UTC", "maintenance": [window], **self.settings}

    def impossible(self, flavour: Flavour) -> str:
        """Why it cannot be played on that flavour, a sentence; empty where it can."""
        why = lacking(flavour, self.needs)
        return f"{self.name} is not to be had on {flavour}: {why}" if why else ""


def judge(scenario: Scenario, pages: Sequence[Told]) -> tuple[list[str], list[str]]:
    """What was expected and did not come, and what came and was not expected; a sentence each, both empty when well."""
    failed: list[str] = []
    left = [told for page in pages for told in page.told]
    for expect in scenario.expect:
        mine = [page for page in left if page.condition is expect.condition and page.resolved == expect.resolved]
        if not mine:
            failed.append(f"{expect.what} did not come within {expect.within:g} s")
        elif mine[0].after > expect.within:
            failed.append(f"{expect.what} came after {mine[0].after:.1f} s, not within {expect.within:g} s")
        elif mine[0].after < expect.after:
            failed.append(f"{expect.what} came after {mine[0].after:.1f} s, before {expect.after:g} s")
        elif expect.says not in mine[0].body:
            failed.append(f"{expect.what} does not say {expect.says!r}")
        left = [page for page in left if page not in mine[: expect.at_most]]
    return failed, [f"{page.title} after {page.after:.1f} s" for page in left if page.condition not in scenario.may]


def forgotten(scenario: Scenario, past: Collection[Condition]) -> list[str]:
    """What the history must hold and has not; a sentence, none when well."""
    wanted = scenario.history
    if not wanted or {*wanted} & {*past}:
        return []
    return [f"the history has none of {', '.join(wanted)}; it has {', '.join(sorted(past)) or 'nothing'}"]


def overlay(config: str, settings: Mapping[str, Any]) -> str:
    """A configuration's text with dotted ``settings`` laid over it."""
    if not settings:
        return config
    yaml = YAML()
    document = yaml.load(config)
    for dotted, value in settings.items():
        *parents, last = dotted.split(".")
        place = document
        for name in parents:
            place = place.setdefault(name, {})
        place[last] = value
    text = io.StringIO()
    yaml.dump(document, text)
    return text.getvalue()
