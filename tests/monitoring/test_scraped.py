"""A real Prometheus scrapes the application, loads the shipped rules and answers the dashboard's questions."""

from pathlib import Path

import pytest

from drwatch.lab.binaries import Binaries, find
from monitoring.prometheus import DEADLINE, SHIPPED, living_world, questions, scraping, unanswered, until


@pytest.fixture(scope="module")
def binaries() -> Binaries:
    return find()


async def test_every_query_of_the_dashboard_answers_with_a_number(binaries: Binaries, tmp_path: Path) -> None:
    async with living_world() as port, scraping(binaries, port, tmp_path) as prometheus:
        assert await unanswered(prometheus, questions("(dark|shop)"), DEADLINE) == set()


async def test_every_shipped_rule_is_loaded_and_evaluates(binaries: Binaries, tmp_path: Path) -> None:
    async with living_world() as port, scraping(binaries, port, tmp_path) as prometheus:

        async def evaluated() -> bool:
            answer = await prometheus.get("/api/v1/rules")
            rules = [rule for group in (answer or {}).get("groups", ()) for rule in group["rules"]]
            return bool(rules) and all(rule["health"] == "ok" for rule in rules)

        assert await until(evaluated, DEADLINE), await prometheus.get("/api/v1/rules")
        answer = await prometheus.get("/api/v1/rules")
    names = {rule["name"] for group in answer["groups"] for rule in group["rules"]}
    shipped = (SHIPPED / "drwatch.rules.yml").read_text()
    assert len(names) == shipped.count("- alert: ")


async def test_the_world_raises_the_alerts_that_it_deserves_and_no_other(binaries: Binaries, tmp_path: Path) -> None:
    """Bergen is dark, Oslo's standby is writable, the SMS gateway refuses, and a drwatch that is up says so."""
    expected = {
        ("DataLossExposureHigh", "dark"),
        ("RecoveryTimeHigh", "dark"),
        ("ClusterUnprotected", "dark"),
        ("DrwatchBlind", "dark"),
        ("DrwatchIncidentWarning", "dark"),
        ("DrwatchIncidentWarning", "shop"),
        ("DrwatchIncidentWarning", ""),
        ("DrwatchChannelFailing", ""),
        ("DrwatchChannelUnproven", ""),
    }
    raised: set[tuple[str, str]] = set()
    async with living_world() as port, scraping(binaries, port, tmp_path) as prometheus:

        async def as_expected() -> bool:
            answer = await prometheus.get("/api/v1/alerts")
            alerts = [each["labels"] for each in (answer or {}).get("alerts", ())]
            raised.clear()
            raised.update((each["alertname"], each.get("cluster", "")) for each in alerts)
            return raised == expected

        await until(as_expected, DEADLINE)
    assert raised == expected
