"""The commands of a page are pasted at 03:14: each address must stand there as the program that reads it wants it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from worlds import LOST, OSLO_A, OSLO_B, POLICY, SHOP, body, dead_host, judged, primary, seen, well

from drwatch.core.policy import NodePolicy
from drwatch.core.preflight import preflight
from drwatch.core.sample import Sample

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
