"""Who can see whom, and what that makes of the primary: the evidence of every chair folded into one verdict.

The chairs are the witness (its connections to the server and to the host), the standby (its receiver, and a dial from
its shell to the primary's port 22) and the anchors outside. An error packet is proof of life; a chair that cannot be
asked never confirms anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from drwatch.core.exposure import feed
from drwatch.core.finding import Condition, Confidence
from drwatch.core.policy import Cluster, NodePolicy, Policy
from drwatch.core.sample import (
    PROOF_OF_LIFE,
    Blind,
    HostFact,
    IoState,
    Key,
    Moment,
    Node,
    Probe,
    ReachFact,
    Reason,
    ServerFact,
)
from drwatch.core.snapshot import Sight, Snapshot

WITNESS = Node("", "witness")
"""Whose probes the anchors are looked at with."""


class Server(StrEnum):
    """What the witness sees of the server's port."""

    ANSWERS = "answers"
    SPEAKS = "speaks"
    """An error packet: alive, and no use to us."""
    REFUSED = "refused"
    SILENT = "silent"
    """Connected, or in the middle of a query, and not a byte comes."""
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


class Host(StrEnum):
    """What the witness sees of the host over SSH since the trouble began."""

    RUNS_IT = "runs it"
    STOPPED = "stopped"
    """The process is there and does not run: state T or D."""
    GONE = "gone"
    """The host answers, and the process that used to be there is not."""
    STARTING = "starting"
    """No process, and systemd says that it is bringing one up or down."""
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


class Receiver(StrEnum):
    """What the standby's receiver says of its source since the trouble began."""

    FLOWING = "flowing"
    QUIET = "quiet"
    """It believes that it is connected and has heard nothing."""
    BROKEN = "broken"
    UNKNOWN = "unknown"


class Door(StrEnum):
    """Whether something answers on the primary's port 22 when the standby dials it."""

    OPEN = "open"
    SHUT = "shut"
    UNKNOWN = "unknown"


LEAVING = 3.0
"""Seconds after a hang-up in which a process that is still there may be about to go."""

ASKING = 1.0
"""Seconds that a verdict waits for the other chairs, so that the page can name them; no longer."""

_SILENT = frozenset({Reason.NO_HANDSHAKE, Reason.QUERY_TIMEOUT})
_UNREACHABLE = frozenset({Reason.CONNECT_TIMEOUT, Reason.NO_ROUTE, Reason.DNS})
_LOST = _UNREACHABLE | _SILENT | {Reason.REFUSED, Reason.CHANNEL_LOST, Reason.HUNG_UP}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What each chair says of the primary, and the sentences for the page."""

    server: Server
    host: Host
    receiver: Receiver
    door: Door
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with the primary; ``condition`` is None while it serves."""

    condition: Condition | None
    confidence: Confidence = Confidence.CONCLUSIVE
    evidence: tuple[str, ...] = ()
    pending: bool = False
    """Something is wrong, and the other chairs are being asked what."""


def _fresh(sight: Sight | None, since: Moment) -> bool:
    """Whether the probe was asked after the trouble began: an older answer says nothing of it."""
    return sight is not None and sight.latest.asked.loop >= since.loop


def _server(snapshot: Snapshot, node: NodePolicy) -> tuple[Server, str]:
    match snapshot.latest(node.node, Probe.SERVER):
        case None:
            return Server.UNKNOWN, f"{node.node.name} has not been looked at yet"
        case Blind(reason, detail):
            words = f"witness: {node.mysql} {_in_words(reason)}" + (f" ({detail})" if detail else "")
            if reason in PROOF_OF_LIFE:
                return Server.SPEAKS, words
            if reason in _SILENT:
                return Server.SILENT, words
            if reason in _UNREACHABLE:
                return Server.UNREACHABLE, words
            return Server.REFUSED, words
        case _:
            return Server.ANSWERS, f"witness: {node.mysql} answers"


