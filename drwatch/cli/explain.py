"""One incident from first sight to the end: who said what, what was concluded, who was told and when."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from drwatch.cli.configured import configuration
from drwatch.cli.ledger import ledger
from drwatch.cli.screen import vote_line
from drwatch.cli.trouble import Trouble
from drwatch.cli.words import moment, one_line
from drwatch.core.duration import span
from drwatch.core.incident import Phase
from drwatch.core.paging import PageReason, RowState, first_told, quiet_until
from drwatch.core.policy import Paging
from drwatch.store import Account, Ballot, Boxed, Hushed, Paged, read_account

STEP = "  "


def explain(named: str, file: Path, machine: bool) -> None:
    """Print what the ledger has of the incident, or of the one that a page's event names."""
    config = configuration(file, look=False)
    wanted = named.upper().partition(".")[0]
    with ledger(config) as path:
        account = read_account(path, wanted)
    if account is None:
        raise Trouble(f"there is no incident {one_line(wanted)}: 'drwatch incidents' lists those there are", 3)
    paging, zone, now = config.policy.paging, ZoneInfo(config.policy.zone), datetime.now(UTC)
    if machine:
        print(json.dumps(as_json(account, paging, zone, now), ensure_ascii=False, default=datetime.isoformat))
        return
    for depth, line in in_words(account, paging, zone, now):
        print(STEP * depth + one_line(line))


def as_json(account: Account, paging: Paging, zone: tzinfo, now: datetime) -> dict[str, object]:
    return {
        **{name: getattr(account.past, name) for name in account.past.__slots__ if name != "acks"},
        "acknowledgements": [asdict(ack) for ack in account.past.acks],
        "confidence": account.confidence,
        "evidence": account.evidence,
        "why": why(account, paging, zone, now),
        "held_back": held_back(account, paging, now),
        "verdicts": [asdict(ballot) for ballot in account.ballots],
        "silences": [asdict(each) for each in account.silences],
        "ledger": [_ledger(page) for page in account.pages],
        "blackbox": [{"broken": boxed.broken, **boxed.body} for boxed in account.boxed],
    }


def _ledger(page: Paged) -> dict[str, object]:
    attempts = [{"number": number, **asdict(sent)} for number, sent in enumerate(page.attempts, 1)]
    return {**asdict(page), "attempts": attempts}


Line = tuple[int, str]
"""How far it is set in, and the words."""


def in_words(account: Account, paging: Paging, zone: tzinfo, now: datetime) -> Iterator[Line]:
    past = account.past
    where = f"{past.cluster}: " if past.cluster else ""
    yield 0, f"{past.id} {past.severity.upper()} {where}{past.condition} {past.subject}: {past.summary}"
    yield 1, f"began {moment(past.began, zone)}"
    if past.confirmed:
        yield 1, f"confirmed {moment(past.confirmed, zone)}, {_between(past.began, past.confirmed)} later"
    ended = f" {moment(past.ended, zone)}, after {_between(past.began, past.ended)}" if past.ended else ""
    yield 1, f"{past.phase}{ended}"
    yield 0, why(account, paging, zone, now)
    if account.pages and (held := held_back(account, paging, now)):
        yield 0, f"Quiet hours keep it from {_channels(held, zone)}."
    for hushed in account.silences:
        yield from _hushed(hushed, zone)
    for ballot in account.ballots:
        yield from _ballot(ballot, zone)
    if not account.ballots:
        yield 0, f"What was seen last ({account.confidence}):"
        yield from ((1, line) for line in account.evidence)
    for page in account.pages:
        yield from _paged(page, zone)
    for ack in account.past.acks:
        note = f": {ack.note}" if ack.note else ""
        until = moment(ack.until, zone)
        yield 0, f"{ack.by} had it in hand from {moment(ack.at, zone)}, at most until {until} ({ack.origin}){note}"
    for boxed in account.boxed:
        yield from _boxed(boxed)


def held_back(account: Account, paging: Paging, now: datetime) -> Mapping[str, datetime]:
    """From which channels quiet hours keep a page of it now, by today's configuration, and until when."""
    past = account.past
    in_hand = any(ack.until > now for ack in past.acks)
    if past.phase is not Phase.OPEN or past.suppressed_by is not None or past.silence or in_hand:
        return {}
    names = account.held if account.pages else _to_be_told(account, paging, now)
    return quiet_until(past.severity, past.condition, names, paging, now)


def _to_be_told(account: Account, paging: Paging, wall: datetime) -> tuple[str, ...]:
    """Whom the escalation had reached by then with what nobody was told."""
    past, begun = account.past, account.past.confirmed
    steps = sum(1 for step in paging.escalation if begun and (wall - begun).total_seconds() >= step.after)
    told = paging.escalation[: first_told(past.severity, past.condition, steps, paging, wall)]
    return paging.reached((name for step in told for name in step.to), wall)


