"""Replica status rows as each version documents them, read by column name into one shape."""

from dataclasses import replace
from typing import Any

import pytest
from documented import MARIADB, MYSQL_56, MYSQL_57, MYSQL_80, MYSQL_84, UUID

from drwatch.core.binlog import Coordinate
from drwatch.core.gtid import GtidPosition, GtidSet
from drwatch.core.sample import Channel, Flavour, IoState
from drwatch.probes.mysql.columns import Heartbeat, RowError, channel


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(MYSQL_56, id="5.6"),
        pytest.param(MYSQL_57, id="5.7"),
        pytest.param(MYSQL_80, id="8.0"),
        pytest.param(MYSQL_84, id="8.4"),
        pytest.param(MYSQL_84 | {"A_Column_Of_Tomorrow": "x"}, id="a version to come"),
        pytest.param({key.upper(): value for key, value in MYSQL_84.items()}, id="in capitals"),
    ],
)
def test_every_mysql_vocabulary_says_the_same(row: dict[str, Any]) -> None:
    found = channel(row, Flavour.MYSQL, Heartbeat(17, 30.0))
    assert found.io_state in ("Waiting for master to send event", "Waiting for source to send event")
    assert "has read all relay log; waiting for" in found.sql_state
    assert replace(found, io_state="", sql_state="") == Channel(
        name="",
        source_host="10.0.0.1",
        source_port=3306,
        io=IoState.YES,
        sql=True,
        io_errno=0,
        io_error="",
        sql_errno=0,
        sql_error="",
        seconds_behind=0,
        sql_delay=0,
        relay_bytes=1355,
        sql_state="",
        read=Coordinate("mysql-bin.000003", 929),
        executed=Coordinate("mysql-bin.000003", 800),
        retrieved_gtid=GtidSet.parse(f"{UUID}:1-5"),
        executed_gtid=GtidSet.parse(f"{UUID}:1-4"),
        heartbeats=17,
        heartbeat_period=30.0,
        source_server_id=1,
        source_uuid=UUID,
        uses_gtid=True,
        filters=(),
    )


def test_mariadb_has_its_heartbeats_and_positions_in_the_row() -> None:
    found = channel(MARIADB, Flavour.MARIADB)
    assert (found.heartbeats, found.heartbeat_period) == (17, 30.0)
    assert (found.retrieved_gtid, found.executed_gtid, found.uses_gtid) == (GtidPosition.parse("0-1-5"), None, True)
    assert found.read == Coordinate("mysql-bin.000003", 929)


def test_mariadb_by_coordinate_has_received_no_gtid_but_a_coordinate() -> None:
    found = channel(MARIADB | {"Using_Gtid": "No", "Gtid_IO_Pos": ""}, Flavour.MARIADB)
    assert (found.retrieved_gtid, found.uses_gtid) == (None, False)
    assert found.read == Coordinate("mysql-bin.000003", 929)


def test_null_seconds_behind_are_unknown_and_not_zero() -> None:
    assert channel(MYSQL_84 | {"Seconds_Behind_Source": None}, Flavour.MYSQL).seconds_behind is None


def test_a_channel_that_received_nothing_yet_has_no_coordinate_and_with_gtids_an_empty_set() -> None:
    row = MYSQL_84 | {"Source_Log_File": "", "Read_Source_Log_Pos": 4, "Retrieved_Gtid_Set": "", "Source_UUID": ""}
    found = channel(row, Flavour.MYSQL)
    assert (found.read, found.retrieved_gtid, found.source_uuid) == (None, GtidSet(), None)
    without = channel(row | {"Auto_Position": 0, "Executed_Gtid_Set": ""}, Flavour.MYSQL)
    assert (without.retrieved_gtid, without.executed_gtid) == (None, None)


def test_a_gtid_set_over_several_lines_and_with_a_tag_is_read() -> None:
    found = channel(MYSQL_84 | {"Executed_Gtid_Set": f"{UUID}:1-4:blue:1-2,\n{UUID[:-1]}3:7"}, Flavour.MYSQL)
    assert isinstance(found.executed_gtid, GtidSet)
    assert len(found.executed_gtid) == 7


@pytest.mark.parametrize(
    ("text", "state"),
    [("Yes", IoState.YES), ("No", IoState.NO), ("Connecting", IoState.CONNECTING), ("Preparing", IoState.CONNECTING)],
)
def test_the_receivers_states(text: str, state: IoState) -> None:
    assert channel(MARIADB | {"Slave_IO_Running": text}, Flavour.MARIADB).io is state


def test_only_filters_that_filter_are_told() -> None:
    row = MARIADB | {"Replicate_Ignore_DB": "logs", "Replicate_Do_Domain_Ids": "1,2"}
    assert channel(row, Flavour.MARIADB).filters == ("Replicate_Ignore_DB=logs", "Replicate_Do_Domain_Ids=1,2")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"Replica_IO_Running": None}, "Replica_IO_Running"),
        ({"Replica_IO_Running": "Perhaps"}, "Perhaps"),
        ({"Source_Port": "many"}, "Source_Port"),
        ({"Source_Log_File": "no number"}, "no number"),
        ({"Executed_Gtid_Set": "not-a-set"}, "not-a-set"),
    ],
)
def test_a_garbled_row_is_an_error_that_names_what_is_wrong(change: dict[str, Any], says: str) -> None:
    with pytest.raises(RowError, match=says):
        channel(MYSQL_84 | change, Flavour.MYSQL)


ROW_EVENT = (
    "Could not execute Write_rows event on table shop.orders; Duplicate entry '2' for key 'PRIMARY', Error_code: 1062; "
    "handler error HA_ERR_FOUND_DUPP_KEY; the event's master log mysql-bin.000001, end_log_pos 999"
)


@pytest.mark.parametrize(
    ("text", "table"),
    [
        pytest.param(ROW_EVENT, "shop.orders", id="a row event"),
        pytest.param(
            f"Worker 2 failed executing transaction 'ANONYMOUS' at master log b.000001, end_log_pos 3579; {ROW_EVENT}",
            "shop.orders",
            id="a worker's row event",
        ),
        pytest.param("Error executing row event: 'Table 'shop.t' doesn't exist'", "shop.t", id="no such table"),
        pytest.param("Column 1 of table 'shop.t' cannot be converted from type 'int'", "shop.t", id="types"),
        pytest.param(
            "Error 'Table 'u' already exists' on query. Default database: 'shop'. Query: 'CREATE TABLE u (id INT)'",
            "shop.u",
            id="a statement in its database",
        ),
        pytest.param(
            "Error 'Table 'u' already exists' on query. Default database: ''. Query: 'CREATE TABLE shop.u (id INT)'",
            "u",
            id="a statement in none",
        ),
        pytest.param(
            "Could not execute Write_rows event on table shop.my orders; Duplicate entry 'Table 'x'' for key 'name'",
            "shop.my orders",
            id="a row that looks like a message",
        ),
        pytest.param("Error 'Operation CREATE USER failed for 'x'@'y'' on query. Default database: ''.", "", id="none"),
        pytest.param("", "", id="no error"),
    ],
)
def test_the_failing_table_is_read_from_the_servers_own_words(text: str, table: str) -> None:
    """Each text was said by MySQL 5.7 or MariaDB 10.11."""
    assert channel(MYSQL_57 | {"Last_SQL_Error": text}, Flavour.MYSQL).sql_table == table
