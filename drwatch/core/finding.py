"""What can be wrong: the closed list of conditions, and one finding of one of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from drwatch.core.evidence import Vote


class Severity(StrEnum):
    CRITICAL = "critical"
    """Wakes a human, and again until it is over."""
    WARNING = "warning"


class Condition(StrEnum):
    """Each has a severity, a heading in docs/runbooks.md, a scenario and a test."""

    PRIMARY_DOWN = "PrimaryDown"
    PRIMARY_HOST_DOWN = "PrimaryHostDown"
    PRIMARY_HUNG = "PrimaryHung"
    PRIMARY_RESTARTING = "PrimaryRestarting"
    PRIMARY_RESTARTED = "PrimaryRestarted"
    PRIMARY_REPLICATING = "PrimaryReplicating"
    PRIMARY_DISK_STALLED = "PrimaryDiskStalled"
    PRIMARY_DISK_FULL = "PrimaryDiskFull"
    PRIMARY_WRITES_STALLED = "PrimaryWritesStalled"
    PRIMARY_SATURATED = "PrimarySaturated"
    PRIMARY_UNSEEN = "PrimaryUnseen"
    WITNESS_ISOLATED = "WitnessIsolated"
    STANDBY_DOWN = "StandbyDown"
    REPLICATION_STOPPED = "ReplicationStopped"
    REPLICATION_MISSING = "ReplicationMissing"
    REPLICATION_SILENT = "ReplicationSilent"
    REPLICATION_FILTERED = "ReplicationFiltered"
    RECEIVED_LOST = "ReceivedLost"
    PRIMARY_REWOUND = "PrimaryRewound"
    ERRANT_TRANSACTIONS = "ErrantTransactions"
    BINLOG_GAP_CLOSING = "BinlogGapClosing"
    SEMI_SYNC_DEGRADED = "SemiSyncDegraded"
    RPO_BREACHED = "RpoBreached"
    RTO_BREACHED = "RtoBreached"
    FILES_STALE = "FilesStale"
    FILES_MARKER_MISSING = "FilesMarkerMissing"
    JOB_MISSED = "JobMissed"
    WRONG_SOURCE = "ReplicationWrongSource"
    UNPROTECTED = "Unprotected"
    REBUILD_REQUIRED = "RebuildRequired"
    STANDBY_WRITABLE = "StandbyWritable"
    SPLIT_BRAIN = "SplitBrain"
    NOBODY_WRITABLE = "NobodyWritable"
    ZOMBIE_PRIMARY = "ZombiePrimary"
    ENDPOINT_ASTRAY = "EndpointAstray"
    DRILL_STALE = "DrillStale"
    DISK_FILLING = "DiskFilling"
    IO_WAIT_HIGH = "IoWaitHigh"
    ACCESS_DENIED = "AccessDenied"
    HOST_KEY_CHANGED = "HostKeyChanged"
    PROBE_BLIND = "ProbeBlind"
    PAGING_BROKEN = "PagingBroken"
    HISTORY_LOST = "HistoryLost"
    FLAPPING = "Flapping"


SEVERITY = {
    Condition.PRIMARY_DOWN: Severity.CRITICAL,
    Condition.PRIMARY_HOST_DOWN: Severity.CRITICAL,
    Condition.PRIMARY_HUNG: Severity.CRITICAL,
    Condition.PRIMARY_RESTARTING: Severity.CRITICAL,
    Condition.PRIMARY_RESTARTED: Severity.WARNING,
    Condition.PRIMARY_REPLICATING: Severity.WARNING,
    Condition.PRIMARY_DISK_STALLED: Severity.CRITICAL,
    Condition.PRIMARY_DISK_FULL: Severity.CRITICAL,
    Condition.PRIMARY_WRITES_STALLED: Severity.CRITICAL,
    Condition.PRIMARY_SATURATED: Severity.CRITICAL,
    Condition.PRIMARY_UNSEEN: Severity.WARNING,
    Condition.WITNESS_ISOLATED: Severity.CRITICAL,
    Condition.STANDBY_DOWN: Severity.WARNING,
    Condition.REPLICATION_STOPPED: Severity.WARNING,
    Condition.REPLICATION_MISSING: Severity.WARNING,
    Condition.REPLICATION_SILENT: Severity.WARNING,
    Condition.REPLICATION_FILTERED: Severity.WARNING,
    Condition.RECEIVED_LOST: Severity.WARNING,
    Condition.PRIMARY_REWOUND: Severity.CRITICAL,
    Condition.ERRANT_TRANSACTIONS: Severity.WARNING,
    Condition.BINLOG_GAP_CLOSING: Severity.WARNING,
    Condition.SEMI_SYNC_DEGRADED: Severity.WARNING,
    Condition.RPO_BREACHED: Severity.CRITICAL,
    Condition.RTO_BREACHED: Severity.WARNING,
    Condition.FILES_STALE: Severity.WARNING,
    Condition.FILES_MARKER_MISSING: Severity.WARNING,
    Condition.JOB_MISSED: Severity.WARNING,
    Condition.WRONG_SOURCE: Severity.WARNING,
    Condition.UNPROTECTED: Severity.CRITICAL,
    Condition.REBUILD_REQUIRED: Severity.WARNING,
    Condition.STANDBY_WRITABLE: Severity.WARNING,
    Condition.SPLIT_BRAIN: Severity.CRITICAL,
    Condition.NOBODY_WRITABLE: Severity.CRITICAL,
    Condition.ZOMBIE_PRIMARY: Severity.CRITICAL,
    Condition.ENDPOINT_ASTRAY: Severity.WARNING,
    Condition.DRILL_STALE: Severity.WARNING,
    Condition.DISK_FILLING: Severity.WARNING,
    Condition.IO_WAIT_HIGH: Severity.WARNING,
    Condition.ACCESS_DENIED: Severity.WARNING,
    Condition.HOST_KEY_CHANGED: Severity.CRITICAL,
    Condition.PROBE_BLIND: Severity.WARNING,
    Condition.PAGING_BROKEN: Severity.WARNING,
    Condition.HISTORY_LOST: Severity.WARNING,
    Condition.FLAPPING: Severity.WARNING,
}

PRIMARY_LOST = frozenset({Condition.PRIMARY_DOWN, Condition.PRIMARY_HOST_DOWN, Condition.PRIMARY_HUNG})
"""The primary serves nobody, and will not by itself."""

PRIMARY_AILING = frozenset({Condition.PRIMARY_DISK_FULL, Condition.PRIMARY_WRITES_STALLED, Condition.PRIMARY_SATURATED})
"""The primary lives and does not serve: to be mended where it is, never to be taken over from."""

ALWAYS_TOLD = (
    PRIMARY_LOST
    | PRIMARY_AILING
    | {
        Condition.PRIMARY_RESTARTING,
        Condition.PRIMARY_DISK_STALLED,
        Condition.WITNESS_ISOLATED,
        Condition.PRIMARY_REWOUND,
        Condition.SPLIT_BRAIN,
        Condition.NOBODY_WRITABLE,
        Condition.ZOMBIE_PRIMARY,
        Condition.UNPROTECTED,
        Condition.HOST_KEY_CHANGED,
        Condition.PAGING_BROKEN,
        Condition.HISTORY_LOST,
    }
)
"""Nobody is served, data is about to part, or nobody would hear of it: told each time, however often it comes and goes.
What is not here is a figure over its limit, or a warning: half an hour later is soon enough for that."""

GRAVITY = {
    Condition.PRIMARY_UNSEEN: 0,
    Condition.PRIMARY_SATURATED: 1,
    Condition.PRIMARY_WRITES_STALLED: 2,
    Condition.PRIMARY_DISK_FULL: 3,
    Condition.PRIMARY_RESTARTING: 3,
    Condition.PRIMARY_HUNG: 4,
    Condition.PRIMARY_DOWN: 4,
    Condition.PRIMARY_HOST_DOWN: 4,
    Condition.PRIMARY_DISK_STALLED: 4,
}
"""Which face of a primary's trouble is graver; 0 for every other condition.

