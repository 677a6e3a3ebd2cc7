"""The state of everything as JSON: a pure function of what the daemon last judged. Its shape is in docs/api.md.

What is unknown is null, with the reason beside it in ``unknown``; it is never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from drwatch import __version__
from drwatch.core.advice import advice
from drwatch.core.assessment import Assessment
from drwatch.core.audit import Vitals
from drwatch.core.exposure import Exposure
from drwatch.core.incident import Incident
from drwatch.core.paging import Held, Row
from drwatch.core.policy import NodePolicy
from drwatch.core.recovery import Recovery, Term, backlog
from drwatch.core.roles import application
from drwatch.core.rota import Duty
from drwatch.core.salvage import Salvage
from drwatch.core.sample import Blind, Channel, HostFact, IoState, Moment, Node, Probe, ReplicationFact, ServerFact
from drwatch.core.snapshot import ChannelHealth, Sight, Snapshot
from drwatch.core.view import ClusterView, roles_seen
from drwatch.core.world import WITNESS
from drwatch.web.drills import drills_json, outage_json
from drwatch.web.incidents import finding_json, incident_json
from drwatch.web.jobs import job_json
from drwatch.web.silences import silence_json
from drwatch.web.text import text_of

Json = dict[str, Any]


def status_json(
    assessment: Assessment | None,
    incidents: Sequence[Incident],
    rows: Sequence[Row],
    duties: Sequence[Duty] = (),
    vitals: Vitals = Vitals(),  # noqa: B008 - immutable
    held: Held = MappingProxyType({}),
) -> Json:
    """Everything that the status page shows. ``assessment`` is None until the first tick; ``rows`` are not settled."""
    on_duty = [
        {
            "rota": duty.rota,
            "who": duty.person.name,
            "channels": list(duty.person.channels),
            "until": text_of(duty.until),
        }
        for duty in duties
    ]
    if assessment is None:
        return {
            "version": __version__,
            "at": None,
            "unknown": "nothing has been judged yet",
            "drwatch": _vitals(vitals),
            "clusters": [],
            "anchors": [],
            "channels": [],
            "incidents": [],
            "findings": [],
            "silences": [],
            "on_duty": on_duty,
            "pages": _pages(None, rows),
        }
    shown = {view.cluster.name for view in assessment.clusters}
    return {
        "version": __version__,
        "at": text_of(assessment.at),
        "unknown": "",
        "drwatch": _vitals(vitals),
        "clusters": [_cluster(assessment, view, incidents, held) for view in assessment.clusters],
        "anchors": _probes(assessment, WITNESS),
        "channels": _paging_channels(assessment.snapshot),
        "incidents": [incident_json(each, assessment.at, held) for each in incidents if each.cluster not in shown],
        "findings": [finding_json(each) for each in assessment.findings if each.cluster not in shown],
        "silences": [silence_json(each, assessment.at) for each in assessment.silences],
        "on_duty": on_duty,
        "pages": _pages(assessment.at, rows),
    }


def _cluster(assessment: Assessment, view: ClusterView, incidents: Iterable[Incident], held: Held) -> Json:
    cluster, verdict = view.cluster, view.verdict
    return {
        "name": cluster.name,
        "settled": cluster.name not in assessment.unsettled,
        "objectives": {"rpo_seconds": cluster.objectives.rpo, "rto_seconds": cluster.objectives.rto},
        "verdict": {
            "condition": verdict.condition,
            "confidence": verdict.confidence if verdict.condition else None,
            "pending": verdict.pending,
            "evidence": list(verdict.evidence),
            "votes": [asdict(vote) for vote in verdict.votes],
        },
        "links": [asdict(link) for link in view.links],
        "leader": _leader(assessment, view),
        "protection": {
            "state": view.protection.state,
            "since": text_of(view.protection.since),
            "why": list(view.unprotected),
        },
        "primary": _node(assessment, cluster.primary),
        "standbys": [_node(assessment, standby) for standby in cluster.standbys],
        "exposures": [_exposure(claim, cluster.objectives.rpo) for claim in view.database],
        "coherent": [
            {**_exposure(each.claim, cluster.objectives.rpo), "meaning": each.meaning} for each in view.coherent
        ],
        "salvage": [_salvage(each) for each in view.salvage],
        "recovery": [_recovery(estimate, cluster.objectives.rto, assessment.at) for estimate in view.recovery],
        "choice": _choice(assessment, view),
        "endpoint": _endpoint(assessment.snapshot, view),
        "drills": drills_json(assessment, cluster.name),
        "outages": [outage_json(each) for each in assessment.snapshot.outages if each.cluster == cluster.name],
        "files": _files(view),
        "jobs": [job_json(assessment, cluster.name, job) for job in cluster.jobs],
        "advice": [each._asdict() for each in advice(cluster, assessment.snapshot)],
        "incidents": [incident_json(each, assessment.at, held) for each in incidents if each.cluster == cluster.name],
        "findings": [finding_json(each) for each in assessment.findings if each.cluster == cluster.name],
    }


def _leader(assessment: Assessment, view: ClusterView) -> Json:
    """Who leads, and since when where that was seen to change."""
    led = assessment.snapshot.leaders.get(view.cluster.name)
    known = led if led is not None and led.node == view.cluster.primary.node else None
    return {
        "node": view.cluster.primary.node.name,
        "since": text_of(known.since) if known else None,
        "former": known.former.name if known and known.former else None,
    }


def _exposure(claim: Exposure, objective: float) -> Json:
    return {
        "node": claim.node.name,
        "data": claim.data,
        "seconds": claim.seconds,
        "unknown": claim.unknown,
        "objective_seconds": objective,
        "datum_at": text_of(claim.datum),
        "frozen": claim.frozen,
        "transactions_seen": claim.transactions_seen,
        "bytes_seen": claim.bytes_seen,
        "unseen_seconds": claim.unseen_seconds,
        "filtered": list(claim.filtered),
    }


def _salvage(salvage: Salvage) -> Json:
    return {
        "source": salvage.source.name,
        "node": salvage.standby.name,
        "summary": salvage.words,
        "known": salvage.known,
        "transactions": salvage.transactions,
        "bytes": salvage.bytes,
        "whole": salvage.whole,
        "commands": [{"why": each.why, "line": each.line} for each in (salvage.copy, salvage.decode)],
    }


def _recovery(estimate: Recovery, objective: float, now: Moment) -> Json:
    return {
        "node": estimate.node.name,
        "seconds": estimate.seconds,
        "unknown": estimate.unknown,
        "measured_seconds": estimate.unassumed,
        "objective_seconds": objective,
        "terms": [_term(term, now) for term in estimate.terms],
    }


def _term(term: Term, now: Moment) -> Json:
    return {
        "component": term.component,
        "seconds": term.seconds,
        "basis": term.basis,
        "note": term.note,
        "measured_at": text_of(term.at),
        "age_seconds": now - term.at if term.at else None,
    }


def _choice(assessment: Assessment, view: ClusterView) -> Json | None:
    choice = view.choice
    if choice is None:
        return None
    since = assessment.snapshot.lost_since(view.cluster.primary.node)
    wins_at = since.plus(choice.wins_after) if since and choice.wins_after is not None else None
    return {
        "repair": {**_term(choice.repair, assessment.at), "loss_seconds": 0.0},
        "take_over": {
            "node": choice.loss.node.name,
            "seconds": choice.take_over,
            "loss_seconds": choice.loss.seconds,
            "lossless": choice.lossless,
            "unknown": choice.unknown,
        },
        "wins_after_seconds": choice.wins_after,
        "wins_at": text_of(wins_at),
    }


def _endpoint(snapshot: Snapshot, view: ClusterView) -> Json | None:
    if view.cluster.endpoint is None:
        return None
    host = view.cluster.endpoint.host
    sight = snapshot.sight(view.cluster.endpoint_node, Probe.ENDPOINT, host)
    found = sight.latest.found if sight else None
    sent = application(view.cluster, snapshot)
    fact = sent.fact if sent else None
    return {
        "kind": view.cluster.endpoint.kind,
        "host": host,
        "addresses": list(fact.addresses) if fact else None,
        "ttl_seconds": fact.ttl if fact else None,
        "authoritative": fact.authoritative if fact else None,
        "leads_to": list(fact.leads_to) if fact else None,
        "unknown": "" if fact else found.detail if isinstance(found, Blind) else "it has not been looked at yet",
    }


def _files(view: ClusterView) -> list[Json]:
    return [
        {
            "name": files.name,
            "node": node.name,
            "path": files.path,
            "measured": claim is not None,
            "age_seconds": claim.seconds if claim else None,
            "unknown": claim.unknown if claim else "no marker was ever seen",
            "datum_at": text_of(claim.datum) if claim else None,
            "every_seconds": files.every,
            "limit_seconds": files.stale_after,
        }
        for node, files, claim in view.copies
    ]


def _node(assessment: Assessment, node: NodePolicy) -> Json:
    snapshot = assessment.snapshot
    server = snapshot.latest(node.node, Probe.SERVER)
    fact = server if isinstance(server, ServerFact) else None
    return {
        "name": node.node.name,
        "configured_role": node.role,
        "role": _role(snapshot, node),
        "location": node.location,
        "mysql": node.mysql,
        "writable": not fact.read_only if fact else None,
        "flavour": fact.flavour if fact else None,
        "server_version": ".".join(map(str, fact.version)) if fact else None,
        "uptime_seconds": fact.uptime if fact else None,
        "connections": fact.connections if fact else None,
        "max_connections": fact.max_connections if fact else None,
        "gtid": str(fact.gtid) if fact and fact.gtid is not None else None,
        "binlog": str(fact.binlog) if fact and fact.binlog is not None else None,
        "replication": _replication(assessment, node.node),
        "host": _host(snapshot, node.node),
        "probes": _probes(assessment, node.node),
    }


def _role(snapshot: Snapshot, node: NodePolicy) -> str | None:
    """What the node's own words make it now: primary, standby, or neither; None while they cannot be had."""
    seen = roles_seen(snapshot, node)
    return None if seen is None else next(iter(seen), "neither")


