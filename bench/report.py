"""How a benchmark ends: its figures as JSON, a last line, and an exit status that says whether its goal is met."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

OUT = Path(__file__).parent / "out"


def finish(name: str, figures: dict[str, Any], met: bool, line: str) -> NoReturn:
    """Write bench/out/NAME.json, print the figure and leave."""
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps({**figures, "met": met}, indent=2) + "\n")
    print(f"{name}: {line} ({'goal met' if met else 'GOAL NOT MET'})")
    sys.exit(0 if met else 1)
