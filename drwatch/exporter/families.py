"""Every gauge that is read off the assessment, and a scrape's sheet of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily


class Family(NamedTuple):
    """One metric: its labels, and what the figure means."""

    labels: tuple[str, ...]
    help: str


_CLAIM = ("cluster", "node", "data")
_NODE = ("cluster", "node")

FAMILIES = {
    "drwatch_rpo_seconds": Family(
        _CLAIM,
        "Data-loss exposure, an upper bound: at most so many seconds of acknowledged commits would be lost now, "
        "counted from the last one that the standby is known to hold. data is mysql, files/NAME, or all for the worst "
        "of them. Absent while unknown.",
    ),
    "drwatch_rpo_transactions_seen": Family(
        _CLAIM, "Data-loss exposure, a lower bound: transactions seen on the primary that the standby lacks."
    ),
    "drwatch_rpo_unseen_seconds": Family(
        _CLAIM,
        "Length of the window up to now, or up to the proven death of the primary, in which nobody looked at the "
        "primary: what it committed then is in no count.",
    ),
    "drwatch_rpo_bytes_seen": Family(
        _CLAIM, "Data-loss exposure, a lower bound: bytes of binary log seen on the primary that the standby lacks."
    ),
    "drwatch_rpo_known": Family(
        _CLAIM, "1 while the data-loss exposure is known, 0 while it is not and its series is absent."
    ),
    "drwatch_rpo_datum_timestamp_seconds": Family(
        _CLAIM, "When the proof behind the data-loss exposure was made, in seconds since 1970."
    ),
    "drwatch_rpo_frozen": Family(
        _CLAIM, "1 while the data-loss exposure stands still because the primary is proved dead."
    ),
    "drwatch_standby_best": Family(
        _NODE, "1 for the standby with the smallest data-loss exposure of the database. Absent while none is known."
    ),
    "drwatch_rpo_objective_seconds": Family(
        ("cluster",), "Objective for the data-loss exposure of the database, from the configuration."
    ),
    "drwatch_files_objective_seconds": Family(
        ("cluster", "data"), "Age at which a file set counts as stale, from the configuration."
    ),
    "drwatch_files_measured": Family(
        _CLAIM,
        "1 once the file set had a marker, 0 while it never had one: then nobody can say how old its copy is, and "
        "nobody is paged for it.",
    ),
    "drwatch_rto_seconds": Family(
        _NODE,
        "Estimated recovery time by taking over with this standby: from the first failed application write to the "
        "first good one through the endpoint, detection and decision inside. Absent while any part is unknown.",
    ),
    "drwatch_rto_component_seconds": Family(
        ("cluster", "node", "component", "basis"),
        "One part of the estimated recovery time. basis is measured, derived or assumed; an assumed part never pages.",
    ),
    "drwatch_rto_known": Family(
        _NODE, "1 while every part of the estimated recovery time is known, 0 while one is not."
    ),
    "drwatch_rto_actual_seconds": Family(
        ("cluster", "component", "kind"),
        "What a part of the last recovery really took, dated from what was seen: detect, decide, drain, promote, "
        "switch of a takeover, repair where the primary served again. kind is incident, or drill, which measures "
        "drain, promote and switch alone. Absent while never seen.",
    ),
    "drwatch_rpo_actual_seconds": Family(
        ("cluster", "kind"),
        "What the last takeover cost, an upper bound: at most so many seconds of acknowledged commits were not on the "
        "standby when it was promoted. kind is incident or drill. Absent while there was none, or nobody knew.",
    ),
    "drwatch_takeover_last_timestamp_seconds": Family(
        ("cluster", "kind"),
        "When a standby was last seen to be promoted, in seconds since 1970. kind is incident or drill. Absent while "
        "none was.",
    ),
    "drwatch_drill_announced": Family(
        ("cluster",), "1 while a drill is announced: what fires then may have been done on purpose. Else 0."
    ),
    "drwatch_rto_objective_seconds": Family(
        ("cluster",), "Objective for the estimated recovery time, from the configuration."
    ),
    "drwatch_protection_state": Family(
        ("cluster", "state"),
        "1 for what a loss of the primary would mean now: protected, over_objective (a standby could take over and "
        "would lose too much), unprotected (none could take over), taken_over (none since a takeover) or unknown.",
    ),
    "drwatch_protection_since_timestamp_seconds": Family(
        ("cluster",), "Since when that has been so, in seconds since 1970."
    ),
    "drwatch_node_leads": Family(
        _NODE, "1 for the node by which the cluster is judged: the configured primary, or who was seen to take over."
    ),
    "drwatch_node_role": Family(
        ("cluster", "node", "role"),
        "1 for the role that the node is seen to have: primary takes writes and replicates from nobody, standby "
        "replicates. Absent while it cannot be seen.",
    ),
    "drwatch_node_role_configured": Family(
        ("cluster", "node", "role"), "1 for the role that the configuration gives the node."
    ),
    "drwatch_node_writable": Family(_NODE, "1 while read_only is off. Absent while it cannot be seen."),
    "drwatch_probe_up": Family(
        ("cluster", "node", "probe"),
        "1 while the last look of this kind brought back a fact, 0 while one did not. The cluster of a look at the "
        "outside anchors is empty.",
    ),
    "drwatch_sample_age_seconds": Family(
        ("cluster", "node", "probe"),
        "Seconds since the question was sent that brought back the newest fact of this kind; the oldest of several "
        "targets. Absent when there was never one.",
    ),
    "drwatch_replication_io_running": Family(_NODE, "1 while the receiver says Yes. Connecting is 0."),
    "drwatch_replication_sql_running": Family(_NODE, "1 while the applier runs."),
    "drwatch_replication_seconds_behind": Family(
        _NODE,
        "Seconds_Behind as the server gives it; absent while it is NULL. Not a data-loss exposure: it reads 0 while "
        "the primary is frozen.",
    ),
    "drwatch_replication_silence_seconds": Family(
        _NODE, "Seconds since the receiver was last seen to receive anything, a heartbeat included."
    ),
    "drwatch_replication_net_timeout_seconds": Family(
        _NODE, "Silence after which the standby itself gives up its connection (slave_net_timeout)."
    ),
    "drwatch_replication_heartbeat_period_seconds": Family(
        _NODE, "How often an idle source is to send a heartbeat. Absent where the account may not read it."
    ),
    "drwatch_binlog_gap_seconds": Family(
        _NODE,
        "At least so long will the source yet keep the binary log that the standby has still to read; 0 when it is "
        "purged. Absent while the standby reads the newest one, and while nothing says.",
    ),
    "drwatch_relay_backlog_bytes": Family(
        _NODE, "Bytes received and not yet applied; an upper bound across a rotation of the log."
    ),
    "drwatch_marker_age_seconds": Family(
        ("cluster", "node", "files"),
        "Seconds since the start of the last sync of this file set that finished, an upper bound.",
    ),
    "drwatch_job_age_seconds": Family(
        ("cluster", "job"), "Seconds since the job last said that it was done. Absent while it never did."
    ),
    "drwatch_io_wait_ratio": Family(
        _NODE, "Share of CPU time spent waiting for I/O between the last two looks, 0 to 1."
    ),
    "drwatch_io_pressure_ratio": Family(
        _NODE, "Share of the last ten seconds in which some task waited for I/O (PSI some avg10), 0 to 1."
    ),
    "drwatch_disk_await_seconds": Family(
        ("cluster", "node", "device"), "Mean time of one I/O between the last two looks; absent without I/O."
    ),
    "drwatch_disk_free_bytes": Family(("cluster", "node", "mountpoint"), "Free bytes for an ordinary user."),
    "drwatch_disk_size_bytes": Family(("cluster", "node", "mountpoint"), "Size of the file system."),
    "drwatch_clock_offset_seconds": Family(
        _NODE,
        "The node's clock less that of the witness in the middle of the look: positive is ahead. Uncertain by half "
        "the look's duration.",
    ),
    "drwatch_incident_firing": Family(
        ("cluster", "condition", "severity"),
        "1 while an incident of this condition is open and not explained by a greater one, else 0. Conditions of the "
        "witness itself have an empty cluster.",
    ),
    "drwatch_incident_acknowledged": Family(
        ("cluster", "condition", "severity"),
        "1 while somebody has an open incident of this condition in hand, so that nobody is told of it again, else 0.",
    ),
    "drwatch_incident_unanswered_seconds": Family(
        ("cluster",),
        "Seconds since people were first to be told of the oldest critical incident that nobody has in hand; 0 while "
        "there is none. Those of the witness itself have an empty cluster.",
    ),
    "drwatch_incident_suppressed": Family(
        ("cluster", "cause"),
        "Troubles that nobody is told of now, by the first of these that holds: explained (by a greater one), "
        "silenced, flapping, acknowledged, quiet_hours (which keep it from a channel at least).",
    ),
    "drwatch_silence_active": Family(
        ("cluster",),
        "Silences and maintenance windows in force: what they cover pages nobody. drwatch_incident_firing says it all "
        "the same.",
    ),
    "drwatch_page_ledger_pending": Family(
        (),
        "Pages, one for each channel that was asked, that their channel has not accepted yet and that are still tried.",
    ),
    "drwatch_page_critical_undelivered": Family(
        (), "Open critical incidents of which fewer than two channels have taken a page and that nobody has in hand."
    ),
    "drwatch_page_oldest_due_seconds": Family(
        (), "Seconds since the oldest page that is still due was written; 0 while none is due."
    ),
    "drwatch_channel_last_proven_timestamp_seconds": Family(
        ("channel",),
        "When the paging channel last accepted a page or a test, in seconds since 1970, over restarts too. Absent "
        "while it never did.",
    ),
    "drwatch_audit_failing": Family(
        ("reason",),
        "1 for what keeps drwatch from sending its outside heartbeat: judging, probes, ledger, escalation, delivery, "
        "channels or network. Else 0.",
    ),
    "drwatch_heartbeat_last_sent_timestamp_seconds": Family(
        (), "When the outside heartbeat was last accepted, in seconds since 1970. Absent while it never was."
    ),
    "drwatch_assessment_timestamp_seconds": Family(
        (), "When drwatch last judged what it saw, in seconds since 1970: one that stands still is a drwatch that does."
    ),
    "drwatch_build_info": Family(("version",), "Always 1; the version is in the label."),
}
"""Every gauge that is read off the assessment."""


class Sheet:
    """One scrape's families, filled series by series."""

    def __init__(self) -> None:
        self._families: dict[str, GaugeMetricFamily] = {}

    def put(self, name: str, labels: Sequence[str], value: float | bool | None) -> None:
        """Add a series; None is unknown, so none."""
        if value is None:
            return
        family = self._families.get(name)
        if family is None:
            family = GaugeMetricFamily(name, FAMILIES[name].help, labels=FAMILIES[name].labels)
            self._families[name] = family
        family.add_metric(labels, float(value))

    def families(self) -> Iterator[Metric]:
        return (self._families[name] for name in FAMILIES if name in self._families)
