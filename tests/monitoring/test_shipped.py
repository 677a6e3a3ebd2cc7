"""What is shipped for Prometheus and Grafana, against their own tools and against what drwatch exports."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from exporter.reading import exporter, rendered

from drwatch.core.sample import Blind, Key, Probe, Reason
from drwatch.core.standing import State
from drwatch.exporter import FAMILIES, Instruments
from drwatch.lab.binaries import Binaries, find
from monitoring import world
from monitoring.world import NOW, A

ROOT = Path(__file__).parents[2]
PROMETHEUS, GRAFANA = ROOT / "config" / "prometheus", ROOT / "config" / "grafana"
INSTRUMENTS = {
    "drwatch_probe_duration_seconds_bucket",
    "drwatch_tick_duration_seconds_bucket",
    "drwatch_pages_total",
    "drwatch_courier_kills_total",
}


@pytest.fixture(scope="module")
def binaries() -> Binaries:
    return find()


def promtool(binaries: Binaries, *arguments: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([binaries.promtool, *arguments], input=given, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param([*world.looks(), *world.dark_looks()], id="a whole world"),
        pytest.param(
            [*world.looks(), world.look(A, Probe.SERVER, Blind(Reason.REFUSED, 'says "no"\n'), NOW)],
            id="a primary that refuses",
        ),
        pytest.param([], id="nothing seen yet"),
    ],
)
def test_promtool_finds_no_fault_in_the_metrics(binaries: Binaries, samples: list[world.Sample]) -> None:
    instruments = Instruments(["phone"])
    instruments.looked(Key(A, Probe.SERVER), 0.001)
    assessment = world.assessed(samples)
    body, _ = rendered(exporter(assessment, world.living(assessment), (), instruments))
    done = promtool(binaries, "check", "metrics", given=body)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_promtool_finds_no_fault_in_the_configuration_and_the_rules(binaries: Binaries) -> None:
    done = promtool(binaries, "check", "config", "--lint=all", "--lint-fatal", PROMETHEUS / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    done = promtool(binaries, "check", "rules", "--lint=all", "--lint-fatal", PROMETHEUS / "drwatch.rules.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_rule_says_what_its_test_expects(binaries: Binaries) -> None:
    cases = Path(__file__).with_name("drwatch.rules.test.yml")
    done = promtool(binaries, "test", "rules", cases)
    assert done.returncode == 0, done.stdout.decode()
    rules = set(re.findall(r"- alert: (\w+)", (PROMETHEUS / "drwatch.rules.yml").read_text()))
    assert rules == set(re.findall(r"alertname: (\w+)", cases.read_text()))


def expressions() -> Iterator[str]:
    yield (PROMETHEUS / "drwatch.rules.yml").read_text()
    for panel in dashboard()["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (variable["query"] for variable in dashboard()["templating"]["list"])


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GRAFANA / "drwatch.json").read_text())
    return found


def test_rules_and_panels_ask_only_for_metrics_that_exist() -> None:
    asked = {name for text in expressions() for name in re.findall(r"\bdrwatch_\w+", text)}
    assert asked <= set(FAMILIES) | INSTRUMENTS
    assert len(asked) > 30


def panels() -> str:
    return "\n".join(target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ()))


def written() -> set[str]:
    """Every metric of the manual."""
    return set(re.findall(r"^\| `(drwatch_\w+)` \|", (ROOT / "docs" / "metrics.md").read_text(), flags=re.MULTILINE))


WITHOUT_A_PANEL = {
    "drwatch_node_role_configured": "a setting: the panel of the roles shows what the nodes are",
    "drwatch_replication_heartbeat_period_seconds": "a setting: where it could be better, the status page advises",
    "drwatch_paging_channels": "a setting: where there is one alone, drwatch says so at its start",
    "drwatch_build_info": "always 1: its version stands in the footer of the status page",
}
"""What no operator watches a graph of, and why."""


def test_every_metric_that_an_operator_needs_has_a_panel() -> None:
    shown = re.sub(r"_bucket\b", "", panels())
    missing = {name for name in written() if not re.search(rf"\b{name}\b", shown)}
    assert missing == set(WITHOUT_A_PANEL)
    assert len(written()) > 50


def test_each_state_of_protection_has_its_own_number_in_the_panel() -> None:
    """One that is added would otherwise be drawn as a gap, as if nothing were known."""
    assert set(re.findall(r'\d \* drwatch_protection_state{[^}]*state="(\w+)"', panels())) == set(State)


def test_a_rule_that_compares_a_figure_counts_unknown_as_broken() -> None:
    rules = re.split(r"- alert: ", (PROMETHEUS / "drwatch.rules.yml").read_text())
    known = {"drwatch_rpo_seconds": "drwatch_rpo_known", "drwatch_rto_component_seconds": "drwatch_rto_known"}
    for rule in rules:
        assert all(figure not in rule or other in rule for figure, other in known.items()), rule


def test_the_dashboard_is_what_its_script_prints() -> None:
    printed = subprocess.run([sys.executable, GRAFANA / "generate.py"], capture_output=True, timeout=60, check=True)
    assert printed.stdout.decode() == (GRAFANA / "drwatch.json").read_text()


def test_the_panels_lie_side_by_side_and_none_on_another() -> None:
    taken: dict[tuple[int, int], str] = {}
    panels = dashboard()["panels"]
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_a_panel_shows_unknown_as_a_gap_and_never_as_the_last_value() -> None:
    for panel in dashboard()["panels"]:
        assert not panel.get("fieldConfig", {}).get("defaults", {}).get("custom", {}).get("spanNulls", False)


def test_no_address_of_ours_is_in_what_is_shipped() -> None:
    for file in (*PROMETHEUS.iterdir(), *GRAFANA.iterdir()):
        if file.is_file():
            addresses = re.findall(r"\b\d+\.\d+\.\d+\.\d+\b|https?://\S+", file.read_text())
            assert set(addresses) <= {"127.0.0.1"}
