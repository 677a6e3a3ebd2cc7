"""Who sees what, on the page for people: how each chair voted on a primary, and the paths between them all."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.duration import span
from drwatch.core.links import Link, State
from drwatch.core.view import ClusterView
from drwatch.web.markup import Markup, tag

_COLOUR = {State.UP: "good", State.DOWN: "bad", State.ONE_WAY: "bad", State.UNKNOWN: "faint"}


def votes(view: ClusterView) -> Iterator[Markup]:
    """Each chair, its word, its age, and whether it counted."""
    if not view.verdict.votes:
        return
    yield tag("h3", "Who says what")
    lines = []
    for vote in view.verdict.votes:
        age = "" if vote.age is None else f", {span(vote.age)} ago"
        word = tag("strong", vote.said, class_="" if vote.counts else "faint")
        note = tag("small", f"{vote.sentence}{age}{'' if vote.counts else '; abstains'}")
        lines.append(tag("tr", tag("th", vote.chair), tag("td", word, note)))
    yield tag("table", *lines)


def paths(view: ClusterView) -> Iterator[Markup]:
    """The verdict on each path; why, only where not all is well."""
    yield tag("h3", "Paths")
    yield tag("table", *(_path(link) for link in view.links))


def _path(link: Link) -> Markup:
    well = link.state is State.UP
    notes = () if well else (tag("small", line) for line in (link.why, *link.evidence))
    state = tag("span", link.state, class_=_COLOUR[link.state])
    return tag("tr", tag("th", f"{link.near} – {link.far}"), tag("td", state, *notes))
