"""Ten minutes of ordinary load on a real pair, in ten runs from nothing: how many pages came that nobody needed."""

from __future__ import annotations

import sys

from bench.report import finish
from drwatch.lab.play import play
from drwatch.lab.scenarios import SCENARIOS
from drwatch.lab.server import Flavour

RUNS = 10


def main() -> None:
    flavour = Flavour(sys.argv[1]) if len(sys.argv) > 1 else Flavour.MARIADB
    results = [play(SCENARIOS["quiet"], flavour) for _ in range(RUNS)]
    for number, result in enumerate(results, 1):
        print(f"run {number:2}: {len(result.pages)} pages, {result.harm}")
    pages = sum(len(result.pages) for result in results)
    well = all(result.passed for result in results)
    finish("quiet", {"pages": pages, "runs": RUNS}, well, f"{pages} pages in {RUNS} runs of 60 s")


if __name__ == "__main__":
    main()
