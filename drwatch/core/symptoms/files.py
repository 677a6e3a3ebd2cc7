"""The copies that cron makes of the files, by their markers."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.finding import Condition, Confidence, Finding
from drwatch.core.policy import Policy
from drwatch.core.sample import Probe, Reason
from drwatch.core.snapshot import Snapshot
from drwatch.core.symptoms.firing import CLEAR, Firing
from drwatch.core.view import ClusterView

_BROKEN_MARKER = {
    Reason.MISSING: "is gone",
    Reason.GARBLED: "is malformed",
    Reason.FUTURE: "is dated in the future",
}


def findings(view: ClusterView, policy: Policy, snapshot: Snapshot, firing: Firing) -> Iterator[Finding]:
    cluster = view.cluster.name
    for node, files, claim in view.copies:
        sight, host = snapshot.sight(node, Probe.MARKER, files.name), snapshot.sight(node, Probe.HOST)
        blind = sight.blind if sight else None
        # One that was never there is unmeasured; one that an earlier run told of is still gone.
        known = claim is not None or (cluster, Condition.FILES_MARKER_MISSING, files.name) in firing
        if blind is not None and (known or blind.reason in (Reason.GARBLED, Reason.FUTURE)):
            what, confirm = _BROKEN_MARKER.get(blind.reason, ""), None
            if not what and host is not None and host.blind is None:
                # The host answers and its marker does not: nothing else would tell of it.
                what, confirm = f"cannot be read ({blind.reason})", policy.limits.probe_blind
            if what:
                summary = f"the marker of the file set {files.name} on {node.name} {what}: its age is unknown"
                evidence = (blind.detail,) if blind.detail else ()
                yield Finding(
                    # One look may have come while it was being written.
                    Condition.FILES_MARKER_MISSING,
                    cluster,
                    files.name,
                    summary,
                    evidence,
                    Confidence.LIKELY,
                    confirm,
                )
        share = CLEAR if (cluster, Condition.FILES_STALE, files.name) in firing else 1.0
        if claim is not None and claim.seconds is not None and claim.seconds > files.stale_after * share:
            summary = (
                f"the copy of {files.name} on {node.name} is {claim.seconds:.0f} s old, "
                f"its limit is {files.stale_after:.0f} s"
            )
            yield Finding(Condition.FILES_STALE, cluster, files.name, summary)