def _in_words(reason: Reason) -> str:
    return {
        Reason.REFUSED: "refuses the connection",
        Reason.HUNG_UP: "hung up",
        Reason.NO_ROUTE: "has no route",
        Reason.CONNECT_TIMEOUT: "does not answer a connect",
        Reason.NO_HANDSHAKE: "accepts a connection and says nothing",
        Reason.QUERY_TIMEOUT: "does not answer a query",
        Reason.TOO_MANY_CONNECTIONS: "says 'Too many connections'",
        Reason.ACCESS_DENIED: "denies drwatch's login",
        Reason.DNS: "has a name that does not resolve",
    }.get(reason, f"gives no answer: {reason}")


def _host(snapshot: Snapshot, node: NodePolicy, since: Moment) -> tuple[Host, str]:
    sight = snapshot.sight(node.node, Probe.HOST)
    if node.ssh is None or sight is None or not _fresh(sight, since):
        return Host.UNKNOWN, f"host: no word from {node.node.name} since"
    match sight.latest.found:
        case HostFact() as fact:
            return _body(snapshot, node, fact)
        case Blind(Reason.REFUSED):
            return Host.REFUSED, f"witness: {node.ssh} refuses SSH"
        case Blind(reason) if reason in _LOST:
            return Host.UNREACHABLE, f"witness: {node.ssh} does not answer SSH"
        case Blind(reason):
            return Host.UNKNOWN, f"host: {node.node.name} cannot be asked ({reason})"
    return Host.UNKNOWN, ""


def _body(snapshot: Snapshot, node: NodePolicy, fact: HostFact) -> tuple[Host, str]:
    name = node.node.name
    if fact.processes:
        states = ", ".join(f"pid {process.pid} state {process.state}" for process in fact.processes)
        stopped = all(process.state in ("T", "t", "D") for process in fact.processes)
        words = f"host: {name} is up, its server process is there ({states})"
        return (Host.STOPPED if stopped else Host.RUNS_IT), words
    if fact.unit is not None and fact.unit.startswith(("activating", "deactivating", "reloading")):
        return Host.STARTING, f"host: {name} is up, no server process, systemd says {fact.unit}"
    if node.node not in snapshot.embodied:
        return Host.UNKNOWN, f"host: {name} is up; its server process has never been seen from here"
    unit = f", systemd says {fact.unit}" if fact.unit else ""
    return Host.GONE, f"host: {name} is up and its server process is gone{unit}"


def _receiver(snapshot: Snapshot, cluster: Cluster, since: Moment) -> tuple[Receiver, str]:
    for standby in cluster.standbys:
        sight = snapshot.sight(standby.node, Probe.REPLICATION)
        channel = feed(snapshot, standby.node)
        if sight is None or sight.blind is not None or channel is None or not _fresh(sight, since):
            continue
        name = standby.node.name
        if channel.io is not IoState.YES:
            errno = f", errno {channel.io_errno}" if channel.io_errno else ""
            return Receiver.BROKEN, f"standby: the receiver of {name} is {_io_words(channel.io)}{errno}"
        receipt = snapshot.receipts[standby.node, channel.name]
        # One look of margin: what was under way when the trouble began may be seen to arrive after it.
        if receipt.heard_at.loop > since.loop + 2.0:
            return Receiver.FLOWING, f"standby: {name} still receives from the primary"
        return Receiver.QUIET, f"standby: {name} believes it is connected and has heard nothing since"
    return Receiver.UNKNOWN, "standby: its receiver could not be asked since"


def _io_words(state: IoState) -> str:
    return "trying to connect" if state is IoState.CONNECTING else "stopped"


def door_key(cluster: Cluster, standby: NodePolicy) -> Key:
    """The look from a standby's shell at the primary's port 22."""
    primary = cluster.primary
    return Key(standby.node, Probe.REACH, f"{primary.ssh_host}:{primary.ssh_port}")


