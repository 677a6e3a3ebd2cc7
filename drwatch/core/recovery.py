"""Time to recover: a sum of terms, each with its source, from the primary's death to the first good write."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from drwatch.core.actuals import ACKNOWLEDGE, learned
from drwatch.core.policy import Cluster, EndpointKind, Policy
from drwatch.core.roles import feed
from drwatch.core.sample import NO_ANSWER, Blind, Channel, EndpointFact, Moment, Node, Probe
from drwatch.core.snapshot import Snapshot

PAGE_BYTES = 16384
"""InnoDB's default page size: what one random read of a cold cache brings (MySQL manual, innodb_page_size)."""

READS_IN_FLIGHT = 16
"""How many of them a server that warms up keeps in flight."""


class Basis(StrEnum):
    MEASURED = "measured"
    DERIVED = "derived"
    """From the configuration or from other measurements."""
    ASSUMED = "assumed"
    """Nothing has measured it yet: it never pages anybody."""


@dataclass(frozen=True, slots=True)
class Term:
    """One part of the sum; ``seconds`` is None when it cannot be known now, and ``note`` says why."""

    component: str
    """detect, decide, drain, promote, switch or warm."""
    seconds: float | None
    basis: Basis
    note: str = ""
    at: Moment | None = None
    """When its source was last measured; None where it is a setting."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """The estimate for taking over with one standby."""

    node: Node
    terms: tuple[Term, ...]

    @property
    def seconds(self) -> float | None:
        """The sum; None when any term is unknown."""
        known = [term.seconds for term in self.terms if term.seconds is not None]
        return sum(known) if len(known) == len(self.terms) else None

    @property
    def unassumed(self) -> float:
        """What is known of the sum without its assumed terms."""
        return sum(term.seconds or 0.0 for term in self.terms if term.basis is not Basis.ASSUMED)

    @property
    def unknown(self) -> str:
        """Why the sum cannot be known; empty when it can."""
        return "; ".join(term.note for term in self.terms if term.seconds is None)


def backlog(channel: Channel) -> int | None:
    """Bytes received and not applied, an upper bound across a rotation; None when the server does not say."""
    if channel.read is None or channel.executed is None:
        return None
    if channel.read.file == channel.executed.file:
        return max(0, channel.read.position - channel.executed.position)
    return channel.relay_bytes


def _drain(snapshot: Snapshot, standby: Node, policy: Policy, now: Moment) -> Term:
    """What is received and not applied, at the pace that the applier was seen to have while it had work."""

    def unknown(why: str) -> Term:
        return Term("drain", None, Basis.MEASURED, why)

    silent = snapshot.latest(standby, Probe.SERVER)
    if isinstance(silent, Blind) and silent.reason in NO_ANSWER:
        # What it said last is no word on how long it would take now.
        return unknown(f"{standby.name} does not answer ({silent.reason})")
    channel, sight = feed(snapshot, standby), snapshot.sight(standby, Probe.REPLICATION)
    if channel is None or sight is None or sight.fact is None:
        looked = snapshot.replication(standby) is not None
        return unknown(f"{standby.name} {'replicates from nobody' if looked else 'has not been looked at yet'}")
    if sight.blind_since is not None and (unseen := now - sight.blind_since) >= policy.limits.stale_sample:
        return unknown(f"{standby.name} has not told for {unseen:.0f} s what it has still to apply")
    asked = sight.fact.asked
    waiting = backlog(channel)
    if waiting is None:
        return unknown(f"the backlog of {standby.name} cannot be read")
    if waiting == 0:
        return Term("drain", 0.0, Basis.MEASURED, "nothing waits to be applied", asked)
    if not channel.sql:
        return unknown(f"the applier of {standby.name} is stopped with {waiting} bytes waiting")
    receipt = snapshot.receipts[standby, channel.name]
    still = now - receipt.applied_at
    if still >= policy.limits.applier_stuck + channel.sql_delay:
        return unknown(f"the applier of {standby.name} has not moved for {still:.0f} s with {waiting} bytes waiting")
    if channel.sql_delay:
        # The last of it is due when the delay is over; nobody need wait so long, so it breaches no objective.
        words = f"{waiting} bytes wait behind a delay of {channel.sql_delay} s set on purpose: drop it, or wait it out"
        return Term("drain", float(channel.sql_delay), Basis.ASSUMED, words, asked)
    rate = receipt.apply_rate
    if rate is None:
        rough = f"{waiting} bytes wait, the rate is not measured yet"
        return Term("drain", policy.limits.applier_stuck, Basis.ASSUMED, rough)
    least = "" if rate.busy else "at least "
    note = f"{waiting} bytes at {least}{rate.bytes_per_second:.0f} B/s"
    basis = Basis.MEASURED if rate.busy else Basis.DERIVED
    return Term("drain", waiting / rate.bytes_per_second, basis, note, rate.at)


def _warm(snapshot: Snapshot, primary: Node, standby: Node, assumed: float) -> Term:
    """What the primary has in memory and the standby would have to read, page by page, from its own disk."""
    hot, cold, strain = snapshot.server(primary), snapshot.server(standby), snapshot.strains.get(standby)
    if hot is None or cold is None or hot.buffer_pool_data_bytes is None:
        return Term("warm", assumed, Basis.ASSUMED, "the buffer pools have not been measured")
    lacking = max(0, hot.buffer_pool_data_bytes - (cold.buffer_pool_data_bytes or 0))
    if lacking == 0:
        return Term("warm", 0.0, Basis.DERIVED, f"{standby.name} holds as much in memory as {primary.name}")
    read = strain.read if strain else None
    if read is None:
        return Term("warm", assumed, Basis.ASSUMED, f"{standby.name}'s disk has not been seen to read at random")
    seconds = lacking / PAGE_BYTES * read.seconds / READS_IN_FLIGHT
    note = f"{lacking >> 20} MiB to read again at {read.seconds * 1000:.1f} ms a read"
    return Term("warm", seconds, Basis.DERIVED, note, read.at)


def _from_the_past(cluster: Cluster, snapshot: Snapshot, otherwise: Term) -> Term:
    """What past recoveries took for this component, else what there is without them."""
    past = learned(snapshot.outages, cluster.name, otherwise.component)
    return otherwise if past is None else Term(otherwise.component, past.seconds, Basis.MEASURED, past.words, past.at)


def _decide(cluster: Cluster, snapshot: Snapshot) -> Term:
    """What past takeovers took until a human's first step; before any, until somebody had the page in hand."""
    seen = learned(snapshot.outages, cluster.name, ACKNOWLEDGE)
    if seen is None:
        otherwise = Term("decide", cluster.assumed.decide, Basis.ASSUMED, "until a takeover measures it")
    else:
        words = f"until somebody has it in hand, {seen.words}: what they then decide, no takeover has measured"
        otherwise = Term("decide", seen.seconds, Basis.MEASURED, words, seen.at)
    return _from_the_past(cluster, snapshot, otherwise)


