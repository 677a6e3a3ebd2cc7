"""The state of everything, for a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from drwatch.core.message import span

Json = dict[str, Any]


def show(status: Json) -> None:
    Console().print(picture(status))


def watch(ask: Callable[[], Json]) -> None:
    """Until ctrl-C."""
    with Live(picture(ask()), auto_refresh=False, screen=True) as live:
        while True:
            live.update(picture(ask()), refresh=True)
            time.sleep(1.0)


def picture(status: Json) -> RenderableType:
    """The JSON of /api/v1/status as panels, one a cluster, the incidents below."""
    clusters = [_cluster(cluster) for cluster in status["clusters"]]
    rest = [_incident(each) for each in status["incidents"]]
    return Group(*clusters, *rest) if clusters else Text(status["unknown"] or "nothing is watched", style="yellow")


def _cluster(cluster: Json) -> Panel:
    verdict = cluster["verdict"]["condition"]
    told = [each for each in cluster["incidents"] if each["phase"] == "open" and not each["suppressed_by"]]
    style = "red" if verdict or any(each["severity"] == "critical" for each in told) else "yellow" if told else "green"
    word = verdict or (told[0]["condition"] if told else "all is well" if cluster["settled"] else "looking …")
    body = [_nodes(cluster), _figures(cluster), *map(_incident, cluster["incidents"])]
    return Panel(Group(*body), title=f"{cluster['name']}: {word}", border_style=style, title_align="left")


def _nodes(cluster: Json) -> Table:
    table = Table("node", "role", "server", "replication", "probes", box=None, pad_edge=False, expand=True)
    for node in (cluster["primary"], *cluster["standbys"]):
        blind = [f"{each['probe']}: {each['reason']}" for each in node["probes"] if not each["up"]]
        writable = {True: "writable", False: "read-only", None: "?"}[node["writable"]]
        server = f"{node['flavour'] or '?'} {node['server_version'] or ''} {writable}"
        table.add_row(
            node["name"],
            node["role"] or f"({node['configured_role']})",
            server,
            "\n".join(map(_channel, node["replication"] or [])) or "–",
            Text(", ".join(blind), style="red") if blind else Text("all see", style="green"),
        )
    return table


def _channel(channel: Json) -> str:
    errno = channel["sql_errno"] or channel["io_errno"]
    applier = "Yes" if channel["sql_running"] else "No"
    silence = channel["silence_seconds"]
    heard = f", heard {span(silence)} ago" if silence is not None else ""
    return f"io {channel['io']}, sql {applier}{f', errno {errno}' if errno else ''}{heard}"


def _figures(cluster: Json) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for claim in cluster["exposures"]:
        table.add_row(f"RPO with {claim['node']}", _claim(claim), f"objective {span(claim['objective_seconds'])}")
    for copy in cluster["files"]:
        value = {"seconds": copy["age_seconds"], "unknown": copy["unknown"], "objective_seconds": copy["limit_seconds"]}
        table.add_row(f"files {copy['name']}", _claim(value), f"limit {span(copy['limit_seconds'])}")
    for estimate in cluster["recovery"]:
        known = estimate["seconds"] is not None
        total = Text(f"about {span(estimate['seconds'])}") if known else _unknown(estimate)
        terms = ", ".join(
            f"{term['component']} {span(term['seconds']) if term['seconds'] is not None else '?'}"
            + ("*" if term["basis"] == "assumed" else "")
            for term in estimate["terms"]
        )
        table.add_row(f"RTO with {estimate['node']}", total, f"{terms}  (* assumed)")
    return table


def _claim(claim: Json) -> Text:
    if claim["seconds"] is None:
        return _unknown(claim)
    over = claim["seconds"] > claim["objective_seconds"]
    frozen = " frozen" if claim.get("frozen") else ""
    return Text(f"at most {span(claim['seconds'])}{frozen}", style="red" if over else "green")


def _unknown(value: Json) -> Text:
    return Text(f"UNKNOWN: {value['unknown']}", style="yellow")


def _incident(incident: Json) -> RenderableType:
    lines: Iterator[str] = iter(incident["evidence"])
    why = f" (explained by {incident['suppressed_by']})" if incident["suppressed_by"] else ""
    style = "dim" if why or incident["phase"] == "suspected" else "bold red"
    head = f"{incident['phase']} {incident['condition']} {incident['subject']} [{incident['id']}]{why}"
    return Group(Text(head, style=style), Text(f"  {incident['summary']}"), *(Text(f"    {line}") for line in lines))
