"""One incident from first sight to the end: who said what, what was concluded, who was told and when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from drwatch.cli.configured import configuration
from drwatch.cli.ledger import ledger
from drwatch.cli.screen import vote_line
from drwatch.cli.trouble import Trouble
from drwatch.cli.words import moment, one_line
from drwatch.core.duration import span
from drwatch.store import Account, Ballot, Boxed, Paged, read_account

STEP = "  "


def explain(named: str, file: Path, machine: bool) -> None:
    """Print what the ledger has of the incident, or of the one that a page's event names."""
    config = configuration(file, look=False)
    wanted = named.upper().partition(".")[0]
    with ledger(config) as path:
        account = read_account(path, wanted)
    if account is None:
        raise Trouble(f"there is no incident {one_line(wanted)}: 'drwatch incidents' lists those there are", 3)
    if machine:
        print(json.dumps(as_json(account), ensure_ascii=False, default=datetime.isoformat))
        return
    for depth, line in in_words(account, ZoneInfo(config.policy.zone)):
        print(STEP * depth + one_line(line))


def as_json(account: Account) -> dict[str, object]:
    return {
        **{name: getattr(account.past, name) for name in account.past.__slots__ if name != "acks"},
        "acknowledgements": [asdict(ack) for ack in account.past.acks],
        "confidence": account.confidence,
        "evidence": account.evidence,
        "verdicts": [asdict(ballot) for ballot in account.ballots],
        "ledger": [asdict(page) for page in account.pages],
        "blackbox": [{"broken": boxed.broken, **boxed.body} for boxed in account.boxed],
    }


Line = tuple[int, str]
"""How far it is set in, and the words."""


def in_words(account: Account, zone: tzinfo) -> Iterator[Line]:
    past = account.past
    where = f"{past.cluster}: " if past.cluster else ""
    yield 0, f"{past.id} {past.severity.upper()} {where}{past.condition} {past.subject}: {past.summary}"
    yield 1, f"began {moment(past.began, zone)}"
    if past.confirmed:
        yield 1, f"confirmed {moment(past.confirmed, zone)}, {_between(past.began, past.confirmed)} later"
    ended = f" {moment(past.ended, zone)}, after {_between(past.began, past.ended)}" if past.ended else ""
    yield 1, f"{past.phase}{ended}"
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
    if not account.pages:
        yield 0, "Nobody was paged."
    for boxed in account.boxed:
        yield from _boxed(boxed)


def _between(began: datetime, then: datetime) -> str:
    return span((then - began).total_seconds())


def _ballot(ballot: Ballot, zone: tzinfo) -> Iterator[Line]:
    yield 0, f"{ballot.condition}, {ballot.confidence}, as it stood at {moment(ballot.at, zone)}:"
    yield from ((1, f"{vote_line(asdict(vote))}: {vote.sentence}") for vote in ballot.votes)
    said = {vote.sentence for vote in ballot.votes}
    yield from ((1, line) for line in ballot.evidence if line not in said)


def _paged(page: Paged, zone: tzinfo) -> Iterator[Line]:
    yield 0, f"Page {page.event} to {page.channel} ({page.reason}, {page.state}): {page.title}"
    for attempt in page.attempts:
        took = f" in {_between(attempt.started, attempt.ended)}" if attempt.ended else ""
        detail = f" ({attempt.detail})" if attempt.detail else ""
        yield 1, f"tried {moment(attempt.started, zone)}: {attempt.outcome or 'cut off'}{took}{detail}"


def _boxed(boxed: Boxed) -> Iterator[Line]:
    body = boxed.body
    yield 0, f"Black box, record {boxed.number}: {body['primary']} was proved dead at {body['died_at']}"
    if boxed.broken:
        yield 1, boxed.broken
    for standby in body["standbys"]:
        claim = standby["claim"]
        bound = f"at most {span(claim['seconds'])}" if claim["seconds"] is not None else f"UNKNOWN: {claim['unknown']}"
        yield 1, f"would be lost with {standby['name']}: {bound}"
