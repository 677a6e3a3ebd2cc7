"""What could be set better: said with the statement that mends it, and never paged."""

from __future__ import annotations

import pytest
from worlds import SHOP, conditions, position, receiver, replication, seen, standby, standby_server, well

from drwatch.core.advice import advice
from drwatch.core.sample import Flavour, ServerFact

OLD = standby_server(net_timeout=60.0, version=(5, 7, 44))


@pytest.mark.parametrize(
    ("fact", "period", "words", "statement"),
    [
        pytest.param(
            OLD,
            30.0,
            "only after 60 s",
            "SET GLOBAL slave_net_timeout = 10; STOP SLAVE IO_THREAD; CHANGE MASTER TO MASTER_HEARTBEAT_PERIOD = 2; ",
            id="the default of most",
        ),
        pytest.param(
            standby_server(net_timeout=3600.0, version=(5, 6, 51)),
            None,
            "only after 60 min",
            "SET GLOBAL",
            id="old MySQL",
        ),
        pytest.param(
            standby_server(net_timeout=60.0, version=(9, 7, 0)),
            30.0,
            "only after 60 s",
            "SET PERSIST replica_net_timeout = 10; STOP REPLICA IO_THREAD; CHANGE REPLICATION SOURCE TO",
            id="new words",
        ),
        pytest.param(
            standby_server(position(100), net_timeout=60.0, version=(10, 11), flavour=Flavour.MARIADB),
            30.0,
            "only after 60 s",
            "STOP SLAVE; CHANGE MASTER TO MASTER_HEARTBEAT_PERIOD = 2; START SLAVE",
            id="MariaDB wants both threads stopped",
        ),
        pytest.param(standby_server(net_timeout=10.0), 30.0, "reconnects every 10 s", "", id="a heartbeat too late"),
        pytest.param(standby_server(net_timeout=10.0), 0.0, "no heartbeat is set", "", id="no heartbeat"),
    ],
)
def test_a_late_silence_meter_is_told_with_the_statement_that_mends_it(
    fact: ServerFact, period: float | None, words: str, statement: str
) -> None:
    world = seen(well(0), standby(fact, 1), receiver(replication(heartbeat_period=period), 1))
    (one,) = advice(SHOP, world)
    assert one.subject == "oslo-b"
    assert words in one.sentence
    assert statement in one.statement
    assert conditions(world, 2) == set()


def test_a_good_meter_is_not_spoken_of() -> None:
    world = seen(well(0), standby(standby_server(net_timeout=10.0), 1), receiver(replication(heartbeat_period=2.0), 1))
    assert list(advice(SHOP, world)) == []
