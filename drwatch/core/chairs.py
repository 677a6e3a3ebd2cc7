"""What each chair says of the primary since its trouble began: which word of the table's, and in which sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from drwatch.core.ailing import diagnose, full_disks, stalled_disks, waits_for_room
from drwatch.core.doors import door_key, severed
from drwatch.core.duration import span
from drwatch.core.evidence import NO_SHELL, Chairs, Disk, Door, Host, Own, Receiver, Server, Vote
from drwatch.core.own_view import own_view
from drwatch.core.policy import Cluster, NodePolicy, Policy
from drwatch.core.roles import feed, path
from drwatch.core.sample import (
    PROOF_OF_LIFE,
    Blind,
    HostFact,
    IoState,
    Moment,
    Node,
    Probe,
    ReachFact,
    Reason,
    ServerFact,
)
from drwatch.core.snapshot import Sight, Snapshot
from drwatch.core.word import ABSTAINS, ARRIVING, S, Word
from drwatch.core.world import OUT_OF_REACH, anchors, fresh, world

SAME_TROUBLE = 30.0
"""A receiver that broke longer before the witness's own trouble is no second opinion on it."""

UNHEARD = 10.0
"""Seconds without a sign after which a receiver with no heartbeats to count no longer speaks for its source."""

TAKEN = 15.0
"""Seconds for which a connection that was taken and not greeted outweighs dials that are lost on the way."""

_SERVER = {
    Reason.REFUSED: Server.REFUSED,
    Reason.HUNG_UP: Server.REFUSED,
    Reason.NO_HANDSHAKE: Server.SILENT,
    Reason.QUERY_TIMEOUT: Server.STALLED,
    Reason.CONNECT_TIMEOUT: Server.UNREACHABLE,
    Reason.NO_ROUTE: Server.UNREACHABLE,
} | dict.fromkeys(PROOF_OF_LIFE, Server.SPEAKS)
_SERVER[Reason.TOO_MANY_CONNECTIONS] = Server.SATURATED
"""Any other reason is our own fault or our own resolver's, and says nothing of the server."""

_LOST = OUT_OF_REACH | {Reason.REFUSED, Reason.HUNG_UP}
_ON_THE_WAY = frozenset({Reason.CONNECT_TIMEOUT, Reason.NO_ROUTE, Reason.CHANNEL_LOST})

NETWORK_ERRNO = frozenset(range(2000, 3000)) - {2005} | {0, 1158, 1159, 1160, 1161}
"""Of a receiver: the client library's own errors and the server's for a broken line. Others were sent by the source, or
are its own host's: with 2005 that knows no such name."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What every chair says of the primary, how each voted, and the sentences for the page."""

    chairs: Chairs
    votes: tuple[Vote, ...]
    sentences: tuple[str, ...]


def _server(snapshot: Snapshot, node: NodePolicy) -> Word[Server]:
    sight = snapshot.sight(node.node, Probe.SERVER)
    if sight is None:
        return Word(Server.UNKNOWN, f"{node.node.name} has not been looked at yet")
    if (blind := sight.blind) is None:
        return Word(Server.ANSWERS, f"witness: {node.mysql} answers", sight.latest.asked)
    words = f"witness: {node.mysql} {_in_words(blind.reason)}" + (f" ({blind.detail})" if blind.detail else "")
    return Word(_SERVER.get(blind.reason, Server.UNKNOWN), words, sight.latest.asked)


def _taken(sight: Sight | None, since: Moment) -> float | None:
    """How many seconds ago a kernel took a connection there, where the dials since have brought nothing at all."""
    if sight is None or sight.taken is None or sight.taken.loop < since.loop:
        return None
    age = sight.latest.asked - sight.taken
    return age if sight.blind is not None and sight.blind.reason in _ON_THE_WAY and age <= TAKEN else None


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


