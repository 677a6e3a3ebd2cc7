"""Why people were paged, or why nobody was: from what was put down when it was decided, wherever there is that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo

from drwatch.cli.words import moment
from drwatch.core.decision import LINES, Decision, Stand
from drwatch.core.duration import span
from drwatch.core.incident import Phase
from drwatch.core.paging import PageReason, RowState, first_told, quiet_until
from drwatch.core.policy import Paging
from drwatch.store import Account

REASONS: Mapping[str, str] = {
    PageReason.FIRST: "nobody had been told of it",
    PageReason.ESCALATED: "the next step's delay was over and it was still open",
    PageReason.CHANGED: "it had another face, and kept it, or had become critical",
    PageReason.AGAIN: "it had come back, and stayed for its window",
    PageReason.STILL: "it was still open",
    PageReason.RESOLVED: "it was over",
    PageReason.MISSED: "it was over, and no page of it can have arrived here while it lasted",
    PageReason.TEST: "each channel is tried once a day",
    PageReason.DIGEST: "once a day it says what nobody was woken for",
}

NOT_DUE = "no step of the escalation was due"


def held_back(account: Account, paging: Paging, now: datetime) -> Mapping[str, datetime]:
    """From which channels quiet hours keep a page of it now, and until when by today's configuration."""
    past = account.past
    in_hand = any(ack.until > now for ack in past.acks)
    if past.phase is not Phase.OPEN or past.suppressed_by is not None or past.silence or in_hand:
        return {}
    if account.decided:
        names = account.decided[-1].stand.kept
    else:
        names = account.held if account.pages else _to_be_told(account, paging, now)
    return quiet_until(past.severity, past.condition, names, paging, now)


def _to_be_told(account: Account, paging: Paging, wall: datetime) -> tuple[str, ...]:
    """Whom the escalation had reached by then with what nobody was told."""
    past, begun = account.past, account.past.confirmed
    steps = sum(1 for step in paging.escalation if begun and (wall - begun).total_seconds() >= step.after)
    told = paging.escalation[: first_told(past.severity, past.condition, steps, paging, wall)]
    return paging.reached((name for step in told for name in step.to), wall)


def channels(held: Mapping[str, datetime], zone: tzinfo) -> str:
    return ", ".join(f"{name} until {moment(until, zone)}" for name, until in held.items())


def why(account: Account, paging: Paging, zone: tzinfo, now: datetime) -> str:
    """In one sentence."""
    past = account.past
    if account.pages:
        taken = sum(page.state == RowState.ACCEPTED for page in account.pages)
        many = "one page" if len(account.pages) == 1 else f"{len(account.pages)} pages"
        return f"Paged: it was confirmed and nothing greater explained it; {many}, {taken} accepted."
    if past.phase is Phase.HEALED and past.ended is not None:
        lasted = f"it was over after {span((past.ended - past.began).total_seconds())}, before its window had passed"
        explained = f", and {past.suppressed_by} explained it" if past.suppressed_by else ""
        return f"Nobody was paged: {lasted}{explained}."
    if past.confirmed is not None and account.decided and account.decided[0].at <= past.confirmed:
        return _as_decided(account, paging, zone, now)
    return _guessed(account, paging, zone, now)


def _as_decided(account: Account, paging: Paging, zone: tzinfo, now: datetime) -> str:
    """Of what was confirmed, and whose record is whole."""
    stands = [line.stand for line in account.decided if line.stand.phase is Phase.OPEN]
    causes = list(dict.fromkeys(map(_cause, stands)))
    # Between two causes there is often a second in which nothing is due yet.
    said = [cause for cause in causes if cause != NOT_DUE] if _cause(stands[-1]) != NOT_DUE else causes
    last, ended = stands[-1], account.past.ended is not None
    if not ended and _cause(last) == NOT_DUE:
        return f"Nobody is paged yet: {'; then '.join((*said[:-1], 'no step of the escalation is due'))}."
    if not ended and last.kept and not _hidden(last):
        held = channels(held_back(account, paging, now), zone)
        return f"Nobody is paged yet: quiet hours keep it from {held or ', '.join(last.kept)}."
    return f"Nobody was paged: {'; then '.join(said)}{_tail(last, ended)}."