def _replication(assessment: Assessment, node: Node) -> list[Json] | None:
    found = assessment.snapshot.latest(node, Probe.REPLICATION)
    if not isinstance(found, ReplicationFact):
        return None
    return [_channel(assessment, node, channel) for channel in found.channels]


def _channel(assessment: Assessment, node: Node, channel: Channel) -> Json:
    receipt = assessment.snapshot.receipts.get((node, channel.name))
    return {
        "name": channel.name,
        "source": f"{channel.source_host}:{channel.source_port}",
        "io": channel.io,
        "io_running": channel.io is IoState.YES,
        "io_errno": channel.io_errno or None,
        "sql_running": channel.sql,
        "sql_errno": channel.sql_errno or None,
        "error": channel.sql_error or channel.io_error,
        "seconds_behind": channel.seconds_behind,
        "silence_seconds": assessment.at - receipt.heard_at if receipt else None,
        "backlog_bytes": backlog(channel),
        "read": str(channel.read) if channel.read else None,
        "executed": str(channel.executed) if channel.executed else None,
    }


def _host(snapshot: Snapshot, node: Node) -> Json | None:
    found = snapshot.latest(node, Probe.HOST)
    if not isinstance(found, HostFact):
        return None
    return {
        "clock": text_of(found.clock),
        "processes": [{"pid": process.pid, "state": process.state} for process in found.processes],
        "unit": found.unit,
        "io_wait_ratio": found.io_wait,
        "io_pressure_ratio": found.io_pressure,
        "memory_available_bytes": found.memory_available_bytes,
        "disks": [{"device": disk.name, "await_seconds": disk.await_seconds} for disk in found.disks],
        "filesystems": [
            {"path": each.path, "size_bytes": each.size_bytes, "free_bytes": each.free_bytes}
            for each in found.filesystems
        ],
    }


