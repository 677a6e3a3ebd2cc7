"""What the status look says of real pairs."""

import asyncio
from collections.abc import Callable

import pytest
from watching import EVERY_FLAVOUR, EVERY_WAY, Stable, Witness, look_until, replication_fact, server_fact, until, why

from drwatch.core import binlog, gtid
from drwatch.core.binlog import Coordinate
from drwatch.core.sample import Channel, IoState, Reason, Sample, SemiSync
from drwatch.lab.replication import caught_up, start_replication, status
from drwatch.lab.server import Flavour, Server
from drwatch.probes.mysql import MysqlServer


async def channel_when(watching: MysqlServer, condition: Callable[[Channel], object], within: float = 10) -> Channel:
    """The only channel, once the condition holds."""
    async with asyncio.timeout(within):
        while True:
            (found,) = replication_fact(await watching.replication_look.look()).channels
            if condition(found):
                return found


def commit(primary: Server) -> None:
    primary.sql("INSERT INTO shop.orders (what) VALUES ('tea')")


@EVERY_FLAVOUR
async def test_a_server_that_replicates_from_nobody_has_no_channel(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    assert replication_fact(await witness(stable.server(flavour)).replication_look.look()).channels == ()


@EVERY_FLAVOUR
async def test_a_healthy_standby_tells_its_source_and_that_both_threads_run(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    primary, standby = stable.pair(flavour)
    found = await channel_when(witness(standby), lambda it: it.io is IoState.YES and it.sql)
    assert (found.source_host, found.source_port) == (primary.address, primary.port)
    assert (found.io_errno, found.io_error, found.sql_errno, found.sql_error) == (0, "", 0, "")
    assert found.seconds_behind is not None
    assert (found.sql_delay, found.filters) == (0, ())
    assert found.relay_bytes
    assert found.source_server_id == primary.sql("SELECT @@server_id AS id")[0]["id"]
    assert (found.source_uuid is None) is flavour.is_mariadb
    assert found.uses_gtid is flavour.by_gtid


@EVERY_WAY
async def test_what_the_primary_has_and_the_standby_received_can_be_compared(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    """By GTID where the channel uses them, by coordinate wherever the primary tells its own.

    MariaDB tells both in the fast look. MySQL without GTIDs tells its coordinate in the status look only, and with
    them not at all.
    """
    primary, standby = stable.pair(flavour)
    commit(primary)
    watching, beyond = witness(primary), witness(standby)
    has = server_fact(await watching.server_look.look())
    slow = replication_fact(await watching.replication_look.look())
    await until(lambda: caught_up(primary, standby), 10, "the standby caught up")
    (received,) = replication_fact(await beyond.replication_look.look()).channels

    assert (received.retrieved_gtid is not None) is flavour.by_gtid
    if flavour.by_gtid:
        assert has.gtid is not None
        assert received.retrieved_gtid is not None
        assert gtid.covers(received.retrieved_gtid, has.gtid) is True
    assert (has.binlog is not None) is flavour.is_mariadb
    assert (slow.binlog is not None) is (flavour is Flavour.MYSQL_57)
    assert received.read is not None
    if own := has.binlog or slow.binlog:
        assert binlog.covers(received.read, own) is True
        assert binlog.bytes_between(own, received.read) == 0
    if flavour.is_mariadb:
        applied = server_fact(await beyond.server_look.look()).gtid_applied
        assert applied is not None
        assert has.gtid is not None
        assert gtid.covers(applied, has.gtid) is True


@EVERY_FLAVOUR
async def test_what_a_stopped_applier_leaves_is_received_and_not_executed(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    primary, standby = stable.pair(flavour)
    watching = witness(standby)
    standby.sql(f"STOP {standby.words.replica} SQL_THREAD")
    commit(primary)
    found = await channel_when(watching, lambda it: not it.sql and it.read != it.executed)
    assert found.io is IoState.YES
    assert found.seconds_behind is None
    standby.sql(f"START {standby.words.replica} SQL_THREAD")
    await channel_when(watching, lambda it: it.sql and it.read == it.executed)


@EVERY_FLAVOUR
async def test_a_stopped_receiver_is_told_from_one_that_cannot_connect(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    primary, standby = stable.pair(flavour)
    watching = witness(standby)
    standby.sql(f"STOP {standby.words.replica} IO_THREAD")
    assert (await channel_when(watching, lambda it: it.io is IoState.NO)).io_errno == 0
    primary.sql("ALTER USER replicator@'127.0.0.%' IDENTIFIED BY 'changed'")
    standby.sql(f"START {standby.words.replica} IO_THREAD")
    found = await channel_when(watching, lambda it: it.io is IoState.CONNECTING and it.io_errno)
    assert found.io_errno == 1045
    assert "replicator" in found.io_error
    primary.sql("ALTER USER replicator@'127.0.0.%' IDENTIFIED BY 'StrongPass_2016!'")
    await channel_when(watching, lambda it: it.io is IoState.YES)


@EVERY_FLAVOUR
async def test_an_applier_broken_by_a_conflicting_row_says_its_errno(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    primary, standby = stable.pair(flavour)
    primary.sql("CREATE TABLE IF NOT EXISTS shop.gone (id INT PRIMARY KEY)")
    watching = witness(standby)
    await channel_when(watching, lambda it: it.read == it.executed)
    with standby.connect() as session, session.cursor() as cursor:
        cursor.execute("SET sql_log_bin = 0")
        cursor.execute("INSERT INTO shop.gone VALUES (1)")
    primary.sql("INSERT INTO shop.gone VALUES (1)")
    # The server notes the error a moment before it calls its thread stopped.
    found = await channel_when(watching, lambda it: it.sql_errno and not it.sql)
    assert found.sql_errno == 1062
    assert found.sql_table == "shop.gone"
    with standby.connect() as session, session.cursor() as cursor:
        cursor.execute("SET sql_log_bin = 0")
        cursor.execute("DELETE FROM shop.gone")
        cursor.execute(f"START {standby.words.replica} SQL_THREAD")
    await channel_when(watching, lambda it: it.sql and not it.sql_errno and it.read == it.executed)


async def test_of_parallel_workers_it_is_the_one_that_failed_who_is_heard_and_not_those_that_had_to_wait_for_it(
    stable: Stable, witness: Witness
) -> None:
    """The status of the applier says whatever the last of them said: errno 3030, and no table."""
    primary, standby = stable.pair(Flavour.MYSQL_97)
    primary.sql("CREATE TABLE shop.parallel (id INT PRIMARY KEY)")
    watching = witness(standby)
    await until(lambda: caught_up(primary, standby), 10, "the standby caught up")
    with standby.connect() as first, standby.connect() as second:
        for row, session in ((1, first), (2, second)):  # each holds up a worker
            session.cursor().execute("SET sql_log_bin = 0")
            session.begin()
            session.cursor().execute(f"INSERT INTO shop.parallel VALUES ({row})")
            primary.sql(f"INSERT INTO shop.parallel VALUES ({row})")
        held = "SELECT 1 FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Applying batch of row changes%'"
        await until(lambda: len(standby.sql(held)) == 2, 10, "two workers held up")
        first.commit()
        failed = "SELECT 1 FROM performance_schema.replication_applier_status_by_worker WHERE LAST_ERROR_NUMBER = 1062"
        await until(lambda: standby.sql(failed), 10, "the first worker's failure")
        second.rollback()
    await until(lambda: status(standby)["Last_SQL_Errno"] == 3030, 10, "the second worker's failure")
    found = await channel_when(watching, lambda it: it.sql_errno and not it.sql)
    assert (found.sql_errno, found.sql_table) == (1062, "shop.parallel")
    assert "Duplicate entry '1'" in found.sql_error
    with standby.connect() as session, session.cursor() as cursor:
        cursor.execute("SET sql_log_bin = 0")
        cursor.execute("DELETE FROM shop.parallel")
        cursor.execute("START REPLICA SQL_THREAD")
    await channel_when(watching, lambda it: it.sql and not it.sql_errno and it.read == it.executed)


async def test_a_parallel_worker_that_failed_says_its_table(stable: Stable, witness: Witness) -> None:
    """The coordinator's error, which the status shows, only refers to performance_schema."""
    primary, standby = stable.pair(Flavour.MYSQL_57_GTID)
    primary.sql("CREATE TABLE IF NOT EXISTS shop.gone (id INT PRIMARY KEY)")
    watching = witness(standby)
    await channel_when(watching, lambda it: it.sql and it.read == it.executed)
    for statement in ("STOP SLAVE SQL_THREAD", "SET GLOBAL slave_parallel_workers = 2", "START SLAVE SQL_THREAD"):
        standby.sql(statement)
    with standby.connect() as session, session.cursor() as cursor:
        cursor.execute("SET sql_log_bin = 0")
        cursor.execute("INSERT INTO shop.gone VALUES (3)")
    primary.sql("INSERT INTO shop.gone VALUES (3)")
    found = await channel_when(watching, lambda it: it.sql_errno and not it.sql)
    assert (found.sql_errno, found.sql_table) == (1062, "shop.gone")
    assert server_fact(await watching.server_look.look()).appliers == 2
    with standby.connect() as session, session.cursor() as cursor:
        cursor.execute("SET sql_log_bin = 0")
        cursor.execute("DELETE FROM shop.gone")
        cursor.execute("SET GLOBAL slave_parallel_workers = 0")
        cursor.execute("START SLAVE SQL_THREAD")
    await channel_when(watching, lambda it: it.sql and not it.sql_errno and it.read == it.executed)


@EVERY_FLAVOUR
async def test_a_delay_set_on_purpose_is_told_and_what_it_holds_back_is_received(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    primary, standby = stable.pair(flavour)
    watching = witness(standby)
    await channel_when(watching, lambda it: it.sql and it.read == it.executed)
    for seconds in (60, 0):
        words = standby.words
        for statement in (
            f"STOP {words.replica}",
            f"{words.change} {words.source}_DELAY={seconds}",
            f"START {words.replica}",
        ):
            standby.sql(statement)
        if seconds:
            commit(primary)
            found = await channel_when(watching, lambda it: it.read != it.executed and "_DELAY seconds" in it.sql_state)
            assert (found.sql_delay, found.sql, found.io) == (60, True, IoState.YES)
    await channel_when(watching, lambda it: not it.sql_delay and it.read == it.executed)


@EVERY_FLAVOUR
async def test_a_filter_is_told_word_for_word(stable: Stable, witness: Witness, flavour: Flavour) -> None:
    _, standby = stable.pair(flavour)
    watching = witness(standby)
    for table in ("shop.skipped", ""):
        standby.sql(f"STOP {standby.words.replica}")
        standby.sql(
            f"SET GLOBAL replicate_ignore_table = '{table}'"
            if flavour.is_mariadb
            else f"CHANGE REPLICATION FILTER REPLICATE_IGNORE_TABLE = ({table})"
        )
        standby.sql(f"START {standby.words.replica}")
        found = await channel_when(watching, lambda it: it.sql)
        assert found.filters == ((f"Replicate_Ignore_Table={table}",) if table else ())


@pytest.mark.parametrize("flavour", [Flavour.MARIADB, Flavour.MYSQL_57, Flavour.MYSQL_97], ids=str)
async def test_a_relay_log_at_its_limit_is_told_apart_from_a_receiver_at_work(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    primary, _ = stable.pair(flavour)
    standby = stable.start(flavour, "--read-only=1", "--relay-log-space-limit=8192")
    start_replication(primary, standby, primary.address, primary.port)
    standby.sql(f"STOP {standby.words.replica} SQL_THREAD")
    primary.sql(f"INSERT INTO shop.orders (what) VALUES {', '.join(['(REPEAT(0x78, 3000))'] * 5)}")
    commit(primary)
    found = await channel_when(witness(standby), lambda it: it.relay_full)
    assert (found.io, found.io_errno) == (IoState.YES, 0)
    standby.kill()


@EVERY_FLAVOUR
async def test_a_primary_lists_its_binary_logs_once_a_minute_and_only_while_commits_flow(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    primary, _ = stable.pair(flavour)
    watching = witness(primary)

    async def logs() -> tuple[Coordinate, ...]:
        return replication_fact(await watching.replication_look.look()).logs

    await watching.server_look.look()
    if flavour is not Flavour.MYSQL_57:
        assert await logs() == (), "nothing was seen to be committed yet"
    commit(primary)
    await watching.server_look.look()
    listed = await logs()
    (*_, newest) = primary.sql("SHOW BINARY LOGS")
    assert (listed[-1].file, listed[-1].position) == (newest["Log_name"], newest["File_size"])
    assert await logs() == ()


async def test_semi_sync_is_told_when_it_holds_when_writers_wait_and_when_it_fell_back(
    stable: Stable, witness: Witness
) -> None:
    primary, standby = stable.pair(Flavour.MARIADB)
    watching = witness(primary)

    async def said() -> SemiSync | None:
        return server_fact(await watching.server_look.look()).semi_sync

    async def when(condition: Callable[[SemiSync], object]) -> None:
        def holds(sample: Sample) -> object:
            found = server_fact(sample).semi_sync
            return found is not None and condition(found)

        await look_until(watching.server_look, holds, 10)

    assert await said() is None, "not switched on"
    standby.sql("SET GLOBAL rpl_semi_sync_slave_enabled = ON")
    primary.sql("SET GLOBAL rpl_semi_sync_master_timeout = 1000")
    primary.sql("SET GLOBAL rpl_semi_sync_master_enabled = ON")
    for word in ("STOP", "START"):
        standby.sql(f"{word} SLAVE IO_THREAD")
    await when(lambda it: it.holds and it.readers == 1)
    standby.sql("STOP SLAVE IO_THREAD")
    commits = asyncio.create_task(asyncio.to_thread(commit, primary))
    await when(lambda it: it.holds and it.waiting == 1)
    await commits
    assert await said() == SemiSync(holds=False, readers=0, waiting=0)
    primary.sql("SET GLOBAL rpl_semi_sync_master_enabled = OFF")
    standby.sql("SET GLOBAL rpl_semi_sync_slave_enabled = OFF")
    standby.sql("START SLAVE IO_THREAD")


@EVERY_FLAVOUR
async def test_how_long_binary_logs_are_kept_is_told_in_seconds(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    server = stable.server(flavour)
    name, unit = ("binlog_expire_logs_seconds", 86400) if flavour is Flavour.MYSQL_97 else ("expire_logs_days", 1)
    before = server.sql(f"SELECT @@GLOBAL.{name} AS kept")[0]["kept"]
    for days in (3, 0):
        server.sql(f"SET GLOBAL {name} = {days * unit}")
        expires = server_fact(await witness(server).server_look.look()).binlog_expires
        assert expires == (days * 86400 or None)
    server.sql(f"SET GLOBAL {name} = {before}")


@EVERY_FLAVOUR
async def test_heartbeats_are_counted_as_they_come(stable: Stable, witness: Witness, flavour: Flavour) -> None:
    _, standby = stable.pair(flavour)
    words = standby.words
    standby.sql(f"STOP {words.replica}")
    standby.sql(f"{words.change} {words.source}_HEARTBEAT_PERIOD=0.2")
    standby.sql(f"START {words.replica}")
    watching = witness(standby)
    found = await channel_when(watching, lambda it: it.heartbeats)
    assert found.heartbeat_period == 0.2
    await channel_when(watching, lambda it: (it.heartbeats or 0) > (found.heartbeats or 0))


async def test_heartbeats_that_may_not_be_read_are_unknown_and_noted(stable: Stable, witness: Witness) -> None:
    _, standby = stable.pair(Flavour.MYSQL_57)
    standby.sql("CREATE USER IF NOT EXISTS plain@'127.0.0.%' IDENTIFIED BY 'x'")
    standby.sql("GRANT REPLICATION CLIENT ON *.* TO plain@'127.0.0.%'")
    sample = await witness(standby, user="plain", password="x").replication_look.look()
    (found,) = replication_fact(sample).channels
    assert (found.heartbeats, found.heartbeat_period) == (None, None)
    assert "replication_connection_status" in " ".join(sample.notes)


async def test_heartbeats_are_not_read_where_each_look_would_be_a_line_in_the_slow_log(
    stable: Stable, witness: Witness
) -> None:
    _, standby = stable.pair(Flavour.MYSQL_57_GTID)
    for value in (1, 0):
        standby.sql(f"SET GLOBAL slow_query_log = {value}")
        standby.sql(f"SET GLOBAL log_queries_not_using_indexes = {value}")
        if value:
            sample = await witness(standby).replication_look.look()
    assert replication_fact(sample).channels[0].heartbeats is None
    assert "slow query log" in " ".join(sample.notes)


@EVERY_FLAVOUR
async def test_a_missing_privilege_is_told_as_such(stable: Stable, witness: Witness, flavour: Flavour) -> None:
    server = stable.server(flavour)
    server.sql("CREATE USER IF NOT EXISTS blind@'127.0.0.%' IDENTIFIED BY 'x'")
    watching = witness(server, user="blind", password="x")
    found = why(await watching.replication_look.look())
    assert (found.reason, found.errno) == (Reason.NO_PRIVILEGE, 1227)
    server.sql(
        "GRANT SLAVE MONITOR ON *.* TO blind@'127.0.0.%'"
        if flavour.is_mariadb
        else "GRANT REPLICATION CLIENT ON *.* TO blind@'127.0.0.%'"
    )
    replication_fact(await witness(server, user="blind", password="x").replication_look.look())
    server.sql("DROP USER blind@'127.0.0.%'")


async def test_every_named_connection_of_a_mariadb_is_told(stable: Stable, witness: Witness) -> None:
    server = stable.start(Flavour.MARIADB)
    for name, port in (("east", 1), ("west", 2)):
        server.sql(f"CHANGE MASTER '{name}' TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='x'")
    found = replication_fact(await witness(server).replication_look.look())
    assert {one.name: one.io for one in found.channels} == {"east": IoState.NO, "west": IoState.NO}
    server.kill()


async def test_every_channel_of_a_mysql_is_told(stable: Stable, witness: Witness) -> None:
    server = stable.server(Flavour.MYSQL_97)
    for name, port in (("east", 1), ("west", 2)):
        words = f"SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='x', SOURCE_HEARTBEAT_PERIOD={port}"
        server.sql(f"CHANGE REPLICATION SOURCE TO {words} FOR CHANNEL '{name}'")
    found = replication_fact(await witness(server).replication_look.look())
    assert {one.name: (one.io, one.source_port, one.heartbeat_period) for one in found.channels} == {
        "east": (IoState.NO, 1, 1.0),
        "west": (IoState.NO, 2, 2.0),
    }
    for name in ("east", "west"):
        server.sql(f"RESET REPLICA ALL FOR CHANNEL '{name}'")


async def test_a_standby_at_work_is_not_asked_what_would_hang_on_its_full_disk(
    stable: Stable, witness: Witness
) -> None:
    """SHOW MASTER STATUS is for a MySQL primary without GTIDs; on a standby it could only take the status along."""
    primary, standby = stable.pair(Flavour.MYSQL_57)
    watching = witness(standby)
    await channel_when(watching, lambda it: it.io is IoState.YES)
    assert replication_fact(await watching.replication_look.look()).binlog is None
    assert replication_fact(await witness(primary).replication_look.look()).binlog is not None
    standby.sql(f"STOP {standby.words.replica} IO_THREAD")
    assert replication_fact(await watching.replication_look.look()).binlog is not None, "perhaps it was promoted"
    standby.sql(f"START {standby.words.replica} IO_THREAD")
    await channel_when(watching, lambda it: it.io is IoState.YES)


async def test_gtids_turned_on_under_a_held_connection_are_noticed_within_sixty_looks(
    stable: Stable, witness: Witness
) -> None:
    server = stable.start(Flavour.MYSQL_57, "--enforce-gtid-consistency=ON")
    watching = witness(server)
    assert replication_fact(await watching.replication_look.look()).binlog is not None
    for mode in ("OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"):
        server.sql(f"SET GLOBAL gtid_mode = {mode}")
    for _ in range(60):
        sample = await watching.replication_look.look()
    assert replication_fact(sample).binlog is None
    assert server_fact(await watching.server_look.look()).gtid is not None
    server.kill()
