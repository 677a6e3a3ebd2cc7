"""Ten thousand generated histories of five kinds of pairs, and in none of them a claim below the truth."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from bench.report import finish

HISTORIES = int(os.environ.get("HISTORIES", "10000"))
STEPS = 30

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "core"))


def main() -> None:
    from histories import KINDS

    each = settings(
        max_examples=-(-HISTORIES // len(KINDS)),
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    figures, broken = {}, []
    print(f"{'kind':24} {'histories':>9} {'seconds':>8}")
    for kind in KINDS:
        kind.played, began = 0, time.monotonic()
        try:
            run_state_machine_as_test(kind, settings=each)
        except AssertionError as wrong:
            broken.append(kind.__name__)
            print(wrong, *getattr(wrong, "__notes__", ()), sep="\n")
        figures[kind.__name__] = {"histories": kind.played, "seconds": round(time.monotonic() - began, 1)}
        print(f"{kind.__name__:24} {kind.played:9} {figures[kind.__name__]['seconds']:8.1f}", flush=True)
    played = sum(figure["histories"] for figure in figures.values())
    words = f"{played} histories of up to {STEPS} steps, no claim below the truth and nothing seen missing above it"
    line = f"BROKEN: {', '.join(broken)}" if broken else words
    finish("histories", {"kinds": figures}, not broken and played >= HISTORIES, line)


if __name__ == "__main__":
    main()
