"""Some of what a network does, on hosts; `make matrix ARGS="--topology hosts"` plays every scenario there."""

import pytest

from drwatch.lab.disk import NotPermitted
from drwatch.lab.play import play
from drwatch.lab.scenarios import SCENARIOS
from drwatch.lab.server import Flavour

pytestmark = pytest.mark.timeout(240)

CHOSEN = [
    (Flavour.MARIADB, "host-gone"),
    (Flavour.MARIADB, "witness-cut-off"),
    (Flavour.MARIADB, "primary-standby-cut"),
    (Flavour.MARIADB, "both-killed"),
    (Flavour.MARIADB, "names-fail-and-killed"),
    (Flavour.MARIADB, "ipv6-killed"),
    # These have performance_schema on, and in it what each address is charged with.
    (Flavour.MYSQL_57, "host-frozen"),
    (Flavour.MYSQL_97, "witness-walled-drops"),
]


@pytest.mark.parametrize(("flavour", "name"), CHOSEN)
def test_hosts_with_a_network_page_what_they_must_and_nothing_else(flavour: Flavour, name: str) -> None:
    try:
        result = play(SCENARIOS[name], flavour)
    except NotPermitted as reason:
        pytest.skip(str(reason))
    assert (result.missing, result.unexpected) == ([], [])
    assert result.harm == {"handshake_errors": 0, "threads_left": 0, "threads_stuck": 0, "turned_away": 0}
