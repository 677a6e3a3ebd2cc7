"""Which trouble explains which: what follows from a greater one is recorded and not told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from drwatch.core.finding import PRIMARY_AILING, PRIMARY_LOST, Condition, Finding
from drwatch.core.policy import ENDPOINT, Cluster
from drwatch.core.roles import former, opening, path
from drwatch.core.snapshot import Snapshot

_OF_THE_PRIMARY = frozenset(
    {
        Condition.REPLICATION_STOPPED,
        Condition.REPLICATION_MISSING,
        Condition.REPLICATION_SILENT,
        Condition.BINLOG_GAP_CLOSING,
        Condition.SEMI_SYNC_DEGRADED,
        Condition.RPO_BREACHED,
        Condition.RTO_BREACHED,
        Condition.FILES_STALE,
        Condition.UNPROTECTED,
        Condition.DRILL_STALE,
    }
)
"""What follows by itself when the primary serves nobody, or is nobody's care then."""

_OF_THE_STANDBY = frozenset(
    {
        Condition.REPLICATION_STOPPED,
        Condition.REPLICATION_MISSING,
        Condition.REPLICATION_SILENT,
        Condition.RTO_BREACHED,
    }
)

_OF_A_REWIND = frozenset({Condition.RPO_BREACHED, Condition.RECEIVED_LOST, Condition.REBUILD_REQUIRED})
"""What cannot be told any more when the primary's positions are used twice, and what its page says already."""

_OF_A_FULL_DISK = frozenset({Condition.REPLICATION_SILENT, Condition.RPO_BREACHED})
"""What seems to follow where the primary counts a transaction that its disk could not take: none was committed."""

_OF_A_NODE = frozenset({Condition.PROBE_BLIND, Condition.IO_WAIT_HIGH, Condition.DISK_FILLING})
"""What follows by itself on a node that is gone."""

_OF_A_STREAM = frozenset(
    {
        Condition.REPLICATION_STOPPED,
        Condition.REPLICATION_MISSING,
        Condition.REPLICATION_SILENT,
        Condition.RPO_BREACHED,
        Condition.RTO_BREACHED,
    }
)
"""What follows by itself on a standby whose data does not come the way it should."""

_OF_STRAYS = _OF_A_STREAM | {Condition.ERRANT_TRANSACTIONS, Condition.RECEIVED_LOST}

_OF_THE_FORMER = (
    _OF_A_NODE
    | _OF_A_STREAM
    | {Condition.STANDBY_DOWN, Condition.ACCESS_DENIED, Condition.FILES_STALE, Condition.FILES_MARKER_MISSING}
)
"""What nobody need be told of an old primary that a human has just replaced."""

_OF_THE_FILES = frozenset({Condition.FILES_STALE, Condition.FILES_MARKER_MISSING})

_STRAYS = (Condition.SPLIT_BRAIN, Condition.WRONG_SOURCE, Condition.REBUILD_REQUIRED)
"""What makes a standby's stream meaningless."""

