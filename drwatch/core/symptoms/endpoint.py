"""Where the application is sent, beside who can serve it."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.finding import Condition, Finding
from drwatch.core.roles import application, former
from drwatch.core.sample import Probe, ServerFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import ClusterView

MOVE = 60.0
"""Seconds that a human has to move the endpoint, once the new primary takes writes."""


def findings(view: ClusterView, snapshot: Snapshot) -> Iterator[Finding]:
    """The endpoint leads to a node that is not the primary, while the primary is there to be led to."""
    cluster, primary = view.cluster, view.cluster.primary.node
    sent, server = application(cluster, snapshot), snapshot.latest(primary, Probe.SERVER)
    if cluster.endpoint is None or sent is None or not isinstance(server, ServerFact) or server.read_only:
        return
    fact = sent.fact
    # An address that is none of the nodes' may be a web server's: where that leads, nobody can say from here.
    astray = [name for name in fact.leads_to if name != primary.name]
    if not astray:
        return
    names, old = " and ".join(astray), former(cluster, snapshot)
    still = "still " if old is not None and old.name in astray else ""
    summary = (
        f"the application is {still}sent to {names}, and {primary.name} is the primary: move {cluster.endpoint.host}"
    )
    said = (
        "its own name server" if fact.authoritative else "a resolver" if fact.ttl is not None else "who answers there"
    )
    ttl = f", and may be remembered for {fact.ttl:.0f} s" if fact.ttl is not None else ""
    evidence = f"{cluster.endpoint.host}: leads to {', '.join(fact.addresses) or names}, by {said}{ttl}"
    yield Finding(Condition.ENDPOINT_ASTRAY, cluster.name, names, summary, (evidence,), confirm=MOVE)
