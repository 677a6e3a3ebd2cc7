"""Replication as a standby itself tells of it: stopped, missing, filtered, or silent while it trusts its connection."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core import exposure, roles
from drwatch.core.ailing import waits_for_room
from drwatch.core.finding import Condition, Confidence, Finding
from drwatch.core.policy import NodePolicy, Policy
from drwatch.core.sample import Channel, IoState, Moment, Probe, ReplicationFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.symptoms import errno
from drwatch.core.symptoms.firing import CLEAR, Firing
from drwatch.core.view import ClusterView

STOPPED_BY_BACKUP = 3600.0
"""Seconds that a nightly backup may hold the applier stopped without an error."""

STATUS_LOOKS = 2
"""Fast looks in the time of one status look."""

TOLD = 300
"""Characters of a server's own words in a page."""


def findings(view: ClusterView, policy: Policy, snapshot: Snapshot, firing: Firing, now: Moment) -> Iterator[Finding]:
    for standby in view.cluster.standbys:
        sight = snapshot.sight(standby.node, Probe.REPLICATION)
        if sight is None or not isinstance(sight.latest.found, ReplicationFact):
            yield from _starved(view, standby, snapshot)
            continue
        channels = sight.latest.found.channels
        if not channels:
            yield _missing(view, standby)
        for channel in channels:
            yield from _stopped(view, standby, channel, snapshot)
            yield from _filtered(view, standby, channel)
            yield from _silent(view, standby, channel, policy, snapshot, firing, now)


def _missing(view: ClusterView, standby: NodePolicy) -> Finding:
    name = standby.node.name
    summary = f"{name} replicates from nobody: its replication was removed (RESET SLAVE ALL), or never set up"
    evidence = (f"{name}: the replica status is empty, so it will not start again by itself",)
    return Finding(Condition.REPLICATION_MISSING, view.cluster.name, name, summary, evidence)


def _called(standby: NodePolicy, channel: Channel) -> str:
    """The standby's name, and the channel's where it has one."""
    return f"{standby.node.name} (channel {channel.name})" if channel.name else standby.node.name


def _stopped(view: ClusterView, standby: NodePolicy, channel: Channel, snapshot: Snapshot) -> Iterator[Finding]:
    halt = _applier(channel) or _room(waits_for_room(snapshot, standby.node, channel)) or _receiver(channel)
    if halt is not None:
        yield _halted(view, standby, channel, halt)


def _starved(view: ClusterView, standby: NodePolicy, snapshot: Snapshot) -> Iterator[Finding]:
    """A status that does not come, where a full disk says why: of the channel that the last one had."""
    channel = roles.feed(snapshot, standby.node)
    if channel is not None and (halt := _room(waits_for_room(snapshot, standby.node, channel))):
        yield _halted(view, standby, channel, halt)


def _halted(view: ClusterView, standby: NodePolicy, channel: Channel, halt: _Halt) -> Finding:
    what, evidence, confidence, confirm = halt
    summary = f"{_called(standby, channel)} {what}"
    return Finding(
        Condition.REPLICATION_STOPPED, view.cluster.name, standby.node.name, summary, evidence, confidence, confirm
    )


_Halt = tuple[str, tuple[str, ...], Confidence, float | None]
"""What stands still, the evidence, how sure, and how long it may last untold."""


def _applier(channel: Channel) -> _Halt | None:
    if channel.sql or not channel.sql_errno:
        return None
    number, known = channel.sql_errno, errno.APPLIER.get(channel.sql_errno)
    where = f" on table {channel.sql_table}" if channel.sql_table else ""
    why = f" ({known.happened})" if known else ""
    what = f"no longer applies: its applier stopped with errno {number}{where}{why}"
    return what, _evidence(number, channel.sql_error, known), Confidence.CONCLUSIVE, None


def _room(shown: tuple[str, ...]) -> _Halt | None:
    if not shown:
        return None
    remedy = "Make room there (df -h, df -i). The server looks again each minute and goes on by itself."
    what = "no longer receives: its disk is full, and its receiver waits for room for the relay log"
    return what, (*shown, remedy), Confidence.LIKELY, None