def _host(snapshot: Snapshot, node: NodePolicy, since: Moment) -> Word[Host]:
    sight = snapshot.sight(node.node, Probe.HOST)
    if node.ssh is None or sight is None or not fresh(sight, since):
        return Word(Host.UNKNOWN, f"host: no word from {node.node.name} since", sight.latest.asked if sight else None)
    match sight.latest.found:
        case HostFact() as fact:
            said, words = _body(snapshot, node, fact)
        case Blind(Reason.NO_HANDSHAKE):
            said, words = Host.MUTE, f"witness: {node.ssh} accepts a connection, and sshd says nothing"
        case Blind() if (age := _taken(sight, since)) is not None:
            said, words = Host.MUTE, f"witness: {node.ssh} accepted a connection {span(age)} ago, and sshd said nothing"
        case Blind(Reason.REFUSED):
            said, words = Host.REFUSED, f"witness: {node.ssh} refuses SSH"
        case Blind(reason) if reason in _LOST:
            said, words = Host.UNREACHABLE, f"witness: {node.ssh} does not answer SSH"
        case found:
            reason = found.reason if isinstance(found, Blind) else Reason.GARBLED
            said, words = Host.UNKNOWN, f"host: {node.node.name} cannot be asked ({reason})"
    return Word(said, words, sight.latest.asked)


def _body(snapshot: Snapshot, node: NodePolicy, fact: HostFact) -> tuple[Host, str]:
    name = node.node.name
    if fact.processes:
        states = ", ".join(f"pid {process.pid} state {process.state}" for process in fact.processes)
        words = f"host: {name} is up, its server process is there ({states})"
        seen = {process.state for process in fact.processes}
        if seen <= {"T", "t"}:
            return Host.STOPPED, words
        return (Host.BLOCKED if seen <= {"T", "t", "D"} else Host.RUNS_IT), words
    if fact.restarting:
        return Host.STARTING, f"host: {name} is up, no server process, systemd says {fact.unit}"
    if node.node not in snapshot.embodied:
        return Host.UP, f"host: {name} is up; its server process has never been seen from here"
    unit = f", systemd says {fact.unit}" if fact.unit else ""
    return Host.GONE, f"host: {name} is up and its server process is gone{unit}"


def _receivers(
    snapshot: Snapshot, cluster: Cluster, since: Moment, host: Host, now: Moment
) -> dict[Node, Word[Receiver]]:
    """By standby; one that is fed by another standby says nothing of the primary, nor one that is cut off from a host
    which the witness sees alive."""
    direct = (standby for standby in cluster.standbys if not path(cluster, snapshot, standby.node).through)
    words = {standby.node: _heard(snapshot, standby.node, since) for standby in direct}
    if host in NO_SHELL:
        return words
    for standby in cluster.standbys:
        word, channel = words.get(standby.node), feed(snapshot, standby.node)
        if word is None or channel is None or word.said is not Receiver.BROKEN:
            continue
        broke = snapshot.receipts[standby.node, channel.name].io_since
        if broke is not None and severed(cluster, snapshot, standby, broke, now):
            why = f"{word.sentence}; but neither host reaches the other's port 22 either, and that is no server's doing"
            words[standby.node] = word._replace(said=Receiver.UNKNOWN, sentence=why)
    return words


def _heard(snapshot: Snapshot, standby: Node, since: Moment) -> Word[Receiver]:
    sight, channel, name = snapshot.sight(standby, Probe.REPLICATION), feed(snapshot, standby), standby.name
    asked = sight.latest.asked if sight else None
    if sight is None or sight.blind is not None or channel is None or not fresh(sight, since):
        return Word(Receiver.UNKNOWN, f"standby: the receiver of {name} could not be asked since", asked)
    receipt = snapshot.receipts[standby, channel.name]
    if channel.io is not IoState.YES:
        errno = f", errno {channel.io_errno}" if channel.io_errno else ""
        words = f"standby: the receiver of {name} is {_io_words(channel.io)}{errno}"
        if channel.io_errno not in NETWORK_ERRNO or (channel.io is IoState.NO and not channel.io_errno):
            return Word(Receiver.UNKNOWN, words, asked)
        if receipt.io_since is not None and since - receipt.io_since > SAME_TROUBLE:
            return Word(Receiver.UNKNOWN, f"{words}, and was before", asked)
        return Word(Receiver.BROKEN, words, asked)
    counted = channel.heartbeats is not None and channel.heartbeat_period
    patience = (channel.heartbeat_period or 0.0) + UNHEARD / 2 if counted else UNHEARD
    heard_since, silence = receipt.moved and receipt.heard_at - since > ARRIVING, sight.latest.asked - receipt.heard_at
    if heard_since and silence <= min(patience, UNHEARD):
        return Word(Receiver.FLOWING, f"standby: {name} still receives from the primary", asked)
    if heard_since and silence <= patience:
        words = f"standby: {name} has heard nothing from the primary for {span(silence)}; no heartbeat is overdue"
        return Word(Receiver.HEARD, words, asked)
    owed = sight.latest.asked - receipt.deaf_since
    room = not channel.relay_full and not waits_for_room(snapshot, standby, channel)
    if counted and room and owed > max(patience, UNHEARD):
        words = f"standby: {name} believes it is connected; a heartbeat is overdue: nothing came for {span(owed)}"
        return Word(Receiver.OVERDUE, words, asked)
    return Word(Receiver.QUIET, f"standby: {name} believes it is connected and has heard nothing since", asked)


