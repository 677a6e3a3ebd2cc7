"""A primary that lives and does not serve: its disk is full, its writes wait, or it has no free connection."""

from __future__ import annotations

from typing import NamedTuple

from drwatch.core.duration import span
from drwatch.core.evidence import Disk, Server
from drwatch.core.policy import Policy
from drwatch.core.sample import Blind, Channel, Filesystem, HostFact, IoState, Key, Node, Probe, Reason, ServerFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.writes import Writes

FULL = 4 << 20
"""Bytes: InnoDB grows a large table by four extents at a time, and fails with less."""

ASKED = 30.0
"""Seconds after which what a host said of a file system's space no longer counts."""

TWO_LOOKS = 2.0
"""Of the fast look, that a full disk's server must have committed nothing in."""

TURNED_AWAY = 3.0
"""Seconds for which one refusal counts, so that only a server that goes on refusing is saturated."""


NO_ROOM = ("Waiting for disk space", "to free space")
"""What a receiver's state says there: MySQL's words, and MariaDB's."""


class Ailment(NamedTuple):
    """What a server that answers says against itself, or its disk does."""

    server: Server
    disk: Disk
    evidence: tuple[str, ...]


def full(space: Filesystem) -> bool:
    return space.free_bytes < FULL or space.free_inodes == 0


def written(snapshot: Snapshot, node: Node) -> tuple[Filesystem, ...]:
    """The file systems that the node's server writes to, by its own word; all that are watched there without it."""
    host, server = snapshot.latest(node, Probe.HOST), snapshot.server(node)
    if not isinstance(host, HostFact):
        return ()
    spaces = tuple(space for space in host.filesystems if space.age <= ASKED)
    if server is None or not server.directories:
        return spaces
    return tuple(space for space in spaces if _plain(space.path) in server.directories)


def _plain(path: str) -> str:
    return path.rstrip("/") or "/"


def full_disks(snapshot: Snapshot, node: Node) -> tuple[str, ...]:
    """A sentence for each file system of the server that has nothing left."""
    by_space: dict[tuple[int, int, int | None], list[Filesystem]] = {}
    for space in filter(full, written(snapshot, node)):
        # The same figures under two paths: the same file system.
        by_space.setdefault((space.size_bytes, space.free_bytes, space.free_inodes), []).append(space)
    return tuple(
        f"host: on {node.name} the disk under {' and '.join(space.path for space in spaces)} is full, "
        + ("no inode is free" if free_inodes == 0 else f"{free} bytes are free")
        for (_, free, free_inodes), spaces in by_space.items()
    )


def stalled_disks(snapshot: Snapshot, policy: Policy, node: Node) -> tuple[str, ...]:
    """A sentence for each disk of the server that takes nothing, or the root's: no host goes on without that."""
    host, server, strain = snapshot.latest(node, Probe.HOST), snapshot.server(node), snapshot.strains.get(node)
    if not isinstance(host, HostFact) or strain is None:
        return ()
    needed = set(server.directories) - set(server.scratch) if server else set()
    words: list[str] = []
    for device in host.devices:
        own = [path for path in device.paths if _plain(path) in needed or (not needed and path != "/")]
        if device.read_only and own:
            # A root that is read-only may well be meant so; where the server writes, it never is.
            words.append(f"host: on {node.name} {' and '.join(own)} ({device.name}) is mounted read-only")
        still = strain.still.get(device.name)
        lasts = strain.at - still.since if still is not None and still.since is not None else 0.0
        if lasts >= policy.limits.disk_stalled and (own or "/" in device.paths):
            under = " and ".join(own) or "/"
            waits = f"{device.in_flight} I/Os for {span(lasts)} and finished none"
            words.append(f"host: on {node.name} the disk under {under} ({device.name}) has had {waits}")
    return tuple(words)


def of_stalled_disk(snapshot: Snapshot, policy: Policy, primary: Node) -> Ailment | None:
    """A disk that takes nothing, where nothing is committed meanwhile: what commits has another."""
    disks, writes = stalled_disks(snapshot, policy, primary), snapshot.writes.get(primary)
    if not disks or (writes is not None and writes.known and writes.still < TWO_LOOKS):
        return None
    return Ailment(Server.STUCK, Disk.STALLED, (*disks, *_still(writes)))


