"""The guide's own pair: MySQL without GTIDs, whose position the server tells under a lock only."""

import pytest

from drwatch.lab.pair import Pair
from drwatch.lab.play import Watching, configuration
from drwatch.lab.replication import MONITOR
from drwatch.lab.server import Flavour

pytestmark = pytest.mark.timeout(120)


def test_without_gtids_the_claim_rests_on_the_binary_logs_size_where_the_account_may_ask_for_nothing() -> None:
    """SHOW MASTER STATUS needs REPLICATION CLIENT; it is taken away on the primary, past the binary log."""
    with Pair(Flavour.MYSQL_57) as pair:
        with pair.primary.connect() as session, session.cursor() as cursor:
            cursor.execute("SET sql_log_bin = 0")
            cursor.execute(f"REVOKE REPLICATION CLIENT ON *.* FROM '{MONITOR[0]}'@'127.0.0.%'")
        with Watching(pair, configuration(pair)) as watching:
            claim = watching.wait_for(lambda cluster: cluster["exposures"][0]["seconds"] is not None)["exposures"][0]
            again = watching.wait_for(lambda cluster: cluster["exposures"][0]["datum_at"] > claim["datum_at"])
    assert again["exposures"][0]["seconds"] < 10
