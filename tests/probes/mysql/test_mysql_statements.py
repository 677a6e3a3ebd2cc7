"""The list of reads: what is not in it cannot be sent."""

import asyncio
import re

import pytest
from watching import EVERY_SERVER, Stable, Witness, server_fact

from drwatch.lab.replication import MONITOR
from drwatch.lab.server import Flavour
from drwatch.probes.mysql import statements
from drwatch.probes.mysql.wire import Address, Wire

TEXTS = [
    value
    for name, value in vars(statements).items()
    if not name.startswith("_") and isinstance(value, str) and re.match(r"(SELECT|SHOW|SET) ", value)
]


def test_every_statement_of_the_list_is_a_read_but_for_two_settings_of_our_own_session() -> None:
    assert len(TEXTS) >= 10
    assert statements.allowed(statements.idle(30))
    for text in [*TEXTS, statements.fast(statements.VARIABLES)]:
        assert statements.allowed(text)
        assert ";" not in text
        if text != statements.AUTOCOMMIT:
            assert re.match(r"(SHOW|SELECT) ", text)
            assert not re.search(r"\b(INTO|UPDATE|LOCK|SLEEP|GET_LOCK|BENCHMARK|FOR)\b", text)


@pytest.mark.parametrize(
    "text",
    [
        "SET GLOBAL read_only = 0",
        "SET SESSION wait_timeout = 30; STOP SLAVE",
        "SET SESSION wait_timeout = ",
        "STOP SLAVE",
        "SHOW SLAVE STATUS; STOP SLAVE",
        "PURGE BINARY LOGS BEFORE UTC_TIMESTAMP()",
        "SELECT 1",
        "SELECT UTC_TIMESTAMP(6) AS clock, SLEEP(9) AS version",
        "SELECT UTC_TIMESTAMP(6) AS clock, @@GLOBAL.version AS version FROM mysql.user",
        "SELECT UTC_TIMESTAMP(6) AS clock; DROP DATABASE shop",
        "show slave status",
        "",
    ],
)
async def test_what_is_not_in_the_list_is_a_bug_and_is_not_sent(stable: Stable, text: str) -> None:
    assert not statements.allowed(text)
    server = stable.server(Flavour.MARIADB)
    wire = Wire(Address(server.address, server.port, *MONITOR))
    await wire.open(1.0)
    with pytest.raises(AssertionError, match="not in the list"):
        await wire.rows(text)
    await wire.quit(0.2)


def test_the_fast_look_asks_only_for_what_the_server_has() -> None:
    assert statements.fast(["version", "performance_schema", "nonsense"]) == (
        "SELECT UTC_TIMESTAMP(6) AS clock, @@GLOBAL.version AS version"
    )


async def test_a_server_whose_default_is_no_autocommit_gets_it_set_for_our_session(stable: Stable) -> None:
    server = stable.start(Flavour.MARIADB, "--autocommit=0")
    wire = Wire(Address(server.address, server.port, *MONITOR))
    await wire.open(1.0)
    assert wire.get_autocommit()
    await wire.quit(0.2)
    server.kill()


async def test_a_variable_that_vanishes_is_discovered_again(stable: Stable, witness: object) -> None:
    """As after a failover behind one address: errno 1193 once, and the look still has its fact."""
    server = stable.server(Flavour.MARIADB)
    watching = witness(server)  # type: ignore[operator]
    server_fact(await watching.server_look.look())
    wire = watching.server_look._link._wire
    wire.constants["server_uuid"] = "as another server had"
    server_fact(await watching.server_look.look())
    assert "server_uuid" not in wire.constants


@EVERY_SERVER
async def test_a_session_whose_network_was_cut_is_forgotten_by_the_server_and_not_kept_for_hours(
    stable: Stable, flavour: Flavour
) -> None:
    """Six of them, and the account's limit of connections would lock drwatch out."""
    server = stable.server(flavour)
    wire = Wire(Address(server.address, server.port, *MONITOR, idle=1))
    await wire.open(1.0)
    ended = asyncio.Event()
    wire.watch(ended.set)
    await asyncio.wait_for(ended.wait(), 5)
    wire.abort()


async def test_a_session_that_is_looked_at_rarely_is_not_ended_between_two_looks(witness: Witness) -> None:
    rare = witness(host="127.0.0.1", port=3306, every=300.0)
    assert rare.server_look._link._address.idle == 900
