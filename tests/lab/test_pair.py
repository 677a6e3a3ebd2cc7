"""A pair is what the guide builds; what is broken in it is what the fault says, and it mends."""

import socket
from collections.abc import Callable
from pathlib import Path

import pymysql
import pytest

from drwatch.config import load
from drwatch.lab.deadline import until
from drwatch.lab.faults import FAULTS
from drwatch.lab.pair import Pair
from drwatch.lab.replication import APPLICATION, MONITOR, caught_up, status
from drwatch.lab.server import Flavour


def commits(pair: Pair, more: int) -> None:
    """Wait until the application has been told of that many more commits."""
    target = len(pair.writer.acked) + more
    until(lambda: len(pair.writer.acked) >= target, within=15, what=f"{more} more commits")


def errno_of(connect: Callable[[], object]) -> int:
    with pytest.raises(pymysql.err.OperationalError) as refusal:
        connect()
    return int(refusal.value.args[0])


def test_the_standby_holds_what_the_application_was_told_is_safe(pair: Pair) -> None:
    commits(pair, 10)
    until(lambda: pair.writer.missing_on(pair.standby) == [], within=10, what="the standby holding every commit")


def test_the_standby_has_no_history_of_its_own(pair: Pair) -> None:
    """What the lab does to set it up must not look like an errant transaction."""
    if pair.flavour.is_mariadb:
        (row,) = pair.standby.sql("SELECT @@gtid_binlog_state AS own")
        assert row["own"] == ""
    else:
        (state,) = pair.standby.sql(pair.standby.words.coordinate)
        assert state["File"] == "mysql-bin.000001"
        (row,) = pair.standby.sql("SELECT @@global.gtid_executed AS executed, @@server_uuid AS own")
        assert row["own"] not in row["executed"]


def test_it_replicates_as_its_flavour_says(pair: Pair) -> None:
    state = status(pair.standby)
    if pair.flavour.is_mariadb:
        assert state["Using_Gtid"] == "Slave_Pos"
    else:
        assert state["Auto_Position"] == pair.flavour.by_gtid
    assert pair.standby.sql("SELECT @@read_only AS ro")[0]["ro"] == 1
    assert errno_of(lambda: _write_on_standby(pair)) == 1290


def _write_on_standby(pair: Pair) -> None:
    with pair.standby.connect(*APPLICATION) as session:
        session.cursor().execute("INSERT INTO shop.orders VALUES (1, NOW(6), '')")