def _receiver(channel: Channel) -> _Halt | None:
    if channel.io is not IoState.YES:
        likely = channel.io is IoState.CONNECTING
        number, known = channel.io_errno, errno.receiver(channel.io_errno, channel.io_error)
        what = "cannot connect to its source" if likely else "no longer receives: its receiver stopped"
        what += f" with errno {number}" if number else ""
        what += f" ({known.happened})" if known else ""
        evidence = _evidence(number, channel.io_error, known) if number else ()
        return what, evidence, Confidence.LIKELY if likely else Confidence.CONCLUSIVE, None
    if channel.relay_full:
        what = "no longer receives: its relay log has reached relay_log_space_limit, and the applier is behind"
        evidence = (f"standby: {channel.io_state}, {channel.relay_bytes} bytes of relay log",)
        return what, evidence, Confidence.LIKELY, None
    if not channel.sql:
        return "has its applier stopped without an error", (), Confidence.CONCLUSIVE, STOPPED_BY_BACKUP
    return None


def _evidence(number: int, text: str, known: errno.Meaning | None) -> tuple[str, ...]:
    return (f"errno {number}: {text[:TOLD]}", *((known.remedy,) if known else ()))


def _filtered(view: ClusterView, standby: NodePolicy, channel: Channel) -> Iterator[Finding]:
    if not channel.filters:
        return
    name = standby.node.name
    summary = f"{_called(standby, channel)} leaves out part of the data: what is filtered is lost with the primary"
    yield Finding(Condition.REPLICATION_FILTERED, view.cluster.name, name, summary, channel.filters)


def _silent(
    view: ClusterView,
    standby: NodePolicy,
    channel: Channel,
    policy: Policy,
    snapshot: Snapshot,
    firing: Firing,
    now: Moment,
) -> Iterator[Finding]:
    """The receiver believes it is connected, and hears nothing although there is something to hear."""
    receipt = snapshot.receipts.get((standby.node, channel.name))
    sight = snapshot.sight(standby.node, Probe.REPLICATION)
    if channel.io is not IoState.YES or receipt is None or sight is None:
        return
    if channel.relay_full or waits_for_room(snapshot, standby.node, channel):
        return
    name = standby.node.name
    # A status look that is late is no silence of the source: of the time after it only two looks count.
    unlooked = min(now - sight.latest.asked, 2 * STATUS_LOOKS * policy.look)
    silence = sight.latest.asked - receipt.deaf_since + unlooked
    # In a chain the source is a standby too: what has not come to it cannot have been sent on.
    source = roles.source(snapshot, standby.node, channel)
    line = snapshot.timelines.get(source) if source else None
    beyond = line.first_beyond(exposure.arrived(snapshot, standby.node, channel)) if line else None
    waiting = now - beyond.since if beyond else 0.0
    told = (view.cluster.name, Condition.REPLICATION_SILENT, name) in firing
    limit = policy.limits.silence * (CLEAR if told else 1.0)
    missed = min(silence, waiting) >= limit
    period = channel.heartbeat_period
    # An idle source sends a heartbeat each period; two that do not come are silence too (replication.md 3.3).
    lost = bool(period) and channel.heartbeats is not None and silence >= 2 * (period or 0.0) + limit
    if not (missed or lost or (told and not receipt.moved)):
        # What an earlier run told of is over when something is heard, not when this run has just begun to listen.
        return
    whose = _called(standby, channel)
    summary = f"{whose} has heard nothing from its source for {silence:.0f} s and believes that it is connected"
    evidence = (
        f"standby: receiver Yes, Seconds_Behind {channel.seconds_behind}",
        *((f"{source.name}: has committed since, first seen {waiting:.0f} s ago",) if beyond and source else ()),
    )
    yield Finding(Condition.REPLICATION_SILENT, view.cluster.name, name, summary, evidence, confirm=1.0)
