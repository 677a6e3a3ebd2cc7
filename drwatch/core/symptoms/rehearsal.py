"""How long ago a takeover was last seen to work."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core import drill
from drwatch.core.actuals import last_takeover
from drwatch.core.duration import span
from drwatch.core.finding import Condition, Finding
from drwatch.core.recovery import Basis
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import ClusterView


def findings(view: ClusterView, snapshot: Snapshot, now: Moment) -> Iterator[Finding]:
    """Only where it was asked for, and not while a drill is on."""
    cluster, every = view.cluster.name, view.cluster.drill_every
    last, watched = last_takeover(snapshot.outages, cluster), snapshot.watched.get(cluster)
    since = last or watched
    if every is None or since is None or now - since <= every or drill.running(snapshot.drills, cluster, now):
        return
    ago = span(now - since)
    what = f"the last takeover was {ago} ago" if last else f"no takeover was seen in the {ago} that drwatch watches it"
    summary = f"{what}, and one is to be rehearsed every {span(every)}: nobody knows whether it still works"
    assumed = {term.component for way in view.recovery for term in way.terms if term.basis is Basis.ASSUMED}
    evidence = (f"assumed in its recovery time: {', '.join(sorted(assumed))}",) if assumed else ()
    yield Finding(Condition.DRILL_STALE, cluster, view.cluster.primary.node.name, summary, evidence)
