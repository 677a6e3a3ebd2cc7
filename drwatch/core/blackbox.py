"""What was known at the first proof of a primary's death, put down before anything that happens later can colour it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from drwatch.core.assessment import Assessment
from drwatch.core.exposure import Exposure, received
from drwatch.core.finding import PRIMARY_FAMILY
from drwatch.core.incident import Incident
from drwatch.core.roles import feed
from drwatch.core.sample import Blind, HostFact, Moment, Node, Probe
from drwatch.core.snapshot import Sight, Snapshot
from drwatch.core.timeline import Position
from drwatch.core.view import ClusterView

Json = dict[str, Any]


class Death(NamedTuple):
    """Which death: a primary may die more than once."""

    node: Node
    at: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """One death. ``body`` is plain JSON; instants are ISO 8601, durations seconds; what is unknown is null."""

    death: Death
    incident: str
    """Empty where no incident was alive."""
    body: Mapping[str, Any]


def records(assessment: Assessment, incidents: Iterable[Incident], kept: frozenset[Death]) -> tuple[Record, ...]:
    """A record for each primary that is proved dead, and of whose death none is kept yet."""
    return tuple(_records(assessment, tuple(incidents), kept))


def _records(assessment: Assessment, incidents: tuple[Incident, ...], kept: frozenset[Death]) -> Iterator[Record]:
    for view in assessment.clusters:
        node = view.cluster.primary.node
        at = assessment.snapshot.deaths.get(node)
        # A pending verdict lasts a second: then the other chairs have said what they saw.
        if at is None or view.verdict.pending or (death := Death(node, at.wall)) in kept:
            continue
        mine = (each for each in incidents if (each.cluster, each.subject) == (node.cluster, node.name))
        ids = (each.id for each in mine if each.condition in PRIMARY_FAMILY)
        yield Record(death, next(ids, ""), _body(view, assessment.snapshot, at, assessment.at))


def _body(view: ClusterView, snapshot: Snapshot, died: Moment, now: Moment) -> Json:
    primary, verdict = view.cluster.primary.node, view.verdict
    line = snapshot.timelines.get(primary)
    last = line.newest if line else None
    nodes = [node.node for node in view.cluster.nodes]
    return {
        "cluster": view.cluster.name,
        "primary": primary.name,
        "died_at": _text(died),
        "recorded_at": _text(now),
        "last_position": last
        and {"asked_at": _text(last.asked), "known_since": _text(last.since)} | _at(last.position),
        "verdict": {
            "condition": verdict.condition,
            "confidence": verdict.confidence,
            "evidence": list(verdict.evidence),
        },
        "standbys": [_standby(snapshot, claim) for claim in view.database],
        "clock_offsets_seconds": {node.name: snapshot.clock_offset(node, however_old=True) for node in nodes},
        "looks": [_look(key.node, key.probe, key.target, sight) for key, sight in _sights(snapshot, nodes)],
    }


def _standby(snapshot: Snapshot, claim: Exposure) -> Json:
    node = claim.node
    look, channel, have = snapshot.newest(node, Probe.REPLICATION), feed(snapshot, node), received(snapshot, node)
    server, receipt = snapshot.server(node), channel and snapshot.receipts.get((node, channel.name))
    # MySQL says with gtid_executed what it has applied, MariaDB with gtid_slave_pos.
    own = (server.gtid if server.gtid_applied is None else server.gtid_applied) if server else None
    return {
        "name": node.name,
        "claim": {
            "seconds": claim.seconds,
            "unknown": claim.unknown,
            "datum_at": _text(claim.datum),
            "frozen": claim.frozen,
            "transactions_seen": claim.transactions_seen,
            "bytes_seen": claim.bytes_seen,
            "unseen_seconds": claim.unseen_seconds,
        },
        "looked_at": _text(look.asked) if look else None,
        "received": _at(have) if have else None,
        "applied": _at(Position(own, channel.executed if channel else None)),
        "heard_at": _text(receipt.heard_at) if receipt else None,
        "io": channel and channel.io,
        "io_errno": channel and (channel.io_errno or None),
        "sql_running": channel and channel.sql,
        "sql_errno": channel and (channel.sql_errno or None),
    }


def _sights(snapshot: Snapshot, nodes: Iterable[Node]) -> Iterator[tuple[Any, Sight]]:
    """The cluster's own, and the anchors': they are looked at as nodes of the cluster named ''."""
    mine = set(nodes)
    return ((key, sight) for key, sight in snapshot.sights.items() if key.node in mine or not key.node.cluster)


def _look(node: Node, probe: Probe, target: str, sight: Sight) -> Json:
    found = sight.latest.found
    return {
        "node": node.name,
        "probe": probe,
        "target": target,
        "asked_at": _text(sight.latest.asked),
        "answered_at": _text(sight.latest.answered),
        "saw": found.reason if isinstance(found, Blind) else "answer",
        "detail": found.detail if isinstance(found, Blind) else "",
        "processes": [process.pid for process in found.processes] if isinstance(found, HostFact) else None,
        "fact_at": _text(sight.fact.asked) if sight.fact else None,
    }


def _at(position: Position) -> Json:
    return {
        "gtid": None if position.gtid is None else str(position.gtid),
        "binlog": None if position.binlog is None else str(position.binlog),
    }


def _text(moment: Moment | None) -> str | None:
    return moment.wall.isoformat() if moment else None