def _door(snapshot: Snapshot, cluster: Cluster, since: Moment) -> tuple[Door, str]:
    for standby in cluster.standbys:
        sight = snapshot.sights.get(door_key(cluster, standby))
        if not _fresh(sight, since) or sight is None:
            continue
        match sight.latest.found:
            case ReachFact():
                return Door.OPEN, f"standby: {standby.node.name} reaches the primary's port 22"
            case Blind(Reason.REFUSED | Reason.CONNECT_TIMEOUT | Reason.NO_ROUTE as reason):
                return Door.SHUT, f"standby: from {standby.node.name} the primary's port 22 {_in_words(reason)}"
    return Door.UNKNOWN, ""


def gather(cluster: Cluster, snapshot: Snapshot) -> Evidence:
    """Each chair's word on the primary."""
    primary = cluster.primary
    server, seen = _server(snapshot, primary)
    sight = snapshot.sight(primary.node, Probe.SERVER)
    since = sight.blind_since if sight else None
    if since is None:
        return Evidence(server, Host.UNKNOWN, Receiver.UNKNOWN, Door.UNKNOWN, (seen,))
    host, body = _host(snapshot, primary, since)
    receiver, heard = _receiver(snapshot, cluster, since)
    door, dialled = _door(snapshot, cluster, since)
    return Evidence(server, host, receiver, door, tuple(filter(None, (seen, body, heard, dialled))))


def _where_the_host_answers(evidence: Evidence) -> tuple[Condition, Confidence] | None:
    """What its own host says of the server; None when it says nothing of use."""
    sure, likely = Confidence.CONCLUSIVE, Confidence.LIKELY
    match evidence.host, evidence.server:
        case Host.GONE, _:
            return Condition.PRIMARY_DOWN, sure
        case Host.STARTING, _:
            return Condition.PRIMARY_RESTARTING, sure
        case Host.STOPPED, Server.SILENT | Server.UNREACHABLE:
            return Condition.PRIMARY_HUNG, sure
        case Host.RUNS_IT | Host.STOPPED, Server.REFUSED:
            return Condition.PRIMARY_RESTARTING, sure
        case Host.RUNS_IT, Server.SILENT | Server.UNREACHABLE if evidence.receiver is Receiver.FLOWING:
            return Condition.PRIMARY_UNSEEN, sure
        case Host.RUNS_IT, Server.SILENT:
            return Condition.PRIMARY_HUNG, sure
        case Host.RUNS_IT, Server.UNREACHABLE:
            return Condition.PRIMARY_HUNG, likely
    return None


def _where_it_does_not(evidence: Evidence) -> tuple[Condition, Confidence]:
    """What the other chairs make of a primary whose host says nothing."""
    sure, likely, alone = Confidence.CONCLUSIVE, Confidence.LIKELY, Confidence.ALONE
    if evidence.receiver is Receiver.FLOWING:
        return Condition.PRIMARY_UNSEEN, alone
    agreed = evidence.receiver is Receiver.BROKEN or evidence.door is Door.SHUT
    confidence = sure if agreed else likely if evidence.receiver is Receiver.QUIET else alone
    if evidence.host is Host.UNKNOWN:
        # No shell there, or one that lets us not in: the host may well be up.
        if evidence.server is Server.SILENT:
            return Condition.PRIMARY_HUNG, confidence
        dead_port = evidence.server is Server.REFUSED
        return (Condition.PRIMARY_DOWN if dead_port else Condition.PRIMARY_HOST_DOWN), confidence
    if evidence.door is Door.OPEN:
        # The standby reaches the host that the witness does not.
        return (
            (Condition.PRIMARY_DOWN, likely)
            if evidence.receiver is Receiver.BROKEN
            else (
                Condition.PRIMARY_UNSEEN,
                alone,
            )
        )
    return Condition.PRIMARY_HOST_DOWN, confidence


def isolated(policy: Policy, cluster: Cluster, snapshot: Snapshot) -> Confidence | None:
    """Whether it is the witness that has lost its network, and how sure that is.

    A refusal comes from the other side, so it speaks against it; with no anchors, silence all round is only likely.
    """
    nodes = [snapshot.latest(node.node, probe) for node in cluster.nodes for probe in (Probe.SERVER, Probe.HOST)]
    looked = [found for found in nodes if found is not None]
    if not looked or not all(isinstance(found, Blind) and found.reason in _LOST - {Reason.REFUSED} for found in looked):
        return None
    anchors = [snapshot.sights.get(Key(WITNESS, Probe.REACH, anchor)) for anchor in policy.anchors]
    seen = [sight for sight in anchors if sight is not None]
    if not policy.anchors:
        return Confidence.LIKELY
    if not seen or any(sight.blind is None for sight in seen):
        return None
    return Confidence.CONCLUSIVE


