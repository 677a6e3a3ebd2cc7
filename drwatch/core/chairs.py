"""What each chair says of the primary since its trouble began, and in which words.

The chairs are the witness (its connections to the server and to the host), the standby (its receiver, and a dial from
its shell to the primary's port 22) and the anchors outside. An error packet is proof of life; a chair that cannot be
asked never confirms anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from drwatch.core.policy import Cluster, NodePolicy, Policy
from drwatch.core.roles import feed, path
from drwatch.core.sample import PROOF_OF_LIFE, Blind, HostFact, IoState, Key, Moment, Node, Probe, ReachFact, Reason
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


ARRIVING = 2.0
"""Seconds after the trouble began in which what was under way may still be seen to arrive."""

SAME_TROUBLE = 30.0
"""A receiver that broke longer before the witness's own trouble is no second opinion on it."""

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

OUT_OF_REACH = frozenset({Reason.CONNECT_TIMEOUT, Reason.NO_ROUTE, Reason.QUERY_TIMEOUT, Reason.CHANNEL_LOST})
_LOST = OUT_OF_REACH | {Reason.REFUSED, Reason.NO_HANDSHAKE, Reason.HUNG_UP}

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


def fresh(sight: Sight | None, since: Moment) -> bool:
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
        Reason.HOST_NOT_ALLOWED: "has no account for drwatch's address",
        Reason.HOST_BLOCKED: "blocks drwatch's address",
        Reason.USER_LIMIT: "has no connection left for drwatch's account",
        Reason.DNS: "has a name that does not resolve",
    }.get(reason, f"gives no answer: {reason}")


def _host(snapshot: Snapshot, node: NodePolicy, since: Moment) -> tuple[Host, str]:
    sight = snapshot.sight(node.node, Probe.HOST)
    if node.ssh is None or sight is None or not fresh(sight, since):
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
    if fact.restarting:
        return Host.STARTING, f"host: {name} is up, no server process, systemd says {fact.unit}"
    if node.node not in snapshot.embodied:
        return Host.UP, f"host: {name} is up; its server process has never been seen from here"
    unit = f", systemd says {fact.unit}" if fact.unit else ""
    return Host.GONE, f"host: {name} is up and its server process is gone{unit}"


def _receiver(snapshot: Snapshot, cluster: Cluster, since: Moment) -> tuple[Receiver, str]:
    """The word of the standbys' receivers; where they differ, that of the one that sees most life.

    One that is fed by another standby says nothing of the primary.
    """
    direct = [standby.node for standby in cluster.standbys if not path(cluster, snapshot, standby.node).through]
    words = [_heard(snapshot, standby, since) for standby in direct]
    for state in (Receiver.FLOWING, Receiver.BROKEN, Receiver.QUIET):
        for word in words:
            if word[0] is state:
                return word
    return next(iter(words), (Receiver.UNKNOWN, ""))


def _heard(snapshot: Snapshot, standby: Node, since: Moment) -> tuple[Receiver, str]:
    sight, channel, name = snapshot.sight(standby, Probe.REPLICATION), feed(snapshot, standby), standby.name
    if sight is None or sight.blind is not None or channel is None or not fresh(sight, since):
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


def door_key(cluster: Cluster, standby: Node) -> Key:
    """The look from a standby's shell at the primary's port 22."""
    primary = cluster.primary
    return Key(standby, Probe.REACH, f"{primary.ssh_host}:{primary.ssh_port}")


def _door(snapshot: Snapshot, cluster: Cluster, since: Moment) -> tuple[Door, str]:
    shut = Door.UNKNOWN, ""
    for standby in cluster.standbys:
        sight = snapshot.sights.get(door_key(cluster, standby.node))
        if not fresh(sight, since) or sight is None:
            continue
        match sight.latest.found:
            case ReachFact():
                return Door.OPEN, f"standby: {standby.node.name} reaches the primary's port 22"
            case Blind(Reason.REFUSED | Reason.CONNECT_TIMEOUT | Reason.NO_ROUTE as reason):
                shut = Door.SHUT, f"standby: from {standby.node.name} the primary's port 22 {_in_words(reason)}"
    return shut


def anchors(policy: Policy) -> list[Key]:
    """The witness's looks at the world outside."""
    return [Key(WITNESS, Probe.REACH, anchor) for anchor in policy.anchors]


def lost_since(cluster: Cluster, snapshot: Snapshot) -> Moment | None:
    """Since when the primary has not answered; None while it does."""
    sight = snapshot.sight(cluster.primary.node, Probe.SERVER)
    return sight.lost_since if sight else None


def gather(cluster: Cluster, snapshot: Snapshot) -> Evidence:
    """Each chair's word on the primary."""
    primary = cluster.primary
    server, seen = _server(snapshot, primary)
    since = lost_since(cluster, snapshot)
    if since is None:
        return Evidence(server, Host.UNKNOWN, Receiver.UNKNOWN, Door.UNKNOWN, (seen,))
    host, body = _host(snapshot, primary, since)
    receiver, heard = _receiver(snapshot, cluster, since)
    door, dialled = _door(snapshot, cluster, since)
    return Evidence(server, host, receiver, door, tuple(filter(None, (seen, body, heard, dialled))))
