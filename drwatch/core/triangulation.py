"""Who can see whom, and what that makes of the primary: the evidence of every chair folded into one verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from drwatch.core.ailing import diagnose, full_disks
from drwatch.core.chairs import (
    OUT_OF_REACH,
    Door,
    Host,
    Receiver,
    Server,
    anchors,
    door_key,
    fresh,
    gather,
    lost_since,
)
from drwatch.core.finding import Condition, Confidence
from drwatch.core.policy import Cluster, Policy
from drwatch.core.sample import Blind, HostFact, Key, Moment, Probe, Reason, ServerFact
from drwatch.core.snapshot import Sight, Snapshot

LEAVING = 3.0
"""Seconds after a hang-up in which a process that is still there may be about to go."""

ASKING = 1.0
"""Seconds that a verdict waits for the other chairs, so that the page can name them; no longer."""

DOOR_AGAIN = 5.0
"""Seconds between two dials from the standby: its word must not outlive what it saw."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with the primary; ``condition`` is None while it serves."""

    condition: Condition | None
    confidence: Confidence = Confidence.CONCLUSIVE
    evidence: tuple[str, ...] = ()
    host_answers: bool = False
    """The primary's host was asked since the trouble began, and answered."""
    pending: bool = False
    """Something is wrong, and the other chairs are being asked what."""


def decide(server: Server, host: Host, receiver: Receiver, door: Door) -> tuple[Condition | None, Confidence]:
    """The one verdict for what the chairs say; total, and more evidence of life never makes it deader."""
    sure, likely, alone = Confidence.CONCLUSIVE, Confidence.LIKELY, Confidence.ALONE
    broken = receiver is Receiver.BROKEN
    match host, server:
        case _, Server.ANSWERS | Server.SPEAKS:
            return None, sure
        case Host.GONE, _:
            return Condition.PRIMARY_DOWN, sure
        case Host.STARTING, _:
            return Condition.PRIMARY_RESTARTING, sure
        case _, Server.UNKNOWN:
            # Our own look failed; without a corpse nobody has seen anything of the server. ProbeBlind says so.
            return None, alone
        case Host.STOPPED, Server.SILENT | Server.STALLED | Server.UNREACHABLE:
            return Condition.PRIMARY_HUNG, sure
        case _ if receiver is Receiver.FLOWING:
            # A server that shuts down closes its port first and feeds its standby to the last: give it time.
            seen = host in (Host.RUNS_IT, Host.UP) and server is not Server.REFUSED
            return Condition.PRIMARY_UNSEEN, sure if seen else alone
        case Host.RUNS_IT | Host.STOPPED, Server.REFUSED:
            return Condition.PRIMARY_RESTARTING, sure
        case Host.RUNS_IT, Server.SILENT | Server.STALLED:
            return Condition.PRIMARY_HUNG, sure
        case Host.UP, Server.REFUSED:
            return Condition.PRIMARY_DOWN, sure if broken else likely
        case Host.UP, Server.SILENT | Server.STALLED:
            return Condition.PRIMARY_HUNG, sure if broken else likely
        case Host.RUNS_IT | Host.UP, _:
            # A full accept queue, or a firewall between the witness and that one port.
            return Condition.PRIMARY_HUNG, likely if broken else alone
    return _where_the_host_is_silent(server, host, receiver, door)


def _where_the_host_is_silent(
    server: Server, host: Host, receiver: Receiver, door: Door
) -> tuple[Condition, Confidence]:
    """What the other chairs make of a primary whose host says nothing."""
    sure, likely, alone = Confidence.CONCLUSIVE, Confidence.LIKELY, Confidence.ALONE
    broken = receiver is Receiver.BROKEN
    agreed = broken or door is Door.SHUT
    confidence = sure if agreed else likely if receiver is Receiver.QUIET else alone
    if server is Server.SILENT or (server is Server.STALLED and host is Host.UNKNOWN and door is not Door.OPEN):
        # The host's kernel takes connections; without a shell there, a stalled query says no more than that either.
        return Condition.PRIMARY_HUNG, confidence
    if host is Host.UNKNOWN and server is Server.REFUSED:
        # No shell there, or one that lets us not in: the host may well be up.
        return Condition.PRIMARY_DOWN, confidence
    if door is Door.OPEN:
        # The standby reaches the host that the witness does not.
        return (Condition.PRIMARY_DOWN, likely) if broken else (Condition.PRIMARY_UNSEEN, alone)
    return Condition.PRIMARY_HOST_DOWN, confidence


