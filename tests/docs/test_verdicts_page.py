"""docs/verdicts.md is what its script makes of the table."""

import subprocess
from pathlib import Path

HOME = Path(__file__).parents[2]


def test_the_page_of_the_verdicts_says_what_the_table_says() -> None:
    made = subprocess.run([HOME / "scripts" / "verdicts"], check=True, capture_output=True, text=True).stdout
    assert made == (HOME / "docs" / "verdicts.md").read_text(), "make it anew: scripts/verdicts > docs/verdicts.md"
