"""What a host's kernel says of its disks."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.ailing import full, written
from drwatch.core.finding import Condition, Finding
from drwatch.core.policy import Policy
from drwatch.core.sample import HostFact, Probe
from drwatch.core.snapshot import Snapshot
from drwatch.core.symptoms.firing import CLEAR, Firing
from drwatch.core.view import ClusterView

IO_WAIT_PATIENCE = 300.0

FILLING_PATIENCE = 60.0
"""A large sort's temporary files come and go."""


def findings(view: ClusterView, policy: Policy, snapshot: Snapshot, firing: Firing) -> Iterator[Finding]:
    yield from _strained(view, policy, snapshot, firing)
    yield from _filling(view, policy, snapshot, firing)


def _filling(view: ClusterView, policy: Policy, snapshot: Snapshot, firing: Firing) -> Iterator[Finding]:
    for node in view.cluster.nodes:
        name = node.node.name
        # Once told it is over with a quarter more room than it was told at.
        share = 1 / CLEAR if (view.cluster.name, Condition.DISK_FILLING, name) in firing else 1.0
        least = policy.limits.disk_free * share
        for space in written(snapshot, node.node):
            free = space.free_bytes / space.size_bytes if space.size_bytes else 1.0
            if free >= least and not full(space):
                continue
            what = "no inode" if space.free_inodes == 0 else f"{space.free_bytes / 2**20:.0f} MB ({free:.1%})"
            summary = f"the disk under {space.path} on {name} is filling up: {what} free. Full, it stops the database"
            yield Finding(Condition.DISK_FILLING, view.cluster.name, name, summary, confirm=FILLING_PATIENCE)
            break


def _strained(view: ClusterView, policy: Policy, snapshot: Snapshot, firing: Firing) -> Iterator[Finding]:
    limits = policy.limits
    for node in view.cluster.nodes:
        strain = snapshot.strains.get(node.node)
        if strain is None or not isinstance(snapshot.latest(node.node, Probe.HOST), HostFact):
            continue
        name = node.node.name
        share = CLEAR if (view.cluster.name, Condition.IO_WAIT_HIGH, name) in firing else 1.0
        measures = (
            (strain.io_wait, limits.io_wait, "of its time"),
            (strain.io_pressure, limits.io_pressure, "of the time (PSI)"),
        )
        over = [(value, words) for value, limit, words in measures if value is not None and value > limit * share]
        if over:
            value, words = over[0]
            summary = f"{name} waits for its disk {value:.0%} {words}: a takeover there would crawl"
            yield Finding(Condition.IO_WAIT_HIGH, view.cluster.name, name, summary, confirm=IO_WAIT_PATIENCE)
