"""A cluster's figures, on the page for people: what would be lost, how long a recovery would take, and the files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from drwatch.core.assessment import Assessment
from drwatch.core.duration import at_most, span
from drwatch.core.exposure import Exposure
from drwatch.core.recovery import Recovery, Term
from drwatch.core.sample import Moment
from drwatch.core.view import ClusterView
from drwatch.web.markup import Markup, tag
from drwatch.web.text import size, time


def _figure(label: str, value: str, colour: str, *lines: str | None) -> Markup:
    small = (tag("small", line) for line in lines if line)
    return tag("div", tag("small", label), tag("b", value, class_=colour), *small, class_="figure")


def _colour(seconds: float, objective: float) -> str:
    return "bad" if seconds > objective else "warn" if seconds > 0.8 * objective else "good"


def exposure(claim: Exposure, view: ClusterView, zone: tzinfo) -> Markup:
    """What would be lost with one standby."""
    objective = view.cluster.objectives.rpo
    label = f"Data-loss exposure with {claim.node.name}"
    goal = f"Objective {span(objective)}"
    if claim.seconds is None:
        return _figure(label, "UNKNOWN", "bad", claim.unknown, goal)
    seen = [f"{claim.transactions_seen} transactions"] if claim.transactions_seen is not None else []
    seen += [size(claim.bytes_seen)] if claim.bytes_seen is not None else []
    proof = claim.datum.wall.astimezone(zone).strftime("%H:%M:%S") if claim.datum else None
    return _figure(
        label,
        f"at most {at_most(claim.seconds)}",
        _colour(claim.seconds, objective),
        "Frozen: the primary is proved dead" if claim.frozen else None,
        f"Seen missing: at least {', '.join(seen)}" if seen else None,
        f"Nobody saw the last {at_most(claim.unseen_seconds)}" if claim.unseen_seconds is not None else None,
        f"{goal}; proof of {proof}" if proof else goal,
    )


def recovery(estimate: Recovery, objective: float, now: Moment) -> Markup:
    """How long taking over with one standby would take, and of what that is made."""
    label, goal = f"Estimated recovery time with {estimate.node.name}", f"Objective {span(objective)}"
    terms = [_term(term, now) for term in estimate.terms]
    if estimate.seconds is None:
        return _figure(label, "UNKNOWN", "bad", estimate.unknown, *terms, goal)
    # What nobody has measured colours nothing red, as it pages nobody.
    colour = _colour(estimate.unassumed, objective)
    over = "warn" if colour == "good" and estimate.seconds > objective else colour
    return _figure(label, f"about {span(estimate.seconds)}", over, *terms, goal)


def repair_or_take_over(assessment: Assessment, view: ClusterView, zone: tzinfo) -> Iterator[Markup]:
    """Repair and take over, side by side."""
    choice = view.choice
    if choice is None:
        return
    term, since = choice.repair, assessment.snapshot.lost_since(view.cluster.primary.node)
    loss = "nothing" if choice.lossless else "UNKNOWN" if choice.loss.seconds is None else at_most(choice.loss.seconds)
    wins = "nobody can say" if choice.wins_after is None else f"{span(choice.wins_after)} after its death"
    at = (", at ", time(since.plus(choice.wins_after), zone)) if since and choice.wins_after is not None else ()
    yield tag("h3", "If the primary is lost")
    yield tag(
        "div",
        _figure(
            "Repair",
            "UNKNOWN" if term.seconds is None else f"about {span(term.seconds)}",
            "",
            "loses nothing",
            _term(term, assessment.at),
        ),
        _figure(
            f"Take over with {choice.loss.node.name}",
            "UNKNOWN" if choice.take_over is None else f"about {span(choice.take_over)}",
            "",
            f"loses {'' if choice.lossless or choice.loss.seconds is None else 'at most '}{loss}",
            "from the decision on",
            choice.unknown,
        ),
        class_="figures",
    )
    yield tag("p", f"Taking over is better: {wins}", *at)


def _term(term: Term, now: Moment) -> str:
    """One part, with what it comes from and how old that is."""
    seconds = "?" if term.seconds is None else span(term.seconds)
    age = f", {span(now - term.at)} ago" if term.at else ""
    return f"{term.component} {seconds}, {term.basis}{f': {term.note}' if term.note else ''}{age}"


def copies(view: ClusterView) -> Iterator[Markup]:
    """How old each copy of the files is, and what that means beside the database."""
    if not view.copies:
        return
    lines = []
    for node, files, claim in view.copies:
        limit = f"limit {span(files.stale_after)}, a sync every {span(files.every)}"
        if claim is None:
            state = tag("span", "unmeasured: no marker was ever seen", class_="faint")
        elif claim.seconds is None:
            state = tag("span", f"UNKNOWN: {claim.unknown}", class_="bad")
        else:
            colour = "bad" if claim.seconds > files.stale_after else "good"
            state = tag("span", f"at most {at_most(claim.seconds)} old", class_=colour)
        what = tag("td", state, tag("small", f"{limit}; {files.path}"))
        lines.append(tag("tr", tag("th", files.name, tag("small", f"on {node.name}")), what))
    yield tag("h3", "Files")
    yield tag("table", *lines)
    yield from (tag("p", f"{each.claim.node.name}: {each.meaning}") for each in view.coherent if each.meaning)
