"""Dates the steps of a recovery as they are seen, from the first failed look to the endpoint's move.

In a drill too, once the primary is closed or stopped. A planned takeover that nobody announced is not dated: a primary
that is read-only and a receiver that is stopped may as well be a backup or a mistake, so nothing says when it began.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from drwatch.core import drill
from drwatch.core.actuals import Kind, Outage
from drwatch.core.assessment import Assessment
from drwatch.core.drill import Drill
from drwatch.core.finding import PRIMARY, PRIMARY_LOST, Condition
from drwatch.core.incident import Incident, Phase
from drwatch.core.roles import application, feed
from drwatch.core.sample import IoState, Moment, Node, Probe, ReplicationFact, ServerFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.view import ClusterView

OUT = PRIMARY_LOST | {Condition.PRIMARY_RESTARTING}
"""The primary serves nobody."""

CONNECTING = range(2000, 3000)
"""Errors of the receiver as a client: it goes on trying for ever, so one that has stopped was stopped by somebody."""

KEPT = 100
"""Outages remembered, of all clusters."""

GIVEN_UP = 3600.0
"""Seconds after a promotion for which the endpoint's move is waited for."""


def date(outages: tuple[Outage, ...], assessment: Assessment, incidents: Iterable[Incident]) -> tuple[Outage, ...]:
    """The outages with what this moment shows; the same ones when it shows nothing new."""
    living, snapshot = tuple(incidents), assessment.snapshot
    for view in assessment.clusters:
        name = view.cluster.name
        own = [each for each in outages if each.cluster == name]
        now = next((each for each in own if each.ended is None), None)
        trouble = next((each for each in living if (each.cluster, each.topic) == (name, PRIMARY)), None)
        playing = drill.running(snapshot.drills, name, assessment.at)
        if now is None:
            begun = (
                _played(view, snapshot, playing, own) or _at_once(view, snapshot, playing, own, assessment.at)
                if playing
                else _begun(view, snapshot, trouble, own)
            )
            outages = outages if begun is None else (*outages[1 - KEPT :], begun)
        else:
            after = _step(now, view, snapshot, trouble, assessment.at)
            kept = () if _abandoned(after, playing) else (after,)
            outages = tuple(held for each in outages for held in (kept if each is now else (each,)))
    return outages


def _abandoned(outage: Outage, playing: Drill | None) -> bool:
    """Whether a drill came to no takeover: then it measures nothing, and the next outage may be a real one."""
    return outage.kind is Kind.DRILL and outage.promoted is None and (outage.ended is not None or playing is None)


def _begun(view: ClusterView, snapshot: Snapshot, trouble: Incident | None, past: Iterable[Outage]) -> Outage | None:
    """A new outage, once it is told: what heals untold is no measure of a repair."""
    if trouble is None or trouble.phase is not Phase.OPEN or trouble.condition not in OUT:
        return None
    flap = snapshot.flaps.get(trouble.key)
    # What flaps is one incident, whose deaths are each their own.
    began = flap.back if flap is not None and flap.back is not None else trouble.began
    if any(each.ended is not None and began.loop <= each.ended.loop for each in past):
        # It is recovered from; its incident is open for as long as the old primary is dead.
        return None
    if any(each.cluster == view.cluster.name and trouble.began.loop <= each.until.loop for each in snapshot.drills):
        # Begun in a drill that is over by now: nobody can say whether it was played.
        return None
    lost = Node(view.cluster.name, trouble.subject)
    return Outage(view.cluster.name, lost.name, snapshot.lost_since(lost) or trouble.began)


def _played(view: ClusterView, snapshot: Snapshot, playing: Drill, past: Iterable[Outage]) -> Outage | None:
    """A new outage in a drill, once the primary is seen closed or gone; nobody need be told of it first."""
    lost, led = view.cluster.primary.node, snapshot.leaders.get(view.cluster.name)
    sight = snapshot.sight(lost, Probe.SERVER)
    closed = sight is not None and isinstance(fact := sight.latest.found, ServerFact) and fact.read_only
    if sight is None or not (closed or view.verdict.condition in OUT):
        return None
    for each in past:
        again = led is not None and led.node == lost and led.since.loop > each.fault.loop
        if each.lost == lost.name and each.fault.loop >= playing.began.loop and not again:
            # It was taken over from already, and nobody has been seen to lead since.
            return None
    fault = sight.latest.asked if closed else sight.lost_since or sight.latest.asked
    return Outage(view.cluster.name, lost.name, fault, kind=Kind.DRILL)


def _at_once(
    view: ClusterView, snapshot: Snapshot, playing: Drill, past: Sequence[Outage], now: Moment
) -> Outage | None:
    """A takeover in a drill that a script did between two looks: that it happened is seen, and how it ends."""
    led = snapshot.leaders.get(view.cluster.name)
    if led is None or led.former is None or led.since != now:
        return None
    last = past[-1] if past else None
    if last is not None and last.standby == led.node.name and last.fault.loop >= playing.began.loop:
        return None
    return Outage(
        cluster=view.cluster.name,
        lost=led.former.name,
        fault=now,
        decided=now,
        promoted=now,
        standby=led.node.name,
        kind=Kind.DRILL,
    )


