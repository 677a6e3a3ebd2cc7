"""Every scenario in memory, under virtual time; the real servers play the same ones in test_real.py."""

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from drwatch.core.assessment import Assessment
from drwatch.core.finding import Condition
from drwatch.core.message import Message
from drwatch.core.paging import Page
from drwatch.core.policy import Policy
from drwatch.lab import virtual
from drwatch.lab.scenario import Act, Scenario, forgotten
from drwatch.lab.scenarios import SCENARIOS, SIMULATED
from drwatch.paging.words import Words

pytestmark = [pytest.mark.asyncio, pytest.mark.looptime(noop_cycles=1)]


PLAYED = {name: scenario for name, scenario in (SCENARIOS | SIMULATED).items() if scenario.crash is None}


class Overheard(Words):
    """The ordinary words; and what a channel would have been told that must hear no name, of the same events."""

    def __init__(self, policy: Policy) -> None:
        zone = ZoneInfo(policy.zone)
        super().__init__(policy.paging, zone)
        private = frozenset(policy.paging.channels)
        self._veiled = Words(replace(policy.paging, private=private), zone)
        self.veiled: list[str] = []

    def write(self, page: Page, assessment: Assessment, channel: str) -> Message:
        other = self._veiled.write(page, assessment, channel)
        self.veiled += [other.title, other.body, other.short]
        return super().write(page, assessment, channel)


def names(policy: Policy) -> set[str]:
    """All that the configuration calls by a name or an address, but for its cluster."""
    nodes = [each for cluster in policy.clusters for each in cluster.nodes]
    words = {word for each in nodes for word in (each.node.name, each.mysql, each.ssh, each.ssh_host, each.datadir)}
    files = [each for cluster in policy.clusters for each in cluster.files]
    words |= {word for each in files for word in (each.name, each.path, each.marker)}
    words |= {job.name for cluster in policy.clusters for job in cluster.jobs}
    return {word for word in words if word} | set(policy.anchors) | {"10.0.0.", "/var/", "drwatch@"}


@pytest.mark.parametrize("name", PLAYED)
async def test_a_scenario_pages_what_it_must_and_nothing_else_and_no_name_where_none_may_go(
    name: str, tmp_path: Path
) -> None:
    scenario, overheard = PLAYED[name], list[Overheard]()

    def overhear(policy: Policy) -> Overheard:
        overheard.append(Overheard(policy))
        known.update(names(policy))
        return overheard[-1]

    known = set[str]()
    played = await virtual.play(scenario, tmp_path, words=overhear)
    assert played.missing == []
    assert played.unexpected == []
    veiled = "\n".join(overheard[0].veiled)
    assert bool(veiled) == bool(played.pages)
    assert [word for word in known if word in veiled] == []
    assert forgotten(scenario, {line.condition for line in played.history}) == []


async def test_with_no_confirm_window_a_kill_is_paged_within_a_second(tmp_path: Path) -> None:
    """The scenario's own limit leaves room for a real machine that is busy; virtual time needs none."""
    played = await virtual.play(SCENARIOS["primary-killed-at-once"], tmp_path)
    assert played.pages[0].condition is Condition.PRIMARY_DOWN
    assert played.pages[0].after < 1.0


async def test_ten_minutes_of_ordinary_load_page_nobody(tmp_path: Path) -> None:
    played = await virtual.play(Scenario("quiet", "", watch=600.0), tmp_path)
    assert played.pages == ()
    assert played.history == ()


async def test_ten_minutes_with_an_idle_primary_pages_nobody(tmp_path: Path) -> None:
    played = await virtual.play(Scenario("idle", "", watch=600.0, rate=0.0), tmp_path)
    assert played.pages == ()
    claim = played.daemon.assessment and played.daemon.assessment.clusters[0].database[0].seconds
    assert claim is not None
    assert claim < 2.5


async def test_a_backup_may_stop_the_applier_for_an_hour_and_is_told_once_just_past_it(tmp_path: Path) -> None:
    """No error, and all is received: neither the stopped applier nor the unknown drain wakes anybody."""
    played = await virtual.play(Scenario("backup", "", (Act(0, "applier-stopped"),), watch=3660.0), tmp_path)
    (page,) = played.pages
    assert page.condition is Condition.REPLICATION_STOPPED
    assert "applier stopped without an error" in page.body
    assert 3600 <= page.after < 3610


async def test_the_restart_of_a_maintenance_window_pages_without_one(tmp_path: Path) -> None:
    """So that the scenario's silence says something."""
    played = await virtual.play(replace(SCENARIOS["restart-in-maintenance"], maintenance=None), tmp_path)
    assert {page.condition for page in played.pages} == {Condition.PRIMARY_DOWN}


async def test_every_condition_of_the_program_is_told_apart_by_name() -> None:
    assert len({str(condition) for condition in Condition}) == len(Condition)


@pytest.mark.parametrize("fault", ["applier-stopped", "applier-blocked"])
async def test_a_quarter_of_an_hour_of_a_backup_or_an_alter_table_page_nobody(fault: str, tmp_path: Path) -> None:
    acts = (Act(0, fault), Act(900, fault, mend=True))
    played = await virtual.play(Scenario("night", "", acts, watch=120), tmp_path)
    assert played.pages == ()


async def test_a_day_of_25_hours_pages_where_the_limit_is_a_day(tmp_path: Path) -> None:
    """So that the scenario's silence says something."""
    scenario = SIMULATED["the-day-has-25-hours"]
    uploads = {**scenario.settings["clusters.shop.files.uploads"], "rpo": "1d"}
    strict = replace(scenario, settings={**scenario.settings, "clusters.shop.files.uploads": uploads})
    played = await virtual.play(strict, tmp_path)
    assert [page.condition for page in played.pages] == [Condition.FILES_STALE] * 2
