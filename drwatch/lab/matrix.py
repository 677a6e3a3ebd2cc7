"""`make matrix`: every scenario on every flavour, each in a process of its own.

What was seen stays in a file, so that a run can go on where the one before it ended.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from drwatch.lab.flavour import Flavour
from drwatch.lab.scenario import Topology
from drwatch.lab.scenarios import SCENARIOS

LIMIT = 300.0
"""Seconds in which one scenario must have come to its end, pair and all."""


@dataclass(frozen=True)
class Cell:
    """One scenario on one flavour."""

    flavour: str
    scenario: str
    passed: bool
    words: str
    """When its first page came, what went wrong, or why it is not to be had there."""
    version: str = ""
    possible: bool = True
    """Whether that flavour has what the scenario takes: where it has not, it was not played and has not passed."""
    topology: str = ""
    """Where it was told to play; empty for where it needs to."""

    @property
    def failed(self) -> bool:
        return self.possible and not self.passed


def main() -> int:
    asked = argparse.ArgumentParser(prog="make matrix", description="every scenario on every flavour")
    asked.add_argument("--flavour", choices=list(map(str, Flavour)), action="append", help="default: all")
    asked.add_argument("--scenario", choices=list(SCENARIOS), action="append", help="default: all")
    asked.add_argument("--topology", choices=list(map(str, Topology)), default="", help="all of them there")
    asked.add_argument("--resume", action="store_true", help="only what has not passed yet")
    asked.add_argument("--at-once", type=int, default=2, metavar="N", help="pairs that are up at a time (default 2)")
    asked.add_argument("--out", type=Path, default=Path("bench/out/matrix.json"), help="where the results stay")
    options = asked.parse_args()
    flavours, scenarios = options.flavour or list(map(str, Flavour)), options.scenario or able(options.topology)
    seen = recalled(options.out)
    wanted = [(flavour, scenario, options.topology) for flavour in flavours for scenario in scenarios]
    left = [key for key in wanted if not (options.resume and key in seen and seen[key].passed)]
    with ThreadPoolExecutor(options.at_once) as pool:
        for cell in pool.map(lambda key: played(*key), left):
            seen[cell.flavour, cell.scenario, cell.topology] = cell
            print(f"{cell.flavour:22} {cell.scenario:28} {'NOT PASSED: ' * cell.failed}{cell.words}", flush=True)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps([asdict(each) for each in seen.values()], indent=1, ensure_ascii=False))
    found = [seen[key] for key in wanted]
    Console(width=max(80, 30 + 14 * len(flavours))).print(table(flavours, scenarios, found))
    failed, impossible = [cell for cell in found if cell.failed], [cell for cell in found if not cell.possible]
    for cell in failed:
        print(f"{cell.scenario} on {cell.flavour}: {cell.words}")
    for cell in impossible:
        print(cell.words)
    print(summary(found))
    return 1 if failed else 0


def summary(cells: Sequence[Cell]) -> str:
    """How many passed, of those that can be played; and how many cannot."""
    impossible = sum(not cell.possible for cell in cells)
    passed = f"{sum(cell.passed for cell in cells)} of {len(cells) - impossible} passed"
    return passed + (f", {impossible} are not to be had" if impossible else "")


def able(topology: str) -> list[str]:
    """The scenarios that can be played there: on hosts all of them."""
    there = Topology(topology or Topology.HOSTS)
    return [name for name, scenario in SCENARIOS.items() if there in (scenario.topology, Topology.HOSTS)]


def recalled(out: Path) -> dict[tuple[str, str, str], Cell]:
    """What earlier runs left there."""
    cells = [Cell(**each) for each in json.loads(out.read_text())] if out.exists() else []
    return {(cell.flavour, cell.scenario, cell.topology): cell for cell in cells}


def played(flavour: str, scenario: str, topology: str) -> Cell:
    """Play it by the very command that users have; a server that is not there has not passed."""
    if why := SCENARIOS[scenario].impossible(Flavour(flavour)):
        return Cell(flavour, scenario, False, why, possible=False, topology=topology)
    command = [sys.executable, "-m", "drwatch", "demo", "--flavour", flavour, "--scenario", scenario, "--json"]
    command += ["--topology", topology] if topology else []
    try:
        ran = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return Cell(flavour, scenario, False, f"came to no end within {LIMIT:g} s", topology=topology)
    if not ran.stdout.startswith("{"):
        last = [line for line in ran.stderr.splitlines() if line.strip()][-1:]
        return Cell(flavour, scenario, False, " ".join([*last, f"(exit {ran.returncode})"]), topology=topology)
    result = json.loads(ran.stdout)
    harm = [f"HARM: {count} {what}" for what, count in result["harm"].items() if count]
    wrong = [*result["missing"], *(f"UNEXPECTED: {page}" for page in result["unexpected"]), *harm]
    first = "no page" if result["time_to_page_s"] is None else f"{result['time_to_page_s']:.1f} s"
    return Cell(flavour, scenario, result["passed"], "; ".join(wrong) or first, result["version"], topology=topology)


def table(flavours: Sequence[str], scenarios: Sequence[str], cells: Sequence[Cell]) -> Table:
    """A row a scenario, a column a flavour: the time of its first page, or that it has not passed, or cannot be had."""
    by = {(cell.flavour, cell.scenario): cell for cell in cells}
    drawn = Table(title="the first page after the fault")
    drawn.add_column("scenario", no_wrap=True)
    for flavour in flavours:
        version = next((cell.version for cell in cells if cell.flavour == flavour and cell.version), "not there")
        drawn.add_column(f"{flavour}\n({version.partition('-')[0]})")
    for scenario in scenarios:
        row = [by[flavour, scenario] for flavour in flavours]
        drawn.add_row(scenario, *map(_short, row))
    return drawn


def _short(cell: Cell) -> str:
    if not cell.possible:
        return "not to be had"
    return cell.words if cell.passed else "NOT PASSED"


if __name__ == "__main__":
    sys.exit(main())