def judge(cluster: Cluster, policy: Policy, snapshot: Snapshot, now: Moment) -> Verdict:
    """The one verdict on a cluster's primary, as the looks stand; none yet while the chairs are still being asked."""
    primary = cluster.primary.node
    found = snapshot.latest(primary, Probe.SERVER)
    evidence = gather(cluster, snapshot)
    if evidence.server is Server.UNKNOWN:
        return Verdict(None)
    if evidence.server is Server.ANSWERS and isinstance(found, ServerFact):
        return _saturation(snapshot, policy, primary, found, evidence)
    if evidence.server is Server.SPEAKS:
        full = isinstance(found, Blind) and found.reason is Reason.TOO_MANY_CONNECTIONS
        return Verdict(Condition.PRIMARY_SATURATED if full else None, evidence=evidence.sentences)
    if primary not in snapshot.alive:
        # Never seen alive: perhaps it does not exist. ProbeBlind says so.
        return Verdict(None, evidence=evidence.sentences)
    if _still_asking(cluster, snapshot, now):
        return Verdict(None, evidence=evidence.sentences, pending=True)
    if (confidence := isolated(policy, cluster, snapshot)) is not None:
        return Verdict(Condition.WITNESS_ISOLATED, confidence, evidence.sentences)
    condition, confidence = _where_the_host_answers(evidence) or _where_it_does_not(evidence)
    return Verdict(condition, confidence, evidence.sentences)


def _saturation(snapshot: Snapshot, policy: Policy, primary: Node, fact: ServerFact, evidence: Evidence) -> Verdict:
    login = snapshot.latest(primary, Probe.LOGIN)
    refused = isinstance(login, Blind) and login.reason is Reason.TOO_MANY_CONNECTIONS
    if refused or fact.connections >= policy.limits.connections * fact.max_connections:
        words = f"server: {fact.connections} of {fact.max_connections} connections are in use"
        return Verdict(Condition.PRIMARY_SATURATED, evidence=(*evidence.sentences, words))
    return Verdict(None)


def _unasked(cluster: Cluster, snapshot: Snapshot, since: Moment) -> set[Key]:
    """The other chairs' looks that have not been made since the trouble began."""
    primary = cluster.primary
    keys = [Key(primary.node, Probe.HOST)] if primary.ssh is not None else []
    for standby in cluster.standbys:
        keys.append(Key(standby.node, Probe.REPLICATION))
        if standby.ssh is not None and primary.ssh_host is not None:
            keys.append(door_key(cluster, standby))
    return {key for key in keys if not _fresh(snapshot.sights.get(key), since)}


def _blind_since(cluster: Cluster, snapshot: Snapshot) -> Moment | None:
    sight = snapshot.sight(cluster.primary.node, Probe.SERVER)
    return sight.blind_since if sight else None


def _still_asking(cluster: Cluster, snapshot: Snapshot, now: Moment) -> bool:
    since = _blind_since(cluster, snapshot)
    return since is not None and now - since < ASKING and bool(_unasked(cluster, snapshot, since))


def wanted(cluster: Cluster, snapshot: Snapshot, now: Moment) -> frozenset[Key]:
    """The looks to make now rather than at their turn: what the other chairs say of a trouble just begun."""
    since = _blind_since(cluster, snapshot)
    if since is None:
        return frozenset()
    keys = _unasked(cluster, snapshot, since)
    primary = cluster.primary.node
    found = snapshot.latest(primary, Probe.HOST)
    if now - since < LEAVING and isinstance(found, HostFact) and found.processes:
        # A process that was killed may still be seen on its way out: look again until it is clear.
        keys.add(Key(primary, Probe.HOST))
    return frozenset(keys)