def test_its_configuration_passes_drwatchs_own_check(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "drwatch.yaml"
    path.write_text(pair.config(confirm={"conclusive": "0s"}, extra="limits: {silence: 2s}"))
    config = load(path, {})
    assert [notice.partition(":")[0] for notice in config.notices] == [
        "paging.channels has phone alone",
        "heartbeat is not set",
    ]
    assert [policy.node.name for policy in config.policy.clusters[0].nodes] == ["oslo-a", "oslo-b"]
    assert config.policy.confirm.conclusive == 0
    assert config.policy.limits.silence == 2


def test_secrets_are_closed_to_others(pair: Pair) -> None:
    pair.config()
    assert {path.stat().st_mode & 0o077 for path in (pair.sandbox.path / "secrets").iterdir()} == {0}


# What is broken beside the server is the same for each flavour, and tried once.
BESIDE_THE_SERVER = {"replication-refused", "files-stale", "host-key-changed", "standby-writable"}
# The others need a pair of their own; the scenarios strike them.
ON_ANY_PAIR = {name for name, fault in FAULTS.items() if fault.on_any_pair}


@pytest.mark.parametrize("name", sorted(ON_ANY_PAIR - BESIDE_THE_SERVER))
def test_every_fault_of_a_server_mends(pair: Pair, name: str) -> None:
    strike_and_mend(pair, name)


@pytest.mark.parametrize("pair", [Flavour.MARIADB], indirect=True)
@pytest.mark.parametrize("name", sorted(BESIDE_THE_SERVER))
def test_every_fault_beside_the_servers_mends(pair: Pair, name: str) -> None:
    strike_and_mend(pair, name)


def strike_and_mend(pair: Pair, name: str) -> None:
    FAULTS[name].strike(pair)
    FAULTS[name].mend(pair)
    commits(pair, 3)
    until(lambda: caught_up(pair.primary, pair.standby), within=20, what="the standby caught up")
    assert pair.standby.sql("SELECT @@read_only AS ro")[0]["ro"] == 1


def test_a_killed_primary_loses_only_commits_the_standby_never_received(pair: Pair) -> None:
    commits(pair, 5)
    until(lambda: caught_up(pair.primary, pair.standby), within=10, what="the standby caught up")
    pair.link.silent()
    commits(pair, 10)
    held_back = len(pair.writer.acked)
    died_at = pair.primary.kill()
    loss = pair.writer.loss_on(pair.standby, died_at)
    missing = pair.writer.missing_on(pair.standby)
    assert loss.transactions == len(missing) >= 9
    assert missing == pair.writer.acked[-len(missing) :]
    assert len(pair.writer.acked) - held_back <= 2
    assert loss.seconds == pytest.approx(died_at - missing[0].acked_at)
    assert 0 < loss.seconds < 15
    pair.link.passes()
    FAULTS["primary-killed"].mend(pair)


def test_a_killed_primary_whose_standby_heard_all_loses_nothing(pair: Pair) -> None:
    pair.writer.pause()
    until(lambda: caught_up(pair.primary, pair.standby), within=10, what="the standby caught up")
    died_at = pair.primary.kill()
    loss = pair.writer.loss_on(pair.standby, died_at)
    assert (loss.transactions, loss.seconds) == (0, 0)
    pair.writer.resume()
    FAULTS["primary-killed"].mend(pair)


def test_a_dead_primary_is_refused_to_the_standby(pair: Pair) -> None:
    pair.primary.kill()
    until(lambda: status(pair.standby)["Last_IO_Errno"] == 2003, within=10, what="errno 2003")
    FAULTS["primary-killed"].mend(pair)


def test_a_host_without_power_does_not_even_refuse(pair: Pair) -> None:
    fault = FAULTS["primary-host-gone"]
    fault.strike(pair)
    for end in (pair.primary, pair.primary_ssh):
        with pytest.raises(TimeoutError):
            socket.create_connection((end.address, end.port), timeout=0.3)
    assert pair.replicates()  # the standby has not heard of it
    fault.mend(pair)


def test_a_blocked_applier_receives_and_does_not_apply(pair: Pair) -> None:
    fault = FAULTS["applier-blocked"]
    fault.strike(pair)
    commits(pair, 3)
    state = until(
        lambda: (
            s if (s := status(pair.standby))["Relay_Log_Space"] and not caught_up(pair.primary, pair.standby) else None
        ),
        within=5,
        what="a backlog",
    )
    assert (state["Slave_IO_Running"], state["Slave_SQL_Running"]) == ("Yes", "Yes")
    fault.mend(pair)
    until(lambda: caught_up(pair.primary, pair.standby), within=10, what="the backlog applied")


def test_a_changed_password_is_refused(pair: Pair) -> None:
    fault = FAULTS["access-denied"]
    fault.strike(pair)
    assert errno_of(lambda: pair.standby.connect(*MONITOR)) == 1045
    fault.mend(pair)
    pair.standby.connect(*MONITOR).close()


def test_a_saturated_primary_turns_newcomers_away(pair: Pair) -> None:
    fault = FAULTS["primary-saturated"]
    fault.strike(pair)
    assert errno_of(lambda: pair.primary.connect(*MONITOR)) == 1040
    fault.mend(pair)
    pair.primary.connect(*MONITOR).close()


def test_a_frozen_pair_comes_down_at_once(pair: Pair) -> None:
    with Pair(pair.flavour) as other:
        commits(other, 1)
        other.primary.freeze()
        pids = [process.pid for process in other.sandbox.processes]
    assert not other.sandbox.path.exists()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
