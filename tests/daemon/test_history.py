"""A pair's history as the running daemon tells it: lost again, stray, undone; and the human's word that ends it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drwatch.lab.deadline import until
from drwatch.lab.pair import Pair
from drwatch.lab.play import Watching, configuration
from drwatch.lab.replication import running, status
from drwatch.lab.server import Flavour

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair(Flavour.MARIADB) as pair:
        yield pair


@pytest.fixture(scope="module")
def config(pair: Pair) -> Path:
    return configuration(pair)


@pytest.fixture
def watching(pair: Pair, config: Path) -> Iterator[Watching]:
    with Watching(pair, config) as watching:
        watching.wait_until_well()
        yield watching


def finding(cluster: dict[str, Any], condition: str) -> dict[str, Any] | None:
    return next((each for each in cluster["findings"] if each["condition"] == condition), None)


def test_what_was_received_is_seen_to_be_lost_again_and_to_come_back(pair: Pair, watching: Watching) -> None:
    """MariaDB with GTID: both threads stopped, one started, and the relay log is thrown away."""
    standby = pair.standby
    standby.sql("STOP SLAVE SQL_THREAD")
    there = status(standby)["Gtid_IO_Pos"]
    until(lambda: status(standby)["Gtid_IO_Pos"] != there, within=10, what="something received and not applied")
    watching.wait_for(lambda cluster: cluster["exposures"][0]["seconds"] is not None)
    before = watching.cluster()
    assert before is not None
    watching.wait_for(lambda cluster: cluster["exposures"][0]["datum_at"] > before["exposures"][0]["datum_at"], 10)
    pair.link.refuses()
    standby.sql("STOP SLAVE IO_THREAD")
    standby.sql("START SLAVE SQL_THREAD")
    lost = finding(watching.wait_for(lambda cluster: finding(cluster, "ReceivedLost") is not None), "ReceivedLost")
    assert lost is not None
    assert "transactions of what it had received" in lost["summary"]
    pair.link.passes()
    standby.sql("START SLAVE")
    watching.wait_for(lambda cluster: finding(cluster, "ReceivedLost") is None)


def test_a_stray_write_is_told_with_its_gtid_although_the_position_soon_hides_it(
    pair: Pair, watching: Watching
) -> None:
    pair.standby.sql("CREATE DATABASE stray")
    stray = finding(
        watching.wait_for(lambda cluster: finding(cluster, "ErrantTransactions") is not None), "ErrantTransactions"
    )
    assert stray is not None
    assert stray["evidence"][0].startswith("errant: 0-2-")
    pair.standby.sql("DROP DATABASE stray")
    pair.standby.sql("RESET MASTER")
    watching.wait_for(lambda cluster: finding(cluster, "ErrantTransactions") is None)


def test_a_reset_is_a_rewind_until_a_human_says_that_the_standby_was_rebuilt(
    pair: Pair, watching: Watching, config: Path
) -> None:
    primary, standby = pair.primary, pair.standby
    standby.sql("STOP SLAVE")
    primary.sql("RESET MASTER")
    told = watching.wait_for(lambda cluster: finding(cluster, "PrimaryRewound") is not None)
    assert told["exposures"][0]["seconds"] is None
    standby.sql("SET GLOBAL gtid_slave_pos = ''")
    standby.sql("START SLAVE")
    until(lambda: running(standby), within=15, what="replication at work again")
    again = watching.wait_for(lambda cluster: cluster["exposures"][0]["unknown"] != "")
    assert "drwatch rebuilt shop oslo-b" in again["exposures"][0]["unknown"]
    command = [sys.executable, "-m", "drwatch", "rebuilt", "shop", "oslo-b", "--config", str(config)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "oslo-b counts again" in said
    watching.wait_for(
        lambda cluster: finding(cluster, "PrimaryRewound") is None and cluster["exposures"][0]["seconds"] is not None
    )
