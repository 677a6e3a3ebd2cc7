"""What the fast look says of real servers, and what it leaves behind on them."""

import asyncio
from collections.abc import Callable

import pytest
from watching import EVERY_FLAVOUR, EVERY_SERVER, Stable, Witness, look_until, now, replication_fact, server_fact, until

from drwatch.core.gtid import GtidPosition, GtidSet
from drwatch.core.sample import Flavour as Kind
from drwatch.core.sample import LoginFact, Probe, ServerFact
from drwatch.lab.harm import harm, threads_of
from drwatch.lab.server import Flavour
from drwatch.probes.mysql import HeldLook, statements


@EVERY_FLAVOUR
async def test_a_server_tells_who_it_is_and_that_it_is_writable(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    server = stable.server(flavour)
    fact = server_fact(await witness(server).server_look.look())
    assert fact.flavour is (Kind.MARIADB if flavour.is_mariadb else Kind.MYSQL)
    assert fact.version[:2] >= (5, 7)
    assert fact.server_id == server.sql("SELECT @@server_id AS id")[0]["id"]
    assert (fact.server_uuid is None) is flavour.is_mariadb
    assert fact.read_only is False
    assert fact.super_read_only is (None if flavour.is_mariadb else False)
    assert fact.max_connections == 60
    assert fact.connections >= 1
    assert fact.connections_refused == 0
    assert fact.threads_running
    assert fact.net_timeout == 60.0
    assert fact.buffer_pool_bytes == 16 << 20
    assert 0 < (fact.buffer_pool_data_bytes or 0) <= 16 << 20
    assert fact.binlog_dir is not None
    assert fact.binlog_dir.startswith(str(server.datadir))


@EVERY_FLAVOUR
async def test_a_write_is_counted_when_it_begins_and_its_row_when_it_is_written(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    server = stable.server(flavour)
    server.sql("CREATE DATABASE IF NOT EXISTS held")
    server.sql("CREATE TABLE IF NOT EXISTS held.up (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB")
    look = witness(server).server_look
    before = server_fact(await look.look())
    assert before.writes_begun is not None
    assert before.rows_written is not None
    assert before.threads_running is not None
    assert str(server.datadir) in before.directories
    with server.connect() as backup:
        backup.cursor().execute("FLUSH TABLES WITH READ LOCK")
        writing = asyncio.create_task(asyncio.to_thread(server.sql, "INSERT INTO held.up () VALUES ()"))
        begun = await until_seen(look, lambda fact: fact.writes_begun == before.writes_begun + 1)
        assert (begun.rows_written, begun.gtid) == (before.rows_written, before.gtid)
        assert begun.threads_running == before.threads_running + 1
    await writing
    written = server_fact(await look.look())
    assert written.rows_written == before.rows_written + 1


async def until_seen(look: HeldLook, wanted: Callable[[ServerFact], bool]) -> ServerFact:
    return server_fact(await look_until(look, lambda sample: wanted(server_fact(sample)), 5))


@EVERY_FLAVOUR
async def test_a_server_made_read_only_says_so_at_the_next_look(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    server = stable.server(flavour)
    look = witness(server).server_look
    await look.look()
    server.sql("SET GLOBAL read_only = 1")
    try:
        assert server_fact(await look.look()).read_only is True
    finally:
        server.sql("SET GLOBAL read_only = 0")


async def test_what_a_commit_moved_is_seen_by_the_measure_that_the_flavour_has(
    stable: Stable, witness: Witness
) -> None:
    """GTIDs where they are on; on MariaDB the coordinate too, without a lock; MySQL without GTIDs has neither here."""
    for flavour, kind, coordinate in (
        (Flavour.MARIADB, GtidPosition, True),
        (Flavour.MYSQL_57_GTID, GtidSet, False),
        (Flavour.MYSQL_57, None, False),
    ):
        server = stable.server(flavour)
        look = witness(server).server_look
        before = server_fact(await look.look())
        server.sql("CREATE DATABASE IF NOT EXISTS moved")
        after = server_fact(await look.look())
        if kind is None:
            assert (before.gtid, after.gtid) == (None, None)
        else:
            assert isinstance(after.gtid, kind)
            assert after.gtid != before.gtid
        assert (after.binlog is not None) is coordinate
        assert (after.binlog != before.binlog) is coordinate


async def test_the_clock_is_utc_whatever_zone_the_server_is_in(stable: Stable, witness: Witness) -> None:
    server = stable.start(Flavour.MARIADB, "--default-time-zone=+05:30")
    fact = server_fact(await witness(server).server_look.look())
    assert abs((fact.clock - now().wall).total_seconds()) < 5
    server.kill()


@EVERY_SERVER
async def test_an_account_without_any_privilege_and_no_performance_schema_are_enough_for_the_fast_look(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    server = stable.server(flavour, "--performance-schema=OFF")
    server.sql("DROP USER IF EXISTS bare@'127.0.0.%'")
    server.sql("CREATE USER bare@'127.0.0.%' IDENTIFIED BY 'x'")
    fact = server_fact(await witness(server, user="bare", password="x").server_look.look())
    assert fact.connections_refused == 0
    assert (fact.binlog is not None) is flavour.is_mariadb


async def test_a_mariadb_without_a_binary_log_has_no_position_of_its_own(stable: Stable, witness: Witness) -> None:
    server = stable.server(Flavour.MARIADB, "--skip-log-bin")
    fact = server_fact(await witness(server).server_look.look())
    assert (fact.gtid, fact.binlog, fact.binlog_dir) == (None, None, None)
    assert fact.gtid_applied == GtidPosition()


@EVERY_SERVER
async def test_a_fresh_login_is_timed_and_leaves_politely(stable: Stable, witness: Witness, flavour: Flavour) -> None:
    server = stable.server(flavour)
    before = harm(server)
    look = witness(server).login_look
    sample = await look.look()
    assert look.key.probe is Probe.LOGIN
    assert isinstance(sample.found, LoginFact)
    assert 0 < sample.found.seconds < 1
    assert sample.answered - sample.asked == pytest.approx(sample.found.seconds)
    await until(lambda: not threads_of(server, "drwatch"), 2, "the login gone from the server")
    assert harm(server) == before


@EVERY_SERVER
async def test_a_thousand_looks_leave_no_error_no_line_in_the_log_and_no_thread(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    server = stable.server(flavour)
    before = harm(server)
    watching = witness(server)
    for number in range(1000):
        server_fact(await watching.server_look.look())
        if number % 2:
            replication_fact(await watching.replication_look.look())
        if number % 100 == 50:
            assert len(threads_of(server, "drwatch")) <= 3
    assert len(threads_of(server, "drwatch")) == 2
    await watching.close()
    await until(lambda: not threads_of(server, "drwatch"), 2, "no thread left")
    assert harm(server) == before


@EVERY_SERVER
async def test_whatever_is_said_to_a_server_stands_in_the_list_of_reads_and_never_in_its_slow_log(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    server = stable.start(flavour, "--slow-query-log=1", "--log-queries-not-using-indexes=1", "--log-output=TABLE")
    server.sql("SET GLOBAL general_log = 1")
    watching = witness(server)
    for _ in range(3):
        for look in watching.looks:
            await look.look()
    await watching.close()
    said = {
        row["said"]
        for row in server.sql(
            "SELECT CONVERT(argument USING utf8) AS said FROM mysql.general_log"
            " WHERE user_host LIKE 'drwatch%' AND command_type = 'Query'"
        )
    }
    assert said
    assert {text for text in said if not statements.allowed(text)} == set()
    assert server.sql("SELECT * FROM mysql.slow_log WHERE user_host LIKE 'drwatch%'") == []
    server.kill()


async def test_the_samples_moments_bracket_the_question(stable: Stable, witness: Witness) -> None:
    look = witness(stable.server(Flavour.MARIADB)).server_look
    await look.look()
    before = now()
    sample = await look.look()
    assert before.loop <= sample.asked.loop < sample.answered.loop <= now().loop


async def test_a_cancelled_look_is_followed_by_one_that_works(stable: Stable, witness: Witness) -> None:
    look = witness(stable.server(Flavour.MARIADB)).server_look
    for steps in range(12):
        task = asyncio.create_task(look.look())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server_fact(await look.look())


async def test_the_password_is_in_no_repr_and_no_detail(stable: Stable, witness: Witness) -> None:
    secret = "s3cret-never-shown"
    watching = witness(stable.server(Flavour.MARIADB), password=secret)
    sample = await watching.server_look.look()
    assert secret not in repr(sample)
    assert secret not in repr(vars(watching.server_look))
    assert secret not in repr(watching.server_look._link.__dict__)
