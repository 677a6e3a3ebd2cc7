"""What the primary's own host says of its server over SSH: of the port as its kernel sees it, and of the binary log."""

from __future__ import annotations

from drwatch.core.duration import span
from drwatch.core.evidence import Own
from drwatch.core.policy import Cluster
from drwatch.core.sample import Blind, Key, Moment, Node, PortFact, Probe, Reason
from drwatch.core.snapshot import Snapshot
from drwatch.core.word import ABSTAINS, ARRIVING, Word
from drwatch.core.world import OUT_OF_REACH, fresh

MOVING = 3.0
"""Seconds for which a position that has moved still counts as moving: three of the host's looks."""


def port_key(cluster: Cluster) -> Key:
    """The look at the server's port from its own host."""
    return Key(cluster.primary.node, Probe.PORT)


def outdated(snapshot: Snapshot, cluster: Cluster) -> bool:
    """Whether connections waited at the port before its host was out of reach: they may have been taken meanwhile."""
    port, host = snapshot.latest(*port_key(cluster)), snapshot.sight(cluster.primary.node, Probe.HOST)
    failed = host.failed if host is not None else None
    if not isinstance(port, PortFact) or failed is None or not isinstance(failed.found, Blind):
        return False
    asked = snapshot.sights[port_key(cluster)].latest.asked
    return port.waiting > 0 and failed.found.reason in OUT_OF_REACH and failed.asked.loop > asked.loop


def own_view(snapshot: Snapshot, cluster: Cluster, since: Moment, now: Moment) -> Word[Own] | None:
    """What the primary's kernel says; None where it was not asked since."""
    name = cluster.primary.node.name
    if (grown := _grown(snapshot, cluster.primary.node, since, now)) is not None:
        return Word(Own.COMMITS, f"host: the binary log of {name} grows", grown)
    sight = snapshot.sights.get(port_key(cluster))
    if sight is None or not fresh(sight, since):
        return None
    asked, found = sight.latest.asked, sight.latest.found
    if outdated(snapshot, cluster):
        return Word(Own.UNKNOWN, f"host: {name} was out of reach since it was asked for its port", asked)
    match found:
        case _ if now - asked > ABSTAINS:
            return Word(Own.UNKNOWN, f"host: {name} has not been asked for its port for {span(now - asked)}", asked)
        case PortFact(listens=False):
            return Word(Own.SHUT, f"host: on {name} nobody listens on the server's port", asked)
        case PortFact(waiting=waiting) if waiting:
            return Word(Own.DEAF, f"host: on {name} {waiting} connections wait, and the server takes none", asked)
        case PortFact(readers=readers) if readers:
            words = f"host: on {name} the server's port is open, {' and '.join(readers)} connected"
            return Word(Own.FEEDS, words, asked)
        case PortFact():
            return Word(Own.LISTENS, f"host: on {name} the server's port is open and takes connections", asked)
        case _:
            reason = found.reason if isinstance(found, Blind) else Reason.GARBLED
            return Word(Own.UNKNOWN, f"host: {name} cannot be asked for its port ({reason})", asked)


def _grown(snapshot: Snapshot, primary: Node, since: Moment, now: Moment) -> Moment | None:
    """The look that found its newest binary log longer than the one before did; a new one is no sign of a commit."""
    line = snapshot.timelines.get(primary)
    if line is None or len(line.entries) < 2:
        return None
    before, last = line.entries[-2:]
    there, here = before.position.binlog, last.position.binlog
    same = there is not None and here is not None and (there.base, there.number) == (here.base, here.number)
    lately = last.since - since > ARRIVING and now - last.since <= MOVING
    return last.since if same and lately and before.measured and last.measured else None