What follows from another one ranks below it: writers that hang take the connections, a full disk makes them hang."""

PRIMARY_FAMILY = (
    PRIMARY_LOST
    | PRIMARY_AILING
    | {Condition.PRIMARY_RESTARTING, Condition.PRIMARY_UNSEEN, Condition.PRIMARY_DISK_STALLED}
)
"""Faces of one trouble: the primary's incident goes from one to another without being closed and opened again."""


PRIMARY = "primary"
"""Their topic."""


class Confidence(StrEnum):
    CONCLUSIVE = "conclusive"
    """Two chairs, or one that saw the corpse."""
    LIKELY = "likely"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong now."""

    condition: Condition
    cluster: str
    subject: str
    """The node, file set or channel that it is about."""
    summary: str
    """One sentence that stands alone on a phone."""
    evidence: tuple[str, ...] = ()
    """Who saw what, a sentence each."""
    confidence: Confidence = Confidence.CONCLUSIVE
    confirm: float | None = None
    """Seconds it must last; None leaves it to the policy's window for its confidence."""
    suppressed_by: Condition | None = None
    """The greater trouble that explains it: recorded, and not told."""
    urgent: bool = False
    """Critical, although its condition is a warning as a rule."""
    votes: tuple[Vote, ...] = ()
    """How each chair voted, where it was put to the vote."""
    about: str = ""
    """The topic that flaps, where the condition is Flapping."""

    @property
    def severity(self) -> Severity:
        return Severity.CRITICAL if self.urgent else SEVERITY[self.condition]

    @property
    def topic(self) -> str:
        """What an incident is about: the primary's faces share one, any other condition is its own."""
        if self.about:
            return f"{self.condition} {self.about}"
        return PRIMARY if self.condition in PRIMARY_FAMILY else str(self.condition)
