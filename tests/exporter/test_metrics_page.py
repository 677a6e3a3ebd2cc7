"""docs/metrics.md has each metric with its labels and its help, word by word, and no other."""

import re
from pathlib import Path

from drwatch.core.actuals import Kind
from drwatch.core.hush import Cause
from drwatch.core.paging import Killed, Outcome
from drwatch.core.recovery import Basis
from drwatch.core.sample import Probe
from drwatch.exporter import FAMILIES, Instruments

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()


def test_the_page_has_every_metric_with_its_labels_and_its_meaning() -> None:
    rows = re.findall(r"^\| `(drwatch_\w+)` \| (.*?) \| (.*) \|$", PAGE, flags=re.MULTILINE)
    written = {name: (tuple(re.findall(r"`(\w+)`", labels)), meaning) for name, labels, meaning in rows}
    counted = {
        metric.name
        + ("_total" if metric.type == "counter" else ""): f"{metric.type.capitalize()}. {metric.documentation}"
        for metric in Instruments().collect()
    }
    gauges = {name: (family.labels, family.help) for name, family in FAMILIES.items()}
    assert {name: written[name] for name in written if name not in counted} == gauges
    assert {name: meaning for name, (_, meaning) in written.items() if name in counted} == counted


def test_the_page_has_every_value_of_the_closed_labels() -> None:
    for values in (Probe, Basis, Outcome, Kind, Cause, Killed):
        assert all(f"`{value}`" in PAGE for value in values)