def _probes(assessment: Assessment, node: Node) -> list[Json]:
    sights = assessment.snapshot.sights.items()
    return [_probe(key.probe, key.target, sight, assessment.at) for key, sight in sights if key.node == node]


def _probe(probe: Probe, target: str, sight: Sight, now: Moment) -> Json:
    blind = sight.blind
    return {
        "probe": probe,
        "target": target,
        "up": blind is None,
        "reason": blind.reason if isinstance(blind, Blind) else None,
        "detail": blind.detail if isinstance(blind, Blind) else "",
        "asked_at": text_of(sight.latest.asked),
        "fact_age_seconds": now - sight.fact.asked if sight.fact else None,
        "blind_seconds": now - sight.blind_since if sight.blind_since else None,
    }


def _vitals(vitals: Vitals) -> Json:
    return {
        "failing": [{"reason": check, "sentence": words} for check, words in vitals.failing.items()],
        "heartbeat": {"sends": vitals.beats, "sent_at": text_of(vitals.beaten), "trouble": vitals.trouble},
    }


def _paging_channels(snapshot: Snapshot) -> list[Json]:
    names = dict.fromkeys((*snapshot.proofs, *snapshot.channels))
    return [_paging_channel(name, snapshot.channels.get(name, ChannelHealth()), snapshot) for name in names]


def _paging_channel(name: str, health: ChannelHealth, snapshot: Snapshot) -> Json:
    proof = snapshot.proofs.get(name)
    return {
        "name": name,
        "proven_at": text_of(proof.accepted if proof else health.accepted_at),
        "failing_since": text_of(health.failing_since),
        "refused": health.refused,
        "detail": health.detail,
    }


def _pages(now: Moment | None, rows: Sequence[Row]) -> Json:
    return {
        "pending": len(rows),
        "oldest_seconds": max((now - row.created for row in rows), default=None) if now else None,
        "rows": [
            {
                "event": row.event,
                "incident": row.incident,
                "channel": row.channel,
                "reason": row.reason,
                "severity": row.severity,
                "title": row.title,
                "state": row.state,
                "attempts": row.attempts,
                "ambiguous": row.ambiguous,
                "created_at": text_of(row.created),
                "due_at": text_of(row.due),
                "detail": row.detail,
            }
            for row in rows
        ],
    }