def _channels(held: Mapping[str, datetime], zone: tzinfo) -> str:
    return ", ".join(f"{name} until {moment(until, zone)}" for name, until in held.items())


def why(account: Account, paging: Paging, zone: tzinfo, now: datetime) -> str:
    """Why people were paged, or why nobody was, in one sentence."""
    past = account.past
    if account.pages:
        taken = sum(page.state == RowState.ACCEPTED for page in account.pages)
        many = "one page" if len(account.pages) == 1 else f"{len(account.pages)} pages"
        return f"Paged: it was confirmed and nothing greater explained it; {many}, {taken} accepted."
    if past.phase is Phase.HEALED and past.ended is not None:
        lasted = f"it was over after {_between(past.began, past.ended)}, before its window had passed"
        explained = f", and {past.suppressed_by} explained it" if past.suppressed_by else ""
        return f"Nobody was paged: {lasted}{explained}."
    if past.suppressed_by is not None:
        return f"Nobody was paged: {past.suppressed_by} explained it, and that is what was told."
    if past.silence or account.silences:
        names = past.silence or ", ".join(each.id for each in account.silences)
        return f"Nobody was paged: it was silenced ({names})."
    if past.confirmed is None:
        return "Nobody was paged: it has not lasted for its window yet."
    if held := held_back(account, paging, now):
        return f"Nobody is paged yet: quiet hours keep it from {_channels(held, zone)}."
    if past.ended is not None:
        reached = _to_be_told(account, paging, past.ended)
        kept = quiet_until(past.severity, past.condition, reached, paging, past.confirmed)
        if kept and all(until >= past.ended for until in kept.values()):
            return f"Nobody was paged: quiet hours kept it from {', '.join(kept)}, and it was over before they ended."
    return "Nobody was paged: no step of the escalation was due while it was open, or it was a part of Flapping."


REASONS: Mapping[str, str] = {
    PageReason.FIRST: "nobody had been told of it",
    PageReason.ESCALATED: "the next step's delay was over and it was still open",
    PageReason.CHANGED: "it had another face, and kept it, or had become critical",
    PageReason.AGAIN: "it had come back, and stayed for its window",
    PageReason.STILL: "it was still open",
    PageReason.RESOLVED: "it was over",
    PageReason.MISSED: "it was over, and no page of it can have arrived here while it lasted",
}


def _hushed(hushed: Hushed, zone: tzinfo) -> Iterator[Line]:
    yield 0, f"Silenced by {hushed.by} ({hushed.id}): {hushed.reason}"
    yield 1, f"from {moment(hushed.began, zone)} until {moment(hushed.until, zone)}"
    if hushed.ended is not None:
        yield 1, f"ended by {hushed.ended_by} {moment(hushed.ended, zone)}"


def _between(began: datetime, then: datetime) -> str:
    return span((then - began).total_seconds())


def _ballot(ballot: Ballot, zone: tzinfo) -> Iterator[Line]:
    yield 0, f"{ballot.condition}, {ballot.confidence}, as it stood at {moment(ballot.at, zone)}:"
    yield from ((1, f"{vote_line(asdict(vote))}: {vote.sentence}") for vote in ballot.votes)
    said = {vote.sentence for vote in ballot.votes}
    yield from ((1, line) for line in ballot.evidence if line not in said)


def _paged(page: Paged, zone: tzinfo) -> Iterator[Line]:
    stood_in = f" instead of {page.instead}" if page.instead else ""
    yield 0, f"Page {page.event} to {page.channel}{stood_in} ({page.reason}, {page.state}): {page.title}"
    because = REASONS.get(page.reason, page.reason)
    yield 1, f"due {moment(page.created, zone)}, because {because}"
    for number, attempt in enumerate(page.attempts, 1):
        took = f" in {_between(attempt.started, attempt.ended)}" if attempt.ended else ""
        detail = f" ({attempt.detail})" if attempt.detail not in ("", attempt.outcome) else ""
        yield 1, f"{number}. tried {moment(attempt.started, zone)}: {attempt.outcome or 'cut off'}{took}{detail}"
    if page.state != RowState.ACCEPTED and page.detail and page.detail not in {each.detail for each in page.attempts}:
        yield 1, f"{page.state}: {page.detail}"


def _boxed(boxed: Boxed) -> Iterator[Line]:
    body = boxed.body
    yield 0, f"Black box, record {boxed.number}: {body['primary']} was proved dead at {body['died_at']}"
    if boxed.broken:
        yield 1, boxed.broken
    for standby in body["standbys"]:
        claim = standby["claim"]
        bound = f"at most {span(claim['seconds'])}" if claim["seconds"] is not None else f"UNKNOWN: {claim['unknown']}"
        yield 1, f"would be lost with {standby['name']}: {bound}"
