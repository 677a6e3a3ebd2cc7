"""Some generated histories of each kind of pair; ``make bench BENCH=histories`` plays ten thousand."""

from __future__ import annotations

from histories import Histories, Mariadb, MariadbByCoordinate, MysqlByCoordinate, OldMysql
from hypothesis import settings

OFTEN = settings(max_examples=25, stateful_step_count=30, deadline=None)

for kind in (Histories, OldMysql, Mariadb, MariadbByCoordinate, MysqlByCoordinate):
    kind.TestCase.settings = OFTEN
TestMysql = Histories.TestCase
TestOldMysql = OldMysql.TestCase
TestMariadb = Mariadb.TestCase
TestMariadbByCoordinate = MariadbByCoordinate.TestCase
TestMysqlByCoordinate = MysqlByCoordinate.TestCase
