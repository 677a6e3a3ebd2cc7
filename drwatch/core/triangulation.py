"""Who can see whom, and what that makes of the primary: the evidence of every chair folded into one verdict."""

from __future__ import annotations

from dataclasses import dataclass

from drwatch.core.chairs import gather, lost_since
from drwatch.core.doors import door_key
from drwatch.core.evidence import NO_SHELL, Vote
from drwatch.core.finding import Condition, Confidence
from drwatch.core.own_view import outdated, port_key
from drwatch.core.policy import Cluster, Policy
from drwatch.core.sample import HostFact, Key, Moment, PortFact, Probe, ServerFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.verdicts import decide
from drwatch.core.world import anchors, fresh

LEAVING = 3.0
"""Seconds after a hang-up in which a process that is still there may be about to go."""

ASKING = 1.0
"""Seconds that a verdict waits for the other chairs, so that the page can name them; no longer."""

DOOR_AGAIN = 5.0
"""Seconds between two dials from the standby: its word must not outlive what it saw."""

PORT_AFTER = 2.0
"""Seconds of trouble after which the primary is asked for its port: what heals at once needs no second opinion."""

QUEUE_AGAIN = 2.0
"""Seconds after which a port at which connections wait is looked at again: a busy server has taken them by then."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with the primary; ``condition`` is None while it serves."""

    condition: Condition | None
    confidence: Confidence = Confidence.CONCLUSIVE
    evidence: tuple[str, ...] = ()
    votes: tuple[Vote, ...] = ()
    """How each chair voted; none while all is well."""
    host_answers: bool = False
    """The primary's host was asked since the trouble began, and answered."""
    pending: bool = False
    """Something is wrong, and the other chairs are being asked what."""


def judge(cluster: Cluster, policy: Policy, snapshot: Snapshot, now: Moment) -> Verdict:
    """The one verdict on a cluster's primary, as the looks stand; none yet while the chairs are still being asked."""
    primary = cluster.primary.node
    evidence, since = gather(cluster, policy, snapshot, now), lost_since(cluster, snapshot)
    rule = decide(evidence.chairs)
    if rule.condition is None and isinstance(snapshot.latest(primary, Probe.SERVER), ServerFact):
        return Verdict(None)
    if since is not None:
        if primary not in snapshot.alive:
            # Never seen alive: perhaps it does not exist. ProbeBlind says so.
            return Verdict(None, evidence=evidence.sentences, votes=evidence.votes)
        if now - since < ASKING and _unasked(cluster, policy, snapshot, since):
            return Verdict(None, evidence=evidence.sentences, votes=evidence.votes, pending=True)
    answers = evidence.chairs.host not in NO_SHELL
    sentences = (*evidence.sentences, f"so: {rule.why}") if rule.condition else evidence.sentences
    return Verdict(rule.condition, rule.confidence, sentences, evidence.votes, host_answers=answers)


def _unasked(cluster: Cluster, policy: Policy, snapshot: Snapshot, since: Moment) -> set[Key]:
    """The other chairs' looks that have not been made since the trouble began."""
    primary = cluster.primary
    keys = [Key(primary.node, Probe.HOST)] if primary.ssh is not None else []
    for standby in cluster.standbys:
        keys.append(Key(standby.node, Probe.REPLICATION))
    keys += _doors(cluster, snapshot, since)
    return {key for key in (*keys, *anchors(policy)) if not fresh(snapshot.sights.get(key), since)}


def _doors(cluster: Cluster, snapshot: Snapshot, since: Moment) -> list[Key]:
    """The dials at the primary's port 22 that are of use: none while a session there answers, or may yet."""
    primary = cluster.primary
    host = snapshot.sight(primary.node, Probe.HOST)
    if primary.ssh_host is None or (primary.ssh is not None and (host is None or not fresh(host, since))):
        return []
    if host is not None and host.blind is None:
        return []
    return [door_key(cluster, standby.node) for standby in cluster.standbys if standby.ssh is not None]


def wanted(cluster: Cluster, policy: Policy, snapshot: Snapshot, now: Moment) -> frozenset[Key]:
    """The looks to make now rather than at their turn: what the other chairs say of a trouble just begun."""
    since = lost_since(cluster, snapshot)
    if since is None:
        return frozenset()
    keys = _unasked(cluster, policy, snapshot, since)
    primary = cluster.primary.node
    found = snapshot.latest(primary, Probe.HOST)
    if now - since < LEAVING and isinstance(found, HostFact) and found.processes:
        # A process that was killed may still be seen on its way out: look again until it is clear.
        keys.add(Key(primary, Probe.HOST))
    for door in _doors(cluster, snapshot, since):
        dialled = snapshot.sights.get(door)
        if dialled is not None and now - dialled.latest.answered >= DOOR_AGAIN:
            keys.add(door)
    port = snapshot.sights.get(port_key(cluster))
    corpse = not isinstance(found, HostFact) or (not found.processes and primary in snapshot.embodied)
    queue = port is not None and isinstance(port.latest.found, PortFact) and port.latest.found.waiting
    pace = 0.0 if outdated(snapshot, cluster) else QUEUE_AGAIN if queue else DOOR_AGAIN
    if not corpse and now - since >= PORT_AFTER and (port is None or now - port.latest.answered >= pace):
        # A port that is kept from the witness is told from none.
        keys.add(port_key(cluster))
    return frozenset(keys)
