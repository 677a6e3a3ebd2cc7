"""What drwatch itself cannot see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from drwatch.core.ailing import waits_for_room
from drwatch.core.finding import Condition, Finding
from drwatch.core.policy import Policy
from drwatch.core.roles import feed
from drwatch.core.sample import Moment, Node, Probe, Reason
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import ClusterView

_KEY = frozenset({Reason.HOST_KEY_CHANGED, Reason.HOST_KEY_UNKNOWN})
_SQL = frozenset({Probe.SERVER, Probe.REPLICATION, Probe.LOGIN})

_ACCOUNT = "the account's statements: drwatch grants"


class TurnedAway(NamedTuple):
    """How a living server keeps drwatch out, and what to do there."""

    words: str
    remedy: str


_TURNED_AWAY = {
    Reason.ACCESS_DENIED: TurnedAway("it denies drwatch's login", _ACCOUNT),
    Reason.HOST_NOT_ALLOWED: TurnedAway(
        "it has no account for drwatch's address", f"CREATE USER for the address that the server names; {_ACCOUNT}"
    ),
    Reason.HOST_BLOCKED: TurnedAway(
        "it blocks drwatch's address after too many handshakes that were given up",
        "on the server: FLUSH HOSTS (MySQL 8 and later: TRUNCATE TABLE performance_schema.host_cache);"
        " then find out who dials there in vain, for the standby may be next",
    ),
    Reason.USER_LIMIT: TurnedAway(
        "drwatch's account has all the connections that it may have",
        "ALTER USER 'drwatch'@'…' WITH MAX_USER_CONNECTIONS 6; does a second witness use the account?",
    ),
    Reason.NO_PRIVILEGE: TurnedAway("it lacks a privilege for what drwatch asks", _ACCOUNT),
}


def findings(view: ClusterView, policy: Policy, snapshot: Snapshot, now: Moment) -> Iterator[Finding]:
    """One finding a node and condition, so that one cause is told once."""
    told: set[tuple[Node, Condition]] = set()
    for key, sight in snapshot.sights.items():
        if key.node.cluster != view.cluster.name or sight.blind is None or sight.blind_since is None:
            continue
        if key.probe in (Probe.REACH, Probe.PORT, Probe.MARKER):
            continue
        if key.probe in _SQL and sight.blind.reason is Reason.QUERY_TIMEOUT and _starved(snapshot, key.node):
            continue
        reason, confirm = sight.blind.reason, policy.limits.probe_blind
        condition = Condition.PROBE_BLIND
        if reason in _KEY:
            condition, confirm = Condition.HOST_KEY_CHANGED, policy.confirm.conclusive
        elif reason in _TURNED_AWAY:
            condition = Condition.ACCESS_DENIED
            # A limit may be reached for a moment, as by a `drwatch check`.
            confirm = confirm if reason is Reason.USER_LIMIT else policy.confirm.likely
        if (key.node, condition) in told:
            continue
        told.add((key.node, condition))
        detail = sight.blind.detail
        summary = f"drwatch cannot see {key.node.name} ({key.probe}, {reason})" + (f": {detail}" if detail else "")
        evidence = [f"blind for {now - sight.blind_since:.0f} s"]
        if key.probe in _SQL and (away := _TURNED_AWAY.get(reason)) is not None:
            errno = f" (errno {sight.blind.errno})" if sight.blind.errno else ""
            summary = f"{key.node.name} lives and does not let drwatch in ({key.probe}, {reason}): {away.words}{errno}"
            evidence = [*([f"server: {detail}"] if detail else []), *evidence, f"remedy: {away.remedy}"]
        yield Finding(condition, view.cluster.name, key.node.name, summary, tuple(evidence), confirm=confirm)


def _starved(snapshot: Snapshot, standby: Node) -> bool:
    """Whether a full disk is why its status does not come: ReplicationStopped says so."""
    channel = feed(snapshot, standby)
    return channel is not None and bool(waits_for_room(snapshot, standby, channel))
