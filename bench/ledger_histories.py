"""Five thousand generated histories of the ledger: what had to be paged against what the channels took."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, core, settings
from hypothesis.stateful import run_state_machine_as_test

from bench.report import finish

HISTORIES = int(os.environ.get("HISTORIES", "5000"))
SLICE = os.environ.get("SLICE")
"""Histories of its own for each number, the same each time; without one they are drawn anew."""

STEPS = 15

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "daemon"))


def main() -> None:
    from ledger_histories import Ledger

    logging.disable()
    each = settings(
        max_examples=HISTORIES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    if SLICE is not None:
        core.global_force_seed = int(SLICE)
    broken, began = "", time.monotonic()
    try:
        run_state_machine_as_test(Ledger, settings=each)
    except AssertionError as wrong:
        broken = str(wrong)
        print(wrong, *getattr(wrong, "__notes__", ()), sep="\n")
    figures = {
        "slice": SLICE,
        "histories": Ledger.played,
        "crashes_and_restarts": Ledger.deaths,
        "pages_received": Ledger.arrivals,
        "most_copies": Ledger.worst,
        "seconds": round(time.monotonic() - began, 1),
        "broken": broken,
    }
    words = (
        f"{Ledger.played} histories of up to {STEPS} steps with {Ledger.deaths} crashes and restarts, "
        f"{Ledger.arrivals} pages received, none lost, at most {Ledger.worst} copies of one on one channel"
    )
    met = not broken and Ledger.played >= HISTORIES
    finish(
        f"ledger-histories{'' if SLICE is None else f'-{SLICE}'}",
        figures,
        met,
        f"BROKEN: {broken}" if broken else words,
    )


if __name__ == "__main__":
    main()