def _committed(snapshot: Snapshot, standby: Node, word: Word[Receiver], since: Moment) -> Word[Receiver]:
    """A receiver's word on a primary whose disk takes nothing: what is sent without a commit needs no disk."""
    channel = feed(snapshot, standby)
    if word.said not in (Receiver.FLOWING, Receiver.HEARD) or channel is None:
        return word
    furthest = snapshot.receipts[standby, channel.name].furthest_at
    if furthest is not None and furthest - since > ARRIVING:
        return word
    sentence = f"standby: {standby.name} hears of the primary's life, and of no commit since"
    return word._replace(said=Receiver.UNKNOWN, sentence=sentence)


def _io_words(state: IoState) -> str:
    return "trying to connect" if state is IoState.CONNECTING else "stopped"


def _doors(snapshot: Snapshot, cluster: Cluster, since: Moment, now: Moment) -> dict[Node, Word[Door]]:
    """By standby, of those that were asked to dial since."""
    words: dict[Node, Word[Door]] = {}
    for standby in (node.node for node in cluster.standbys):
        sight = snapshot.sights.get(door_key(cluster, standby))
        if sight is None or not fresh(sight, since):
            continue
        asked = sight.latest.asked
        match sight.latest.found:
            case _ if now - asked > ABSTAINS:
                stale = f"standby: {standby.name} has not been asked for the primary's port 22 for {span(now - asked)}"
                words[standby] = Word(Door.UNKNOWN, stale, asked)
            case ReachFact(greets=False):
                mute = f"standby: from {standby.name} the primary's port 22 accepts a connection and says nothing"
                words[standby] = Word(Door.MUTE, mute, asked)
            case ReachFact():
                words[standby] = Word(Door.OPEN, f"standby: {standby.name} reaches the primary's port 22", asked)
            case Blind(Reason.REFUSED | Reason.CONNECT_TIMEOUT | Reason.NO_ROUTE as reason):
                shut = f"standby: from {standby.name} the primary's port 22 {_in_words(reason)}"
                words[standby] = Word(Door.SHUT, shut, asked)
            case Blind(reason):
                cannot = "cannot dial" if reason is Reason.NO_DIALLER else "cannot be asked to dial"
                blind = f"standby: {standby.name} {cannot} the primary's port 22 ({reason})"
                words[standby] = Word(Door.UNKNOWN, blind, asked)
    return words


def lost_since(cluster: Cluster, snapshot: Snapshot) -> Moment | None:
    """Since when the primary has not answered; None while it does."""
    sight = snapshot.sight(cluster.primary.node, Probe.SERVER)
    return sight.lost_since if sight else None


