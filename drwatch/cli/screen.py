"""The state of everything, for a terminal."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from drwatch.cli.trouble import Trouble
from drwatch.cli.words import moment
from drwatch.core.duration import at_most, span

Json = dict[str, Any]


def show(status: Json, zone: tzinfo) -> None:
    Console().print(picture(status, zone=zone))


def watch(ask: Callable[[], Json], zone: tzinfo) -> None:
    """Until ctrl-C, also across a restart of the daemon; the terminal is put back whatever ends it."""
    first, ends = picture(ask(), zone=zone), {signal.SIGINT, signal.SIGTERM}
    # One that came in the middle of a drawing would leave the terminal half way: they are taken between two of them.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    ended = None
    with Live(first, auto_refresh=False, screen=True) as live:
        while ended is None:
            live.update(Group(_asked(ask, zone), Text("ctrl-C ends it", style="dim")), refresh=True)
            ended = signal.sigtimedwait(ends, 1.0)
    if ended.si_signo != signal.SIGINT:
        raise SystemExit(128 + ended.si_signo)


def _asked(ask: Callable[[], Json], zone: tzinfo) -> RenderableType:
    try:
        return picture(ask(), zone=zone)
    except Trouble as trouble:
        return Text(str(trouble), style="red")


def picture(status: Json, brief: bool = False, zone: tzinfo = UTC) -> RenderableType:
    """The JSON of /api/v1/status as panels, one a cluster, the incidents below; ``brief`` leaves the evidence out."""
    clusters = [_cluster(cluster, brief, zone) for cluster in status["clusters"]]
    rest: list[RenderableType] = [*_silences(status["silences"], zone), *_duties(status["on_duty"], zone)]
    rest += _vitals(status["drwatch"], zone)
    rest += _incidents(status["incidents"], brief, zone)
    return Group(*clusters, *rest) if clusters else Text(status["unknown"] or "nothing is watched", style="yellow")


def _cluster(cluster: Json, brief: bool, zone: tzinfo) -> Panel:
    verdict = cluster["verdict"]["condition"]
    told = [each for each in cluster["incidents"] if each["phase"] == "open" and not each["suppressed_by"]]
    known = all(each["seconds"] is not None for each in cluster["exposures"])
    well = cluster["settled"] and known and cluster["protection"]["state"] == "protected"
    critical = verdict or any(each["severity"] == "critical" for each in told)
    style = "red" if critical else "yellow" if told or not well else "green"
    seen = {each["condition"] for each in cluster["findings"]}
    doubt = "nothing is confirmed, and not all is well" if cluster["settled"] else "looking …"
    calm = "all is well" if well else doubt
    over = f"{calm}; {told[0]['condition']} is over once that holds" if told else calm
    word = verdict or next((each["condition"] for each in told if each["condition"] in seen), over)
    body: list[RenderableType] = [_nodes(cluster, brief), _standing(cluster, zone), _figures(cluster, brief)]
    on = [each["until"] for each in cluster["drills"] if each["on"]]
    body += [Text(f"DRILL until {_time(until, zone)}", style="bold yellow") for until in on]
    body += _paths(cluster["links"], brief)
    body += _incidents(cluster["incidents"], brief, zone)
    if not brief:
        body += [Text(f"advice: {each['sentence']}. {each['statement']}", style="dim") for each in cluster["advice"]]
    return Panel(Group(*body), title=f"{cluster['name']}: {word}", border_style=style, title_align="left")


def _paths(links: list[Json], brief: bool) -> Iterator[Text]:
    """All of them in a line, and why of those that are not well."""
    words = [f"{link['near']}–{link['far']} {link['state']}" for link in links]
    ill = [link for link in links if link["state"] in ("down", "one-way")]
    yield Text(f"paths: {', '.join(words)}", style="red" if ill else "dim")
    for link in () if brief else ill:
        said = "; ".join((link["why"], *link["evidence"]))
        yield Text(f"  {link['near']}–{link['far']} ({link['confidence']}): {said}", style="dim")


def _standing(cluster: Json, zone: tzinfo) -> Text:
    leader, protection = cluster["leader"], cluster["protection"]
    taken = f"{leader['node']} leads since {_time(leader['since'], zone)}; " if leader["since"] else ""
    style = {"protected": "green", "unprotected": "red", "taken_over": "red"}.get(protection["state"], "yellow")
    words = f"{taken}{protection['state'].replace('_', ' ')} since {_time(protection['since'], zone)}"
    return Text("; ".join((words, *protection["why"])), style=style)


def _nodes(cluster: Json, brief: bool) -> Table:
    table = Table(box=None, pad_edge=False, expand=True)
    for head in ("node", "is", "server"):
        table.add_column(head, no_wrap=True)
    for head in ("replication", "probes"):
        table.add_column(head)
    for node in (cluster["primary"], *cluster["standbys"]):
        writable = {True: "writable", False: "read-only", None: "unseen"}[node["writable"]]
        version = () if brief else (node["flavour"], node["server_version"])
        server = " ".join(filter(None, (*version, writable)))
        table.add_row(
            node["name"],
            node["role"] or f"({node['configured_role']})",
            server,
            "\n".join(_channel(channel, brief) for channel in node["replication"] or []) or "–",
            _sight(node["probes"], brief),
        )
    return table


def _sight(probes: list[Json], brief: bool) -> Text:
    """Which probes see nothing and why, those of one reason together."""
    blind: dict[str, list[str]] = {}
    for each in probes:
        if not each["up"]:
            blind.setdefault(each["reason"] or "unknown", []).append(each["probe"])
    if not blind:
        return Text("all see", style="green")
    if brief:
        return Text(f"blind: {', '.join(blind)}", style="red")
    return Text("; ".join(f"{reason}: {', '.join(who)}" for reason, who in blind.items()), style="red")


def _channel(channel: Json, brief: bool) -> str:
    errno = channel["sql_errno"] or channel["io_errno"]
    applier = "Yes" if channel["sql_running"] else "No"
    silence = channel["silence_seconds"]
    heard = f", heard {span(silence)} ago" if silence is not None and not (brief and errno) else ""
    return f"io {channel['io']}, sql {applier}{f', errno {errno}' if errno else ''}{heard}"


def _figures(cluster: Json, brief: bool) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    for claim in cluster["exposures"]:
        table.add_row(
            f"data at risk (RPO), {claim['node']}", _claim(claim), f"objective {span(claim['objective_seconds'])}"
        )
    for copy in cluster["files"]:
        value = {"seconds": copy["age_seconds"], "unknown": copy["unknown"], "objective_seconds": copy["limit_seconds"]}
        table.add_row(
            f"files {copy['name']} (marker), {copy['node']}",
            _claim(value),
            f"limit {span(copy['limit_seconds'])}",
        )
    for job in cluster["jobs"]:
        rhythm = f"every {span(job['every_seconds'])}, grace {span(job['grace_seconds'])}"
        table.add_row(f"job {job['name']}", _job(job), "" if brief else rhythm)
    for each in cluster["coherent"]:
        if each["meaning"]:
            table.add_row(f"all data together, {each['node']}", _claim(each), "" if brief else each["meaning"])
    for estimate in cluster["recovery"]:
        known = estimate["seconds"] is not None
        total = Text(f"about {span(estimate['seconds'])}") if known else _unknown(estimate)
        terms = ", ".join(
            f"{term['component']} {span(term['seconds']) if term['seconds'] is not None else '?'}"
            + ("*" if term["basis"] == "assumed" else "")
            for term in estimate["terms"]
        )
        objective = f"objective {span(estimate['objective_seconds'])}"
        table.add_row(
            f"time to recover (RTO), {estimate['node']}",
            total,
            objective if brief else f"{objective}: {terms} (*assumed)",
        )
    if cluster["choice"]:
        _choice(table, cluster["choice"])
    return table


def _job(job: Json) -> Text:
    if job["missed"]:
        return Text(job["missed"], style="red")
    if job["age_seconds"] is None:
        return Text("not heard of yet", style="dim")
    return Text(f"done {span(job['age_seconds'])} ago", style="green")


def _choice(table: Table, choice: Json) -> None:
    """The two columns as two rows: what each takes, and what it loses."""
    repair, other = choice["repair"], choice["take_over"]
    mark = "*" if repair["basis"] == "assumed" else ""
    again = "UNKNOWN" if repair["seconds"] is None else f"about {span(repair['seconds'])}{mark}"
    table.add_row("if it is lost: repair", again, "loses nothing")
    took = "UNKNOWN" if other["seconds"] is None else f"about {span(other['seconds'])}"
    loss = "UNKNOWN" if other["loss_seconds"] is None else f"at most {at_most(other['loss_seconds'])}"
    wins = choice["wins_after_seconds"]
    better = "" if wins is None else f"; better {span(wins)} after its death"
    loses = f"loses {'nothing' if other['lossless'] else loss}{better}"
    table.add_row(f"if it is lost: take over, {other['node']}", took, loses)


def _claim(claim: Json) -> Text:
    if claim["seconds"] is None:
        return _unknown(claim)
    over = claim["seconds"] > claim["objective_seconds"]
    frozen = " frozen" if claim.get("frozen") else ""
    return Text(f"at most {at_most(claim['seconds'])}{frozen}", style="red" if over else "green")


def _unknown(value: Json) -> Text:
    return Text(f"UNKNOWN: {value['unknown']}", style="yellow")


def _silences(silences: list[Json], zone: tzinfo) -> Iterator[Text]:
    for each in silences:
        what = " ".join(filter(None, (each["cluster"], each["node"], each["condition"])))
        why = f"{each['by']}: {each['reason']}"
        until = _time(each["until"], zone)
        yield Text(f"nobody is paged for {what} until {until} ({why}) [{each['id']}]", style="yellow")


def _time(text: str, zone: tzinfo) -> str:
    return moment(datetime.fromisoformat(text), zone)


def _duties(duties: list[Json], zone: tzinfo) -> Iterator[Text]:
    for each in duties:
        yield Text(f"{each['who']} is on duty ({each['rota']}) until {_time(each['until'], zone)}", style="dim")


def _vitals(drwatch: Json, zone: tzinfo) -> Iterator[Text]:
    """The outside heartbeat where there is one, and what keeps it from being sent."""
    beat, wrong = drwatch["heartbeat"], [each["sentence"] for each in drwatch["failing"]]
    if beat["sends"]:
        wrong += [beat["trouble"]] if beat["trouble"] else []
        sent = f"sent {_time(beat['sent_at'], zone)}" if beat["sent_at"] else "not sent yet"
        yield Text("; ".join((f"heartbeat: {sent}", *wrong)), style="red" if wrong else "dim")


def _incidents(incidents: list[Json], brief: bool, zone: tzinfo) -> Iterator[RenderableType]:
    if not brief:
        yield from (_incident(each, zone) for each in incidents)
        return
    explained: dict[str, list[str]] = {}
    for each in incidents:
        if each["suppressed_by"]:
            explained.setdefault(each["suppressed_by"], []).append(f"{each['condition']} {each['subject']}")
        else:
            yield Text(f"{_head(each)}: {each['summary']}", style=_style(each), no_wrap=True, overflow="ellipsis")
    for cause, names in explained.items():
        yield Text(f"explained by {cause}: {', '.join(names)}", style="dim", no_wrap=True, overflow="ellipsis")


def _incident(incident: Json, zone: tzinfo) -> RenderableType:
    why = f" (explained by {incident['suppressed_by']})" if incident["suppressed_by"] else ""
    why += f" (silenced by {incident['silence']})" if incident["silence"] else ""
    ack = incident["acknowledged"]
    why += f" ({ack['by']} has it in hand until {_time(ack['until'], zone)})" if ack else ""
    for held in incident["held_back"]:
        why += f" (kept from {held['channel']} until {_time(held['until'], zone)} by its quiet hours)"
    evidence = [Text(f"    {line}") for line in incident["evidence"]]
    voted = [Text(f"    {vote_line(vote)}", style="dim") for vote in incident["votes"]]
    head = Text(f"{_head(incident)}{why}", style=_style(incident))
    return Group(head, Text(f"  {incident['summary']}"), *evidence, *voted)


def vote_line(vote: Json) -> str:
    """One chair, what it said, its age, and whether it counted."""
    age = "not asked" if vote["age"] is None else f"{span(vote['age'])} ago"
    return f"{vote['chair']}: {vote['said']} ({age}, {'counts' if vote['counts'] else 'abstains'})"


def _head(incident: Json) -> str:
    return f"{incident['phase']} {incident['condition']} {incident['subject']} [{incident['id']}]"


def _style(incident: Json) -> str:
    return "dim" if incident["suppressed_by"] or incident["phase"] == "suspected" else "bold red"
