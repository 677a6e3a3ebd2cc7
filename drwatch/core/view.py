"""One cluster as it stands now: the verdict on its primary, and what each standby is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from drwatch.core import choice, exposure, links, protection, recovery, triangulation
from drwatch.core.choice import Choice
from drwatch.core.exposure import Coherent, Exposure
from drwatch.core.links import Link
from drwatch.core.policy import Cluster, FileSet, NodePolicy, Policy, Role
from drwatch.core.recovery import Recovery
from drwatch.core.salvage import Salvage, salvages
from drwatch.core.sample import Key, Moment, Node, Probe, ReplicationFact, ServerFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.standing import Protection
from drwatch.core.triangulation import Verdict

MARKER_AGAIN = 5.0
"""Seconds between two readings of a marker that is read only because it is asked for."""


class FileCopy(NamedTuple):
    """One file set on one standby."""

    node: Node
    files: FileSet
    claim: Exposure | None
    """None where no marker was ever seen: unmeasured."""

    @property
    def known(self) -> Exposure:
        """The claim; unknown where nothing was ever measured."""
        return self.claim or Exposure(self.node, f"files/{self.files.name}", None, "no marker was ever seen")


@dataclass(frozen=True, slots=True)
class ClusterView:
    """One cluster as judged now. What only readers ask for is worked out when they do: a tick asks for none of it."""

    cluster: Cluster
    """As it is led now."""
    verdict: Verdict
    database: tuple[Exposure, ...]
    """One per standby."""
    copies: tuple[FileCopy, ...]
    """One per standby and file set."""
    recovery: tuple[Recovery, ...]
    protection: Protection
    unprotected: tuple[str, ...]
    """Why no standby could take over, a sentence for each; empty while one could."""
    settled: bool
    """Looked at all round; not yet just after a start."""
    policy: Policy
    snapshot: Snapshot
    at: Moment

    @property
    def links(self) -> tuple[Link, ...]:
        """The paths between the witness, the primary and the standbys."""
        return links.links(self.cluster, self.policy, self.snapshot, self.at)

    @property
    def coherent(self) -> tuple[Coherent, ...]:
        """One per standby: its database and its files together."""
        return tuple(_together(standby.node, self.database, self.copies) for standby in self.cluster.standbys)

    @property
    def choice(self) -> Choice | None:
        """Repair or take over; None without a standby."""
        return choice.weigh(self.cluster, self.snapshot, self.database, self.recovery)

    @property
    def salvage(self) -> tuple[Salvage, ...]:
        """What to save, one per standby, while the primary is lost; and what the one before a takeover holds."""
        return salvages(self.cluster, self.snapshot, self.verdict.condition)

    @property
    def best(self) -> Exposure | None:
        """The claim of the standby that would lose least, the first of equals; None while none is known."""
        known = [claim for claim in self.database if claim.seconds is not None]
        return min(known, key=lambda claim: claim.seconds or 0.0, default=None)

    @property
    def ranked(self) -> tuple[NodePolicy, ...]:
        """The standbys, whoever would lose least first and the unknown last."""
        loss = {claim.node: math.inf if claim.seconds is None else claim.seconds for claim in self.database}
        return tuple(sorted(self.cluster.standbys, key=lambda standby: loss[standby.node]))


def look_over(cluster: Cluster, policy: Policy, snapshot: Snapshot, now: Moment) -> ClusterView:
    """Judge one cluster: the verdict on its primary, and each standby's figures."""
    standbys = [standby.node for standby in cluster.standbys]
    verdict = triangulation.judge(cluster, policy, snapshot, now)
    database = tuple(exposure.of_database(cluster, snapshot, node, now) for node in standbys)
    copies = tuple(
        FileCopy(node, files, exposure.of_files(snapshot, node, files, now))
        for node in standbys
        for files in cluster.files
    )
    estimates = tuple(recovery.estimate(cluster, policy, snapshot, node, now) for node in standbys)
    settled = _settled(cluster, snapshot)
    standing, unprotected = protection.judge(cluster, snapshot, database, settled, now)
    return ClusterView(
        cluster=cluster,
        verdict=verdict,
        database=database,
        copies=copies,
        recovery=estimates,
        protection=standing,
        unprotected=unprotected,
        settled=settled,
        policy=policy,
        snapshot=snapshot,
        at=now,
    )


def _together(node: Node, database: Sequence[Exposure], copies: Sequence[FileCopy]) -> Coherent:
    return exposure.coherent(
        node,
        [claim for claim in database if claim.node == node],
        [copy.known for copy in copies if copy.node == node],
    )


def _settled(cluster: Cluster, snapshot: Snapshot) -> bool:
    standbys = [standby.node for standby in cluster.standbys]
    for node in cluster.nodes:
        probes = [Probe.SERVER, *([Probe.HOST] if node.ssh else [])]
        probes += [Probe.REPLICATION] if node.node in standbys else []
        if any(snapshot.sight(node.node, probe) is None for probe in probes):
            return False
    return True


def markers_wanted(cluster: Cluster, snapshot: Snapshot, now: Moment) -> frozenset[Key]:
    """The markers to read now where nothing reads them by itself: on a configured primary that has become a standby."""
    keys = (
        Key(standby.node, Probe.MARKER, files.name)
        for standby in cluster.standbys
        if standby.role is Role.PRIMARY
        for files in cluster.files
    )
    sights = ((key, snapshot.sights.get(key)) for key in keys)
    return frozenset(key for key, sight in sights if sight is None or now - sight.latest.answered >= MARKER_AGAIN)


def roles_seen(snapshot: Snapshot, node: NodePolicy) -> tuple[Role, ...] | None:
    """The role that the node's own words give it now, none when it neither takes writes nor replicates; None unseen."""
    server = snapshot.latest(node.node, Probe.SERVER)
    replication = snapshot.latest(node.node, Probe.REPLICATION)
    if isinstance(replication, ReplicationFact) and replication.channels:
        return (Role.STANDBY,)
    # The status look is for standbys: one that nobody sends to the primary does not hide its role.
    unasked = replication is None and node.role is Role.PRIMARY
    if not isinstance(server, ServerFact) or not (unasked or isinstance(replication, ReplicationFact)):
        return None
    return () if server.read_only else (Role.PRIMARY,)
