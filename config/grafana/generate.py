"""Prints the dashboard for Grafana 10 and later: python config/grafana/generate.py > config/grafana/drwatch.json

A dashboard is thousands of lines of which a few hundred say something: these are the few hundred. Needs no package.
"""

import json
import sys
from typing import Any

Json = dict[str, Any]

HERE = 'cluster=~"$cluster"'
ANYWHERE = 'cluster=~"$cluster|"'
"""The witness's own series have an empty cluster."""
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24


def query(expr: str, legend: str = "") -> Json:
    return {"expr": expr, "legendFormat": legend or "__auto"}


def by_name(name: str, **properties: Any) -> Json:
    """An override for the series of one query: its reference is its letter."""
    return {
        "matcher": {"id": "byFrameRefID", "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


LIMIT = {
    "custom.lineStyle": {"fill": "dash", "dash": [8, 8]},
    "custom.fillOpacity": 0,
    "custom.stacking": {"mode": "none"},
    "color": {"mode": "fixed", "fixedColor": "red"},
}
"""How an objective is drawn: a dashed red line, never stacked on what it limits."""


def panel(kind: str, title: str, description: str, queries: list[Json], width: int, height: int, **more: Any) -> Json:
    options, defaults, overrides = more.pop("options", {}), more.pop("defaults", {}), more.pop("overrides", [])
    assert not more, more
    instant = kind in ("stat", "table")
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"w": width, "h": height},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": DATASOURCE, "editorMode": "code", "range": not instant}
            | {"instant": instant}
            | each
            for number, each in enumerate(queries)
        ],
        "options": options,
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
    }


