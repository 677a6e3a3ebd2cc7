"""A transaction cut off in the middle on a real wire, and which of the standby's words count it."""

from __future__ import annotations

import pytest

from drwatch.core.receipt import whole
from drwatch.core.timeline import Position
from drwatch.lab.deadline import until
from drwatch.lab.pair import Pair
from drwatch.lab.replication import status
from drwatch.lab.server import Flavour, Server
from drwatch.probes.mysql import columns
from drwatch.probes.mysql.server_fact import flavour_of, version_of

pytestmark = pytest.mark.timeout(120)


def had(server: Server) -> Position:
    """The primary's own position, both units."""
    name = "gtid_binlog_pos" if server.flavour.is_mariadb else "GLOBAL.gtid_executed"
    version = server.sql("SELECT VERSION() AS said")[0]["said"]
    place = server.sql("SHOW MASTER STATUS")[0]
    gtids = columns.gtids(flavour_of(version, ""), server.sql(f"SELECT @@{name} AS said")[0]["said"])
    return Position(gtids, columns.coordinate(place["File"], place["Position"]))


def received(server: Server) -> Position:
    version = server.sql("SELECT VERSION() AS said")[0]["said"]
    channel = columns.channel(status(server), flavour_of(version, ""))
    complete = whole(channel, channel.executed_gtid, version_of(version))
    return Position(complete, channel.read, by_coordinate=not channel.uses_gtid)


@pytest.mark.parametrize("flavour", [Flavour.MYSQL_57_GTID, Flavour.MARIADB])
def test_a_transaction_whose_end_never_came_is_not_taken_as_received(flavour: Flavour) -> None:
    """Its bytes move the received coordinate; neither that nor any GTID set reaches the place where it ends."""
    with Pair(flavour, rate=0.01) as pair:
        primary, standby = pair.primary, pair.standby
        primary.sql("CREATE TABLE shop.big (id INT PRIMARY KEY, a LONGBLOB)")
        until(lambda: received(standby).covers(had(primary)), within=10, what="all of it received")
        before, begun = had(primary), status(standby)["Read_Master_Log_Pos"]
        pair.link.rate = 300_000.0
        with primary.connect() as session, session.cursor() as cursor:
            cursor.execute("BEGIN")
            for row in range(20):
                cursor.execute("INSERT INTO shop.big VALUES (%s, REPEAT('a', 100000))", (row,))
            cursor.execute("COMMIT")
        until(lambda: status(standby)["Read_Master_Log_Pos"] > begun + 200_000, within=10, what="half of it")
        pair.link.silent()
        after = had(primary)
        for cut in (lambda: None, pair.link.refuses, lambda: standby.sql("STOP SLAVE IO_THREAD")):
            cut()
            assert received(standby).covers(before)
            assert not received(standby).covers(after)
        pair.link.passes()
        standby.sql("START SLAVE")
        until(lambda: received(standby).covers(after), within=20, what="the whole of it")
