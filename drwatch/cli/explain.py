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
from drwatch.cli.why import REASONS, channels, held_back, story, why
from drwatch.cli.words import moment, one_line
from drwatch.core.decision import Decision
from drwatch.core.duration import span
from drwatch.core.paging import RowState
from drwatch.core.policy import Paging
from drwatch.store import Account, Ballot, Boxed, Hushed, Paged, read_account, read_pages

STEP = "  "


NOTES: Mapping[str, str] = {"TEST": "tests of the channels", "DIGEST": "the digest of what nobody was woken for"}
"""What is sent of no incident, by how its events begin."""


def explain(named: str, file: Path, machine: bool) -> None:
    """Print what the ledger has of the incident, or of the one that a page's event names; or of tests and digests."""
    config = configuration(file, look=False)
    wanted, _, rest = named.upper().partition(".")
    with ledger(config) as path:
        if wanted in NOTES:
            note(path, wanted, rest, ZoneInfo(config.policy.zone), machine)
            return
        account = read_account(path, wanted)
    if account is None:
        raise Trouble(f"there is no incident {one_line(wanted)}: 'drwatch incidents' lists those there are", 3)
    paging, zone, now = config.policy.paging, ZoneInfo(config.policy.zone), datetime.now(UTC)
    if machine:
        print(json.dumps(as_json(account, paging, zone, now), ensure_ascii=False, default=datetime.isoformat))
        return
    for depth, line in in_words(account, paging, zone, now):
        print(STEP * depth + one_line(line))


def note(path: Path, kind: str, when: str, zone: tzinfo, machine: bool) -> None:
    """Print what became of the tests or the digest of a day, or of a minute; of the last day where none is named."""
    pages = read_pages(path, f"{kind}.{when}")
    if pages and not when:
        newest = _day(pages[-1])
        pages = tuple(page for page in pages if _day(page) == newest)
    if not pages:
        every = f": 'drwatch explain {kind}' has the last ones" if when else " yet"
        raise Trouble(f"there is no {kind}{f'.{one_line(when)}' if when else ''}{every}", 3)
    name = f"{kind}.{when or _day(pages[-1])}"
    taken = sum(page.state == RowState.ACCEPTED for page in pages)
    why = f"{NOTES[kind].capitalize()}: {len(pages)} sent, {taken} accepted."
    if machine:
        made = {"id": name, "why": why, "ledger": [_ledger(page) for page in pages]}
        print(json.dumps(made, ensure_ascii=False, default=datetime.isoformat))
        return
    print(f"{name} {why}")
    for page in pages:
        for depth, line in _paged(page, zone):
            print(STEP * depth + one_line(line))


def _day(page: Paged) -> str:
    return page.event.partition(".")[2][:10]


def as_json(account: Account, paging: Paging, zone: tzinfo, now: datetime) -> dict[str, object]:
    return {
        **{name: getattr(account.past, name) for name in account.past.__slots__ if name != "acks"},
        "acknowledgements": [asdict(ack) for ack in account.past.acks],
        "confidence": account.confidence,
        "evidence": account.evidence,
        "why": why(account, paging, zone, now),
        "held_back": held_back(account, paging, now),
        "decisions": [_decided(line) for line in account.decided],
        "verdicts": [asdict(ballot) for ballot in account.ballots],
        "silences": [asdict(each) for each in account.silences],
        "ledger": [_ledger(page) for page in account.pages],
        "blackbox": [{"broken": boxed.broken, **boxed.body} for boxed in account.boxed],
    }


def _decided(line: Decision) -> dict[str, object]:
    made = {"event": line.event, "reason": line.reason, "channels": line.channels}
    return {"number": line.number, "at": line.at, **asdict(line.stand), **made}


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
        yield 0, f"Quiet hours keep it from {channels(held, zone)}."
    if account.decided:
        yield 0, "What was decided, and when:"
        yield from ((1, line) for line in story(account.decided, zone))
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
        going = number == len(page.attempts) and page.state == RowState.SENDING
        endless = "under way, or cut off" if going else "cut off"
        yield 1, f"{number}. tried {moment(attempt.started, zone)}: {attempt.outcome or endless}{took}{detail}"
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
