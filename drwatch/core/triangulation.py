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
    """Its host takes the connection, and the server says not a byte."""
    STALLED = "stalled"
    """A query on the held connection got no answer; whether the host is still there, it does not say."""
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"
    """Not looked at yet, or the look failed on our side: a name that does not resolve, a bug."""


class Host(StrEnum):
    """What the witness sees of the host over SSH since the trouble began."""

    RUNS_IT = "runs it"
    STOPPED = "stopped"
    """The process is there and does not run: state T or D."""
    GONE = "gone"
    """The host answers, and the process that used to be there is not."""
    STARTING = "starting"
    """No process, and systemd says that it is bringing one up or down."""
    UP = "up"
    """The host answers, and has never shown a server process."""
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


class Receiver(StrEnum):
    """What the standby's receiver says of its source since the trouble began."""

    FLOWING = "flowing"
    QUIET = "quiet"
    """It believes that it is connected and has heard nothing."""
    BROKEN = "broken"
    """It lost its source about when the witness did, by an error of the network and not of the source."""
    UNKNOWN = "unknown"
    """Nobody to ask; or stopped by hand, turned away by the source, or broken long before: no word on this."""


class Door(StrEnum):
    """Whether something answers on the primary's port 22 when the standby dials it."""

    OPEN = "open"
    SHUT = "shut"
    UNKNOWN = "unknown"


LEAVING = 3.0
"""Seconds after a hang-up in which a process that is still there may be about to go."""

ASKING = 1.0
"""Seconds that a verdict waits for the other chairs, so that the page can name them; no longer."""

ARRIVING = 2.0
"""Seconds after the trouble began in which what was under way may still be seen to arrive."""

SAME_TROUBLE = 30.0
"""A receiver that broke longer before the witness's own trouble is no second opinion on it."""

DOOR_AGAIN = 5.0
"""Seconds between two dials from the standby: its word must not outlive what it saw."""

UNHEARD = 10.0
"""Seconds without a sign after which a receiver with no heartbeats to count no longer speaks for its source."""

_SERVER = {
    Reason.REFUSED: Server.REFUSED,
    Reason.HUNG_UP: Server.REFUSED,
    Reason.NO_HANDSHAKE: Server.SILENT,
    Reason.QUERY_TIMEOUT: Server.STALLED,
    Reason.CONNECT_TIMEOUT: Server.UNREACHABLE,
    Reason.NO_ROUTE: Server.UNREACHABLE,
} | dict.fromkeys(PROOF_OF_LIFE, Server.SPEAKS)
"""Any other reason is our own fault or our own resolver's, and says nothing of the server."""

_OUT_OF_REACH = frozenset({Reason.CONNECT_TIMEOUT, Reason.NO_ROUTE, Reason.QUERY_TIMEOUT, Reason.CHANNEL_LOST})
_LOST = _OUT_OF_REACH | {Reason.REFUSED, Reason.NO_HANDSHAKE, Reason.HUNG_UP}

_NETWORK_ERRNO = frozenset(range(2000, 3000)) | {0, 1158, 1159, 1160, 1161}
"""Of a receiver: the client library's own errors and the server's for a broken line. Others were sent by the source."""


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
    host_answers: bool = False
    """The primary's host was asked since the trouble began, and answered."""
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
            return _SERVER.get(reason, Server.UNKNOWN), words
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
        return Host.UP, f"host: {name} is up; its server process has never been seen from here"
    unit = f", systemd says {fact.unit}" if fact.unit else ""
    return Host.GONE, f"host: {name} is up and its server process is gone{unit}"


def _receiver(snapshot: Snapshot, cluster: Cluster, since: Moment) -> tuple[Receiver, str]:
    """The word of the standbys' receivers; where they differ, that of the one that sees most life."""
    words = [_heard(snapshot, standby.node, since) for standby in cluster.standbys]
    for state in (Receiver.FLOWING, Receiver.BROKEN, Receiver.QUIET):
        for word in words:
            if word[0] is state:
                return word
    return next(iter(words), (Receiver.UNKNOWN, ""))