def isolated(policy: Policy, cluster: Cluster, snapshot: Snapshot, since: Moment) -> Confidence | None:
    """Whether it is the witness that has lost its network, and how sure that is.

    A refusal, a hang-up or an accepted connection comes from the other side, so it speaks against it, and so does
    whatever another cluster's server has said since. Without anchors, or until each has been asked since the trouble
    began, silence all round is only likely to be ours.
    """
    probes = (Probe.SERVER, Probe.HOST, Probe.REPLICATION)
    nodes = [snapshot.latest(node.node, probe) for node in cluster.nodes for probe in probes]
    looked = [found for found in nodes if found is not None]
    silence = OUT_OF_REACH | {Reason.DNS}
    if not looked or not all(isinstance(found, Blind) and found.reason in silence for found in looked):
        return None
    if any(fresh(sight, since) and not _silent(sight, silence) for sight in _others(policy, cluster, snapshot)):
        return None
    asked = [sight for key in anchors(policy) if (sight := snapshot.sights.get(key)) and fresh(sight, since)]
    if any(sight.blind is None or sight.blind.reason is Reason.REFUSED for sight in asked):
        return None
    return Confidence.CONCLUSIVE if asked and len(asked) == len(policy.anchors) else Confidence.LIKELY


def _others(policy: Policy, cluster: Cluster, snapshot: Snapshot) -> Iterator[Sight]:
    """The fast looks at the other clusters' servers."""
    for node in (node.node for other in policy.clusters if other.name != cluster.name for node in other.nodes):
        if (sight := snapshot.sight(node, Probe.SERVER)) is not None:
            yield sight


def _silent(sight: Sight, silence: frozenset[Reason]) -> bool:
    return sight.blind is not None and sight.blind.reason in silence | {Reason.BUG}


def judge(cluster: Cluster, policy: Policy, snapshot: Snapshot, now: Moment) -> Verdict:
    """The one verdict on a cluster's primary, as the looks stand; none yet while the chairs are still being asked."""
    primary = cluster.primary.node
    found = snapshot.latest(primary, Probe.SERVER)
    if isinstance(found, ServerFact):
        ailment = diagnose(snapshot, policy, primary, found)
        return Verdict(*ailment) if ailment else Verdict(None)
    evidence, since = gather(cluster, snapshot), lost_since(cluster, snapshot)
    disks = full_disks(snapshot, primary)
    if isinstance(found, Blind) and found.reason is Reason.TOO_MANY_CONNECTIONS:
        full = Condition.PRIMARY_DISK_FULL if disks else Condition.PRIMARY_SATURATED
        return Verdict(full, evidence=evidence.sentences + disks)
    if since is None or primary not in snapshot.alive:
        # Never seen alive: perhaps it does not exist. ProbeBlind says so.
        return Verdict(None, evidence=evidence.sentences)
    if now - since < ASKING and _unasked(cluster, policy, snapshot, since):
        return Verdict(None, evidence=evidence.sentences, pending=True)
    if (confidence := isolated(policy, cluster, snapshot, since)) is not None:
        return Verdict(Condition.WITNESS_ISOLATED, confidence, evidence.sentences)
    condition, confidence = decide(evidence.server, evidence.host, evidence.receiver, evidence.door)
    answers = evidence.host not in (Host.UNKNOWN, Host.UNREACHABLE, Host.REFUSED)
    if disks and condition in (Condition.PRIMARY_HUNG, Condition.PRIMARY_RESTARTING):
        # It can neither stop nor start: SIGTERM on a full disk leaves the process and closes its port (traps.md 14).
        condition, confidence = Condition.PRIMARY_DISK_FULL, Confidence.CONCLUSIVE
    return Verdict(condition, confidence, evidence.sentences + disks, host_answers=answers)


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
    return frozenset(keys)
