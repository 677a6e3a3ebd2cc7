"""The grants that drwatch prints: what a real server takes, enough for the looks, and no more."""

import pytest
from watching import EVERY_FLAVOUR, Stable, Witness, replication_fact, server_fact

from drwatch.core.sample import Flavour as Kind
from drwatch.lab.server import Flavour
from drwatch.probes.mysql import grants


@EVERY_FLAVOUR
async def test_the_printed_grants_are_taken_and_are_enough_for_every_look(
    stable: Stable, witness: Witness, flavour: Flavour
) -> None:
    _, standby = stable.pair(flavour)
    known = server_fact(await witness(standby).server_look.look())
    user, password = "o'brien \\ watch", "p' æ\"w\\"
    standby.sql("DROP USER IF EXISTS %s@%s", user, "127.0.0.%")
    for statement in grants(known.flavour, known.version, user, "127.0.0.%", password=password):
        standby.sql(statement)
    watching = witness(standby, user=user, password=password)
    for look in watching.looks:
        sample = await look.look()
        if look is watching.server_look:
            server_fact(sample)
        elif look is watching.replication_look:
            (channel,) = replication_fact(sample).channels
            assert channel.heartbeats is not None
            assert channel.heartbeat_period is not None
        assert sample.notes == ()
    printed = " ".join(next(iter(row.values())) for row in standby.sql("SHOW GRANTS FOR %s@%s", user, "127.0.0.%"))
    limit = standby.sql("SELECT max_user_connections AS found FROM mysql.user WHERE user = %s", user)
    assert [int(row["found"]) for row in limit] == [6]
    for surplus in (
        "SUPER",
        "ALL PRIVILEGES",
        "REPLICATION SLAVE",
        "ADMIN",
        "PROCESS",
        "RELOAD",
        "ON `mysql`",
        "INSERT",
    ):
        assert surplus not in printed


@pytest.mark.parametrize(
    ("flavour", "version", "privilege"),
    [
        (Kind.MARIADB, (10, 11, 19), "GRANT SLAVE MONITOR, BINLOG MONITOR ON *.* TO"),
        (Kind.MARIADB, (10, 5, 9), "GRANT SLAVE MONITOR, BINLOG MONITOR ON *.* TO"),
        (Kind.MARIADB, (10, 5, 8), "GRANT REPLICATION SLAVE ADMIN "),
        (Kind.MARIADB, (10, 4, 30), "GRANT REPLICATION CLIENT ON *.* TO"),
        (Kind.MYSQL, (5, 6, 51), "GRANT REPLICATION CLIENT ON *.* TO"),
        (Kind.MYSQL, (8, 4, 0), "GRANT SELECT ON performance_schema.replication_connection_status TO"),
        (Kind.MYSQL, (9, 7, 4), "GRANT REPLICATION CLIENT ON *.* TO"),
    ],
)
def test_each_version_gets_the_privilege_that_it_knows(flavour: Kind, version: tuple[int, ...], privilege: str) -> None:
    printed = grants(flavour, version, "drwatch", "10.0.0.9")
    assert any(statement.startswith(privilege) for statement in printed)
    assert "MAX_USER_CONNECTIONS 6" in "".join(printed)
    assert all("'drwatch'@'10.0.0.9'" in statement for statement in printed)


def test_without_a_password_a_placeholder_stands_there_that_no_server_takes() -> None:
    assert "IDENTIFIED BY <password>" in grants(Kind.MYSQL, (8, 0, 36), "drwatch", "%")[0]


def test_tls_is_demanded_of_the_account_where_it_is_used() -> None:
    assert " REQUIRE SSL WITH" in grants(Kind.MARIADB, (10, 11), "drwatch", "%", tls=True)[0]
    assert "/* REQUIRE SSL" in grants(Kind.MARIADB, (10, 11), "drwatch", "%")[0]
