"""The paths between those who watch and those who are watched: one verdict each, beside the one on the primary.

A table as in ``verdicts``: what each end says of the way to the other, and whether anybody else sees the far end alive.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from drwatch.core import exposure
from drwatch.core.chairs import NETWORK_ERRNO
from drwatch.core.doors import DAILY, back_key, door_key
from drwatch.core.duration import span
from drwatch.core.finding import Confidence
from drwatch.core.own_view import port_key
from drwatch.core.policy import Cluster, NodePolicy, Policy
from drwatch.core.roles import feed, path
from drwatch.core.sample import (
    PROOF_OF_LIFE,
    Blind,
    HostFact,
    IoState,
    Key,
    Moment,
    Node,
    PortFact,
    Probe,
    ReachFact,
    Reason,
    ServerFact,
)
from drwatch.core.snapshot import Sight, Snapshot
from drwatch.core.word import ABSTAINS
from drwatch.core.world import WITNESS, anchors

AGAIN = 30.0
"""Seconds between two dials of a path in doubt: whoever is dialled sees a connection that comes to nothing."""

SELDOM = 300.0
"""The same along a path that has failed for as long as this: by then everybody knows."""


class Way(StrEnum):
    """What one end says of its way to the other."""

    PASSES = "passes"
    FAILS = "fails"
    UNKNOWN = "unknown"


class Far(StrEnum):
    """Whether anybody else sees the far end alive: only then is it the path that fails."""

    ALIVE = "alive"
    UNKNOWN = "unknown"


class State(StrEnum):
    UP = "up"
    DOWN = "down"
    ONE_WAY = "one-way"
    UNKNOWN = "unknown"


class Line(NamedTuple):
    """What must be said there and back and of the far end (None: whatever is), and what that makes of the path."""

    there: Way | None
    back: Way | None
    far: Far | None
    state: State
    confidence: Confidence
    why: str

    def fits(self, there: Way, back: Way, far: Far) -> bool:
        said = zip((self.there, self.back, self.far), (there, back, far), strict=True)
        return all(wanted is None or wanted is word for wanted, word in said)


SURE, LIKELY, ALONE = Confidence.CONCLUSIVE, Confidence.LIKELY, Confidence.ALONE

TABLE = (
    Line(Way.PASSES, Way.FAILS, None, State.ONE_WAY, SURE, "it passes there, and not back"),
    Line(Way.FAILS, Way.PASSES, None, State.ONE_WAY, SURE, "it passes back, and not there"),
    Line(Way.PASSES, None, None, State.UP, SURE, "it passes"),
    Line(None, Way.PASSES, None, State.UP, SURE, "it passes back"),
    Line(Way.FAILS, Way.FAILS, Far.ALIVE, State.DOWN, SURE, "nothing passes either way, and the far end is seen alive"),
    Line(
        Way.FAILS, None, Far.ALIVE, State.DOWN, LIKELY, "nothing passes, and the far end is seen alive from elsewhere"
    ),
    Line(
        None,
        Way.FAILS,
        Far.ALIVE,
        State.DOWN,
        LIKELY,
        "nothing passes back, and the far end is seen alive from elsewhere",
    ),
    Line(None, None, None, State.UNKNOWN, ALONE, "nothing is seen to pass, and nobody can say whose fault that is"),
)
"""Read from the top; the first line that fits is the verdict."""


_VERDICTS = {said: next(line for line in TABLE if line.fits(*said)) for said in itertools.product(Way, Way, Far)}


def decide(there: Way, back: Way, far: Far) -> Line:
    """The one verdict on a path."""
    return _VERDICTS[there, back, far]


@dataclass(frozen=True, slots=True)
class Link:
    """One path: from whom to whom, and what is known of it."""

    near: str
    far: str
    state: State
    confidence: Confidence
    why: str
    evidence: tuple[str, ...]


Word = tuple[Way, str]
"""What one look says of a way, and in which sentence."""

_NOTHING: Word = (Way.UNKNOWN, "")
_NOTHING_CAME = frozenset({Reason.CONNECT_TIMEOUT, Reason.NO_ROUTE, Reason.CHANNEL_LOST})
"""Nothing of the far end was heard. A query without an answer loses a node too, but was sent on a path that passed."""
_FROM_THERE = PROOF_OF_LIFE | {Reason.HUNG_UP, Reason.NO_HANDSHAKE}
"""What only the far side can have sent. A refusal may come from something on the way that speaks for it."""


def links(cluster: Cluster, policy: Policy, snapshot: Snapshot, now: Moment) -> tuple[Link, ...]:
    """Every path of a cluster: the witness's to each node, each standby's to the primary, the primary's to outside."""
    return tuple(_links(cluster, policy, snapshot, now))


