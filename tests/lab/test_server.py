"""The servers are real, private, and die like real ones."""

import os
import signal
import time
from pathlib import Path

import pymysql
import pytest

from drwatch.lab.deadline import until
from drwatch.lab.faults import FAULTS
from drwatch.lab.harm import harm, threads_of
from drwatch.lab.pair import Pair
from drwatch.lab.replication import MONITOR


def process_state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_root_comes_in_through_the_socket_alone(pair: Pair) -> None:
    assert pair.primary.sql("SELECT 1 AS one") == [{"one": 1}]
    with pytest.raises(pymysql.err.OperationalError) as refusal:
        pair.primary.connect("root")
    assert refusal.value.args[0] in (1045, 1130, 1698)


def test_the_monitor_logs_in_with_its_odd_password_and_can_only_look(pair: Pair) -> None:
    for server in pair.servers:
        with server.connect(*MONITOR) as session, session.cursor() as cursor:
            words = server.words
            cursor.execute(f"SHOW {words.replica} STATUS")
            if not server.flavour.is_mariadb:
                cursor.execute("SELECT * FROM performance_schema.replication_connection_status")
            stop = f"STOP {words.replica}"
            for deed in ("SET GLOBAL read_only = 0", stop, "SELECT * FROM shop.orders", words.forget):
                with pytest.raises(pymysql.err.MySQLError) as refusal:
                    cursor.execute(deed)
                assert refusal.value.args[0] in (1045, 1142, 1227)


def test_a_seventh_session_of_the_monitor_is_refused(pair: Pair) -> None:
    sessions = [pair.standby.connect(*MONITOR) for _ in range(6)]
    with pytest.raises(pymysql.err.OperationalError) as refusal:
        pair.standby.connect(*MONITOR)
    assert refusal.value.args[0] == 1226
    for session in sessions:
        session.close()


def test_a_killed_server_leaves_no_corpse_and_comes_back_on_its_port(pair: Pair) -> None:
    pid, port = pair.standby.pid, pair.standby.port
    before = time.monotonic()
    died_at = pair.standby.kill()
    assert before <= died_at <= time.monotonic()
    assert not Path(f"/proc/{pid}").exists()
    assert not pair.standby.alive
    FAULTS["standby-killed"].mend(pair)
    assert pair.standby.port == port
    assert pair.standby.died_at is None


def test_a_death_that_the_lab_did_not_cause_is_dated_too(pair: Pair) -> None:
    before = time.monotonic()
    os.kill(pair.standby.pid, signal.SIGKILL)
    until(lambda: not pair.standby.alive, within=5, what="the death noticed")
    died_at = until(lambda: pair.standby.died_at, within=1, what="the death dated")
    assert before <= died_at <= time.monotonic()
    FAULTS["standby-killed"].mend(pair)


def test_a_frozen_server_is_there_and_says_nothing(pair: Pair) -> None:
    pair.standby.freeze()
    until(lambda: process_state(pair.standby.pid) == "T", within=2, what="the process stopped")
    assert pair.standby.alive
    with pytest.raises(pymysql.err.OperationalError):
        pair.standby.connect(*MONITOR, connect_timeout=1, read_timeout=1)
    pair.standby.thaw()
    assert pair.standby.sql("SELECT 1 AS one") == [{"one": 1}]


def test_harm_names_the_client_that_did_it(pair: Pair) -> None:
    before = harm(pair.standby)
    session = pair.standby.connect(*MONITOR)
    assert [thread["command"] for thread in threads_of(pair.standby, MONITOR[0])] == ["Sleep"]
    session._force_close()  # type: ignore[attr-defined]  # no good-bye
    until(lambda: not threads_of(pair.standby, MONITOR[0]), within=5, what="the session ended")
    after = until(
        lambda: h if (h := harm(pair.standby)).log_lines != before.log_lines else None, within=5, what="a log line"
    )
    assert after.hang_ups == before.hang_ups + 1
    assert after.log_lines[MONITOR[0]] == before.log_lines.get(MONITOR[0], 0) + 1


def test_harm_counts_a_dial_that_never_logs_in(pair: Pair) -> None:
    import socket

    before = harm(pair.standby)
    with socket.create_connection((pair.standby.address, pair.standby.port)) as dial:
        dial.recv(1)
    until(lambda: harm(pair.standby).handshakes == before.handshakes + 1, within=5, what="the dial counted")
