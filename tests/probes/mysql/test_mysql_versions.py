"""Versions that cannot be had here: each is asked in the words that its manual knows, and understood."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pymysql
import pytest
from documented import MYSQL_80, MYSQL_84

from drwatch.core.binlog import Coordinate
from drwatch.core.sample import Flavour, IoState, ReplicationFact
from drwatch.probes.mysql import statements
from drwatch.probes.mysql.pulse import Pulse
from drwatch.probes.mysql.replication_fact import read_replication
from drwatch.probes.mysql.server_fact import server_fact
from drwatch.probes.mysql.wire import Wire

COORDINATE = {"File": "binlog.000007", "Position": 157, "Binlog_Do_DB": "", "Executed_Gtid_Set": ""}
OLD = {statements.SLAVE_STATUS: MYSQL_80, statements.MASTER_STATUS: COORDINATE}
NEW = {statements.REPLICA_STATUS: MYSQL_84, statements.BINARY_LOG_STATUS: COORDINATE}
BOTH = OLD | {statements.REPLICA_STATUS: MYSQL_84}

VERSIONS = [
    pytest.param("8.0.21", OLD, id="8.0 before its new words"),
    pytest.param("8.0.22", BOTH, id="the first with both"),
    pytest.param("8.0.36-28", BOTH, id="Percona's 8.0"),
    pytest.param("8.2.0", BOTH | NEW, id="8.2 with two names for its coordinate"),
    pytest.param("8.4.6", NEW, id="8.4, which forgot the old ones"),
]


@dataclass
class Documented:
    """The connection to a server that answers as its manual says: 1064 to what that does not know."""

    knows: Mapping[str, Mapping[str, Any]]
    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    working: dict[str, str] = field(default_factory=dict)
    logs_due: float = math.inf

    async def rows(self, statement: str) -> list[dict[str, Any]]:
        self.asked.append(statement)
        if statement in self.knows:
            return [dict(self.knows[statement])]
        if statement in (statements.HEARTBEATS, statements.HEARTBEAT_PERIODS):
            return [{"channel": "", "value": "17" if statement == statements.HEARTBEATS else "30.000"}]
        self.refused.append(statement)
        raise pymysql.err.ProgrammingError(1064, "You have an error in your SQL syntax")

    async def look(self, version: str, **constants: str) -> ReplicationFact:
        known = {"version": version, "performance_schema": "ON", "read_only": "ON", "log_bin": "ON", "gtid_mode": "ON"}
        fact, notes = await read_replication(Pulse(), cast(Wire, self), known | constants)
        assert isinstance(fact, ReplicationFact)
        assert notes == ()
        return fact


@pytest.mark.parametrize(("version", "knows"), VERSIONS)
async def test_a_standby_is_asked_in_the_words_of_its_version_and_no_others(
    version: str, knows: dict[str, dict[str, Any]]
) -> None:
    server = Documented(knows)
    (channel,) = (await server.look(version)).channels
    assert (channel.source_host, channel.io, channel.sql) == ("10.0.0.1", IoState.YES, True)
    assert (channel.heartbeats, channel.heartbeat_period) == (17, 30.0)
    assert server.refused == []


@pytest.mark.parametrize(("version", "knows"), VERSIONS)
async def test_a_primary_without_gtids_tells_its_coordinate_in_the_words_of_its_version(
    version: str, knows: dict[str, dict[str, Any]]
) -> None:
    server = Documented(knows)
    fact = await server.look(version, read_only="OFF", gtid_mode="OFF")
    assert fact.binlog == Coordinate("binlog.000007", 157)
    assert server.refused == []


@pytest.mark.parametrize(("version", "knows"), [("8.0.30", OLD), ("8.0.11", NEW), ("8.1.0", NEW), ("8.3.0", OLD)])
async def test_a_server_that_is_not_what_its_version_says_costs_one_refusal_for_each_word(
    version: str, knows: dict[str, dict[str, Any]]
) -> None:
    """Behind a proxy, or a fork that counts otherwise."""
    server = Documented(knows)
    for _ in range(3):
        fact = await server.look(version, read_only="OFF", gtid_mode="OFF")
        assert (len(fact.channels), fact.binlog) == (1, Coordinate("binlog.000007", 157))
    assert len(server.refused) == len(set(server.refused)) <= 2


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["slave_net_timeout", "log_slave_updates"], id="before 8.0.26"),
        pytest.param(
            ["slave_net_timeout", "log_slave_updates", "replica_net_timeout", "log_replica_updates"], id="8.0.26"
        ),
        pytest.param(["replica_net_timeout", "log_replica_updates"], id="9"),
    ],
)
def test_a_variable_that_was_renamed_is_asked_once_and_by_its_newer_name(names: list[str]) -> None:
    question = statements.fast(["version", *names])
    values = {"net_timeout": 60, "updates": 1}
    row: dict[str, object] = {"clock": datetime.now(UTC).replace(tzinfo=None), "version": "8.0.36", "server_id": 1}
    row |= {name: values[name.partition("_")[2].removeprefix("replica_").removeprefix("slave_")]
            for name in names if f"AS {name}" in question}  # fmt: skip
    row |= {"read_only": 0, "max_connections": 151}
    fact = server_fact(row, {"uptime": "9", "threads_connected": "2"})
    assert (fact.flavour, fact.net_timeout, fact.log_replica_updates) == (Flavour.MYSQL, 60.0, True)
    assert question.count("net_timeout AS") == question.count("_updates AS") == 1
