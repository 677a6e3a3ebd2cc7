"""One tick's judgement of the whole snapshot: what is wrong, what would be lost, how long recovery would take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from drwatch.core import links, roles, symptoms, triangulation
from drwatch.core.ailing import logins_wanted
from drwatch.core.finding import Finding
from drwatch.core.job import Heard
from drwatch.core.policy import Cluster, Policy
from drwatch.core.sample import Blind, Key, Moment, Probe, Reason
from drwatch.core.silence import Silence
from drwatch.core.snapshot import Snapshot
from drwatch.core.suppression import place, suppress
from drwatch.core.symptoms.firing import Firing, eased
from drwatch.core.view import ClusterView, look_over, markers_wanted


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the exporter, the pages and the CLI read; made whole at each tick."""

    at: Moment
    snapshot: Snapshot
    clusters: tuple[ClusterView, ...]
    findings: tuple[Finding, ...]
    unsettled: frozenset[str] = frozenset()
    """Clusters that have not been looked at all round yet, as just after a start."""
    wanted: frozenset[Key] = frozenset()
    """Looks to make now."""
    silences: tuple[Silence, ...] = ()
    """What people want to hear nothing of now."""
    judging: frozenset[str] = frozenset()
    """Clusters whose primary is in trouble, while the other chairs are asked in which."""

    def view(self, cluster: str) -> ClusterView | None:
        return next((view for view in self.clusters if view.cluster.name == cluster), None)


def assess(
    snapshot: Snapshot, policy: Policy, firing: Firing, now: Moment, silences: tuple[Silence, ...] = ()
) -> Assessment:
    """Judge the snapshot. Pure: the same snapshot, policy, incidents and moment give the same assessment."""
    snapshot = roles.follow(_aged(snapshot, policy.limits.stale_sample, now), policy, now)
    views = tuple(_view(roles.led(cluster, snapshot), policy, snapshot, firing, now) for cluster in policy.clusters)
    protections = {view.cluster.name: view.protection for view in views}
    watched = {**{cluster.name: now for cluster in policy.clusters}, **snapshot.watched}
    jobs = _awaited(snapshot, policy, now)
    if (protections, watched) != (snapshot.protections, snapshot.watched) or jobs is not snapshot.jobs:
        kept, since = MappingProxyType(protections), MappingProxyType(watched)
        snapshot = replace(snapshot, protections=kept, watched=since, jobs=jobs)
    findings: list[Finding] = []
    wanted: set[Key] = set()
    for view in views:
        found = list(symptoms.of_cluster(view, policy, snapshot, firing, now))
        if found:
            findings += suppress(found, view.verdict.pending, place(view.cluster, snapshot))
        wanted |= triangulation.wanted(view.cluster, policy, snapshot, now)
        wanted |= links.wanted(view.cluster, policy, snapshot, now)
        wanted |= markers_wanted(view.cluster, snapshot, now)
        wanted |= logins_wanted(view.cluster.primary.node, snapshot)
    findings += symptoms.of_drwatch(snapshot, policy, now)
    unsettled = frozenset(view.cluster.name for view in views if not view.settled)
    judging = frozenset(view.cluster.name for view in views if view.verdict.pending)
    return Assessment(now, snapshot, views, tuple(findings), unsettled, frozenset(wanted), silences, judging)


def _awaited(snapshot: Snapshot, policy: Policy, now: Moment) -> Mapping[tuple[str, str], Heard]:
    """What was heard of every job that is configured, and of no other."""
    names = [(cluster.name, job.name) for cluster in policy.clusters for job in cluster.jobs]
    if snapshot.jobs.keys() == set(names):
        return snapshot.jobs
    return MappingProxyType({name: snapshot.jobs.get(name) or Heard(since=now) for name in names})


def _view(cluster: Cluster, policy: Policy, snapshot: Snapshot, firing: Firing, now: Moment) -> ClusterView:
    limits = eased(policy.limits, cluster.name, cluster.primary.node.name, firing)
    eased_policy = policy if limits is policy.limits else replace(policy, limits=limits)
    return look_over(cluster, eased_policy, snapshot, now)


_HELD = frozenset({Probe.SERVER, Probe.REPLICATION, Probe.HOST})


def _aged(snapshot: Snapshot, limit: float, now: Moment) -> Snapshot:
    """The snapshot in which a look that has not come back for so long counts as blind, whatever its last one saw."""
    old = {
        key: replace(
            sight,
            latest=replace(sight.latest, found=_overdue(now - sight.latest.answered)),
            blind_since=at,
            lost_since=at,
        )
        for key, sight in snapshot.sights.items()
        if key.probe in _HELD and sight.blind is None and now - (at := sight.latest.answered) > limit
    }
    return replace(snapshot, sights=MappingProxyType({**snapshot.sights, **old})) if old else snapshot


def _overdue(seconds: float) -> Blind:
    return Blind(Reason.QUERY_TIMEOUT, f"the look sent {seconds:.0f} s ago has not come back")
