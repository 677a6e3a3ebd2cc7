"""Whether primary and standby still tell one history: nothing received is lost, undone or stray."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core import exposure
from drwatch.core.errant import Strays
from drwatch.core.finding import Condition, Finding
from drwatch.core.gtid import GtidSet
from drwatch.core.policy import NodePolicy
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import ClusterView

SHOWN = 300
"""Characters of GTIDs that a page can hold."""


def findings(view: ClusterView, snapshot: Snapshot) -> Iterator[Finding]:
    yield from _rewound(view, snapshot)
    for standby in view.cluster.standbys:
        yield from _lost(view, standby, snapshot)
        yield from _errant(view, standby, snapshot)


def _rewound(view: ClusterView, snapshot: Snapshot) -> Iterator[Finding]:
    """Latched: once the primary is past its old number again, nothing can be seen of it any more."""
    primary = view.cluster.primary.node
    line = snapshot.timelines.get(primary)
    left = [standby.node for standby in view.cluster.standbys if line and standby.node in line.rewound]
    if not left:
        return
    names = " and ".join(node.name for node in left)
    summary = f"{primary.name} has less than before: it reuses positions, and {names} silently holds other data"
    yield Finding(
        Condition.PRIMARY_REWOUND,
        view.cluster.name,
        primary.name,
        summary,
        (
            f"primary: the position of {primary.name} went back: restored, its newest commits lost, or its logs reset",
            *(f"once {node.name} is rebuilt from it: drwatch rebuilt {node.cluster} {node.name}" for node in left),
        ),
    )


def _lost(view: ClusterView, standby: NodePolicy, snapshot: Snapshot) -> Iterator[Finding]:
    lost, name = exposure.lost_again(snapshot, standby.node), standby.node.name
    if lost is None:
        return
    if lost.transactions is not None:
        what = f"{lost.transactions} transactions"
    else:
        what = "part" if lost.octets is None else f"at least {lost.octets} bytes"
    summary = f"{name} has lost {what} of what it had received: only {view.cluster.primary.node.name} has it now"
    evidence = (f"standby: {name} has less than it once had received, since a restart of it or of its receiver",)
    yield Finding(Condition.RECEIVED_LOST, view.cluster.name, name, summary, evidence)


def _errant(view: ClusterView, standby: NodePolicy, snapshot: Snapshot) -> Iterator[Finding]:
    primary, name = view.cluster.primary.node, standby.node.name
    strays = snapshot.errant.get((standby.node, primary))
    if strays is None or not str(strays):
        return
    many = f"{strays.count} transactions" if isinstance(strays, GtidSet) else "transactions"
    summary = f"{name} has {many} that {primary.name} never had: after a takeover the two would differ"
    yield Finding(Condition.ERRANT_TRANSACTIONS, view.cluster.name, name, summary, (f"errant: {_shown(strays)}",))


def _shown(strays: Strays) -> str:
    text = str(strays)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"