def waits_for_room(snapshot: Snapshot, standby: Node, channel: Channel) -> tuple[str, ...]:
    """What shows that the receiver waits for room for its relay log, connected and without an errno; empty if nothing.

    MySQL 9.7 says so in its state. The older ones and MariaDB give no status at all, at most for a moment each minute;
    and behind a SHOW ALL SLAVES STATUS that waits MariaDB gives no status variables either.
    """
    sight = snapshot.sight(standby, Probe.REPLICATION)
    if sight is None:
        return ()
    if sight.blind is None:
        waits = channel.io is IoState.YES and any(words in channel.io_state for words in NO_ROOM)
        return (*full_disks(snapshot, standby), f"standby: {channel.io_state}") if waits else ()
    if sight.blind.reason is not Reason.QUERY_TIMEOUT or not (disks := full_disks(snapshot, standby)):
        return ()
    match snapshot.latest(standby, Probe.SERVER):
        case ServerFact():
            return (*disks, "standby: it answers, but for its replica status, which waits too")
        case Blind(Reason.QUERY_TIMEOUT):
            return (*disks, "standby: its replica status and its status variables wait too")
    return ()


def of_full_disk(snapshot: Snapshot, primary: Node, fact: ServerFact) -> Ailment | None:
    """A full disk counts once nothing is committed any more: a disk that is full of something else may do for long."""
    disks, writes = full_disks(snapshot, primary), snapshot.writes.get(primary)
    if not disks or fact.read_only or (writes is not None and writes.known and writes.still < TWO_LOOKS):
        return None
    needed = any(full(space) and _plain(space.path) not in fact.scratch for space in written(snapshot, primary))
    if not needed and (writes is None or writes.unfinished_since is None):
        # A large sort fills the tmpdir for a while; only where writes hang meanwhile does it matter.
        return None
    return Ailment(Server.STUCK, Disk.FULL, (*disks, *_still(writes)))


def of_stalled_writes(snapshot: Snapshot, policy: Policy, primary: Node, fact: ServerFact) -> Ailment | None:
    writes = snapshot.writes.get(primary)
    if writes is None or fact.read_only or writes.held_up < policy.limits.writes_still:
        return None
    threads = f"server: {writes.running} threads are at work, usually {writes.level:.0f}; it answers all the same"
    semi_sync = fact.semi_sync
    waits = f"server: {semi_sync.waiting} of them wait for a standby's acknowledgement (semi-sync)" if semi_sync else ""
    unheard = (waits,) if semi_sync and semi_sync.waiting else ()
    return Ailment(Server.STUCK, Disk.UNKNOWN, (*_still(writes), threads, *unheard))


def of_saturation(snapshot: Snapshot, policy: Policy, primary: Node, fact: ServerFact) -> Ailment | None:
    login, writes = snapshot.latest(primary, Probe.LOGIN), snapshot.writes.get(primary)
    words = [f"server: {fact.connections} of {fact.max_connections} connections are in use"]
    refused = isinstance(login, Blind) and login.reason is Reason.TOO_MANY_CONNECTIONS and not _once(snapshot, primary)
    if refused:
        words.append("witness: a fresh login is refused with 'Too many connections'")
    turned_away = writes is not None and writes.refused_at is not None and writes.at - writes.refused_at <= TURNED_AWAY
    if turned_away:
        words.append("server: newcomers are turned away this very moment (Connection_errors_max_connections grows)")
    if refused or turned_away or fact.connections >= policy.limits.connections * fact.max_connections:
        return Ailment(Server.SATURATED, Disk.UNKNOWN, tuple(words))
    return None


def _once(snapshot: Snapshot, node: Node) -> bool:
    """Whether the last login is the first one of several that brought nothing: one alone may have been bad luck."""
    sight = snapshot.sight(node, Probe.LOGIN)
    return sight is not None and sight.blind_since is not None and sight.latest.asked.loop <= sight.blind_since.loop


def logins_wanted(node: Node, snapshot: Snapshot) -> frozenset[Key]:
    """The login to make again now: the ordinary one comes each half a minute, and a first refusal asks for more."""
    login = snapshot.latest(node, Probe.LOGIN)
    full = isinstance(login, Blind) and login.reason is Reason.TOO_MANY_CONNECTIONS
    return frozenset({Key(node, Probe.LOGIN)}) if full and _once(snapshot, node) else frozenset()


def _still(writes: Writes | None) -> tuple[str, ...]:
    if writes is None or not writes.known:
        return ()
    since = ", though writes have begun" if writes.begun > writes.done else ""
    return (f"server: nothing was committed for {span(writes.still)}{since}",)


def diagnose(snapshot: Snapshot, policy: Policy, primary: Node, fact: ServerFact) -> Ailment | None:
    """The worst that ails a primary that answers, with the evidence of all: a stall fills the connections too."""
    found = [
        ailment
        for ailment in (
            of_stalled_disk(snapshot, policy, primary),
            of_full_disk(snapshot, primary, fact),
            of_stalled_writes(snapshot, policy, primary, fact),
            of_saturation(snapshot, policy, primary, fact),
        )
        if ailment is not None
    ]
    if not found:
        return None
    evidence = dict.fromkeys(words for ailment in found for words in ailment.evidence)
    return found[0]._replace(evidence=tuple(evidence))
