"""The status page: plain HTML for a phone at night, refreshed by the browser itself, without a line of script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from types import MappingProxyType

from drwatch import __version__
from drwatch.core.actuals import COMPONENTS
from drwatch.core.advice import advice
from drwatch.core.assessment import Assessment
from drwatch.core.audit import Vitals
from drwatch.core.drill import running
from drwatch.core.duration import at_most, span
from drwatch.core.finding import Severity
from drwatch.core.incident import Incident, Phase
from drwatch.core.paging import Held, Row
from drwatch.core.rota import Duty
from drwatch.core.sample import PROOF_OF_LIFE, Blind, Moment, Probe, ServerFact
from drwatch.core.standing import State
from drwatch.core.view import ClusterView
from drwatch.core.world import WITNESS
from drwatch.web.figures import copies, exposure, recovery, repair_or_take_over
from drwatch.web.jobs import jobs
from drwatch.web.markup import Markup, join, tag
from drwatch.web.nodes import node_row, not_seen
from drwatch.web.text import time
from drwatch.web.votes import paths, votes

REFRESH = 5
"""Seconds between two loads of the page."""

SHOWN = 3
"""Past takeovers of a cluster."""

STYLE = Markup(
    """
:root{--paper:#fff;--card:#f4f5f7;--ink:#16181d;--faint:#5d6470;--line:#d5d9e0;
--bad:#b3141d;--badcard:#fdecec;--warn:#8a5300;--warncard:#fff4de;--good:#1b6b3a;--goodcard:#e9f6ed}
@media(prefers-color-scheme:dark){:root{--paper:#101216;--card:#1a1d23;--ink:#e8eaee;--faint:#9aa2af;--line:#31363f;
--bad:#ff8a8a;--badcard:#3a1718;--warn:#ffc56b;--warncard:#33270f;--good:#7fd6a0;--goodcard:#13291c}}
*{box-sizing:border-box}
body{margin:0 auto;padding:.75rem;max-width:62rem;background:var(--paper);color:var(--ink);
font:16px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
header,footer{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:baseline;color:var(--faint);font-size:.875rem}
h1{font-size:1.05rem;margin:0;color:var(--ink)}
h2{font-size:1.2rem;margin:0 0 .25rem}
h3{font-size:.8rem;margin:1rem 0 .25rem;color:var(--faint);text-transform:uppercase;letter-spacing:.05em}
p{margin:.15rem 0}
section,.banner{border:1px solid var(--line);border-radius:.6rem;padding:.75rem .9rem;margin:.75rem 0}
.banner{font-size:1.15rem;font-weight:600}
.bad{color:var(--bad)}.warn{color:var(--warn)}.good{color:var(--good)}.faint,small{color:var(--faint)}
.banner.bad,article.bad{background:var(--badcard);border-color:var(--bad)}
.banner.warn,article.warn{background:var(--warncard);border-color:var(--warn)}
.banner.good{background:var(--goodcard);border-color:var(--good)}
article{border-left:4px solid var(--line);background:var(--card);border-radius:.3rem;padding:.4rem .7rem;margin:.4rem 0}
article p,article small{color:var(--ink)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:.6rem;margin:.6rem 0}
.figure{background:var(--card);border-radius:.4rem;padding:.5rem .7rem}
.figure b{display:block;font-size:1.7rem;line-height:1.2;font-weight:650;font-variant-numeric:tabular-nums}
small{font-size:.85rem;display:block}
pre{margin:.15rem 0 .5rem;font-size:.8rem;white-space:pre-wrap}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
td,th{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-top:1px solid var(--line);font-weight:400}
th{white-space:nowrap;overflow-wrap:normal;font-weight:600;width:1%}
th small{font-weight:400}
a{color:inherit}
input,button{display:block;width:100%;font:inherit;padding:.8rem;margin:.6rem 0;border-radius:.5rem;
border:1px solid var(--line);background:var(--paper);color:var(--ink)}
button{font-weight:600;background:var(--ink);color:var(--paper)}
"""
)
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
STYLE_SOURCE = f"'sha256-{_HASH}'"
POLICY = f"default-src 'none'; style-src {STYLE_SOURCE}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The page's Content-Security-Policy: its own style and nothing else."""


def render(
    assessment: Assessment | None,
    incidents: Sequence[Incident],
    rows: Sequence[Row],
    wrong: str | None,
    zone: tzinfo,
    duties: Sequence[Duty] = (),
    vitals: Vitals = Vitals(),  # noqa: B008 - immutable
    held: Held = MappingProxyType({}),
) -> str:
    """The page; ``wrong`` is what ails drwatch itself, ``zone`` is where its readers are, ``duties`` who is on duty,
    ``held`` what quiet hours keep from whom."""
    state, words = _summary(assessment, incidents, wrong)
    body = [tag("header", tag("h1", "drwatch"), _as_of(assessment, zone)), tag("div", words, class_=f"banner {state}")]
    if assessment is not None:
        shown = {view.cluster.name for view in assessment.clusters}
        body += _silences(assessment, zone)
        body += _duties(duties, zone)
        body += _incidents([each for each in incidents if each.cluster not in shown], assessment.at, zone, held)
        owned = [
            (view, [incident for incident in incidents if incident.cluster == view.cluster.name])
            for view in assessment.clusters
        ]
        # The sort is stable: equally grave clusters stay in the configuration's order.
        for view, own in sorted(owned, key=lambda each: _gravity(each[1])):
            body.append(_cluster(assessment, view, own, zone, held))
        body += _witness(assessment, rows, vitals)
    body.append(_footer())
    return document(words.partition(":")[0], body, REFRESH)


def document(title: str, body: Iterable[Markup], refresh: int | None = None) -> str:
    """A whole page with the one style; ``refresh`` are the seconds after which the browser loads it anew."""
    again = None if refresh is None else tag("meta", http_equiv="refresh", content=str(refresh))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width,initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        again,
        tag("title", f"{title} · drwatch"),
        tag("style", STYLE),
    )
    return f"<!doctype html>{tag('html', head, tag('body', *body), lang='en')}"


def _summary(assessment: Assessment | None, incidents: Sequence[Incident], wrong: str | None) -> tuple[str, str]:
    """The one line on top, and its colour."""
    if wrong is not None:
        return "bad", f"DRWATCH ITSELF IS NOT WELL: {wrong}"
    if assessment is None:
        return "warn", "Nothing has been judged yet"
    told = [each for each in incidents if each.phase is Phase.OPEN and each.suppressed_by is None]
    critical = [each for each in told if each.severity is Severity.CRITICAL]
    if critical:
        rest = f", and {len(told) - len(critical)} more" if len(told) > len(critical) else ""
        return "bad", f"{len(critical)} critical: {', '.join(_name(each) for each in critical)}{rest}"
    if told:
        return "warn", f"{len(told)} warning{'s' if len(told) > 1 else ''}: {', '.join(_name(each) for each in told)}"
    if assessment.unsettled:
        return "warn", f"Not looked at all round yet: {', '.join(sorted(assessment.unsettled))}"
    if ill := [f"{view.cluster.name} {', '.join(doubts)}" for view in assessment.clusters if (doubts := _doubts(view))]:
        return "warn", f"Nobody was told of anything, and not all is well: {'; '.join(ill)}"
    return "good", "All is well"


def _doubts(view: ClusterView) -> list[str]:
    """What keeps a cluster from being well, whether or not anybody was told of it."""
    state = view.protection.state
    doubts = [] if state is State.PROTECTED else [state.replace("_", " ")]
    return doubts + (["data at risk unknown"] if any(claim.seconds is None for claim in view.database) else [])


def _name(incident: Incident) -> str:
    return f"{incident.cluster + ' ' if incident.cluster else ''}{incident.condition} {incident.subject}"


def _as_of(assessment: Assessment | None, zone: tzinfo) -> Markup | None:
    if assessment is None:
        return None
    return tag("span", "as of ", time(assessment.at, zone, "%Y-%m-%d %H:%M:%S %Z"))


def _silences(assessment: Assessment, zone: tzinfo) -> Iterator[Markup]:
    for each in assessment.silences:
        what = " ".join(filter(None, (each.cluster, each.node, each.condition)))
        until = time(each.until, zone, "%Y-%m-%d %H:%M")
        yield tag(
            "p", f"Nobody is paged for {what} until ", until, f" ({each.by}: {each.reason}) [{each.id}]", class_="warn"
        )


def _duties(duties: Sequence[Duty], zone: tzinfo) -> Iterator[Markup]:
    for duty in duties:
        until = time(duty.until, zone, "%Y-%m-%d %H:%M")
        yield tag("p", f"{duty.person.name} is on duty ({duty.rota}) until ", until, class_="faint")


def _footer() -> Markup:
    links = ("/api/v1/status", "/api/v1/incidents", "/metrics", "/healthz")
    return tag("footer", tag("span", f"drwatch {__version__}"), *(tag("a", link, href=link) for link in links))


def _rank(incident: Incident) -> tuple[bool, bool, bool]:
    """The gravest first: told before explained, confirmed before suspected, critical before warning."""
    return (
        incident.suppressed_by is not None,
        incident.phase is not Phase.OPEN,
        incident.severity is not Severity.CRITICAL,
    )


def _gravity(incidents: Sequence[Incident]) -> tuple[bool, bool, bool]:
    return min(map(_rank, incidents), default=(True, True, True))


def _incidents(incidents: Sequence[Incident], now: Moment, zone: tzinfo, held: Held) -> Iterator[Markup]:
    """The gravest first; a suspicion, and what a greater trouble explains, say so."""
    for incident in sorted(incidents, key=lambda each: (*_rank(each), each.began.loop)):
        colour = "bad" if incident.severity is Severity.CRITICAL else "warn"
        note = ""
        if incident.suppressed_by is not None:
            colour, note = "faint", f", explained by {incident.suppressed_by}"
        elif incident.silence:
            colour, note = "faint", f", silenced by {incident.silence}"
        elif incident.phase is not Phase.OPEN:
            colour, note = "faint", ", not confirmed yet"
        elif (ack := incident.acknowledged) is not None:
            note = f", {ack.by} has it in hand until {ack.until.wall.astimezone(zone):%H:%M}"
        for name, until in held.get(incident.id, {}).items():
            note += f", kept from {name} until {until.astimezone(zone):%H:%M} by its quiet hours"
        yield tag(
            "article",
            tag("strong", f"{incident.condition} {incident.subject}", class_=colour),
            tag("p", incident.summary),
            *(tag("small", line) for line in incident.evidence),
            tag(
                "small",
                f"{incident.severity} [{incident.id}] since ",
                time(incident.began, zone),
                f", {span(now - incident.began)}{note}",
            ),
            class_=colour,
        )


def _cluster(
    assessment: Assessment, view: ClusterView, incidents: Sequence[Incident], zone: tzinfo, held: Held
) -> Markup:
    seen = assessment.snapshot
    figures = [exposure(claim, view, zone) for claim in view.database]
    figures += [recovery(estimate, view.cluster.objectives.rto, assessment.at) for estimate in view.recovery]
    return tag(
        "section",
        tag("h2", view.cluster.name),
        *_primary(assessment, view, incidents),
        *votes(view),
        *_protection(assessment, view),
        *_drill(assessment, view, zone),
        *_incidents(incidents, assessment.at, zone, held),
        tag("div", *figures, class_="figures"),
        *repair_or_take_over(assessment, view, zone),
        *_salvage(view),
        *_takeovers(assessment, view, zone),
        tag("h3", "Nodes"),
        tag("table", *(node_row(assessment, node, node is view.cluster.primary) for node in view.cluster.nodes)),
        *paths(view),
        *copies(view),
        *jobs(assessment, view),
        *(tag("small", f"{each.sentence}: ", tag("code", each.statement)) for each in advice(view.cluster, seen)),
    )


def _salvage(view: ClusterView) -> Iterator[Markup]:
    if view.salvage:
        yield tag("h3", "To be saved")
    for each in view.salvage:
        yield tag("p", each.words, class_="warn")
        for command in (each.copy, each.decode):
            yield tag("small", f"{command.why}:")
            yield tag("pre", command.line)


def _primary(assessment: Assessment, view: ClusterView, incidents: Sequence[Incident]) -> Iterator[Markup]:
    name, verdict = view.cluster.primary.node.name, view.verdict
    match assessment.snapshot.latest(view.cluster.primary.node, Probe.SERVER):
        case _ if verdict.condition is not None:
            yield tag("p", f"{name}: {verdict.condition}", class_="bad")
            if any(incident.condition is verdict.condition for incident in incidents):
                # Its incident has the evidence.
                return
        case ServerFact():
            yield tag("p", f"{name} answers", class_="good")
            return
        case _ if verdict.pending:
            yield tag("p", f"{name} does not answer: the other chairs are being asked", class_="warn")
        case Blind(reason) if reason in PROOF_OF_LIFE:
            yield tag("p", f"{name} is alive and lets drwatch see nothing", class_="warn")
        case _:
            yield tag("p", f"Nothing is known of {name}", class_="warn")
    yield from (tag("small", line) for line in verdict.evidence)


_PROTECTION = {
    State.PROTECTED: ("A standby could take over", "good"),
    State.OVER_OBJECTIVE: ("A standby could take over and would lose more than the objective allows", "warn"),
    State.UNPROTECTED: ("No standby could take over", "bad"),
    State.TAKEN_OVER: ("No standby could take over since the takeover", "bad"),
    State.UNKNOWN: ("Nobody knows whether a standby could take over", "warn"),
}


def _protection(assessment: Assessment, view: ClusterView) -> Iterator[Markup]:
    words, colour = _PROTECTION[view.protection.state]
    yield tag("p", f"{words}, for {span(assessment.at - view.protection.since)}", class_=colour)
    yield from (tag("small", line) for line in view.unprotected)


def _drill(assessment: Assessment, view: ClusterView, zone: tzinfo) -> Iterator[Markup]:
    on = running(assessment.snapshot.drills, view.cluster.name, assessment.at)
    if on is not None:
        times = time(on.began, zone), " to ", time(on.until, zone)
        yield tag("p", "DRILL from ", *times, ": pages still go out, and are marked", class_="warn")


def _takeovers(assessment: Assessment, view: ClusterView, zone: tzinfo) -> Iterator[Markup]:
    """The newest ones and what they took, in a drill or in earnest."""
    seen = [each for each in assessment.snapshot.outages if each.cluster == view.cluster.name and each.promoted]
    if not seen:
        return
    lines = []
    for each in reversed(seen[-SHOWN:]):
        took = ((part, each.seconds(part)) for part in COMPONENTS)
        parts = ", ".join(f"{part} {span(seconds)}" for part, seconds in took if seconds is not None)
        loss = "" if each.loss is None else f"; lost at most {at_most(each.loss)}"
        what = tag("td", f"{each.lost} to {each.standby}: {parts or 'no part was measured'}{loss}")
        lines.append(tag("tr", tag("th", time(each.fault, zone, "%Y-%m-%d %H:%M"), tag("small", each.kind)), what))
    yield tag("h3", "Takeovers so far")
    yield tag("table", *lines)


def _witness(assessment: Assessment, rows: Sequence[Row], vitals: Vitals) -> Iterator[Markup]:
    lines: list[Markup] = []
    if vitals.beats:
        wrong = [*vitals.failing.values(), *([vitals.trouble] if vitals.trouble else [])]
        ago = f"sent {span(assessment.at - vitals.beaten)} ago" if vitals.beaten else "not sent yet"
        lines.append(_line("heartbeat", "; ".join([ago, *wrong]), "bad" if wrong else "good"))
    for name, health in assessment.snapshot.channels.items():
        if health.failing_since is not None:
            failing = span(assessment.at - health.failing_since)
            lines.append(_line(name, f"does not accept pages for {failing}: {health.detail}", "bad"))
        elif health.accepted_at is not None:
            lines.append(_line(name, f"accepted a page {span(assessment.at - health.accepted_at)} ago", "good"))
    for name, proof in assessment.snapshot.proofs.items():
        if name not in assessment.snapshot.channels and proof.accepted is not None:
            lines.append(_line(name, f"accepted a page {span(assessment.at - proof.accepted)} ago", "good"))
    for row in rows:
        words = f"{row.title}: waiting for {span(assessment.at - row.created)}, {row.attempts} attempts. {row.detail}"
        lines.append(_line(f"page on {row.channel}", words, "warn"))
    for key, sight in assessment.snapshot.sights.items():
        if key.node == WITNESS:
            words = "answers" if sight.blind is None else not_seen("anchor", sight.blind.reason, sight.blind.detail)
            lines.append(_line(key.target, words, "good" if sight.blind is None else "bad"))
    if lines:
        yield tag("section", tag("h2", "The witness itself"), tag("table", *lines))


def _line(name: str, words: str, colour: str) -> Markup:
    return tag("tr", tag("th", name), tag("td", join(words), class_=colour))