def _switch(cluster: Cluster, snapshot: Snapshot) -> Term:
    """The endpoint's TTL, for so long caches may lead to the old primary; or what past takeovers took, if longer."""
    endpoint = cluster.endpoint
    if endpoint is None:
        otherwise = Term("switch", cluster.assumed.switch, Basis.ASSUMED, "no endpoint is configured")
        return _from_the_past(cluster, snapshot, otherwise)
    sight = snapshot.sight(cluster.endpoint_node, Probe.ENDPOINT, endpoint.host)
    fact = sight.fact.found if sight and sight.fact else None
    if sight is None or sight.fact is None or not isinstance(fact, EndpointFact):
        why = f"{endpoint.host} has not been resolved"
    elif endpoint.kind is EndpointKind.MYSQL and not fact.leads_to:
        why = f"behind {endpoint.host} is something that leads to a node: what moves it has no TTL"
    elif fact.ttl is None:
        why = f"{endpoint.host} is an address: what moves it has no TTL"
    else:
        source = "its name server" if fact.authoritative else "a resolver, the greatest seen"
        lived = Term("switch", fact.ttl, Basis.MEASURED, f"TTL of {endpoint.host} by {source}", sight.fact.answered)
        past = _from_the_past(cluster, snapshot, lived)
        return max(lived, past, key=lambda term: term.seconds or 0.0)
    return _from_the_past(cluster, snapshot, Term("switch", cluster.assumed.switch, Basis.ASSUMED, why))


def estimate(cluster: Cluster, policy: Policy, snapshot: Snapshot, standby: Node, now: Moment) -> Recovery:
    """The sum for one standby, as of now."""
    assumed, past = cluster.assumed, partial(_from_the_past, cluster, snapshot)
    return Recovery(
        standby,
        (
            past(
                Term("detect", policy.confirm.conclusive + policy.look, Basis.DERIVED, "a look and the confirm window")
            ),
            _decide(cluster, snapshot),
            _drain(snapshot, standby, policy, now),
            past(Term("promote", assumed.promote, Basis.ASSUMED, "until a drill or a takeover measures it")),
            _switch(cluster, snapshot),
            _warm(snapshot, cluster.primary.node, standby, assumed.warm),
        ),
    )