def thresholds(*steps: tuple[float | None, str]) -> Json:
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def stat(title: str, description: str, queries: list[Json], width: int, name: bool = False, **defaults: Any) -> Json:
    """A number, or the series' name where the name is the answer."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background",
        "graphMode": "none",
        "textMode": "name" if name else "value_and_name",
        "justifyMode": "auto",
    }
    return panel("stat", title, description, queries, width, 4, options=options, defaults=defaults)


def lines(
    title: str, description: str, queries: list[Json], unit: str, width: int = 12, stacked: bool = False, **more: Any
) -> Json:
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 30 if stacked else 5,
        "showPoints": "never",
        # An absent series is unknown: it must be seen as a gap.
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }
    options = {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    defaults = {"unit": unit, "min": more.pop("least", 0), "custom": custom}
    if defaults["min"] is None:
        del defaults["min"]
    return panel("timeseries", title, description, queries, width, 8, options=options, defaults=defaults, **more)


def states(
    title: str, description: str, queries: list[Json], mapping: dict[str, tuple[str, str]], width: int = 12
) -> Json:
    """A band a series; ``mapping`` gives each value its word and colour."""
    shown = {
        value: {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(mapping.items())
    }
    options = {
        "mergeValues": True,
        "showValue": "auto",
        "rowHeight": 0.85,
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "single"},
    }
    defaults = {
        "custom": {"fillOpacity": 70, "lineWidth": 0},
        "mappings": [{"type": "value", "options": shown}],
        "color": {"mode": "thresholds"},
        "thresholds": thresholds((None, "text")),
    }
    return panel("state-timeline", title, description, queries, width, 8, options=options, defaults=defaults)


def row(title: str) -> Json:
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": WIDTH, "h": 1}}


SHARE: Json = {
    "unit": "percentunit",
    "thresholds": thresholds((None, "green"), (0.8, "orange"), (1, "red")),
    "noValue": "UNKNOWN",
}
"""Of an objective."""

PROTECTION = {
    "protected": ("protected", "green"),
    "over_objective": ("over objective", "orange"),
    "unprotected": ("UNPROTECTED", "red"),
    "taken_over": ("UNPROTECTED since a takeover", "dark-red"),
    "unknown": ("UNKNOWN", "purple"),
}

JUDGED = "drwatch_assessment_timestamp_seconds"

GOOD_IS_ONE = {"0": ("no", "red"), "1": ("yes", "green")}

PANELS = [
    stat(
        "Open incidents",
        "Confirmed, and not explained by a greater one.",
        [query(f"sum(drwatch_incident_firing{{{ANYWHERE}}})", "open")],
        2,
        thresholds=thresholds((None, "green"), (1, "red")),
    ),
    stat(
        "Silences",
        "In force now: their incidents page nobody.",
        # A series each, so none is no series; but it is none only while drwatch speaks.
        [query(f"sum(drwatch_silence_active{{{ANYWHERE}}}) or 0 * count({JUDGED})", "silences")],
        2,
        thresholds=thresholds((None, "green"), (1, "yellow")),
    ),
    stat(
        "Exposure, share of its objective",
        "Data-loss exposure of the database against its objective, an upper bound. UNKNOWN is as bad as over it.",
        [
            query(
                f'drwatch_rpo_seconds{{{HERE},data="mysql"}} '
                "/ on (cluster) group_left () drwatch_rpo_objective_seconds",
                "{{cluster}} {{node}}",
            )
        ],
        5,
        **SHARE,
    ),
    stat(
        "Recovery time, share of its objective",
        "Estimated recovery time against its objective, assumed parts included.",
        [
            query(
                f"drwatch_rto_seconds{{{HERE}}} / on (cluster) group_left () drwatch_rto_objective_seconds",
                "{{cluster}} {{node}}",
            )
        ],
        5,
        **SHARE,
    ),
    stat(
        "Exposure known",
        "0 means that nobody knows what would be lost.",
        [query(f'min by (cluster) (drwatch_rpo_known{{{HERE},data="mysql"}})', "{{cluster}}")],
        3,
        mappings=[
            {
                "type": "value",
                "options": {"0": {"text": "UNKNOWN", "color": "red"}, "1": {"text": "known", "color": "green"}},
            }
        ],
        thresholds=thresholds((None, "red"), (1, "green")),
    ),
    stat(
        "Primary now",
        "The nodes that take writes and replicate from nobody. Two in one cluster are a split brain.",
        [query(f'drwatch_node_role{{{HERE},role="primary"}} == 1', "{{cluster}}: {{node}}")],
        4,
        name=True,
        thresholds=thresholds((None, "blue")),
    ),
    stat(
        "Last judgement",
        "How long ago drwatch last judged what it saw. It does so each second.",
        [query("time() - drwatch_assessment_timestamp_seconds", "ago")],
        3,
        unit="s",
        thresholds=thresholds((None, "green"), (20, "orange"), (60, "red")),
    ),
    row("Whether anybody could take over"),
    states(
        "Protection",
        "What a loss of the primary would mean. Over objective: a standby could take over and would lose too much. "
        "Taken over: nothing has been rebuilt as a standby since the takeover.",
        [
            query(
                " + ignoring (state) ".join(
                    f'{code} * drwatch_protection_state{{{HERE},state="{state}"}}'
                    for code, state in enumerate(PROTECTION, 1)
                ),
                "{{cluster}}",
            )
        ],
        {str(code): shown for code, shown in enumerate(PROTECTION.values(), 1)},
        width=10,
    ),
    lines(
        "Since it has been so",
        "A line that climbs while the cluster is unprotected is how long one more failure has meant an outage.",
        [query(f"time() - drwatch_protection_since_timestamp_seconds{{{HERE}}}", "{{cluster}}")],
        "s",
        width=7,
    ),
    states(
        "Who leads, and who would lose least",
        "The node by which the cluster is judged, and of its standbys the one to take over with.",
        [
            query(f"drwatch_node_leads{{{HERE}}} == 1", "{{cluster}} {{node}} leads"),
            query(f"drwatch_standby_best{{{HERE}}} + 2", "{{cluster}} {{node}} best"),
        ],
        {"1": ("leads", "green"), "2": ("another would lose less", "text"), "3": ("would lose least", "blue")},
        width=7,
    ),
    row("What would be lost"),
    lines(
        "Data-loss exposure of the database",
        "At most so many seconds of acknowledged commits would be lost now. A gap is unknown, not zero.",
        [
            query(f'drwatch_rpo_seconds{{{HERE},data="mysql"}}', "{{cluster}} {{node}}"),
            query(f"drwatch_rpo_objective_seconds{{{HERE}}}", "{{cluster}} objective"),
        ],
        "s",
        overrides=[by_name("B", **LIMIT)],
    ),
    lines(
        "Data-loss exposure of everything, files included",
        "The worst of the database and the file copies. A gap: one of them is unknown, or was never measured.",
        [query(f'drwatch_rpo_seconds{{{HERE},data=~"all|files/.+"}}', "{{cluster}} {{node}} {{data}}")],
        "s",
    ),
    lines(
        "Transactions seen missing, and the window that nobody saw",
        "A lower bound of the transactions, left; what was committed in the window, right, is in no count.",
        [
            query(f"drwatch_rpo_transactions_seen{{{HERE}}}", "{{cluster}} {{node}} transactions"),
            query(f"drwatch_rpo_unseen_seconds{{{HERE}}}", "{{cluster}} {{node}} unseen"),
        ],
        "short",
        overrides=[by_name("B", unit="s", **{"custom.axisPlacement": "right"})],
    ),
    lines(
        "Age of the proof",
        "When the look was made that the exposure rests on. A figure that is no longer proved anew grows with it.",
        [query(f"time() - drwatch_rpo_datum_timestamp_seconds{{{HERE}}}", "{{cluster}} {{node}} {{data}}")],
        "s",
    ),
    lines(
        "Binary log seen missing",
        "A lower bound, in bytes of the primary's binary log.",
        [query(f"drwatch_rpo_bytes_seen{{{HERE}}}", "{{cluster}} {{node}}")],
        "bytes",
        width=8,
    ),
    lines(
        "Age of the file copies",
        "Seconds since the start of the last sync that finished, against the set's limit.",
        [
            query(f"drwatch_marker_age_seconds{{{HERE}}}", "{{cluster}} {{files}} on {{node}}"),
            query(f"drwatch_files_objective_seconds{{{HERE}}}", "{{cluster}} {{data}} limit"),
        ],
        "s",
        width=8,
        overrides=[by_name("B", **LIMIT)],
    ),
    lines(
        "Since each job was done",
        "Seconds since a job on a node last said that it was done. One that never did has no line.",
        [query(f"drwatch_job_age_seconds{{{HERE}}}", "{{cluster}} {{job}}")],
        "s",
        width=8,
    ),
    states(
        "Exposure known and frozen",
        "known: somebody can say what would be lost. frozen: the primary is proved dead, the figure stands still. "
        "measured: a file set that never had a marker is not.",
        [
            query(f'drwatch_rpo_known{{{HERE},data!="all"}}', "{{cluster}} {{node}} {{data}} known"),
            query(f'drwatch_rpo_frozen{{{HERE},data="mysql"}} + 2', "{{cluster}} {{node}} frozen"),
            query(f"drwatch_files_measured{{{HERE}}} + 4", "{{cluster}} {{node}} {{data}} measured"),
        ],
        {
            "0": ("UNKNOWN", "red"),
            "1": ("known", "green"),
            "2": ("moving", "blue"),
            "3": ("FROZEN", "purple"),
            "4": ("unmeasured", "orange"),
            "5": ("measured", "green"),
        },
        width=8,
    ),
    row("How long recovery would take"),
    lines(
        "Estimated recovery time by part",
        "From the first failed application write to the first good one through the endpoint. Assumed parts say so.",
        [
            query(f"drwatch_rto_component_seconds{{{HERE}}}", "{{cluster}} {{node}} {{component}} ({{basis}})"),
            query(f"drwatch_rto_objective_seconds{{{HERE}}}", "{{cluster}} objective"),
        ],
        "s",
        stacked=True,
        overrides=[by_name("B", **LIMIT)],
    ),
    lines(
        "Received and not yet applied",
        "What would have to be applied before the standby could be opened.",
        [query(f"drwatch_relay_backlog_bytes{{{HERE}}}", "{{cluster}} {{node}}")],
        "bytes",
    ),
    lines(
        "Estimated, and what it really took",
        "Each part as estimated now, the least of the standbys', beside what the last drill and incident took.",
        [
            query(
                f"min by (cluster, component) (drwatch_rto_component_seconds{{{HERE}}})", "{{cluster}} {{component}}"
            ),
            query(f"drwatch_rto_actual_seconds{{{HERE}}}", "{{cluster}} {{component}} actual ({{kind}})"),
        ],
        "s",
    ),
    lines(
        "What the last takeover cost",
        "At most so many seconds of commits were not on the standby when it was promoted, in a drill or in earnest.",
        [
            query(f"drwatch_rpo_actual_seconds{{{HERE}}}", "{{cluster}} actual ({{kind}})"),
            query(f"drwatch_rpo_objective_seconds{{{HERE}}}", "{{cluster}} objective"),
        ],
        "s",
        overrides=[by_name("B", **LIMIT)],
    ),
    states(
        "Recovery time known, and drills",
        "0 of known means that a part of the sum cannot be known now. While a drill is announced, what fires may be "
        "done on purpose.",
        [
            query(f"drwatch_rto_known{{{HERE}}}", "{{cluster}} {{node}} known"),
            query(f"drwatch_drill_announced{{{HERE}}} + 2", "{{cluster}} drill"),
        ],
        {"0": ("UNKNOWN", "red"), "1": ("known", "green"), "2": ("no drill", "text"), "3": ("DRILL", "orange")},
    ),
    lines(
        "Since the last takeover",
        "Rehearsed or real. A cluster without a line has never been seen to be taken over.",
        [query(f"time() - drwatch_takeover_last_timestamp_seconds{{{HERE}}}", "{{cluster}} ({{kind}})")],
        "s",
    ),
    row("The pair"),
    states(
        "Roles as the nodes show them",
        "A gap: the node cannot be seen.",
        [query(f'drwatch_node_role{{{HERE},role="primary"}}', "{{cluster}} {{node}}")],
        {"0": ("standby", "blue"), "1": ("primary", "green")},
    ),
    states(
        "Writable",
        "read_only is off. A standby should be read-only.",
        [query(f"drwatch_node_writable{{{HERE}}}", "{{cluster}} {{node}}")],
        {"0": ("read-only", "blue"), "1": ("takes writes", "orange")},
    ),
    lines(
        "Silence, and seconds behind",
        "Silence: since the receiver last received anything. Seconds behind is the server's own word, and 0 while the "
        "primary is frozen.",
        [
            query(f"drwatch_replication_silence_seconds{{{HERE}}}", "{{cluster}} {{node}} silence"),
            query(f"drwatch_replication_seconds_behind{{{HERE}}}", "{{cluster}} {{node}} seconds behind"),
            query(f"drwatch_replication_net_timeout_seconds{{{HERE}}}", "{{cluster}} {{node}} gives up by itself"),
        ],
        "s",
        overrides=[by_name("C", **LIMIT)],
    ),
    lines(
        "Until the source purges what is still to be read",
        "At least so long. No line: the standby reads the newest file, or nothing says.",
        [query(f"drwatch_binlog_gap_seconds{{{HERE}}}", "{{cluster}} {{node}}")],
        "s",
    ),
    states(
        "Receiver and applier",
        "What SHOW REPLICA STATUS says of its two threads.",
        [
            query(f"drwatch_replication_io_running{{{HERE}}}", "{{cluster}} {{node}} receives"),
            query(f"drwatch_replication_sql_running{{{HERE}}}", "{{cluster}} {{node}} applies"),
        ],
        GOOD_IS_ONE,
    ),
    row("The hosts"),
    lines(
        "I/O wait and pressure",
        "Wait: share of CPU time. Pressure: share of the last ten seconds in which some task waited (PSI).",
        [
            query(f"drwatch_io_wait_ratio{{{HERE}}}", "{{cluster}} {{node}} wait"),
            query(f"drwatch_io_pressure_ratio{{{HERE}}}", "{{cluster}} {{node}} pressure"),
        ],
        "percentunit",
    ),
    lines(
        "Mean time of an I/O",
        "Per device, between two looks.",
        [query(f"drwatch_disk_await_seconds{{{HERE}}}", "{{cluster}} {{node}} {{device}}")],
        "s",
    ),
    lines(
        "Disk space left",
        "Share of each watched file system.",
        [
            query(
                f"drwatch_disk_free_bytes{{{HERE}}} / drwatch_disk_size_bytes{{{HERE}}}",
                "{{cluster}} {{node}} {{mountpoint}}",
            )
        ],
        "percentunit",
    ),
    lines(
        "Clock offset",
        "The node's clock less that of the witness: positive is ahead.",
        [query(f"drwatch_clock_offset_seconds{{{HERE}}}", "{{cluster}} {{node}}")],
        "s",
        least=None,
    ),
    row("Incidents and pages"),
    states(
        "Incidents",
        "Those that were open at some time in the range.",
        [
            query(
                f"max by (cluster, condition) (drwatch_incident_firing{{{ANYWHERE}}}) and on (cluster, condition) "
                f"max_over_time(drwatch_incident_firing{{{ANYWHERE}}}[$__range]) == 1",
                "{{cluster}} {{condition}}",
            )
        ],
        {"0": ("quiet", "transparent"), "1": ("OPEN", "red")},
        width=24,
    ),
    lines(
        "Troubles that nobody is told of",
        "By why: a greater one explains them, or people have silenced them, have them in hand or have quiet hours.",
        [query(f"sum by (cause) (drwatch_incident_suppressed{{{ANYWHERE}}})", "{{cause}}")],
        "short",
        width=24,
    ),
    lines(
        "Pages by what came of them",
        "Attempts on each channel.",
        [
            query(
                "sum by (channel, outcome) (increase(drwatch_pages_total[$__rate_interval]))", "{{channel}} {{outcome}}"
            ),
            query("sum by (killed) (increase(drwatch_courier_kills_total[$__rate_interval]))", "{{killed}} killed"),
        ],
        "short",
        width=8,
    ),
    lines(
        "Pages that nobody has accepted",
        "Their number, left; how long the oldest has waited, right.",
        [
            query("drwatch_page_ledger_pending", "pending"),
            query("drwatch_page_oldest_due_seconds", "oldest"),
            query("drwatch_page_critical_undelivered", "critical ones that too few channels have"),
            query("sum(drwatch_incident_acknowledged)", "somebody has in hand"),
            query("max(drwatch_incident_unanswered_seconds)", "longest unanswered"),
        ],
        "short",
        width=8,
        overrides=[by_name(each, unit="s", **{"custom.axisPlacement": "right"}) for each in ("B", "E")],
    ),
    lines(
        "Since each channel was proven",
        "Since it last accepted a page. One that never did has no line.",
        [query("time() - drwatch_channel_last_proven_timestamp_seconds", "{{channel}}")],
        "s",
        width=8,
    ),
    row("drwatch itself"),
    lines(
        "Since the outside heartbeat",
        "Since somebody elsewhere was last told that drwatch is well. One that was never told has no line.",
        [query("time() - drwatch_heartbeat_last_sent_timestamp_seconds", "heartbeat")],
        "s",
    ),
    states(
        "What the heartbeat waits for",
        "What of drwatch's own audit fails: then the heartbeat stays away, and the other side calls.",
        [query("drwatch_audit_failing", "{{reason}}")],
        {"0": ("well", "green"), "1": ("fails", "red")},
    ),
    states(
        "Probes that see",
        "Whether the last look brought back a fact.",
        [query(f"drwatch_probe_up{{{ANYWHERE}}}", "{{cluster}} {{node}} {{probe}}")],
        {"0": ("blind", "red"), "1": ("sees", "green")},
    ),
    lines(
        "Age of the newest fact",
        "By kind of look: a line that climbs is a look that no longer comes back.",
        [query(f"drwatch_sample_age_seconds{{{ANYWHERE}}}", "{{cluster}} {{node}} {{probe}}")],
        "s",
    ),
    lines(
        "Duration of a look, 99th percentile",
        "All looks, those that failed too.",
        [
            query(
                "histogram_quantile(0.99, sum by (le, cluster, node, probe) "
                f"(rate(drwatch_probe_duration_seconds_bucket{{{ANYWHERE}}}[$__rate_interval])))",
                "{{cluster}} {{node}} {{probe}}",
            )
        ],
        "s",
    ),
    lines(
        "Duration of a judging tick",
        "Median and 99th percentile.",
        [
            query(
                f"histogram_quantile({share}, "
                "sum by (le) (rate(drwatch_tick_duration_seconds_bucket[$__rate_interval])))",
                name,
            )
            for share, name in ((0.5, "median"), (0.99, "99 %"))
        ],
        "s",
    ),
]


def placed(panels: list[Json]) -> list[Json]:
    """The panels from left to right and top to bottom, numbered."""
    x = y = lowest = 0
    for number, each in enumerate(panels, 1):
        place = each["gridPos"]
        if x + place["w"] > WIDTH or each["type"] == "row":
            x, y = 0, lowest
        place |= {"x": x, "y": y}
        each["id"] = number
        x, lowest = x + place["w"], max(lowest, y + place["h"])
    return panels


def variable(kind: str, name: str, label: str, asked: str, **more: Any) -> Json:
    return {"type": kind, "name": name, "label": label, "query": asked, "hide": 0, "refresh": 1} | more


DASHBOARD = {
    "uid": "drwatch",
    "title": "drwatch: warm standbys",
    "description": "What would be lost, how long recovery would take, and what drwatch did about it.",
    "tags": ["mysql", "mariadb", "disaster-recovery"],
    "schemaVersion": 39,
    "version": 1,
    "editable": True,
    "graphTooltip": 1,
    "time": {"from": "now-3h", "to": "now"},
    "refresh": "30s",
    "timezone": "browser",
    "templating": {
        "list": [
            variable("datasource", "datasource", "Data source", "prometheus"),
            variable(
                "query",
                "cluster",
                "Cluster",
                "label_values(drwatch_rpo_objective_seconds, cluster)",
                datasource=DATASOURCE,
                definition="label_values(drwatch_rpo_objective_seconds, cluster)",
                multi=True,
                includeAll=True,
                current={"selected": True, "text": ["All"], "value": ["$__all"]},
                sort=1,
            ),
        ]
    },
    "annotations": {"list": []},
    "links": [],
    "panels": placed(PANELS),
}

if __name__ == "__main__":
    json.dump(DASHBOARD, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