_OUT_OF_SERVICE = PRIMARY_LOST | {
    Condition.PRIMARY_RESTARTING,
    Condition.PRIMARY_UNSEEN,
    Condition.PRIMARY_DISK_STALLED,
}
"""The primary serves nobody, or nobody can see whether it does."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the nodes of a cluster stand to one another, by name."""

    through: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Per standby the other standbys that its data comes through, the nearest first."""
    former: str | None = None
    """The old primary after a takeover, until it is a standby."""
    opening: frozenset[str] = frozenset()
    """Standbys that a human is making the primary."""


def place(cluster: Cluster, snapshot: Snapshot) -> Place:
    old = former(cluster, snapshot)
    through = {
        standby.node.name: tuple(node.name for node in path(cluster, snapshot, standby.node).through)
        for standby in cluster.standbys
    }
    return Place(through, old.name if old else None, frozenset(node.name for node in opening(cluster, snapshot)))


@dataclass(frozen=True, slots=True)
class _Roots:
    """The troubles that explain others; by node name where they are about one."""

    all: frozenset[Condition]
    primary: Finding | None
    """What keeps the primary from serving, or out of sight."""
    down: frozenset[str]
    denied: Mapping[str, Condition]
    ailing: Mapping[str, Condition]
    strays: Mapping[str, Condition]
    streams: Mapping[str, Condition]
    zombies: frozenset[str]

    @classmethod
    def among(cls, findings: Iterable[Finding]) -> _Roots:
        def about(conditions: Collection[Condition]) -> dict[str, Condition]:
            return {finding.subject: finding.condition for finding in findings if finding.condition in conditions}

        return cls(
            all=frozenset(finding.condition for finding in findings),
            primary=next((finding for finding in findings if finding.condition in _OUT_OF_SERVICE), None),
            down=frozenset(about({Condition.STANDBY_DOWN})),
            denied=about({Condition.ACCESS_DENIED, Condition.HOST_KEY_CHANGED}),
            ailing=about(PRIMARY_AILING),
            strays=about(_STRAYS),
            streams=about(_OF_A_STREAM),
            zombies=frozenset(about({Condition.ZOMBIE_PRIMARY})),
        )


def suppress(findings: Sequence[Finding], pending: bool = False, place: Place = Place()) -> list[Finding]:
    """The same findings, each marked with the greater trouble that explains it.

    ``pending`` says that a verdict on the primary is being reached: what would follow from its loss waits for it.
    """
    roots = _Roots.among(findings)
    causes = ((finding, _cause(finding, roots, pending, place)) for finding in findings)
    return [finding if cause is None else replace(finding, suppressed_by=cause) for finding, cause in causes]


def _cause(finding: Finding, roots: _Roots, pending: bool, place: Place) -> Condition | None:
    """The first of these that explains it, the greatest first."""
    what, where = finding.condition, finding.subject
    if Condition.WITNESS_ISOLATED in roots.all:
        return None if what is Condition.WITNESS_ISOLATED else Condition.WITNESS_ISOLATED
    if pending and what in _OF_THE_PRIMARY:
        return Condition.PRIMARY_UNSEEN
    return (
        _by_the_primary(finding, roots.primary)
        or _by_the_servers(finding, roots)
        or _by_the_history(what, where, roots)
        or _by_its_place(what, where, roots, place)
    )


def _by_the_primary(finding: Finding, primary: Finding | None) -> Condition | None:
    if primary is None or finding is primary:
        return None
    # A primary that only the witness cannot see goes on replicating and syncing: of that, only the claim grows.
    unseen = primary.condition is Condition.PRIMARY_UNSEEN
    if finding.condition in ({Condition.RPO_BREACHED} if unseen else _OF_THE_PRIMARY):
        return primary.condition
    if finding.condition in _OF_A_NODE and finding.subject in (primary.subject, ENDPOINT):
        return primary.condition
    dead = PRIMARY_LOST | {Condition.PRIMARY_DISK_STALLED}
    if finding.condition is Condition.STANDBY_WRITABLE and primary.condition in dead:
        # A human is taking over: writable is what the standby should become.
        return primary.condition
    return None


def _by_the_servers(finding: Finding, roots: _Roots) -> Condition | None:
    what, where = finding.condition, finding.subject
    if where in roots.down and what in _OF_THE_STANDBY | _OF_A_NODE:
        return Condition.STANDBY_DOWN
    if what in _OF_A_REWIND and Condition.PRIMARY_REWOUND in roots.all:
        return Condition.PRIMARY_REWOUND
    if what is Condition.PROBE_BLIND and where in roots.denied:
        return roots.denied[where]
    if what in _OF_A_FULL_DISK and Condition.PRIMARY_DISK_FULL in roots.all:
        return Condition.PRIMARY_DISK_FULL
    if what in (Condition.PROBE_BLIND, Condition.DISK_FILLING):
        return roots.ailing.get(where)
    return None


def _by_the_history(what: Condition, where: str, roots: _Roots) -> Condition | None:
    """Two that no longer tell one history."""
    if what in _OF_STRAYS and where in roots.strays:
        return roots.strays[where]
    if what is Condition.UNPROTECTED and Condition.SPLIT_BRAIN in roots.all:
        return Condition.SPLIT_BRAIN
    if what is Condition.DRILL_STALE and Condition.UNPROTECTED in roots.all:
        # There is nothing to rehearse with.
        return Condition.UNPROTECTED
    if what in (Condition.REBUILD_REQUIRED, Condition.ERRANT_TRANSACTIONS) and where in roots.zombies:
        return Condition.ZOMBIE_PRIMARY
    return None


def _by_its_place(what: Condition, where: str, roots: _Roots, place: Place) -> Condition | None:
    """What the node's place in the cluster says of it."""
    if place.former is not None and (
        (where == place.former and what in _OF_THE_FORMER) or (what in _OF_THE_FILES and len(place.through) == 1)
    ):
        return Condition.UNPROTECTED
    if what is Condition.PRIMARY_REPLICATING and Condition.NOBODY_WRITABLE in roots.all:
        # A switchover is under way, or stuck: who replicates from whom is being changed.
        return Condition.NOBODY_WRITABLE
    if what not in _OF_A_STREAM:
        return None
    if Condition.NOBODY_WRITABLE in roots.all or where in place.opening:
        # A switchover stops the standby before it opens it; for how long that may take, the other's window says.
        return Condition.NOBODY_WRITABLE
    for above in place.through.get(where, ()):
        if above in roots.down:
            return Condition.STANDBY_DOWN
        if above in roots.strays or above in roots.streams:
            return roots.strays.get(above) or roots.streams[above]
    return None