def _step(before: Outage, view: ClusterView, snapshot: Snapshot, trouble: Incident | None, now: Moment) -> Outage:
    after = before
    if before.lost not in {node.node.name for node in view.cluster.nodes}:
        # It was taken out of the configuration: nothing more will be seen of it.
        return replace(before, ended=now)
    told = trouble.told_at if trouble is not None else None
    if after.detected is None and told is not None and told.loop >= after.fault.loop:
        accepted = [each.accepted_at for each in snapshot.channels.values() if each.accepted_at is not None]
        first = min((each for each in accepted if each.loop >= told.loop), key=lambda at: at.loop, default=None)
        after = replace(after, detected=first)
    ack = trouble.acknowledged if trouble is not None else None
    if after.acknowledged is None and ack is not None and ack.at.loop >= after.fault.loop:
        after = replace(after, acknowledged=ack.at)
    others = [node.node for node in view.cluster.nodes if node.node.name != after.lost]
    if after.decided is None:
        for standby in others:
            decided = _decided(after, snapshot, standby)
            if decided is not None:
                after = replace(after, decided=decided, standby=standby.name)
                break
    if after.decided is not None and after.promoted is None:
        after = _promoted(after, snapshot, Node(after.cluster, after.standby))
    if (after.decided, after.drained, after.promoted) != (before.decided, before.drained, before.promoted):
        after = replace(after, loss=_loss(view, after))
    if after.promoted is not None:
        return _switched(after, view, snapshot, now)
    server = snapshot.sight(Node(after.cluster, after.lost), Probe.SERVER)
    if server is not None and isinstance(fact := server.latest.found, ServerFact) and not fact.read_only:
        # It serves again: whatever a human had begun, the takeover did not come.
        return replace(after, repaired=server.latest.asked, ended=server.latest.asked)
    return after


def _loss(view: ClusterView, outage: Outage) -> float | None:
    claim = next((claim for claim in view.database if claim.node.name == outage.standby), None)
    if claim is None or (claim.seconds is None and outage.kind is Kind.DRILL):
        # The standby leads already; or its place went with its source, and the closed primary has committed no more.
        return outage.loss
    return claim.seconds


def _decided(outage: Outage, snapshot: Snapshot, standby: Node) -> Moment | None:
    """The look that first showed a human's hand at a standby since the fault."""
    replication, opened = snapshot.sight(standby, Probe.REPLICATION), _opened(snapshot, standby)
    seen: list[Moment] = [opened] if opened is not None else []
    if replication is not None and isinstance(fact := replication.latest.found, ReplicationFact):
        asked, channel = replication.latest.asked, feed(snapshot, standby)
        if not fact.channels:
            seen.append(asked)
        elif channel is not None and channel.io is IoState.NO:
            receipt = snapshot.receipts.get((standby, channel.name))
            by_hand = channel.io_errno == 0 or channel.io_errno in CONNECTING
            if by_hand and receipt is not None and receipt.io_since is not None:
                seen.append(receipt.io_since)
    since = [moment for moment in seen if moment.loop > outage.fault.loop]
    return min(since, key=lambda moment: moment.loop, default=None)


def _opened(snapshot: Snapshot, standby: Node) -> Moment | None:
    """The latest look, where it shows that the standby takes writes."""
    sight = snapshot.sight(standby, Probe.SERVER)
    if sight is None or not isinstance(fact := sight.latest.found, ServerFact) or fact.read_only:
        return None
    return sight.latest.asked


def _promoted(outage: Outage, snapshot: Snapshot, standby: Node) -> Outage:
    """With the end of the drain as far as it was seen, and the promotion if this moment shows it."""
    replication = snapshot.sight(standby, Probe.REPLICATION)
    if replication is None or not isinstance(fact := replication.latest.found, ReplicationFact):
        return outage
    channel = feed(snapshot, standby)
    receipt = snapshot.receipts.get((standby, channel.name)) if channel is not None else None
    if outage.decided is not None:
        # The look that last saw it move, which stays the last one when the promotion is seen. A torn transaction keeps
        # Read ahead of Exec for ever, so that is no sign.
        moved = receipt.advanced_at if receipt is not None else outage.drained
        outage = replace(outage, drained=_later(outage.decided, moved))
    alone = not fact.channels or all(each.io is IoState.NO and not each.sql for each in fact.channels)
    opened = _opened(snapshot, standby)
    if alone and opened is not None:
        return replace(outage, promoted=_later(replication.latest.asked, opened))
    return outage


def _later(one: Moment, other: Moment | None) -> Moment:
    return one if other is None or other.loop <= one.loop else other


def _switched(outage: Outage, view: ClusterView, snapshot: Snapshot, now: Moment) -> Outage:
    """With the endpoint's move and the end."""
    assert outage.promoted is not None
    if view.cluster.endpoint is None or now - outage.promoted >= GIVEN_UP:
        return replace(outage, ended=now)
    sent = application(view.cluster, snapshot)
    if sent is None or outage.standby not in sent.fact.leads_to or outage.lost in sent.fact.leads_to:
        return outage
    fact, moved = sent.fact, _later(sent.asked, outage.promoted)
    # The authority says the new address at once; who asked just before goes on with the old one for the TTL.
    left = moved.plus(fact.ttl) if fact.authoritative and fact.ttl is not None else moved
    return replace(outage, switched=left, ended=now)
