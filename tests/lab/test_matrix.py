"""The matrix of scenarios and flavours: what cannot be played is said, and never counted as passed."""

import pytest

from drwatch.lab.demo import NotHere, unattended
from drwatch.lab.flavour import Flavour, Need
from drwatch.lab.matrix import Cell, played, summary, table
from drwatch.lab.scenario import Scenario
from drwatch.lab.scenarios import SCENARIOS

WITHOUT_PLUGINS = (
    "semi-sync-degraded is not to be had on mysql-5.7-gtid: the package of MySQL 5.7 that can be had brings no plugins"
)


def test_a_scenario_that_a_flavour_has_not_what_it_takes_for_says_so_in_a_sentence() -> None:
    scenario = SCENARIOS["semi-sync-degraded"]
    assert scenario.impossible(Flavour.MYSQL_57_GTID) == WITHOUT_PLUGINS
    for flavour in (Flavour.MARIADB_1011, Flavour.MARIADB_118_POSITION, Flavour.MYSQL_97):
        assert scenario.impossible(flavour) == ""


def test_what_only_a_flavours_way_to_follow_lacks_is_said_of_that_flavour_alone() -> None:
    scenario = Scenario("who-wrote", "", needs=(Need.GTIDS,))
    assert "without GTIDs" in scenario.impossible(Flavour.MYSQL_57)
    assert scenario.impossible(Flavour.MYSQL_57_GTID) == ""


def test_the_demo_refuses_it_with_that_sentence() -> None:
    with pytest.raises(NotHere, match=WITHOUT_PLUGINS):
        unattended("semi-sync-degraded", Flavour.MYSQL_57_GTID, lambda words: None)


def test_the_matrix_neither_plays_it_nor_counts_it_as_passed_or_failed() -> None:
    cell = played("mysql-5.7-gtid", "semi-sync-degraded", "")
    assert (cell.passed, cell.possible, cell.failed, cell.words) == (False, False, False, WITHOUT_PLUGINS)
    cells = [cell, Cell("mysql-5.7-gtid", "quiet", True, "no page"), Cell("mysql-5.7-gtid", "zombie", False, "late")]
    assert summary(cells) == "1 of 2 passed, 1 are not to be had"
    assert cells[2].failed
    drawn = table(["mysql-5.7-gtid"], ["semi-sync-degraded"], [cell])
    assert list(drawn.columns[1].cells) == ["not to be had"]


def test_every_flavour_can_play_most_and_the_machines_own_mariadb_all() -> None:
    assert [scenario.impossible(Flavour.MARIADB) for scenario in SCENARIOS.values()] == [""] * len(SCENARIOS)
    for flavour in Flavour:
        assert sum(bool(scenario.impossible(flavour)) for scenario in SCENARIOS.values()) < len(SCENARIOS) / 4
