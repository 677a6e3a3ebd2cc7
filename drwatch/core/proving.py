"""When a channel is to be tried with a test page: so that it is known by day whether it will wake anybody at night."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from types import MappingProxyType

from drwatch.core.finding import Severity
from drwatch.core.paging import PageReason, Row
from drwatch.core.policy import Paging, Prove
from drwatch.core.proof import Proof
from drwatch.core.sample import Moment
from drwatch.core.snapshot import Snapshot

Proofs = Mapping[str, Proof]

DAYTIME = timedelta(hours=12)
"""From the hour of the test on: nobody is woken for one."""

NEW = 600.0
"""Seconds that whoever sets a channel up has for a ``drwatch page-test`` of his own, before drwatch tries it."""

FAILING = 60.0
"""Seconds after which a channel that fails, and that no page waits for, is tried with a test."""

AGAIN = 300.0
"""Seconds between two such tests, at least: each is itself tried for an hour."""

LATE = timedelta(hours=1)
"""A test that no attempt brought through for so long is not coming."""

BODY = "If you can read this, drwatch can wake you through this channel. Nothing is wrong."


def introduced(proofs: Proofs, paging: Paging, now: Moment) -> Proofs:
    """With every channel that is configured, and no other."""
    if proofs.keys() == set(paging.channels):
        return proofs
    return MappingProxyType({name: proofs.get(name) or Proof(since=now) for name in paging.channels})


def next_test(proof: Proof, prove: Prove, zone: tzinfo) -> datetime:
    """When the channel is to be tried, in UTC: by day, before its proof is too old."""
    latest = max(filter(None, (proof.accepted, proof.tested)), key=lambda at: at.loop, default=None)
    if latest is None:
        return _by_day(proof.since.wall + timedelta(seconds=NEW), prove, zone)
    old = latest.wall + timedelta(seconds=prove.every)
    opens = _by_day(old, prove, zone)
    before = _opening(opens.astimezone(zone).date() - timedelta(days=1), prove, zone)
    # What would become too old in the night is proved anew in the day before.
    return before if opens > old and before > latest.wall else opens


def overdue(proof: Proof, prove: Prove, zone: tzinfo, started: Moment, now: Moment) -> bool:
    """Whether the channel's proof is too old; ``started`` is when this drwatch was, which may have found it so."""
    due = next_test(replace(proof, tested=None), prove, zone)
    if proof.accepted is not None:
        due = max(due, proof.accepted.wall + timedelta(seconds=prove.every))
    return now.wall > max(due, _by_day(started.wall + timedelta(seconds=NEW), prove, zone)) + LATE


def _opening(day: date, prove: Prove, zone: tzinfo) -> datetime:
    return datetime.combine(day, prove.at, zone).astimezone(UTC)


def _by_day(old: datetime, prove: Prove, zone: tzinfo) -> datetime:
    day = old.astimezone(zone).date() - timedelta(days=1)
    while True:
        opens = _opening(day, prove, zone)
        if old < opens + DAYTIME:
            return max(old, opens)
        day += timedelta(days=1)


def tests(
    proofs: Proofs, paging: Paging, zone: tzinfo, now: Moment, doubtful: Collection[str]
) -> tuple[Proofs, tuple[Row, ...]]:
    """The tests that are due now, and the proofs with those noted; of the ``doubtful`` channels one by day."""

    def is_due(name: str) -> bool:
        proof = proofs[name]
        rested = proof.tested is None or now - proof.tested >= AGAIN
        return next_test(proof, paging.prove, zone) <= now.wall or (name in doubtful and rested)

    by_day = _by_day(now.wall, paging.prove, zone) <= now.wall
    due = [name for name in tried(proofs, paging) if is_due(name)] if by_day else []
    if not due:
        return proofs, ()
    noted = {name: replace(proofs[name], tested=now) for name in due}
    return MappingProxyType({**proofs, **noted}), tuple(_row(name, paging, zone, now) for name in due)


def turn(
    snapshot: Snapshot, paging: Paging, zone: tzinfo, now: Moment, waiting: Collection[str] = ()
) -> tuple[Snapshot, tuple[Row, ...]]:
    """The snapshot that knows of every channel, and the tests that are due; the same one where nothing is new.

    ``waiting`` are the channels for which there is something to be sent: that will tell how they are.
    """
    failing = ((name, health.failing_since) for name, health in snapshot.channels.items() if name not in waiting)
    doubtful = [name for name, since in failing if since is not None and now - since >= FAILING]
    proofs, rows = tests(introduced(snapshot.proofs, paging, now), paging, zone, now, doubtful)
    return (snapshot if proofs is snapshot.proofs else replace(snapshot, proofs=proofs)), rows


def tried(proofs: Proofs, paging: Paging) -> list[str]:
    """The channels that are to be tried at all."""
    return [name for name in paging.channels if name in proofs and name not in paging.unproved]


def _row(channel: str, paging: Paging, zone: tzinfo, now: Moment) -> Row:
    event = f"TEST.{now.wall.astimezone(zone):%Y-%m-%dT%H:%M}"
    return Row(
        event=event,
        channel=channel,
        incident=event,
        reason=PageReason.TEST,
        severity=Severity.WARNING,
        title=f"TEST: drwatch can reach you here [{event}]",
        body="" if channel in paging.short else BODY,
        created=now,
        due=now,
    )