def _heard(snapshot: Snapshot, standby: Node, since: Moment) -> tuple[Receiver, str]:
    sight, channel, name = snapshot.sight(standby, Probe.REPLICATION), feed(snapshot, standby), standby.name
    if sight is None or sight.blind is not None or channel is None or not _fresh(sight, since):
        return Receiver.UNKNOWN, f"standby: the receiver of {name} could not be asked since"
    receipt = snapshot.receipts[standby, channel.name]
    if channel.io is not IoState.YES:
        errno = f", errno {channel.io_errno}" if channel.io_errno else ""
        words = f"standby: the receiver of {name} is {_io_words(channel.io)}{errno}"
        if channel.io_errno not in _NETWORK_ERRNO or (channel.io is IoState.NO and not channel.io_errno):
            return Receiver.UNKNOWN, words
        if receipt.io_since is not None and since - receipt.io_since > SAME_TROUBLE:
            return Receiver.UNKNOWN, f"{words}, and was before"
        return Receiver.BROKEN, words
    counted = channel.heartbeats is not None and channel.heartbeat_period
    patience = (channel.heartbeat_period or 0.0) + UNHEARD / 2 if counted else UNHEARD
    heard_since = receipt.moved and receipt.heard_at - since > ARRIVING
    if heard_since and sight.latest.asked - receipt.heard_at <= patience:
        return Receiver.FLOWING, f"standby: {name} still receives from the primary"
    return Receiver.QUIET, f"standby: {name} believes it is connected and has heard nothing since"


def _io_words(state: IoState) -> str:
    return "trying to connect" if state is IoState.CONNECTING else "stopped"


def door_key(cluster: Cluster, standby: NodePolicy) -> Key:
    """The look from a standby's shell at the primary's port 22."""
    primary = cluster.primary
    return Key(standby.node, Probe.REACH, f"{primary.ssh_host}:{primary.ssh_port}")


def _door(snapshot: Snapshot, cluster: Cluster, since: Moment) -> tuple[Door, str]:
    shut = Door.UNKNOWN, ""
    for standby in cluster.standbys:
        sight = snapshot.sights.get(door_key(cluster, standby))
        if not _fresh(sight, since) or sight is None:
            continue
        match sight.latest.found:
            case ReachFact():
                return Door.OPEN, f"standby: {standby.node.name} reaches the primary's port 22"
            case Blind(Reason.REFUSED | Reason.CONNECT_TIMEOUT | Reason.NO_ROUTE as reason):
                shut = Door.SHUT, f"standby: from {standby.node.name} the primary's port 22 {_in_words(reason)}"
    return shut


