"""The same scenarios against the real daemon, real servers, real sshd and rsync, and a phone that counts."""

import pytest

from drwatch.lab.disk import NotPermitted
from drwatch.lab.play import play
from drwatch.lab.result import Result
from drwatch.lab.scenario import Topology
from drwatch.lab.scenarios import SCENARIOS
from drwatch.lab.server import Flavour

pytestmark = pytest.mark.timeout(240)

OTHERS = [
    # Where the flavours differ in what they say: identity, positions, replica status. The whole list on each of them is
    # `make matrix`, which takes longer than anybody waits.
    *((flavour, "primary-killed-at-once") for flavour in Flavour if flavour is not Flavour.MARIADB),
    *((flavour, "replication-silent") for flavour in (Flavour.MYSQL_57, Flavour.MYSQL_97)),
    (Flavour.MYSQL_57_GTID, "primary-hung-at-once"),
    # … and their counters, and what each does on a full disk; without GTIDs one of our statements hangs there.
    *((Flavour.MYSQL_57, f"primary-{what}") for what in ("locked", "binlog-full", "data-full", "packed")),
    # … and in the states of a standby: errnos of its own, semi-sync as plugins.
    *((Flavour.MYSQL_97, name) for name in ("binlogs-purged", "semi-sync-degraded")),
]

LONG = frozenset(
    {
        "alter-table-blocks-the-applier",
        "backup-locks-briefly",
        "backup-stops-the-applier",
        "drill-overdue",
        "files-marker-gone",
        "files-vanish-under-the-sync",
        "job-silent",
        "primary-disk-slow",
        "primary-flaps-and-dies",
        "primary-locked",  # but on MySQL 5.7
        "primary-reads-only",
        "primary-replicates",
        "primary-restarted",
        "quiet",
        "receiver-flaps",
        "restart-in-maintenance",
        "shell-gone",
        "sync-takes-too-long",
    }
)
"""Half a minute to one each, nearly all of it waiting, for pages that must not come or a mean that must rise: for real
they are `make matrix`'s alone."""

PLAYED = [name for name, each in SCENARIOS.items() if each.topology is Topology.PAIR and name not in LONG]

UNHARMED = {"handshake_errors": 0, "threads_left": 0, "threads_stuck": 0}


def test_each_of_them_can_be_played_there() -> None:
    """What a flavour cannot have is said by the scenario (see tests/lab/test_matrix.py), and never passed over here."""
    everywhere = [(Flavour.MARIADB, name) for name in SCENARIOS]
    assert [why for flavour, name in (*everywhere, *OTHERS) if (why := SCENARIOS[name].impossible(flavour))] == []


def played(name: str, flavour: Flavour) -> Result:
    try:
        return play(SCENARIOS[name], flavour)
    except NotPermitted as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", PLAYED)
def test_a_real_mariadb_pair_pages_what_it_must_and_nothing_else(name: str) -> None:
    result = played(name, Flavour.MARIADB)
    assert (result.missing, result.unexpected) == ([], [])
    assert result.harm == UNHARMED


@pytest.mark.parametrize(("flavour", "name"), OTHERS)
def test_a_real_pair_of_another_flavour_pages_what_it_must_and_nothing_else(flavour: Flavour, name: str) -> None:
    result = played(name, flavour)
    assert (result.missing, result.unexpected) == ([], [])
    assert result.harm == UNHARMED