def _hidden(stand: Stand) -> bool:
    return bool(stand.suppressed_by or stand.silence or stand.in_hand or stand.flaps)


def _cause(stand: Stand) -> str:
    """What kept it from people."""
    if stand.suppressed_by is not None:
        return f"{stand.suppressed_by} explained it"
    if stand.silence:
        return f"it was silenced ({stand.silence})"
    if stand.in_hand:
        return f"{stand.in_hand} had it in hand"
    if stand.flaps:
        return "it came and went too often to be told each time, and Flapping says so"
    return f"quiet hours kept it from {', '.join(stand.kept)}" if stand.kept else NOT_DUE


def _tail(last: Stand, ended: bool) -> str:
    if last.suppressed_by is not None:
        return ", and that is what was told"
    if last.kept and ended and not _hidden(last):
        return ", and it was over before they ended"
    return " while it was open" if _cause(last) == NOT_DUE else ""


def _guessed(account: Account, paging: Paging, zone: tzinfo, now: datetime) -> str:
    """By today's configuration and what was so last: an earlier drwatch put nothing down, or another file has it."""
    past = account.past
    if past.suppressed_by is not None:
        return f"Nobody was paged: {past.suppressed_by} explained it, and that is what was told."
    if past.silence or account.silences:
        names = past.silence or ", ".join(each.id for each in account.silences)
        return f"Nobody was paged: it was silenced ({names})."
    if past.confirmed is None:
        return "Nobody was paged: it has not lasted for its window yet."
    if held := held_back(account, paging, now):
        return f"Nobody is paged yet: quiet hours keep it from {channels(held, zone)}."
    if past.ended is not None:
        reached = _to_be_told(account, paging, past.ended)
        kept = quiet_until(past.severity, past.condition, reached, paging, past.confirmed)
        if kept and all(until >= past.ended for until in kept.values()):
            return f"Nobody was paged: quiet hours kept it from {', '.join(kept)}, and it was over before they ended."
    return f"Nobody was paged: {NOT_DUE} while it was open, or it was a part of Flapping."


def story(decided: tuple[Decision, ...], zone: tzinfo) -> Iterator[str]:
    """A line for each change: when, and what was otherwise from then on."""
    before: Stand | None = None
    for line in decided:
        yield f"{moment(line.at, zone)} {'; '.join(_changes(before, line))}"
        if line.number == LINES:
            yield "it changed too often: from here on its pages and its end alone were put down"
        before = line.stand


def _changes(before: Stand | None, line: Decision) -> Iterator[str]:
    stand = line.stand
    was = before or Stand(stand.phase, stand.condition, stand.severity)
    if before is None or stand.phase is not was.phase:
        yield str(stand.phase)
    if before is None or (stand.condition, stand.severity) != (was.condition, was.severity):
        yield f"{stand.condition}, {stand.severity}"
    if stand.suppressed_by is not was.suppressed_by:
        x = stand.suppressed_by
        yield f"explained by {x}" if x is not None else f"no longer explained by {was.suppressed_by}"
    if stand.silence != was.silence:
        yield f"silenced ({stand.silence})" if stand.silence else f"no longer silenced ({was.silence})"
    if stand.in_hand != was.in_hand:
        yield f"{stand.in_hand} has it in hand" if stand.in_hand else f"{was.in_hand} no longer has it in hand"
    if stand.flaps is not was.flaps:
        yield "comes and goes too often to be told each time" if stand.flaps else "no longer comes and goes"
    if stand.kept != was.kept:
        yield f"quiet hours keep it from {', '.join(stand.kept)}" if stand.kept else "quiet hours keep it from nobody"
    if stand.withheld != was.withheld:
        yield f"page {stand.withheld} is kept back, because what it tells of is not so"
    if was.told is not None and stand.told is None:
        yield "what was to be told of it is withdrawn, because none of it can have arrived"
    if line.reason is not None:
        because = REASONS[line.reason]
        yield f"page {line.event} to {', '.join(line.channels)} ({line.reason}), because {because}"