def gather(cluster: Cluster, policy: Policy, snapshot: Snapshot, now: Moment) -> Evidence:
    """Each chair's word on the primary."""
    primary, since = cluster.primary, lost_since(cluster, snapshot)
    witness = _server(snapshot, primary)
    found = snapshot.latest(primary.node, Probe.SERVER)
    if isinstance(found, ServerFact):
        ailment = diagnose(snapshot, policy, primary.node, found)
        if ailment is None:
            return Evidence(Chairs(witness.said), (_witness(witness, now),), (witness.sentence,))
        witness = witness._replace(said=ailment.server)
        return Evidence(Chairs(ailment.server, disk=ailment.disk), (_witness(witness, now),), ailment.evidence)
    disk, disks = _disk(snapshot, policy, primary.node)
    if since is None:
        told = (witness.sentence, *(disks if witness.said is Server.SATURATED or disk is Disk.STALLED else ()))
        return Evidence(Chairs(witness.said, disk=disk), (_witness(witness, now),), told)
    host, own = _host(snapshot, primary, since), own_view(snapshot, cluster, since, now)
    if host.said in NO_SHELL:
        witness = _in_spite_of_the_line(snapshot, primary, witness, since)
    receivers = _receivers(snapshot, cluster, since, host.said, now)
    if disk is Disk.STALLED:
        receivers = {node: _committed(snapshot, node, word, since) for node, word in receivers.items()}
    doors = _doors(snapshot, cluster, since, now)
    votes = [
        _witness(witness, now),
        *([host.vote(f"witness, SSH to {primary.node.name}", now)] if primary.ssh is not None else []),
        *(word.vote(f"standby {node.name}, receiver", now) for node, word in receivers.items()),
        *(word.vote(f"standby {node.name}, dial to port 22", now) for node, word in doors.items()),
        *([own.vote(f"primary {primary.node.name}, its own view", now)] if own is not None else []),
        *_outside(policy, snapshot, since, now),
    ]
    chairs = Chairs(
        witness.said,
        host.said,
        _first(
            receivers.values(),
            (Receiver.FLOWING, Receiver.HEARD, Receiver.BROKEN, Receiver.OVERDUE, Receiver.QUIET),
            Receiver.UNKNOWN,
        ),
        _first(doors.values(), (Door.OPEN, Door.MUTE, Door.SHUT), Door.UNKNOWN),
        own.said if own is not None else Own.UNKNOWN,
        disk,
        world(policy, cluster, snapshot, since),
    )
    return Evidence(chairs, tuple(votes), (*(vote.sentence for vote in votes), *disks, _tally(votes)))


def _in_spite_of_the_line(snapshot: Snapshot, node: NodePolicy, witness: Word[Server], since: Moment) -> Word[Server]:
    """The witness's word, where a line that loses packets hides and shows in turn that a kernel takes connections."""
    age = _taken(snapshot.sight(node.node, Probe.SERVER), since)
    if age is None:
        return witness
    words = f"{witness.sentence}; {span(age)} ago it accepted a connection and said nothing"
    return witness._replace(said=Server.SILENT, sentence=words)


def _disk(snapshot: Snapshot, policy: Policy, primary: Node) -> tuple[Disk, tuple[str, ...]]:
    if stalled := stalled_disks(snapshot, policy, primary):
        return Disk.STALLED, stalled
    full = full_disks(snapshot, primary)
    return (Disk.FULL if full else Disk.UNKNOWN), full


def _witness(word: Word[Server], now: Moment) -> Vote:
    return word.vote("witness, database", now)


def _first(words: Iterable[Word[S]], order: Iterable[S], otherwise: S) -> S:
    """Of several standbys the word of the one that sees most life."""
    said = {word.said for word in words}
    return next((each for each in order if each in said), otherwise)


def _outside(policy: Policy, snapshot: Snapshot, since: Moment, now: Moment) -> Iterator[Vote]:
    for key in anchors(policy):
        sight, chair = snapshot.sights.get(key), f"anchor {key.target}"
        if sight is None or not fresh(sight, since):
            yield Vote(chair, "unknown", f"anchor: {key.target} has not been asked since", None, counts=False)
            continue
        age, blind = now - sight.latest.asked, sight.blind
        answers = blind is None or blind.reason is Reason.REFUSED
        words = "answers" if blind is None else _in_words(blind.reason)
        yield Vote(chair, "reached" if answers else "silent", f"anchor: {key.target} {words}", age, counts=True)


def _tally(votes: Collection[Vote]) -> str:
    """A chair that abstains is one of them all the same."""
    count = sum(vote.counts for vote in votes)
    return f"{count} of {len(votes)} chairs have a word on it" + ("" if count == len(votes) else "; the others abstain")
