"""What would be lost and how long a recovery would take, beside the objectives."""

from __future__ import annotations

from drwatch.core.actuals import COMPONENTS, Kind, last_takeover
from drwatch.core.assessment import Assessment
from drwatch.core.drill import running
from drwatch.core.exposure import Exposure
from drwatch.core.sample import Node
from drwatch.core.standing import State
from drwatch.core.view import ClusterView
from drwatch.exporter.families import Sheet


def put_objectives(sheet: Sheet, view: ClusterView) -> None:
    cluster = view.cluster
    sheet.put("drwatch_rpo_objective_seconds", (cluster.name,), cluster.objectives.rpo)
    sheet.put("drwatch_rto_objective_seconds", (cluster.name,), cluster.objectives.rto)
    for files in cluster.files:
        sheet.put("drwatch_files_objective_seconds", (cluster.name, f"files/{files.name}"), files.stale_after)


def put_actuals(sheet: Sheet, assessment: Assessment, cluster: str) -> None:
    """What the newest recovery of each kind in which each part was seen really took, and whether a drill is on."""
    for kind in Kind:
        outages = reversed(assessment.snapshot.outages)
        past = [outage for outage in outages if outage.cluster == cluster and outage.kind is kind]
        for component in COMPONENTS:
            took = (seconds for outage in past if (seconds := outage.seconds(component)) is not None)
            sheet.put("drwatch_rto_actual_seconds", (cluster, component, kind), next(took, None))
        takeover = next((outage for outage in past if outage.promoted is not None), None)
        sheet.put("drwatch_rpo_actual_seconds", (cluster, kind), takeover.loss if takeover else None)
        last = last_takeover(past, cluster)
        sheet.put("drwatch_takeover_last_timestamp_seconds", (cluster, kind), last.wall.timestamp() if last else None)
    playing = running(assessment.snapshot.drills, cluster, assessment.at)
    sheet.put("drwatch_drill_announced", (cluster,), playing is not None)


def put_protection(sheet: Sheet, view: ClusterView) -> None:
    """Who leads, and whether anybody could take over."""
    for state in State:
        sheet.put("drwatch_protection_state", (view.cluster.name, state), view.protection.state is state)
    since = view.protection.since.wall.timestamp()
    sheet.put("drwatch_protection_since_timestamp_seconds", (view.cluster.name,), since)
    for node in view.cluster.nodes:
        sheet.put("drwatch_node_leads", node.node, node is view.cluster.primary)


def put_claims(sheet: Sheet, view: ClusterView, standby: Node) -> None:
    """Exposure and recovery of one standby."""
    claims = [claim for claim in view.database if claim.node == standby]
    for node, files, claim in view.copies:
        if node != standby:
            continue
        sheet.put("drwatch_files_measured", (*standby, f"files/{files.name}"), claim is not None)
        sheet.put("drwatch_marker_age_seconds", (*standby, files.name), claim.seconds if claim else None)
    claims += [copy.known for copy in view.copies if copy.node == standby]
    claims += [each.claim for each in view.coherent if each.claim.node == standby]
    for claim in claims:
        _put_claim(sheet, claim)
    if view.best is not None:
        sheet.put("drwatch_standby_best", standby, view.best.node == standby)
    for estimate in view.recovery:
        if estimate.node != standby:
            continue
        sheet.put("drwatch_rto_known", standby, estimate.seconds is not None)
        sheet.put("drwatch_rto_seconds", standby, estimate.seconds)
        for term in estimate.terms:
            labels = (*standby, term.component, term.basis)
            sheet.put("drwatch_rto_component_seconds", labels, term.seconds)


def _put_claim(sheet: Sheet, claim: Exposure) -> None:
    labels = (*claim.node, claim.data)
    sheet.put("drwatch_rpo_known", labels, claim.known)
    if not claim.known:
        return
    sheet.put("drwatch_rpo_seconds", labels, claim.seconds)
    sheet.put("drwatch_rpo_frozen", labels, claim.frozen)
    sheet.put("drwatch_rpo_datum_timestamp_seconds", labels, claim.datum.wall.timestamp() if claim.datum else None)
    sheet.put("drwatch_rpo_transactions_seen", labels, claim.transactions_seen)
    sheet.put("drwatch_rpo_bytes_seen", labels, claim.bytes_seen)
    sheet.put("drwatch_rpo_unseen_seconds", labels, claim.unseen_seconds)
