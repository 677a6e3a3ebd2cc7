"""The words of a page: read at 03:14, on a phone, by somebody who slept a minute ago."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import tzinfo

from drwatch.core.assessment import Assessment
from drwatch.core.drill import running
from drwatch.core.duration import at_most, span
from drwatch.core.finding import PRIMARY_AILING, PRIMARY_FAMILY, Condition
from drwatch.core.glance import DETAILS, FIRST_GLANCE, SMS, Glance, clock, glance, gsm, rpo, rto, septets
from drwatch.core.incident import Incident
from drwatch.core.paging import ENDS, Page, PageReason
from drwatch.core.preflight import Decision, Preflight, fence, mending, preflight
from drwatch.core.recovery import Basis, Recovery
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import ClusterView

COMMANDS = 3
"""So many commands come first; the rest of the takeover follows below."""


@dataclass(frozen=True, slots=True)
class Message:
    title: str
    body: str
    short: str
    """One SMS that stands alone."""


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
        proof = f", proof of {clock(claim.datum.wall, zone)}" if claim.datum else ""
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
        when = f"from {clock(wins.wall, zone)}, {span(choice.wins_after)} after its death"
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
    yield f"{leader.node.name} has taken over: it takes the writes, and leads since {clock(leader.since.wall, zone)}."
    if leader.former is not None:
        yield f"Make sure that {leader.former.name} stays dead; until it is rebuilt there may be no standby."


def compose(page: Page, assessment: Assessment, zone: tzinfo) -> Message:
    """The words of one event; the same on every channel that may have them."""
    line = _glance(page, assessment, zone)
    answer = _decision(page, assessment)
    verdict = f", takeover {answer.decision}" if answer else ""
    short = replace(line, cluster=gsm(line.cluster), subject=gsm(line.subject)).line(SMS, septets, verdict)
    return Message(line.line(FIRST_GLANCE), "\n".join(_body(page, assessment, zone)), short)


def veiled(page: Page, assessment: Assessment, zone: tzinfo) -> Message:
    """The words of one event for a service that must learn of no host, address, path, file, account or database.

    Made of closed words and figures alone, beside the cluster's name and the event's id: nothing is taken out of a
    sentence that might hold more than was thought of.
    """
    line = replace(_glance(page, assessment, zone), subject="")
    answer = _decision(page, assessment)
    verdict = f", takeover {answer.decision}" if answer else ""
    short = replace(line, cluster=gsm(line.cluster)).line(SMS, septets, verdict)
    began = f"Event {page.event}, begun {clock(page.incident.began.wall, zone, date=True)}, {page.incident.confidence}."
    lines = [*([f"Takeover: {answer.decision}."] if answer else []), *_missed(page)]
    return Message(line.line(FIRST_GLANCE), "\n".join([*lines, began, DETAILS]), short)


def _missed(page: Page) -> Iterator[str]:
    if page.reason is PageReason.MISSED:
        yield "No page of it came through this channel while it lasted."


def _glance(page: Page, assessment: Assessment, zone: tzinfo) -> Glance:
    incident, view = page.incident, assessment.view(page.incident.cluster)
    drill = running(assessment.snapshot.drills, incident.cluster, assessment.at)
    return glance(incident, page.reason, page.event, view, assessment.at, zone, drill is not None)


def _decision(page: Page, assessment: Assessment) -> Preflight | None:
    """Whether the best standby may take over now; None where that is not the question."""
    incident, view = page.incident, assessment.view(page.incident.cluster)
    asked = incident.condition in PRIMARY_FAMILY - PRIMARY_AILING and page.reason not in ENDS
    if view is None or not asked or not view.ranked:
        return None
    return preflight(view, assessment.snapshot, view.ranked[0])


def _body(page: Page, assessment: Assessment, zone: tzinfo) -> Iterator[str]:
    incident, view = page.incident, assessment.view(page.incident.cluster)
    drill = running(assessment.snapshot.drills, incident.cluster, assessment.at)
    if drill:
        until = clock(drill.until.wall, zone)
        yield f"DRILL of {incident.cluster} until {until}: if nobody did this on purpose, it is real."
    if page.reason in ENDS:
        end = incident.ended or incident.last_true
        was = f" It was: {incident.summary}." if incident.told_condition is incident.condition else ""
        yield f"Over after {span(end - incident.began)}.{was}"
        yield from _missed(page)
        yield from _salvage(view, lines=True) if view else ()
        yield from _succeeded(incident, assessment, zone)
        return
    yield incident.summary[:1].upper() + incident.summary[1:] + "."
    yield from (f"{words[:1].upper() + words[1:]}" for words in incident.evidence)
    if view is not None and incident.condition is Condition.ZOMBIE_PRIMARY:
        commands = fence(view, assessment.snapshot, incident.subject)
        yield from ("DO FIRST:", *(f"{command.why}:\n   {command.line}" for command in commands))
    if view is not None:
        yield from _loss(view, zone)
        yield from _salvage(view, lines=incident.condition not in PRIMARY_FAMILY)
        yield from (_time(estimate) for estimate in view.recovery)
        if incident.condition in PRIMARY_AILING:
            commands = mending(view, assessment.snapshot)
            yield from (f"DO FIRST:\n{command.why}:\n   {command.line}" for command in commands)
        elif incident.condition in PRIMARY_FAMILY:
            yield from _choice(view, assessment.snapshot, assessment.at, zone)
            for standby in view.ranked:
                yield from _takeover(preflight(view, assessment.snapshot, standby))
    yield f"Runbook: docs/runbooks.md#{incident.condition.lower()}"
    yield f"To take it in hand: drwatch ack {incident.id}"
    yield f"Event {page.event}, begun {clock(incident.began.wall, zone, date=True)}, {incident.confidence}."


def write(page: Page, assessment: Assessment, zone: tzinfo, private: bool) -> Message:
    """The built-in words, for a channel that may have names or for one that may not."""
    return (veiled if private else compose)(page, assessment, zone)


def facts(
    page: Page, assessment: Assessment, zone: tzinfo, message: Message, private: bool
) -> dict[str, str | tuple[str, ...]]:
    """What a user's template may speak of: text, and lists of text. A private channel's has no name in it either."""
    incident, view = page.incident, assessment.view(page.incident.cluster)
    line, answer = _glance(page, assessment, zone), _decision(page, assessment)
    end = incident.ended or incident.last_true
    over = page.reason in ENDS
    return {
        "title": message.title,
        "body": message.body,
        "short": message.short,
        "severity": str(incident.severity),
        "condition": line.condition,
        "cluster": incident.cluster,
        "subject": "" if private else incident.subject,
        "summary": "" if private else incident.summary,
        "evidence": () if private else incident.evidence,
        "confidence": str(incident.confidence),
        "reason": str(page.reason),
        "event": page.event,
        "incident": incident.id,
        "began": clock(incident.began.wall, zone, date=True),
        "ended": clock(end.wall, zone, date=True) if over else "",
        "lasted": span((end if over else assessment.at) - incident.began),
        "rpo": rpo(view) if view else "",
        "rto": rto(view) if view else "",
        "takeover": str(answer.decision) if answer else "",
        "drill": "DRILL" if running(assessment.snapshot.drills, incident.cluster, assessment.at) else "",
    }
