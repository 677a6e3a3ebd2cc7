"""The same against real servers: a real daemon watches a real pair, and a real Prometheus answers the dashboard."""

import re
from pathlib import Path

import pytest

from drwatch.lab.binaries import find
from drwatch.lab.faults import FAULTS
from drwatch.lab.pair import Pair
from drwatch.lab.play import Watching, configuration
from monitoring.prometheus import DEADLINE, questions, scraping, unanswered

PSI = Path("/proc/pressure/io").exists()
"""Whether this machine's kernel has pressure to show."""

UNSEEN = {
    "drwatch_rto_actual_seconds": "no takeover of it was seen",
    "drwatch_rpo_actual_seconds": "likewise",
    "drwatch_takeover_last_timestamp_seconds": "likewise",
    "drwatch_binlog_gap_seconds": "its standby reads the newest binary log",
    "drwatch_heartbeat_last_sent_timestamp_seconds": "it has no outside heartbeat",
    "drwatch_job_age_seconds": "nor jobs",
} | ({} if PSI else {"drwatch_io_pressure_ratio": "this kernel has none"})
"""What a pair that has just been brought up says nothing of, and why; the world of test_scraped.py has each of them."""

pytestmark = pytest.mark.timeout(180)


async def test_every_query_of_the_dashboard_answers_about_a_real_pair(tmp_path: Path) -> None:
    """A standby that was left writable gives an incident and a page that is accepted, and blinds nothing."""
    asked = {
        (title, expr)
        for title, expr in questions("shop")
        if not any(re.search(rf"\b{name}\b", expr) for name in UNSEEN)
    }
    with Pair() as pair, Watching(pair, configuration(pair, {"paging.confirm.conclusive": "0s"})) as watching:
        watching.wait_until_well()
        async with scraping(find(), pair.web_port, tmp_path) as prometheus:
            FAULTS["standby-writable"].strike(pair)
            silent = await unanswered(prometheus, asked, 2 * DEADLINE)
            assert silent == set(), watching.log[-2000:]
