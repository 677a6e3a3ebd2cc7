"""The same scenarios against the real daemon, real servers, real sshd and rsync, and a phone that counts."""

import pytest

from drwatch.lab.play import play
from drwatch.lab.scenario import SCENARIOS
from drwatch.lab.server import Flavour

pytestmark = pytest.mark.timeout(240)

OTHERS = [
    # Where the flavours differ in what they say: identity, positions, replica status. The whole list on each of them is
    # `make matrix`, which takes longer than anybody waits.
    *((flavour, "primary-killed-at-once") for flavour in Flavour if flavour is not Flavour.MARIADB),
    *((flavour, "replication-silent") for flavour in (Flavour.MYSQL_57, Flavour.MYSQL_97)),
    (Flavour.MYSQL_57_GTID, "primary-hung-at-once"),
]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_real_mariadb_pair_pages_what_it_must_and_nothing_else(name: str) -> None:
    result = play(SCENARIOS[name], Flavour.MARIADB)
    assert (result.missing, result.unexpected) == ([], [])
    assert result.harm == {"handshake_errors": 0, "threads_left": 0}


@pytest.mark.parametrize(("flavour", "name"), OTHERS)
def test_a_real_pair_of_another_flavour_pages_what_it_must_and_nothing_else(flavour: Flavour, name: str) -> None:
    result = play(SCENARIOS[name], flavour)
    assert (result.missing, result.unexpected) == ([], [])
    assert result.harm == {"handshake_errors": 0, "threads_left": 0}
