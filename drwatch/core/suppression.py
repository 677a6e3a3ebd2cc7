"""Which trouble explains which: what follows from a greater one is recorded and not told."""

from __future__ import annotations

from collections.abc import Mapping
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
    }
)
"""What follows by itself when the primary serves nobody."""

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


def suppress(findings: list[Finding], pending: bool = False, place: Place = Place()) -> list[Finding]:
    """The same findings, each marked with the greater trouble that explains it.

    ``pending`` says that a verdict on the primary is being reached: what would follow from its loss waits for it.
    """
    lost = PRIMARY_LOST | {Condition.PRIMARY_RESTARTING, Condition.PRIMARY_UNSEEN}
    roots = {finding.condition: finding for finding in findings}
    isolated = roots.get(Condition.WITNESS_ISOLATED)
    primary = next((finding for finding in findings if finding.condition in lost), None)
    standbys = {finding.subject for finding in findings if finding.condition is Condition.STANDBY_DOWN}
    denied = {
        finding.subject: finding.condition
        for finding in findings
        if finding.condition in (Condition.ACCESS_DENIED, Condition.HOST_KEY_CHANGED)
    }
    rewound = Condition.PRIMARY_REWOUND in roots
    ailing = {finding.subject: finding.condition for finding in findings if finding.condition in PRIMARY_AILING}
    strays = {finding.subject: finding.condition for finding in findings if finding.condition in _STRAYS}
    streams = {finding.subject: finding.condition for finding in findings if finding.condition in _OF_A_STREAM}
    nobody = Condition.NOBODY_WRITABLE if Condition.NOBODY_WRITABLE in roots else None
    zombies = {finding.subject for finding in findings if finding.condition is Condition.ZOMBIE_PRIMARY}

    def cause_by_place(finding: Finding) -> Condition | None:
        """What the node's place in the cluster says of it."""
        if place.former is not None and (
            (finding.subject == place.former and finding.condition in _OF_THE_FORMER)
            or (finding.condition in _OF_THE_FILES and len(place.through) == 1)
        ):
            return Condition.UNPROTECTED
        if finding.condition not in _OF_A_STREAM:
            return None
        if nobody is not None or finding.subject in place.opening:
            # A switchover stops the standby before it opens it; for how long that may take, the other's window says.
            return Condition.NOBODY_WRITABLE
        for above in place.through.get(finding.subject, ()):
            if above in standbys:
                return Condition.STANDBY_DOWN
            if above in strays or above in streams:
                return strays.get(above) or streams[above]
        return None

    def cause(finding: Finding) -> Condition | None:
        if isolated is not None and finding is not isolated:
            return Condition.WITNESS_ISOLATED
        of_node = finding.condition in _OF_A_NODE
        if pending and finding.condition in _OF_THE_PRIMARY:
            return Condition.PRIMARY_UNSEEN
        if primary is not None and finding is not primary:
            # A primary that only the witness cannot see goes on replicating and syncing: of that, only the claim grows.
            unseen = primary.condition is Condition.PRIMARY_UNSEEN
            if finding.condition in ({Condition.RPO_BREACHED} if unseen else _OF_THE_PRIMARY):
                return primary.condition
            if of_node and finding.subject in (primary.subject, ENDPOINT):
                return primary.condition
        if finding.subject in standbys and (finding.condition in _OF_THE_STANDBY or of_node):
            return Condition.STANDBY_DOWN
        if finding.condition in _OF_A_REWIND and rewound:
            return Condition.PRIMARY_REWOUND
        if finding.condition is Condition.PROBE_BLIND and finding.subject in denied:
            return denied[finding.subject]
        if finding.condition in _OF_A_FULL_DISK and Condition.PRIMARY_DISK_FULL in roots:
            return Condition.PRIMARY_DISK_FULL
        if finding.condition in (Condition.PROBE_BLIND, Condition.DISK_FILLING) and finding.subject in ailing:
            return ailing[finding.subject]
        if (
            finding.condition is Condition.STANDBY_WRITABLE
            and primary is not None
            and primary.condition in PRIMARY_LOST
        ):
            # A human is taking over: writable is what the standby should become.
            return primary.condition
        if finding.condition in _OF_STRAYS and finding.subject in strays:
            return strays[finding.subject]
        if finding.condition is Condition.UNPROTECTED and Condition.SPLIT_BRAIN in roots:
            return Condition.SPLIT_BRAIN
        if (
            finding.condition in (Condition.REBUILD_REQUIRED, Condition.ERRANT_TRANSACTIONS)
            and finding.subject in zombies
        ):
            return Condition.ZOMBIE_PRIMARY
        return cause_by_place(finding)

    return [replace(finding, suppressed_by=cause(finding)) for finding in findings]