def _links(cluster: Cluster, policy: Policy, snapshot: Snapshot, now: Moment) -> Iterator[Link]:
    primary = cluster.primary
    direct = [each for each in cluster.standbys if not path(cluster, snapshot, each.node).through]
    heard = {each.node: _received(policy, cluster, snapshot, each.node, now) for each in direct}
    doors = {each.node: _dialled(snapshot, door_key(cluster, each.node), now) for each in cluster.standbys}
    backs = {each.node: _dialled(snapshot, back_key(cluster, each), now) for each in cluster.standbys}
    port = snapshot.latest(*port_key(cluster))
    readers = port.readers if isinstance(port, PortFact) and _young(snapshot, port_key(cluster), now) else ()

    seen = any(way is Way.PASSES for way, _ in (*heard.values(), *doors.values()))
    looked = _looked(snapshot, primary)
    yield _link(WITNESS.name, primary, [looked], [], seen)
    for standby in cluster.standbys:
        seen = backs[standby.node][0] is Way.PASSES or standby.node.name in readers
        yield _link(WITNESS.name, standby, [_looked(snapshot, standby)], [], seen)
    lives = looked[0] is Way.PASSES
    for standby in direct:
        pace = _pace(snapshot, standby.node, heard[standby.node], now)
        # A port that is kept from the standby is no path that fails: the dial to another port says so.
        there = [_dialled(snapshot, door_key(cluster, standby.node), now, pace), heard[standby.node]]
        back = [_dialled(snapshot, back_key(cluster, standby), now, pace)]
        if heard[standby.node][0] is Way.PASSES:
            back.append((Way.PASSES, ""))
        yield _link(standby.node.name, primary, there, back, lives)
    for key in anchors(policy):
        dial = _dialled(snapshot, Key(primary.node, Probe.REACH, key.target), now)
        if dial is not _NOTHING:
            sight = snapshot.sights.get(key)
            yield _made(primary.node.name, key.target, [dial], [], sight is not None and sight.blind is None)


def _link(near: str, far: NodePolicy, there: Iterable[Word], back: Iterable[Word], alive: bool) -> Link:
    return _made(near, far.node.name, list(there), list(back), alive)


def _made(near: str, far: str, there: list[Word], back: list[Word], alive: bool) -> Link:
    line = decide(_best(there), _best(back), Far.ALIVE if alive else Far.UNKNOWN)
    return Link(near, far, line.state, line.confidence, line.why, tuple(words for _, words in (*there, *back) if words))


def _best(words: list[Word]) -> Way:
    """One look that passes is enough for a way."""
    said = {way for way, _ in words}
    return next((way for way in (Way.PASSES, Way.FAILS) if way in said), Way.UNKNOWN)


def _looked(snapshot: Snapshot, node: NodePolicy) -> Word:
    """What the witness's own looks say of its way to a node."""
    sights = [snapshot.sight(node.node, probe) for probe in (Probe.SERVER, Probe.REPLICATION, Probe.HOST)]
    known = [sight for sight in sights if sight is not None]
    blinds = [sight.blind for sight in known]
    if any(blind is None or blind.reason in _FROM_THERE for blind in blinds):
        return Way.PASSES, f"witness: {node.node.name} answers"
    if any(blind is not None and blind.reason is Reason.REFUSED for blind in blinds):
        return Way.PASSES, f"witness: something answers at {node.node.name}, if only to refuse"
    if blinds and all(blind is not None and blind.reason in _NOTHING_CAME for blind in blinds):
        return Way.FAILS, f"witness: nothing of {node.node.name} answers"
    return _NOTHING


