"""How the witness itself is: its judging, its pages, its looks."""

from __future__ import annotations

from collections.abc import Sequence

from drwatch.core.assessment import Assessment
from drwatch.core.audit import Check, Vitals
from drwatch.core.paging import Row
from drwatch.core.sample import Node, Probe
from drwatch.core.snapshot import Sight
from drwatch.exporter.families import Sheet


def put_witness(sheet: Sheet, assessment: Assessment, rows: Sequence[Row], undelivered: int) -> None:
    now = assessment.at
    sheet.put("drwatch_assessment_timestamp_seconds", (), now.wall.timestamp())
    sheet.put("drwatch_page_ledger_pending", (), len(rows))
    sheet.put("drwatch_page_critical_undelivered", (), undelivered)
    sheet.put("drwatch_page_oldest_due_seconds", (), max((now - row.created for row in rows), default=0.0))
    for channel, proof in assessment.snapshot.proofs.items():
        if proof.accepted is not None:
            proven = proof.accepted.wall.timestamp()
            sheet.put("drwatch_channel_last_proven_timestamp_seconds", (channel,), proven)
    _put_sights(sheet, assessment)


def put_vitals(sheet: Sheet, vitals: Vitals) -> None:
    for check in Check:
        sheet.put("drwatch_audit_failing", (check,), check in vitals.failing)
    if vitals.beaten is not None:
        sheet.put("drwatch_heartbeat_last_sent_timestamp_seconds", (), vitals.beaten.wall.timestamp())


def _put_sights(sheet: Sheet, assessment: Assessment) -> None:
    """Whether each kind of look sees, and how old its newest fact is: the worst of its targets."""
    kinds: dict[tuple[Node, Probe], list[Sight]] = {}
    for key, sight in assessment.snapshot.sights.items():
        if key.probe is Probe.REACH and key.node.cluster:
            # A standby dials the primary only in trouble: in between, the last such look says nothing of today.
            continue
        kinds.setdefault((key.node, key.probe), []).append(sight)
    for (node, probe), sights in kinds.items():
        labels = (node.cluster, node.name, probe)
        sheet.put("drwatch_probe_up", labels, all(sight.blind is None for sight in sights))
        facts = [sight.fact for sight in sights if sight.fact is not None]
        age = max((assessment.at - fact.asked for fact in facts), default=None)
        sheet.put("drwatch_sample_age_seconds", labels, age)
