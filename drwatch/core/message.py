"""The words of a page: read at 03:14, on a phone, by somebody who slept a minute ago."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from drwatch.core.assessment import Assessment
from drwatch.core.drill import running
from drwatch.core.duration import at_most, span
from drwatch.core.finding import PRIMARY_AILING, PRIMARY_FAMILY, Condition
from drwatch.core.incident import Incident
from drwatch.core.paging import ENDS, Page, PageReason
from drwatch.core.preflight import Decision, Preflight, fence, mending, preflight
from drwatch.core.recovery import Basis, Recovery
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import ClusterView

FIRST_GLANCE = 120
"""Characters that every phone shows: severity, what, since when, RPO and RTO and the event's id stand in them."""

COMMANDS = 3
"""So many commands come first; the rest of the takeover follows below."""


@dataclass(frozen=True, slots=True)
class Message:
    title: str
    body: str


def _clock(at: datetime, zone: tzinfo, date: bool = False) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S%z" if date else "%H:%M:%S%z")


def _figures(view: ClusterView | None) -> str:
    if view is None:
        return ""
    best = view.best
    rpo = "RPO unknown" if best is None or best.seconds is None else f"RPO<={at_most(best.seconds)}"
    known = [estimate.seconds for estimate in view.recovery if estimate.seconds is not None]
    return f" {rpo} {f'RTO~{span(min(known))}' if known else 'RTO unknown'}"


def title(
    incident: Incident, reason: PageReason, event: str, view: ClusterView | None, zone: tzinfo, drill: bool = False
) -> str:
    """The first glance; at most 120 characters, the event's id always among them. In a drill it says so first."""
    where = f"{incident.cluster}: " if incident.cluster else ""
    over = reason in ENDS
    # What ends is what people were told of, whatever face it took on its way out.
    condition = (incident.told_condition or incident.condition) if over else incident.condition
    what = f"{where}{condition} {incident.subject}"
    if over:
        end = incident.ended or incident.last_true
        word = "MISSED" if reason is PageReason.MISSED else "RESOLVED"
        told = f"{word} {what} was {_clock(incident.began.wall, zone)} to {_clock(end.wall, zone)}"
        figures = ""
    else:
        word = {
            PageReason.STILL: "STILL ",
            PageReason.ESCALATED: "NOBODY ACTED ",
            PageReason.CHANGED: "NOW ",
            PageReason.AGAIN: "AGAIN ",
        }.get(reason, "")
        told = f"{incident.severity.upper()} {word}{what} since {_clock(incident.began.wall, zone)}"
        figures = _figures(view)
    mark = f" [{event}]"
    told = f"DRILL {told}" if drill else told
    return (told + figures)[: FIRST_GLANCE - len(mark)] + mark


def _loss(view: ClusterView, zone: tzinfo) -> Iterator[str]:
    for claim in view.database:
        if claim.seconds is None:
            yield f"Would be lost: UNKNOWN ({claim.unknown})"
            continue
        seen = [f"{claim.transactions_seen} transactions"] if claim.transactions_seen else []
        seen += [f"{claim.bytes_seen} bytes"] if claim.bytes_seen else []
        counted = claim.transactions_seen is not None or claim.bytes_seen is not None
        none_seen = ", none seen missing" if counted else ""
        seen_words = f", at least {' and '.join(seen)} seen missing" if seen else none_seen
        unseen = f", the last {span(claim.unseen_seconds)} nobody saw" if claim.unseen_seconds is not None else ""
        still = " (frozen at its death)" if claim.frozen else " (and growing)" if view.verdict.condition else ""
        proof = f", proof of {_clock(claim.datum.wall, zone)}" if claim.datum else ""
        bound = f"at most {at_most(claim.seconds)}{still}"
        yield f"Would be lost with {claim.node.name}: {bound}{seen_words}{unseen}{proof}"
        if claim.filtered:
            yield f"Lost besides: all that {claim.node.name} leaves out ({', '.join(claim.filtered)})"
    if view.best is not None and len(view.database) > 1:
        yield f"{view.best.node.name} would lose least"
    for _, files, copy in view.copies:
        if copy is None:
            yield f"Files {files.name}: unmeasured, no marker was ever seen"
        else:
            yield f"Files {files.name}: {'UNKNOWN' if copy.seconds is None else 'at most ' + at_most(copy.seconds)}"
    for together in view.coherent:
        if together.meaning:
            yield f"Together with {together.claim.node.name}: {together.meaning}"


def _salvage(view: ClusterView, lines: bool) -> Iterator[str]:
    """What is to be saved; with the ``lines`` that do it, where no takeover that is told below has them."""
    for each in view.salvage:
        yield f"To be saved: {each.words}"
        for command in (each.copy, each.decode) if lines else ():
            yield f"{command.why}:\n   {command.line}"