def _received(policy: Policy, cluster: Cluster, snapshot: Snapshot, standby: Node, now: Moment) -> Word:
    """What the standby's receiver says of its way to the primary."""
    sight, channel = snapshot.sight(standby, Probe.REPLICATION), feed(snapshot, standby)
    if sight is None or sight.blind is not None or channel is None:
        return _NOTHING
    name, receipt = standby.name, snapshot.receipts[standby, channel.name]
    if channel.io is IoState.CONNECTING and channel.io_errno in NETWORK_ERRNO - {0}:
        return Way.FAILS, f"standby: the receiver of {name} cannot connect, errno {channel.io_errno}"
    if channel.io is not IoState.YES:
        return _NOTHING
    silence = sight.latest.asked - receipt.heard_at
    line = snapshot.timelines.get(cluster.primary.node)
    beyond = line.first_beyond(exposure.arrived(snapshot, standby, channel)) if line else None
    deaf = sight.latest.asked - receipt.deaf_since
    if beyond is not None and min(deaf, now - beyond.since) >= policy.limits.silence and not channel.relay_full:
        return Way.FAILS, f"standby: {name} has heard nothing for {span(deaf)} of what the primary has committed"
    patience = max(policy.limits.silence, 2 * (channel.heartbeat_period or 0.0))
    if receipt.moved and silence <= patience:
        return Way.PASSES, f"standby: {name} receives"
    return _NOTHING


def _pace(snapshot: Snapshot, standby: Node, received: Word, now: Moment) -> float:
    """Seconds between two dials along a standby's path to the primary, by what its receiver says of it."""
    channel = feed(snapshot, standby) if received[0] is Way.FAILS else None
    if channel is None:
        return AGAIN
    receipt = snapshot.receipts[standby, channel.name]
    since = receipt.heard_at if channel.io is IoState.YES else receipt.io_since
    return SELDOM if since is not None and now - since >= SELDOM else AGAIN


def _young(snapshot: Snapshot, key: Key, now: Moment, pace: float = AGAIN) -> bool:
    sight = snapshot.sights.get(key)
    return sight is not None and now - sight.latest.asked <= pace + ABSTAINS


def _dialled(snapshot: Snapshot, key: Key, now: Moment, pace: float = AGAIN) -> Word:
    """What a dial from one node's shell says; nothing, once the next one is overdue."""
    found = snapshot.latest(*key) if _young(snapshot, key, now, pace) else None
    match found:
        case ReachFact() | Blind(Reason.REFUSED):
            return Way.PASSES, f"{key.node.name}: {key.target} answers"
        case Blind(Reason.CONNECT_TIMEOUT | Reason.NO_ROUTE):
            return Way.FAILS, f"{key.node.name}: {key.target} does not answer"
        case Blind(Reason.NO_DIALLER):
            return Way.UNKNOWN, f"{key.node.name}: has nothing to dial with"
    return _NOTHING


def wanted(cluster: Cluster, policy: Policy, snapshot: Snapshot, now: Moment) -> frozenset[Key]:
    """The dials to make now: along each standby's path once a day, and often while it fails and the primary takes
    connections; and from a primary that the witness has lost, or whose standby has, to the world outside."""
    primary = cluster.primary
    if primary.ssh is None or not isinstance(snapshot.latest(primary.node, Probe.HOST), HostFact):
        return frozenset()
    paces: dict[Key, float] = {}
    served = isinstance(snapshot.latest(primary.node, Probe.SERVER), ServerFact)
    for standby in cluster.standbys if served or _takes(cluster, snapshot, now) else ():
        received = _received(policy, cluster, snapshot, standby.node, now)
        fails = received[0] is Way.FAILS
        if not fails and not served:
            continue
        pace = _pace(snapshot, standby.node, received, now) if fails else DAILY
        if standby.ssh_host is not None:
            paces[back_key(cluster, standby)] = pace
        if standby.ssh is not None and isinstance(snapshot.latest(standby.node, Probe.HOST), HostFact):
            paces[door_key(cluster, standby.node)] = pace
    lost = snapshot.lost_since(primary.node)
    ails = any(pace < DAILY for pace in paces.values())
    if ails or (lost is not None and now - lost >= AGAIN / 2 and primary.node in snapshot.alive):
        paces |= {Key(primary.node, Probe.REACH, key.target): AGAIN for key in anchors(policy)}
    return frozenset(key for key, pace in paces.items() if _due(snapshot.sights.get(key), pace, now))


def _takes(cluster: Cluster, snapshot: Snapshot, now: Moment) -> bool:
    """Whether the primary's own kernel says that its server takes connections."""
    port = snapshot.latest(*port_key(cluster)) if _young(snapshot, port_key(cluster), now) else None
    return isinstance(port, PortFact) and port.listens and not port.waiting


def _due(sight: Sight | None, pace: float, now: Moment) -> bool:
    if sight is None:
        return True
    # A shell that was busy for a moment is no reason to know nothing of the path for a day.
    unasked = sight.blind is not None and sight.blind.reason is Reason.CHANNEL_LOST
    return now - sight.latest.answered >= (min(pace, AGAIN) if unasked else pace)