def gather(cluster: Cluster, snapshot: Snapshot) -> Evidence:
    """Each chair's word on the primary."""
    primary = cluster.primary
    server, seen = _server(snapshot, primary)
    sight = snapshot.sight(primary.node, Probe.SERVER)
    since = sight.lost_since if sight else None
    if since is None:
        return Evidence(server, Host.UNKNOWN, Receiver.UNKNOWN, Door.UNKNOWN, (seen,))
    host, body = _host(snapshot, primary, since)
    receiver, heard = _receiver(snapshot, cluster, since)
    door, dialled = _door(snapshot, cluster, since)
    return Evidence(server, host, receiver, door, tuple(filter(None, (seen, body, heard, dialled))))


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

    A refusal, a hang-up or an accepted connection comes from the other side, so it speaks against it. Without
    anchors, or until each has been asked since the trouble began, silence all round is only likely to be ours.
    """
    probes = (Probe.SERVER, Probe.HOST, Probe.REPLICATION)
    nodes = [snapshot.latest(node.node, probe) for node in cluster.nodes for probe in probes]
    looked = [found for found in nodes if found is not None]
    silence = _OUT_OF_REACH | {Reason.DNS}
    if not looked or not all(isinstance(found, Blind) and found.reason in silence for found in looked):
        return None
    asked = [sight for key in _anchors(policy) if (sight := snapshot.sights.get(key)) and _fresh(sight, since)]
    if any(sight.blind is None or sight.blind.reason is Reason.REFUSED for sight in asked):
        return None
    return Confidence.CONCLUSIVE if asked and len(asked) == len(policy.anchors) else Confidence.LIKELY


def _anchors(policy: Policy) -> list[Key]:
    return [Key(WITNESS, Probe.REACH, anchor) for anchor in policy.anchors]


def judge(cluster: Cluster, policy: Policy, snapshot: Snapshot, now: Moment) -> Verdict:
    """The one verdict on a cluster's primary, as the looks stand; none yet while the chairs are still being asked."""
    primary = cluster.primary.node
    found = snapshot.latest(primary, Probe.SERVER)
    if isinstance(found, ServerFact):
        return _saturation(snapshot, policy, primary, found)
    evidence, since = gather(cluster, snapshot), _lost_since(cluster, snapshot)
    if isinstance(found, Blind) and found.reason is Reason.TOO_MANY_CONNECTIONS:
        return Verdict(Condition.PRIMARY_SATURATED, evidence=evidence.sentences)
    if since is None or primary not in snapshot.alive:
        # Never seen alive: perhaps it does not exist. ProbeBlind says so.
        return Verdict(None, evidence=evidence.sentences)
    if now - since < ASKING and _unasked(cluster, policy, snapshot, since):
        return Verdict(None, evidence=evidence.sentences, pending=True)
    if (confidence := isolated(policy, cluster, snapshot, since)) is not None:
        return Verdict(Condition.WITNESS_ISOLATED, confidence, evidence.sentences)
    condition, confidence = decide(evidence.server, evidence.host, evidence.receiver, evidence.door)
    answers = evidence.host not in (Host.UNKNOWN, Host.UNREACHABLE, Host.REFUSED)
    return Verdict(condition, confidence, evidence.sentences, host_answers=answers)


def _saturation(snapshot: Snapshot, policy: Policy, primary: Node, fact: ServerFact) -> Verdict:
    login = snapshot.latest(primary, Probe.LOGIN)
    refused = isinstance(login, Blind) and login.reason is Reason.TOO_MANY_CONNECTIONS
    if refused or fact.connections >= policy.limits.connections * fact.max_connections:
        words = f"server: {fact.connections} of {fact.max_connections} connections are in use"
        return Verdict(Condition.PRIMARY_SATURATED, evidence=(words,))
    return Verdict(None)


def _unasked(cluster: Cluster, policy: Policy, snapshot: Snapshot, since: Moment) -> set[Key]:
    """The other chairs' looks that have not been made since the trouble began."""
    primary = cluster.primary
    keys = [Key(primary.node, Probe.HOST)] if primary.ssh is not None else []
    for standby in cluster.standbys:
        keys.append(Key(standby.node, Probe.REPLICATION))
    keys += _doors(cluster, snapshot, since)
    return {key for key in (*keys, *_anchors(policy)) if not _fresh(snapshot.sights.get(key), since)}


def _doors(cluster: Cluster, snapshot: Snapshot, since: Moment) -> list[Key]:
    """The dials at the primary's port 22 that are of use: none while a session there answers, or may yet."""
    primary = cluster.primary
    host = snapshot.sight(primary.node, Probe.HOST)
    if primary.ssh_host is None or (primary.ssh is not None and (host is None or not _fresh(host, since))):
        return []
    if host is not None and host.blind is None:
        return []
    return [door_key(cluster, standby) for standby in cluster.standbys if standby.ssh is not None]


def _lost_since(cluster: Cluster, snapshot: Snapshot) -> Moment | None:
    sight = snapshot.sight(cluster.primary.node, Probe.SERVER)
    return sight.lost_since if sight else None


def wanted(cluster: Cluster, policy: Policy, snapshot: Snapshot, now: Moment) -> frozenset[Key]:
    """The looks to make now rather than at their turn: what the other chairs say of a trouble just begun."""
    since = _lost_since(cluster, snapshot)
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
