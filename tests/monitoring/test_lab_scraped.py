"""The same against real servers: a real daemon watches a real pair, and a real Prometheus answers the dashboard."""

from pathlib import Path

import pytest

from drwatch.lab.binaries import find
from drwatch.lab.faults import FAULTS
from drwatch.lab.pair import Pair
from drwatch.lab.play import Watching, configuration
from monitoring.prometheus import DEADLINE, questions, scraping, unanswered

PSI = Path("/proc/pressure/io").exists()
"""Whether this machine's kernel has pressure to show."""

pytestmark = pytest.mark.timeout(180)


async def test_every_query_of_the_dashboard_answers_about_a_real_pair(tmp_path: Path) -> None:
    """A standby that was left writable gives an incident and a page that is accepted, and blinds nothing."""
    asked = {(title, expr) for title, expr in questions("shop") if PSI or "io_pressure" not in expr}
    with Pair() as pair, Watching(pair, configuration(pair, {"paging.confirm.conclusive": "0s"})) as watching:
        watching.wait_until_well()
        async with scraping(find(), pair.web_port, tmp_path) as prometheus:
            FAULTS["standby-writable"].strike(pair)
            silent = await unanswered(prometheus, asked, 2 * DEADLINE)
            assert silent == set(), watching.log[-2000:]