def _time(estimate: Recovery) -> str:
    terms = ", ".join(
        f"{term.component} {'?' if term.seconds is None else span(term.seconds)}"
        + (" assumed" if term.basis is Basis.ASSUMED else "")
        for term in estimate.terms
    )
    total = "UNKNOWN" if estimate.seconds is None else f"about {span(estimate.seconds)}"
    return f"Recovery by taking over with {estimate.node.name}: {total} ({terms})"


def _choice(view: ClusterView, snapshot: Snapshot, now: Moment, zone: tzinfo) -> Iterator[str]:
    """The two columns, and the minute from which on the second one wins."""
    choice, since = view.choice, snapshot.lost_since(view.cluster.primary.node)
    if choice is None:
        return
    term, name = choice.repair, choice.loss.node.name
    again = "UNKNOWN" if term.seconds is None else f"about {span(term.seconds)} after its death"
    yield f"REPAIR: {again} ({term.basis}), loses nothing"
    took = "UNKNOWN" if choice.take_over is None else f"about {span(choice.take_over)} after the decision"
    lost = "an unknown amount" if choice.loss.seconds is None else f"at most {at_most(choice.loss.seconds)}"
    yield f"TAKE OVER with {name}: {took}, loses {'nothing' if choice.lossless else lost}"
    if choice.wins_after is None:
        yield f"Nobody can say which is better: {choice.unknown}"
    elif since is not None:
        wins = since.plus(choice.wins_after)
        when = f"from {_clock(wins.wall, zone)}, {span(choice.wins_after)} after its death"
        yield f"Taking over is better {'now' if wins.loop <= now.loop else when}"


def _takeover(answer: Preflight) -> Iterator[str]:
    yield f"TAKEOVER WITH {answer.standby}: {answer.decision}"
    for check in answer.checks:
        mark = {True: "+", False: "-", None: "?"}[check.passed]
        yield f" {mark} {check.sentence}"
    commands = answer.commands if answer.decision is not Decision.NO_GO else answer.repair or answer.takeover
    for number, command in enumerate(commands, 1):
        if number == 1:
            yield "DO FIRST:"
        if number == COMMANDS + 1:
            yield "THEN, to take over:"
        yield f"{number}. {command.why}" + (f":\n   {command.line}" if command.line else "")


def _succeeded(incident: Incident, assessment: Assessment, zone: tzinfo) -> Iterator[str]:
    """Whether the trouble of a primary is over because another has taken its place."""
    leader = assessment.snapshot.leaders.get(incident.cluster)
    if leader is None or incident.told_condition not in PRIMARY_FAMILY or leader.since.loop < incident.began.loop:
        return
    yield f"{leader.node.name} has taken over: it takes the writes, and leads since {_clock(leader.since.wall, zone)}."
    if leader.former is not None:
        yield f"Make sure that {leader.former.name} stays dead; until it is rebuilt there may be no standby."


def compose(page: Page, assessment: Assessment, zone: tzinfo) -> Message:
    """Title and body of one event; the same on every channel."""
    incident, view = page.incident, assessment.view(page.incident.cluster)
    drill = running(assessment.snapshot.drills, incident.cluster, assessment.at)
    head = title(incident, page.reason, page.event, view, zone, drill is not None)
    until = f"until {_clock(drill.until.wall, zone)}" if drill else ""
    first = [f"DRILL of {incident.cluster} {until}: if nobody did this on purpose, it is real."] if drill else []
    lines = [*first, incident.summary[:1].upper() + incident.summary[1:] + "."]
    if page.reason in ENDS:
        end = incident.ended or incident.last_true
        was = f" It was: {incident.summary}." if incident.told_condition is incident.condition else ""
        over = f"Over after {span(end - incident.began)}.{was}"
        missed = (
            ["No page of it came through this channel while it lasted."] if page.reason is PageReason.MISSED else []
        )
        lines = [*first, over, *missed, *(_salvage(view, lines=True) if view else ())]
        return Message(head, "\n".join([*lines, *_succeeded(incident, assessment, zone)]))
    lines += [f"{words[:1].upper() + words[1:]}" for words in incident.evidence]
    if view is not None and incident.condition is Condition.ZOMBIE_PRIMARY:
        commands = fence(view, assessment.snapshot, incident.subject)
        lines += ["DO FIRST:", *(f"{command.why}:\n   {command.line}" for command in commands)]
    if view is not None:
        lines += _loss(view, zone)
        lines += _salvage(view, lines=incident.condition not in PRIMARY_FAMILY)
        lines += [_time(estimate) for estimate in view.recovery]
        if incident.condition in PRIMARY_AILING:
            lines += [f"DO FIRST:\n{command.why}:\n   {command.line}" for command in mending(view, assessment.snapshot)]
        elif incident.condition in PRIMARY_FAMILY:
            lines += _choice(view, assessment.snapshot, assessment.at, zone)
            for standby in view.ranked:
                lines += _takeover(preflight(view, assessment.snapshot, standby))
    lines.append(f"Runbook: docs/runbooks.md#{incident.condition.lower()}")
    lines.append(f"Event {page.event}, begun {_clock(incident.began.wall, zone, date=True)}, {incident.confidence}.")
    return Message(head, "\n".join(lines))
