"""Whether a standby serves, and whether it takes writes of its own."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.finding import Condition, Confidence, Finding
from drwatch.core.gtid import GtidPosition, GtidSet
from drwatch.core.policy import NodePolicy, Policy
from drwatch.core.sample import NO_ANSWER, Blind, HostFact, Probe, Reason, ServerFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import ClusterView


def findings(view: ClusterView, policy: Policy, snapshot: Snapshot) -> Iterator[Finding]:
    for standby in view.cluster.standbys:
        if (down := _down(view, standby, policy, snapshot)) is not None:
            yield down
        yield from _writable(view, standby, snapshot)


def _down(view: ClusterView, standby: NodePolicy, policy: Policy, snapshot: Snapshot) -> Finding | None:
    found = snapshot.latest(standby.node, Probe.SERVER)
    if not isinstance(found, Blind) or found.reason not in NO_ANSWER or standby.node not in snapshot.alive:
        return None
    host = snapshot.latest(standby.node, Probe.HOST)
    name = standby.node.name
    evidence = [f"witness: {standby.mysql} gives no answer ({found.reason})"]
    confidence, confirm = Confidence.LIKELY, None
    if isinstance(host, HostFact):
        gone = not host.processes and standby.node in snapshot.embodied
        if host.restarting or (host.processes and found.reason in (Reason.REFUSED, Reason.HUNG_UP)):
            confirm = policy.confirm.restarting
        elif gone:
            confidence = Confidence.CONCLUSIVE
        process = "is there" if host.processes else "is gone" if gone else "has never been seen from here"
        evidence.append(f"host: {name} is up, its server process {process}")
    elif isinstance(host, Blind):
        evidence.append(f"host: {name} cannot be asked ({host.reason})")
    summary = f"the standby {name} does not serve: there is nothing to take over with"
    return Finding(Condition.STANDBY_DOWN, view.cluster.name, name, summary, tuple(evidence), confidence, confirm)


def _own_writes(fact: ServerFact, source: ServerFact) -> bool:
    """Whether the server has written what its source does not have; an old primary's earlier writes, both have."""
    match fact.gtid:
        case GtidPosition():
            return bool(fact.gtid.written_by(fact.server_id).domains)
        case GtidSet():
            both = source.gtid if isinstance(source.gtid, GtidSet) else GtidSet()
            return fact.server_uuid is not None and not both.covers(fact.gtid.of_uuid(fact.server_uuid))
    return False


def _writable(view: ClusterView, standby: NodePolicy, snapshot: Snapshot) -> Iterator[Finding]:
    fact = snapshot.latest(standby.node, Probe.SERVER)
    if not isinstance(fact, ServerFact) or fact.read_only:
        return
    name, primary = standby.node.name, view.cluster.primary
    source = snapshot.latest(primary.node, Probe.SERVER)
    if isinstance(source, ServerFact) and not source.read_only and _own_writes(fact, source):
        summary = f"SPLIT BRAIN: {primary.node.name} and {name} both take writes"
        evidence = (f"{name}: read_only is off, and its binary log holds writes of its own",)
        yield Finding(Condition.SPLIT_BRAIN, view.cluster.name, name, summary, evidence)
        return
    summary = f"the standby {name} is writable: a stray write there breaks replication or splits the data"
    yield Finding(Condition.STANDBY_WRITABLE, view.cluster.name, name, summary, (f"{name}: read_only is off",))
