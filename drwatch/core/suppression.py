"""Which trouble explains which: what follows from a greater one is recorded and not told."""

from __future__ import annotations

from dataclasses import replace

from drwatch.core.finding import PRIMARY_AILING, PRIMARY_LOST, Condition, Finding

_OF_THE_PRIMARY = frozenset(
    {
        Condition.REPLICATION_STOPPED,
        Condition.REPLICATION_MISSING,
        Condition.REPLICATION_SILENT,
        Condition.RPO_BREACHED,
        Condition.RTO_BREACHED,
        Condition.FILES_STALE,
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

_OF_A_REWIND = frozenset({Condition.RPO_BREACHED, Condition.RECEIVED_LOST})
"""What cannot be told any more when the primary's positions are used twice."""

_OF_A_NODE = frozenset({Condition.PROBE_BLIND, Condition.IO_WAIT_HIGH, Condition.DISK_FILLING})
"""What follows by itself on a node that is gone."""


def suppress(findings: list[Finding], pending: bool = False) -> list[Finding]:
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
    split = {finding.subject for finding in findings if finding.condition is Condition.SPLIT_BRAIN}
    ailing = {finding.subject: finding.condition for finding in findings if finding.condition in PRIMARY_AILING}

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
            if of_node and finding.subject == primary.subject:
                return primary.condition
        if finding.subject in standbys and (finding.condition in _OF_THE_STANDBY or of_node):
            return Condition.STANDBY_DOWN
        if finding.condition in _OF_A_REWIND and rewound:
            return Condition.PRIMARY_REWOUND
        if finding.condition is Condition.ERRANT_TRANSACTIONS and finding.subject in split:
            return Condition.SPLIT_BRAIN
        if finding.condition is Condition.PROBE_BLIND and finding.subject in denied:
            return denied[finding.subject]
        if finding.condition in (Condition.PROBE_BLIND, Condition.DISK_FILLING) and finding.subject in ailing:
            return ailing[finding.subject]
        if (
            finding.condition is Condition.STANDBY_WRITABLE
            and primary is not None
            and primary.condition in PRIMARY_LOST
        ):
            # A human is taking over: writable is what the standby should become.
            return primary.condition
        return None

    return [replace(finding, suppressed_by=cause(finding)) for finding in findings]
