"""The commands of a page are pasted at 03:14: each address must stand there as the program that reads it wants it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import (
    LOST,
    OSLO_A,
    OSLO_B,
    POLICY,
    PRIMARY,
    SHOP,
    body,
    dead_host,
    judged,
    primary,
    seen,
    server,
    standby,
    standby_server,
    well,
)

from drwatch.core.policy import NodePolicy
from drwatch.core.preflight import fence, preflight
from drwatch.core.sample import Flavour, Sample

V6 = replace(OSLO_A, mysql="[2001:db8::1]:3306", ssh="drwatch@2001:db8::1", ssh_host="2001:db8::1")
NO_SHELL_THERE = replace(V6, ssh=None, ssh_host=None)
CORPSE = (primary(LOST, 1), body(dead_host(), 1.1))
GONE = (primary(LOST, 1), body(LOST, 1))


@pytest.mark.parametrize(
    ("node", "looks", "line"),
    [
        (OSLO_A, CORPSE, "ssh 10.0.0.1 \"sudo sh -c 'cd /var/lib/mysql && "),
        (V6, CORPSE, "ssh 2001:db8::1 \"sudo sh -c 'cd /var/lib/mysql && "),
        (OSLO_A, GONE, "ping -c3 10.0.0.1"),
        (V6, GONE, "ping -c3 2001:db8::1"),
        (NO_SHELL_THERE, GONE, "ping -c3 2001:db8::1"),
    ],
)
def test_an_address_is_written_as_its_reader_wants_it(node: NodePolicy, looks: tuple[Sample, ...], line: str) -> None:
    policy = replace(POLICY, clusters=(replace(SHOP, nodes=(node, OSLO_B)),))
    assessment = judged(seen(well(0), *looks), 2, policy)
    answer = preflight(assessment.clusters[0], assessment.snapshot, OSLO_B)
    lines = [command.line for command in answer.repair]
    assert any(each == line or line in each for each in lines), lines


def lines(*looks: Sample) -> list[str]:
    """Every line for a takeover, and those that close the old primary."""
    assessment = judged(seen(looks), 2)
    view = assessment.clusters[0]
    commands = (*preflight(view, assessment.snapshot, OSLO_B).takeover, *fence(view, assessment.snapshot, PRIMARY.name))
    return [command.line for command in commands if "-e " in command.line or "-NBe " in command.line]


@pytest.mark.parametrize("unseen", ["primary", "standby"])
@pytest.mark.parametrize(
    ("flavour", "version", "client", "other"),
    [(Flavour.MYSQL, (5, 7, 44), "mysql", "mariadb"), (Flavour.MARIADB, (10, 11, 6), "mariadb", "mysql")],
)
def test_a_server_that_was_never_seen_is_taken_for_what_the_other_one_is(
    unseen: str, flavour: Flavour, version: tuple[int, int, int], client: str, other: str
) -> None:
    kind = {"flavour": flavour, "version": version, "super_read_only": None}
    there = standby(standby_server(**kind), 1) if unseen == "primary" else primary(server(**kind), 1)
    gone = primary(LOST, 1) if unseen == "primary" else standby(LOST, 1)
    for line in (made := lines(there, gone)):
        assert f"{client} -" in line, line
        assert f"{other} -" not in line, line
    assert len(made) >= 5


def test_where_no_server_was_ever_seen_the_client_is_one_that_both_have() -> None:
    """Debian's MariaDB has mysql as well, and MySQL has no mariadb."""
    made = lines(primary(LOST, 1), standby(LOST, 1))
    assert len(made) >= 5
    assert not [line for line in made if "mariadb" in line]
