"""From the fault to the page on the phone, on a real MariaDB pair; and each claim beside what was really lost."""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass, replace

from bench.report import finish
from drwatch.lab.play import play
from drwatch.lab.result import Result
from drwatch.lab.scenarios import SCENARIOS
from drwatch.lab.server import Flavour

LOOK = 1.0
"""Seconds between two fast looks: the claim may be so far above the truth, and SLACK."""

SLACK = 0.2


@dataclass(frozen=True)
class Row:
    scenario: str
    runs: int
    goal: float
    """Seconds, of the median."""
    rivals: str
    rate: float = 50.0


ROWS = (
    Row("primary-killed-at-once", 5, 1.0, "orchestrator 2.1, Prometheus tuned 5.7, shipped 104", rate=200.0),
    Row("primary-killed", 3, 5.0 + 0.5 + LOOK, "the confirm window of 5 s is in it", rate=200.0),
    Row("primary-killed-behind-a-cut", 3, 3.0 + 5.0 + 0.5 + LOOK, "the death comes 3 s after the cut", rate=200.0),
    Row("primary-hung-at-once", 5, 3.0, "Prometheus tuned 6.7, orchestrator 11-16"),
    Row("replication-silent", 3, 10.0, "66-158, their lag alert never"),
)


def main() -> None:
    flavour = Flavour(sys.argv[1]) if len(sys.argv) > 1 else Flavour.MARIADB
    met, figures = True, {}
    print(f"{'scenario':28} {'runs':>4} {'min':>7} {'median':>7} {'max':>7} {'goal':>6}  rivals, s")
    claims: list[Result] = []
    for row in ROWS:
        results = [play(replace(SCENARIOS[row.scenario], rate=row.rate, watch=2.0), flavour) for _ in range(row.runs)]
        claims += [result for result in results if result.rpo and "killed" in row.scenario]
        times = [result.time_to_page_s for result in results if result.time_to_page_s is not None]
        well = len(times) == row.runs and all(result.passed for result in results)
        median = statistics.median(times) if times else float("inf")
        met &= well and median <= row.goal
        figures[row.scenario] = times
        print(
            f"{row.scenario:28} {row.runs:4} {min(times, default=0):7.2f} {median:7.2f} {max(times, default=0):7.2f} "
            f"{row.goal:6.1f}  {row.rivals}{'' if well else '  FAILED'}"
        )
        for result in results:
            for words in (*result.missing, *result.unexpected):
                print(f"    {words}")
    over = [_over(result) for result in claims]
    print(f"\n{'claim, s':>10} {'truth, s':>10} {'claim - truth':>14} {'seen missing':>13} {'lost':>6}")
    for result, excess in zip(claims, over, strict=True):
        rpo = result.rpo
        print(
            f"{rpo['claimed_seconds']:10.3f} {rpo['actual_seconds']:10.3f} {excess:14.3f} "
            f"{rpo['transactions_seen']!s:>13} {rpo['actual_transactions']:6}"
        )
    honest = all(0 <= excess <= LOOK + SLACK for excess in over)
    honest &= all((each.rpo["transactions_seen"] or 0) <= each.rpo["actual_transactions"] for each in claims)
    killed = statistics.median(figures["primary-killed-at-once"] or [float("inf")])
    line = f"killed to page {killed:.2f} s median; claim above truth by {min(over):.2f} to {max(over):.2f} s"
    finish("time-to-page", {"seconds": figures, "over": over}, met and honest, line)


def _over(result: Result) -> float:
    return float(result.rpo["claimed_seconds"]) - float(result.rpo["actual_seconds"])


if __name__ == "__main__":
    main()
