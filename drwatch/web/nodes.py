"""One node of a cluster, on the page for people: what its server, its replication and its host say."""

from __future__ import annotations

from collections.abc import Iterator

from drwatch.core.assessment import Assessment
from drwatch.core.duration import span
from drwatch.core.policy import NodePolicy, Role
from drwatch.core.recovery import backlog
from drwatch.core.sample import Blind, Channel, HostFact, IoState, Moment, Probe, ReplicationFact, ServerFact
from drwatch.core.snapshot import Sight
from drwatch.web.markup import Markup, tag
from drwatch.web.text import size


def node_row(assessment: Assessment, node: NodePolicy, leads: bool) -> Markup:
    """A row of the table of nodes; ``leads`` is what the nodes themselves say, not the configuration."""
    snapshot, now = assessment.snapshot, assessment.at
    lines: list[Markup] = []
    match snapshot.latest(node.node, Probe.SERVER):
        case ServerFact() as fact:
            version = ".".join(map(str, fact.version))
            access = "read-only" if fact.read_only else "takes writes"
            odd = fact.read_only is leads
            words = f"; {fact.flavour} {version}, {fact.connections} of {fact.max_connections} connections"
            lines.append(tag("span", tag("strong", access, class_="warn" if odd else "good"), words))
        case Blind(reason, detail):
            lines.append(tag("span", not_seen("server", reason, detail), class_="bad"))
        case _:
            lines.append(tag("span", "not looked at yet", class_="faint"))
    found = snapshot.latest(node.node, Probe.REPLICATION)
    if isinstance(found, ReplicationFact):
        for channel in found.channels:
            receipt = snapshot.receipts.get((node.node, channel.name))
            lines.append(_channel(channel, now - receipt.heard_at if receipt else None))
    lines += _host(snapshot.latest(node.node, Probe.HOST))
    seen = {Probe.SERVER, Probe.MARKER}
    for key, sight in snapshot.sights.items():
        if key.node == node.node and key.probe not in seen and sight.blind is not None:
            lines.append(_lost(key.probe, key.target, sight, now))
    role = f"{'primary' if leads else 'standby'}{'' if leads is (node.role is Role.PRIMARY) else f' ({node.role})'}"
    name = tag("th", node.node.name, tag("small", f"{role}{', ' + node.location if node.location else ''}"))
    return tag("tr", name, tag("td", *(tag("p", line) for line in lines)))


def not_seen(what: str, reason: str, detail: str) -> str:
    """A look that brought nothing, and why."""
    return f"{what} not seen: {reason}{f' ({detail})' if detail else ''}"


def _lost(probe: Probe, target: str, sight: Sight, now: Moment) -> Markup:
    blind = sight.blind or sight.latest.found
    words = not_seen(f"{probe} {target}".strip(), blind.reason, blind.detail) if isinstance(blind, Blind) else ""
    since = f", for {span(now - sight.blind_since)}" if sight.blind_since else ""
    return tag("span", words + since, class_="warn")


def _channel(channel: Channel, silence: float | None) -> Markup:
    waiting = backlog(channel)
    behind = "" if waiting is None else f", {size(waiting)} to apply" if waiting else ", all applied"
    heard = "" if silence is None else f", heard {span(silence)} ago"
    good = channel.io is IoState.YES and channel.sql
    errno = channel.sql_errno or channel.io_errno
    words = (
        f"from {channel.source_host}:{channel.source_port}: receives {channel.io.lower()}, "
        f"applies {'yes' if channel.sql else 'no'}{f', errno {errno}' if errno else ''}{heard}{behind}"
    )
    return tag("span", words, class_="" if good else "bad")


def _host(found: object) -> Iterator[Markup]:
    if not isinstance(found, HostFact):
        return
    parts = []
    if found.io_wait is not None:
        parts.append(f"I/O wait {found.io_wait:.0%}")
    if found.io_pressure is not None:
        parts.append(f"I/O pressure {found.io_pressure:.0%}")
    parts += [f"{each.path} {size(each.free_bytes)} free" for each in found.filesystems]
    if not found.processes:
        yield tag("span", "host answers, no server process", class_="bad")
    if parts:
        yield tag("span", ", ".join(parts), class_="faint")
