"""One cluster as it stands now: the verdict on its primary, and what each standby is worth."""

from __future__ import annotations

from dataclasses import dataclass

from drwatch.core import exposure, recovery, triangulation
from drwatch.core.exposure import Exposure
from drwatch.core.policy import Cluster, FileSet, Policy
from drwatch.core.recovery import Recovery
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot
from drwatch.core.triangulation import Verdict


@dataclass(frozen=True, slots=True)
class ClusterView:
    """One cluster as judged now."""

    cluster: Cluster
    verdict: Verdict
    database: tuple[Exposure, ...]
    """One per standby."""
    files: tuple[tuple[FileSet, Exposure | None], ...]
    """None where no marker was ever seen: unmeasured."""
    recovery: tuple[Recovery, ...]

    @property
    def exposures(self) -> tuple[Exposure, ...]:
        return (*self.database, *(claim for _, claim in self.files if claim is not None))


def look_over(cluster: Cluster, policy: Policy, snapshot: Snapshot, now: Moment) -> ClusterView:
    """Judge one cluster: the verdict on its primary, and each standby's figures."""
    standbys = [standby.node for standby in cluster.standbys]
    return ClusterView(
        cluster=cluster,
        verdict=triangulation.judge(cluster, policy, snapshot, now),
        database=tuple(exposure.of_database(cluster, snapshot, node, now) for node in standbys),
        files=tuple(
            (files, exposure.of_files(snapshot, node, files, now)) for node in standbys for files in cluster.files
        ),
        recovery=tuple(recovery.estimate(cluster, policy, snapshot, node, now) for node in standbys),
    )
