"""Who can see whom, and the one verdict that it makes. The timeline: all is well until 0, the trouble begins at 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from worlds import (
    ANCHORED,
    DOOR,
    HUNG_UP,
    LOST,
    MUTE,
    NO_SHELL,
    OPEN,
    OSLO_A,
    OSLO_B,
    POLICY,
    PRIMARY,
    REFUSED,
    SHOP,
    STANDBY,
    anchor,
    at,
    body,
    dead_host,
    door,
    gtids,
    host,
    login,
    look,
    primary,
    receiver,
    replication,
    seen,
    server,
    standby,
    standby_host,
    standby_server,
    well,
)

from drwatch.core.finding import Condition, Confidence
from drwatch.core.policy import Policy
from drwatch.core.sample import (
    PROOF_OF_LIFE,
    Blind,
    Fact,
    IoState,
    Key,
    Node,
    PortFact,
    Probe,
    ReachFact,
    Reason,
    Sample,
)
from drwatch.core.snapshot import Snapshot
from drwatch.core.triangulation import Verdict, judge, wanted
from drwatch.core.world import WITNESS

SURE, LIKELY, ALONE = Confidence.CONCLUSIVE, Confidence.LIKELY, Confidence.ALONE
STALLED = Blind(Reason.QUERY_TIMEOUT)
NO_ROUTE = Blind(Reason.NO_ROUTE)
FULL = Blind(Reason.TOO_MANY_CONNECTIONS)

QUIET = receiver(replication(), 2)
BROKEN = receiver(replication(io=IoState.CONNECTING, io_errno=2003), 2)
STOPPED = receiver(replication(io=IoState.NO), 2)
DENIED = receiver(replication(io=IoState.CONNECTING, io_errno=1045), 2)
FLOWS = (receiver(replication(), 2), receiver(replication(retrieved_gtid=gtids(120)), 4))
BEATS = (receiver(replication(), 2), receiver(replication(heartbeats=2), 20))
SHUT, AJAR, NO_DIALLER = door(LOST, 2), door(OPEN, 2), door(Blind(Reason.NO_DIALLER), 2)
FROZEN = door(ReachFact(0.001, greets=False), 2)
NO_NAME = Blind(Reason.DNS)
DAY = 86400.0
NEW_KEY = Blind(Reason.HOST_KEY_CHANGED)
STANDBY_GONE = (standby(LOST, 2), receiver(LOST, 2), standby_host(NO_SHELL, 2))


def own(found: PortFact, asked: float) -> Sample:
    """The primary's own word on its port."""
    return look(PRIMARY, Probe.PORT, found, asked)


def verdict(*looks: Sample | Sequence[Sample], policy: Policy = POLICY, now: float = 30) -> Verdict:
    return judge(SHOP, policy, seen(well(0), *looks), at(now))


# fmt: off
CASES = [
    ("process killed: the host has no such process", [primary(HUNG_UP, 1), body(dead_host(), 1.1), BROKEN],
     Condition.PRIMARY_DOWN, SURE),
    ("process killed, one chair that saw the corpse is enough", [primary(REFUSED, 1), body(dead_host(), 1.1)],
     Condition.PRIMARY_DOWN, SURE),
    ("process killed, a big kernel buffer still feeds the standby", [primary(REFUSED, 1), body(dead_host(), 2), *FLOWS],
     Condition.PRIMARY_DOWN, SURE),
    ("process killed, no shell on the primary, the standby agrees", [primary(REFUSED, 1), BROKEN],
     Condition.PRIMARY_DOWN, SURE),
    ("port refused, no shell, the receiver was stopped by a backup", [primary(REFUSED, 1), STOPPED],
     Condition.PRIMARY_DOWN, ALONE),
    ("host gone: time-outs everywhere", [primary(LOST, 1), body(NO_SHELL, 1), BROKEN, SHUT],
     Condition.PRIMARY_HOST_DOWN, SURE),
    ("host gone: the receiver has not noticed", [primary(LOST, 1), body(LOST, 1), QUIET, SHUT],
     Condition.PRIMARY_HOST_DOWN, SURE),
    ("host gone, the standby has no dialler", [primary(LOST, 1), body(LOST, 1), QUIET, NO_DIALLER],
     Condition.PRIMARY_HOST_DOWN, LIKELY),
    ("host gone: both ports refuse", [primary(REFUSED, 1), body(REFUSED, 1), BROKEN],
     Condition.PRIMARY_HOST_DOWN, SURE),
    ("host gone and the standby tells nothing", [primary(LOST, 1), body(LOST, 1), receiver(NO_ROUTE, 2)],
     Condition.PRIMARY_HOST_DOWN, ALONE),
    ("the receiver's stop by hand is no second opinion", [primary(LOST, 1), body(LOST, 1), STOPPED],
     Condition.PRIMARY_HOST_DOWN, ALONE),
    ("a receiver that the source turns away is no second opinion", [primary(LOST, 1), body(LOST, 1), DENIED],
     Condition.PRIMARY_HOST_DOWN, ALONE),
    ("hung: state T", [primary(STALLED, 1), body(host("T"), 1.5), QUIET], Condition.PRIMARY_HUNG, SURE),
    ("hung: state T, the accept queue is full", [primary(LOST, 1), body(host("T"), 1.5), QUIET],
     Condition.PRIMARY_HUNG, SURE),
    ("hung: state T, a kernel buffer still flows", [primary(STALLED, 1), body(host("T"), 1.5), *FLOWS],
     Condition.PRIMARY_HUNG, SURE),
    ("hung: state T, behind a firewall that refuses", [primary(REFUSED, 1), body(host("T"), 1.5), *FLOWS],
     Condition.PRIMARY_HUNG, SURE),
    ("hung: it takes nobody, and what it had sent before still arrives",
     [primary(LOST, 1), body(host("S"), 2), own(PortFact(True, 3, ()), 6), *FLOWS], Condition.PRIMARY_HUNG, SURE),
    ("restarting: it waits for its disk, port refused", [primary(REFUSED, 1), body(host("D"), 2), BROKEN],
     Condition.PRIMARY_RESTARTING, SURE),
    ("restarting: its port shut, what it had sent before still arrives",
     [primary(REFUSED, 1), body(host("S"), 2), own(PortFact(False, 0, ()), 6), *FLOWS],
     Condition.PRIMARY_RESTARTING, SURE),
    ("hung: running and no handshake", [primary(MUTE, 1), body(host("S"), 1.5), QUIET], Condition.PRIMARY_HUNG, SURE),
    ("hung: a query time-out only", [primary(STALLED, 1), body(host("S"), 1.5), QUIET], Condition.PRIMARY_HUNG, SURE),
    ("hung: running, connects time out", [primary(LOST, 1), body(host("S"), 1.5), QUIET],
     Condition.PRIMARY_HUNG, ALONE),
    ("hung: running and no handshake, yet nobody waits at its port",
     [primary(MUTE, 1), body(host("S"), 1.5), own(PortFact(True, 0, ("oslo-b",)), 4), QUIET],
     Condition.PRIMARY_HUNG, ALONE),
    ("hung: nobody waits at its port, and the standby has lost it too",
     [primary(STALLED, 1), body(host("S"), 1.5), own(PortFact(True, 0, ()), 4), BROKEN], Condition.PRIMARY_HUNG, SURE),
    ("hung, and sshd with it: the kernel still takes connections", [primary(MUTE, 1), body(MUTE, 1.5), QUIET, SHUT],
     Condition.PRIMARY_HUNG, SURE),
    ("hung, no shell", [primary(MUTE, 1), BROKEN], Condition.PRIMARY_HUNG, SURE),
    ("restarting: port refused and the process is there", [primary(REFUSED, 1), body(host("S"), 2), BROKEN],
     Condition.PRIMARY_RESTARTING, SURE),
    ("restarting: systemd brings it up", [primary(REFUSED, 1), body(host("", unit="activating/start"), 2), BROKEN],
     Condition.PRIMARY_RESTARTING, SURE),
    ("restarting: systemd takes it down", [primary(HUNG_UP, 1), body(host("", unit="deactivating/stop"), 2)],
     Condition.PRIMARY_RESTARTING, SURE),
    ("shutting down: its port shut, it feeds the standby to the last", [primary(REFUSED, 1), body(host(), 2), *FLOWS],
     Condition.PRIMARY_UNSEEN, ALONE),
    ("unseen: the standby still receives", [primary(LOST, 1), body(LOST, 1), *FLOWS], Condition.PRIMARY_UNSEEN, ALONE),
    ("unseen: a firewall drops the witness at that port", [primary(LOST, 1), body(host("S"), 2), *FLOWS],
     Condition.PRIMARY_UNSEEN, SURE),
    ("unseen: idle, a heartbeat comes", [primary(LOST, 1), body(LOST, 1), *BEATS], Condition.PRIMARY_UNSEEN, ALONE),
    ("unseen: idle, but the door is open", [primary(LOST, 1), body(LOST, 1), QUIET, AJAR],
     Condition.PRIMARY_UNSEEN, ALONE),
    ("unseen: no shell, idle, but the door is open", [primary(LOST, 1), body(NEW_KEY, 1), QUIET, AJAR],
     Condition.PRIMARY_UNSEEN, ALONE),
    ("dead behind an open door", [primary(LOST, 1), body(LOST, 1), BROKEN, AJAR], Condition.PRIMARY_DOWN, LIKELY),
    ("saturated: the port says so", [primary(FULL, 1), body(host(), 2)], Condition.PRIMARY_SATURATED, SURE),
    ("saturated: fresh logins are turned away", [login(FULL, 1), login(FULL, 2)], Condition.PRIMARY_SATURATED, SURE),
    ("saturated: every connection is in use", [primary(server(connections=151), 1)], Condition.PRIMARY_SATURATED, SURE),
    ("isolated: nothing answers the witness", [primary(LOST, 1), body(NO_SHELL, 1), *STANDBY_GONE],
     Condition.WITNESS_ISOLATED, LIKELY),
    ("a hang-up comes from the other side", [primary(HUNG_UP, 1), body(LOST, 1), *STANDBY_GONE],
     Condition.PRIMARY_HOST_DOWN, ALONE),
    ("a refusal comes from the other side", [primary(REFUSED, 1), body(NO_SHELL, 1), *STANDBY_GONE],
     Condition.PRIMARY_HOST_DOWN, ALONE),
    ("names no longer resolve: nothing is known of the server", [primary(Blind(Reason.DNS), 1), body(host(), 2), QUIET],
     None, None),
    ("names no longer resolve, and its own kernel and the standby see it hang",
     [primary(NO_NAME, 1), body(host("S"), 2), own(PortFact(True, 3, ()), 6), BROKEN], Condition.PRIMARY_HUNG, LIKELY),
    ("names no longer resolve, and nobody listens at its port, for the standby neither",
     [primary(NO_NAME, 1), body(host("S"), 2), own(PortFact(False, 0, ()), 6), BROKEN], Condition.PRIMARY_DOWN, ALONE),
    ("names no longer resolve, and a queue alone is no hang",
     [primary(NO_NAME, 1), body(host("S"), 2), own(PortFact(True, 3, ()), 6), *FLOWS], None, None),
    ("names no longer resolve and the corpse is seen", [primary(Blind(Reason.DNS), 1), body(dead_host(), 2)],
     Condition.PRIMARY_DOWN, SURE),
    ("frozen host: its kernel takes whoever dials sshd", [primary(LOST, 1), body(MUTE, 2), QUIET],
     Condition.PRIMARY_HUNG, LIKELY),
    ("frozen host behind a firewall that refuses the witness, and the standby finds it mute too",
     [primary(REFUSED, 1), body(MUTE, 2), QUIET, FROZEN], Condition.PRIMARY_HUNG, SURE),
    ("frozen host, its standby heard a last heartbeat since: that outweighs no mute sshd",
     [primary(LOST, 1), body(MUTE, 2), *BEATS, receiver(replication(heartbeats=2), 31)],
     Condition.PRIMARY_HUNG, LIKELY),
    ("frozen host behind a cut, its standby heard a last heartbeat since",
     [primary(LOST, 1), body(LOST, 2), *BEATS, receiver(replication(heartbeats=2), 31), FROZEN],
     Condition.PRIMARY_HUNG, LIKELY),
    ("unseen: idle, and the next heartbeat is not due yet",
     [primary(LOST, 1), body(LOST, 1), *BEATS, receiver(replication(heartbeats=2), 31)],
     Condition.PRIMARY_UNSEEN, ALONE),
    ("sshd says nothing, and the standby still receives", [primary(LOST, 1), body(MUTE, 2), *FLOWS],
     Condition.PRIMARY_UNSEEN, ALONE),
    ("frozen host out of the witness's reach: to the standby's dial only its kernel answers",
     [primary(LOST, 1), body(LOST, 2), QUIET, FROZEN], Condition.PRIMARY_HUNG, LIKELY),
    ("frozen host out of the witness's reach, and the receiver has given up",
     [primary(LOST, 1), body(LOST, 2), BROKEN, FROZEN], Condition.PRIMARY_HUNG, SURE),
    ("names no longer resolve, and the standby does not reach the host either",
     [primary(NO_NAME, 1), body(NO_NAME, 2), QUIET, SHUT], Condition.PRIMARY_HOST_DOWN, ALONE),
    ("names no longer resolve, and to the standby only the host's kernel answers",
     [primary(NO_NAME, 1), body(NO_NAME, 2), QUIET, FROZEN], Condition.PRIMARY_HUNG, ALONE),
    ("names no longer resolve, and the standby has lost the server",
     [primary(NO_NAME, 1), body(NO_NAME, 2), BROKEN, AJAR], Condition.PRIMARY_DOWN, ALONE),
    ("names no longer resolve, and the standby hears nothing of an idle primary",
     [primary(NO_NAME, 1), body(NO_NAME, 2), QUIET, AJAR], None, None),
    ("names no longer resolve, not for the standby either",
     [primary(NO_NAME, 1), body(NO_NAME, 2), receiver(replication(io=IoState.CONNECTING, io_errno=2005), 2)],
     None, None),
    ("names no longer resolve, and its host shows the process stopped",
     [primary(NO_NAME, 1), body(host("T"), 2), QUIET], Condition.PRIMARY_HUNG, SURE),
    ("names no longer resolve, and the process waits for its disk: it may serve the next moment",
     [primary(NO_NAME, 1), body(host("D"), 2), QUIET], None, None),
    ("names no longer resolve, only the host's kernel answers the standby, which was stopped by hand",
     [primary(NO_NAME, 1), body(NO_NAME, 2), STOPPED, FROZEN], Condition.PRIMARY_HUNG, ALONE),
    ("our own bug is not the primary's death", [primary(Blind(Reason.BUG), 1), body(host(), 2), BROKEN], None, None),
    ("what is no MySQL answers there", [primary(Blind(Reason.GARBLED), 1), body(host(), 2)], None, None),
]
# fmt: on


@pytest.mark.parametrize(("looks", "condition", "confidence"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_each_case_has_its_own_verdict(
    looks: list[Sample], condition: Condition | None, confidence: Confidence | None
) -> None:
    judged = verdict(*looks)
    assert judged.condition is condition
    if condition is not None:
        assert judged.confidence is confidence
        assert judged.evidence


def test_on_a_bad_line_a_kernel_that_was_seen_to_take_connections_is_not_gone_with_the_next_dial() -> None:
    """At a fifth of all packets lost every third dial of a frozen host comes to nothing: it does not die each time."""
    for mute, lost, seconds in (
        (primary(MUTE, 2), body(LOST, 2), 13),
        (primary(LOST, 2), body(MUTE, 2), 13),
        (primary(MUTE, 2), body(MUTE, 2), 13),
    ):
        before = [primary(LOST, 1), body(LOST, 1), QUIET, SHUT, mute, lost]
        assert verdict(*before, primary(LOST, seconds), body(LOST, seconds)).condition is Condition.PRIMARY_HUNG
        assert verdict(*before, primary(LOST, 18), body(LOST, 18)).condition is Condition.PRIMARY_HOST_DOWN


def test_a_kernel_that_took_a_connection_in_an_earlier_trouble_says_nothing_of_this_one() -> None:
    before = [primary(MUTE, 1), body(MUTE, 1), primary(server(), 3), body(host(), 3)]
    assert verdict(*before, primary(LOST, 5), body(LOST, 5), QUIET).condition is Condition.PRIMARY_HOST_DOWN


def test_a_healthy_pair_has_no_verdict() -> None:
    assert verdict(now=0.5) == Verdict(None)


@pytest.mark.parametrize("reason", sorted(PROOF_OF_LIFE))
def test_an_error_answer_is_never_death(reason: Reason) -> None:
    """1040, 1045, 1129, 1130, 1226 …: whoever says so is alive, whatever the other chairs say."""
    judged = verdict(primary(Blind(reason, errno=1129), 1), body(LOST, 1), BROKEN, SHUT)
    assert judged.condition in (None, Condition.PRIMARY_SATURATED)


def test_with_anchors_an_isolated_witness_is_sure_of_it_and_a_dead_site_is_not_taken_for_it() -> None:
    lost = [primary(LOST, 1), body(NO_SHELL, 1), *STANDBY_GONE]
    assert verdict(*lost, anchor(LOST, 2), policy=ANCHORED).condition is Condition.WITNESS_ISOLATED
    assert verdict(*lost, anchor(LOST, 2), policy=ANCHORED).confidence is SURE
    assert verdict(*lost, anchor(OPEN, 2), policy=ANCHORED).condition is Condition.PRIMARY_HOST_DOWN
    assert verdict(*lost, anchor(REFUSED, 2), policy=ANCHORED).condition is Condition.PRIMARY_HOST_DOWN


def test_an_anchor_that_answered_before_the_trouble_says_nothing_of_it() -> None:
    """Anchors are dialled now and then; the last good dial may be a minute older than the cut."""
    judged = verdict(primary(LOST, 1), body(NO_SHELL, 1), *STANDBY_GONE, anchor(OPEN, 0), policy=ANCHORED)
    assert (judged.condition, judged.confidence) == (Condition.WITNESS_ISOLATED, LIKELY)


OTHER_SHOP = replace(SHOP, name="blog", nodes=(replace(OSLO_A, node=Node("blog", "bergen-a")),))


@pytest.mark.parametrize(
    ("answer", "condition"),
    [
        (server(), Condition.PRIMARY_HOST_DOWN),
        (REFUSED, Condition.PRIMARY_HOST_DOWN),
        (LOST, Condition.WITNESS_ISOLATED),
        (Blind(Reason.DNS), Condition.WITNESS_ISOLATED),
    ],
    ids=["answers", "refuses", "is silent too", "has no address any more"],
)
def test_a_witness_that_reaches_another_pair_has_not_lost_its_network(
    answer: Fact | Blind, condition: Condition
) -> None:
    """A whole site goes dark and there are no anchors: the other site's servers are as good as any."""
    both = replace(POLICY, clusters=(SHOP, OTHER_SHOP))
    bergen = look(Node("blog", "bergen-a"), Probe.SERVER, answer, 1.5)
    lost = [primary(LOST, 1), body(NO_SHELL, 1), *STANDBY_GONE]
    assert verdict(*lost, bergen, policy=both).condition is condition


def test_another_pair_that_answered_before_the_trouble_says_nothing_of_it() -> None:
    both = replace(POLICY, clusters=(SHOP, OTHER_SHOP))
    bergen = look(Node("blog", "bergen-a"), Probe.SERVER, server(), 0.5)
    lost = [primary(LOST, 1), body(NO_SHELL, 1), *STANDBY_GONE]
    assert verdict(*lost, bergen, policy=both).condition is Condition.WITNESS_ISOLATED


def test_the_standby_dead_at_the_same_time_leaves_the_primarys_own_host_to_say() -> None:
    assert verdict(primary(REFUSED, 1), body(dead_host(), 1.2), *STANDBY_GONE).condition is Condition.PRIMARY_DOWN


def test_a_primary_never_seen_alive_is_never_dead() -> None:
    looks = [primary(LOST, 1), body(LOST, 1), BROKEN, SHUT]
    assert judge(SHOP, POLICY, seen(*looks), at(30)).condition is None
    assert judge(SHOP, POLICY, seen(*looks, alive=[PRIMARY]), at(30)).condition is Condition.PRIMARY_HOST_DOWN


def test_a_process_that_was_never_seen_is_not_missed() -> None:
    """hidepid=2: the host answers and shows no process, before and after. It is up: the page must not say gone."""
    before = [primary(server(), 0), body(dead_host(unit=None), 0), standby(standby_server(), 0)]
    silent = seen(before, primary(LOST, 1), body(dead_host(unit=None), 2), QUIET)
    judged = judge(SHOP, POLICY, silent, at(30))
    assert (judged.condition, judged.confidence) == (Condition.PRIMARY_HUNG, ALONE)
    refused = seen(before, primary(REFUSED, 1), body(dead_host(unit=None), 2), BROKEN)
    assert judge(SHOP, POLICY, refused, at(30)).condition is Condition.PRIMARY_DOWN


def test_the_first_look_after_a_start_is_no_sign_that_anything_flows() -> None:
    """drwatch starts into an outage at 0: the primary is silent; the first status look, at 4, shows where it stands."""
    world = seen(primary(LOST, 0), body(LOST, 0), receiver(replication(), 4), alive=[PRIMARY, STANDBY])
    assert judge(SHOP, POLICY, world, at(30)).condition is Condition.PRIMARY_HOST_DOWN


def test_what_was_under_way_when_the_trouble_began_is_no_sign_that_it_flows() -> None:
    looks = [primary(LOST, 1), body(LOST, 1), receiver(replication(retrieved_gtid=gtids(130)), 2.5)]
    assert verdict(*looks).condition is Condition.PRIMARY_HOST_DOWN


def test_a_flow_that_has_dried_up_no_longer_vouches_for_the_primary() -> None:
    """1: the witness loses the primary. The standby receives until 60, when the host dies and sends nothing more."""
    world = seen(
        well(0),
        primary(LOST, 1),
        body(LOST, 1),
        (receiver(replication(retrieved_gtid=gtids(100 + n)), n) for n in range(2, 60, 2)),
    )
    assert judge(SHOP, POLICY, world, at(60)).condition is Condition.PRIMARY_UNSEEN
    dry = seen(world_looks := [receiver(replication(retrieved_gtid=gtids(158)), n) for n in range(60, 100, 2)])
    assert dry
    for sample in world_looks:
        world = world.keep(sample)
    assert judge(SHOP, POLICY, world, at(100)).condition is Condition.PRIMARY_HOST_DOWN


def dials(there: Fact | Blind, asked: float, back: Fact | Blind | None = None) -> tuple[Sample, Sample]:
    """Of both nodes at the other's port 22."""
    return door(there, asked), look(PRIMARY, Probe.REACH, back or there, asked, target="10.0.0.2:22")


def kept_out(there: Fact | Blind, back: Fact | Blind, before: float | None = 0) -> Verdict:
    """1: the witness is kept from the port, at which the primary's kernel takes who comes; the standby breaks off at 2.

    Each of the two reached the other ``before``; the verdict is of second 10.
    """
    passed = () if before is None else dials(OPEN, before)
    listens, now = own(PortFact(True, 0, ()), 4), dials(there, 4, back)
    return verdict(*passed, primary(LOST, 1), body(host(), 2), BROKEN, listens, *now, now=10)


def test_a_standby_that_is_cut_off_from_the_host_has_no_word_on_its_server() -> None:
    judged = kept_out(LOST, LOST)
    assert (judged.condition, judged.confidence) == (Condition.PRIMARY_UNSEEN, SURE)
    assert any("neither host reaches the other's port 22" in words for words in judged.evidence)


def test_a_standby_that_is_cut_off_is_heard_where_nobody_can_ask_the_host() -> None:
    """The host may be gone: that neither reaches the other is what both would see then."""
    judged = verdict(*dials(OPEN, 0), primary(NO_NAME, 1), body(NO_NAME, 2), BROKEN, *dials(LOST, 4))
    assert (judged.condition, judged.confidence) == (Condition.PRIMARY_HOST_DOWN, ALONE)


def test_a_path_that_passes_again_gives_the_receiver_time_to_connect() -> None:
    """It tries once a minute, and until then it says no more of the server than behind the cut."""
    cut = [primary(LOST, 1), body(host(), 2), BROKEN, *dials(OPEN, 0), *dials(LOST, 4), own(PortFact(True, 0, ()), 4)]
    later = [own(PortFact(True, 0, ()), 100), *dials(OPEN, 100)]
    assert verdict(*cut, *later, now=101).condition is Condition.PRIMARY_UNSEEN
    later = [own(PortFact(True, 0, ()), 400), *dials(OPEN, 400)]
    assert verdict(*cut, *later, now=401).condition is Condition.PRIMARY_HUNG


UNASKED = Blind(Reason.CHANNEL_LOST, "no ssh: 'dial' has gone unanswered for 4.0 s")


@pytest.mark.parametrize("dialler", ["there", "back", "both"])
def test_a_dial_that_was_never_made_takes_nothing_from_what_the_one_before_told(dialler: str) -> None:
    """A busy node's shell answers late: the path is no better for it, and the server no deader."""
    there, back = dials(UNASKED, 34)
    late = {"there": (there,), "back": (back,), "both": (there, back)}[dialler]
    cut = [*dials(OPEN, 0), primary(LOST, 1), body(host(), 2), BROKEN, *dials(LOST, 4), *late]
    assert verdict(*cut, own(PortFact(True, 0, ()), 35), now=36).condition is Condition.PRIMARY_UNSEEN


@pytest.mark.parametrize(
    ("there", "back", "before"),
    [(OPEN, OPEN, 0), (LOST, OPEN, 0), (OPEN, LOST, 0), (REFUSED, LOST, 0), (LOST, LOST, None), (LOST, LOST, -2 * DAY)],
    ids=["both pass", "back passes", "there passes", "refused", "never passed", "passed two days ago"],
)
def test_a_standby_that_may_only_be_kept_from_the_port_too_has_one(
    there: Fact | Blind, back: Fact | Blind, before: float | None
) -> None:
    """A firewall before the port that keeps out both keeps out the application too, for all that anybody knows."""
    assert kept_out(there, back, before).condition is Condition.PRIMARY_HUNG


def owed(beats: int | None, reconnected: bool = False, **but: object) -> Condition | None:
    """1: the witness loses the primary and its host, of which the standby reaches port 22 and hears nothing more.

    From 28 to 36 the receiver may have to connect anew; the verdict is of second 42.
    """
    state = {"heartbeats": beats} | but
    away = {"io": IoState.CONNECTING, "io_errno": 2003} if reconnected else {}
    world = seen(
        well(0, heartbeats=beats),
        primary(LOST, 1),
        body(LOST, 1),
        (receiver(replication(**state | (away if 28 <= n <= 36 else {})), n) for n in range(2, 42, 2)),
        door(OPEN, 38),
    )
    return judge(SHOP, POLICY, world, at(42)).condition


def test_a_server_that_owes_its_standby_a_heartbeat_hangs_though_its_host_is_there() -> None:
    """It sends one each 30 s of silence: a standby that still believes in its connection need not wait for its end."""
    assert owed(beats=1) is Condition.PRIMARY_HUNG


def test_no_heartbeat_is_overdue_where_none_is_counted_or_the_standby_takes_none_or_has_just_connected() -> None:
    assert owed(beats=None) is Condition.PRIMARY_UNSEEN
    assert owed(beats=1, reconnected=True) is Condition.PRIMARY_UNSEEN
    full = "Waiting for the slave SQL thread to free enough relay log space"
    assert owed(beats=1, io_state=full) is Condition.PRIMARY_UNSEEN


def test_while_the_witness_cannot_look_a_heartbeat_that_is_overdue_is_enough() -> None:
    world = seen(well(0), primary(NO_NAME, 1), body(NO_NAME, 1), (receiver(replication(), n) for n in range(2, 42, 2)))
    judged = judge(SHOP, POLICY, world, at(42))
    assert (judged.condition, judged.confidence) == (Condition.PRIMARY_HUNG, ALONE)


def test_a_receiver_that_broke_long_before_is_no_second_opinion() -> None:
    """0: the standby's own path to the primary breaks. 100: the witness loses its path too. Nobody knows of a death."""
    broken = {"io": IoState.CONNECTING, "io_errno": 2003}
    world = seen(
        well(-1), (receiver(replication(**broken), n) for n in range(0, 103, 2)), primary(LOST, 100), body(LOST, 100)
    )
    judged = judge(SHOP, POLICY, world.keep(receiver(replication(**broken), 103)), at(130))
    assert (judged.condition, judged.confidence) == (Condition.PRIMARY_HOST_DOWN, ALONE)


def test_days_of_denied_logins_do_not_make_old_looks_fresh() -> None:
    """1: the password is changed; the door is dialled once, open. Three days later the host dies."""
    days = 3 * DAY
    world = seen(well(0), primary(Blind(Reason.ACCESS_DENIED), 1), door(OPEN, 2), primary(LOST, days), body(LOST, days))
    assert door_key_wanted(world, days + 0.1)
    judged = judge(SHOP, POLICY, world.keep(door(LOST, days + 1)), at(days + 30))
    assert (judged.condition, judged.confidence) == (Condition.PRIMARY_HOST_DOWN, SURE)


def door_key_wanted(world: Snapshot, now: float) -> bool:
    return Key(STANDBY, Probe.REACH, DOOR) in wanted(SHOP, POLICY, world, at(now))


def test_the_door_is_dialled_again_while_the_trouble_lasts() -> None:
    world = seen(well(0), primary(LOST, 1), body(LOST, 1), QUIET, AJAR)
    assert not door_key_wanted(world, 4)
    assert door_key_wanted(world, 8)


def test_every_other_chair_is_asked_at_once_when_the_trouble_begins_and_then_at_its_turn() -> None:
    begun = seen(well(0), primary(HUNG_UP, 1))
    assert wanted(SHOP, ANCHORED, begun, at(1.1)) == {
        Key(PRIMARY, Probe.HOST),
        Key(STANDBY, Probe.REPLICATION),
        Key(WITNESS, Probe.REACH, "gateway:443"),
    }
    asked = begun.keep(body(dead_host(), 1.2)).keep(BROKEN).keep(SHUT).keep(anchor(OPEN, 2))
    assert wanted(SHOP, ANCHORED, asked, at(2.1)) == frozenset()
    assert wanted(SHOP, ANCHORED, seen(well(0)), at(1)) == frozenset()


def test_nobody_dials_port_22_while_a_session_there_answers() -> None:
    """Each dial is a bare one, and sshd counts them; a host that answers needs no knocking."""
    begun = seen(well(0), primary(HUNG_UP, 1))
    for hears in (begun, begun.keep(body(dead_host(), 1.2)), begun.keep(AJAR).keep(body(dead_host(), 1.2))):
        assert not door_key_wanted(hears, 30)
    assert door_key_wanted(begun.keep(body(LOST, 1.2)), 2)


def test_the_primary_is_asked_for_its_port_well_before_a_conclusive_window_ends() -> None:
    """At a fifth of all packets lost, a query and the next login get no answer, while its port takes who comes."""
    begun = seen(well(0), primary(STALLED, 1), body(host(), 1.5), QUIET)
    assert Key(PRIMARY, Probe.PORT) not in wanted(SHOP, POLICY, begun, at(2))
    assert Key(PRIMARY, Probe.PORT) in wanted(SHOP, POLICY, begun, at(3.5))


def test_connections_that_wait_are_looked_at_again_before_anybody_is_told_of_them() -> None:
    """A busy server takes them a moment later: one glimpse of a queue must not last as long as a conclusive window."""

    def asks(found: PortFact, now: float) -> bool:
        world = seen(well(0), primary(LOST, 1), body(host(), 1.5), own(found, 10))
        return Key(PRIMARY, Probe.PORT) in wanted(SHOP, POLICY, world, at(now))

    assert asks(PortFact(True, 1, ()), 12.5)
    assert not asks(PortFact(True, 0, ()), 12.5)
    assert asks(PortFact(True, 0, ()), 15.5)


def test_connections_that_waited_before_a_host_was_out_of_reach_are_asked_for_anew_when_it_is_back() -> None:
    """It hung, the witness went deaf, it served again, and the host is heard before the server's next look."""
    hung = [primary(LOST, 1), body(host("S"), 1.5), QUIET, own(PortFact(True, 1, ()), 7)]
    back = [receiver(replication(retrieved_gtid=gtids(120)), 7), body(host("S"), 8)]
    assert verdict(*hung, *back, now=8.2).condition is Condition.PRIMARY_HUNG
    judged = verdict(*hung, body(LOST, 7.5), *back, now=8.2)
    assert (judged.condition, judged.confidence) == (Condition.PRIMARY_UNSEEN, SURE)
    assert any("out of reach since it was asked for its port" in words for words in judged.evidence)
    asks = wanted(SHOP, POLICY, seen(well(0), *hung, body(LOST, 7.5), *back), at(8.2))
    assert Key(PRIMARY, Probe.PORT) in asks
    assert Key(PRIMARY, Probe.PORT) not in wanted(SHOP, POLICY, seen(well(0), *hung, *back), at(8.2))
    again = verdict(*hung, body(LOST, 7.5), *back, own(PortFact(True, 1, ()), 8.1), now=8.2)
    assert again.condition is Condition.PRIMARY_HUNG


def test_what_cannot_be_read_puts_no_host_out_of_reach() -> None:
    hung = [primary(LOST, 1), body(host("S"), 1.5), *FLOWS, own(PortFact(True, 3, ()), 6)]
    garbled = verdict(*hung, body(Blind(Reason.GARBLED), 7), body(host("S"), 8), now=8.2)
    assert garbled.condition is Condition.PRIMARY_HUNG


def test_a_process_on_its_way_out_is_looked_at_again_until_it_is_clear() -> None:
    world = seen(well(0), primary(HUNG_UP, 1), body(host("S"), 1.05), BROKEN, SHUT)
    assert wanted(SHOP, POLICY, world, at(1.1)) == {Key(PRIMARY, Probe.HOST)}
    assert Key(PRIMARY, Probe.HOST) not in wanted(SHOP, POLICY, world, at(4.1))


def test_a_verdict_waits_a_second_for_the_other_chairs_and_no_longer() -> None:
    """1: the server hangs up. Until the host has been asked, or 1 s is over, nobody says what it is."""
    begun = seen(well(0), primary(HUNG_UP, 1))
    assert judge(SHOP, POLICY, begun, at(1.2)) == replace(
        judge(SHOP, POLICY, begun, at(1.2)), condition=None, pending=True
    )
    assert judge(SHOP, POLICY, begun, at(2.1)).condition is Condition.PRIMARY_DOWN
    asked = (
        begun.keep(body(dead_host(), 1.05))
        .keep(receiver(replication(io=IoState.CONNECTING), 1.05))
        .keep(door(OPEN, 1.05))
    )
    assert judge(SHOP, POLICY, asked, at(1.2)).condition is Condition.PRIMARY_DOWN


def test_a_standby_that_cannot_be_asked_is_not_said_to_fail_at_its_dial() -> None:
    lost = primary(LOST, 1), body(LOST, 1), QUIET
    words = "standby: oslo-b cannot be asked to dial the primary's port 22 (channel_lost)"
    assert words in verdict(*lost, door(NO_SHELL, 2)).evidence
    assert "standby: oslo-b cannot dial the primary's port 22 (no_dialler)" in verdict(*lost, NO_DIALLER).evidence


def test_of_several_standbys_the_one_that_sees_most_life_counts() -> None:
    third = replace(OSLO_B, node=STANDBY._replace(name="bergen-c"), mysql="10.0.0.3:3306")
    three = replace(SHOP, nodes=(OSLO_A, OSLO_B, third))
    flowing = [replace(sample, key=sample.key._replace(node=third.node)) for sample in FLOWS]
    world = seen(well(0), primary(LOST, 1), body(LOST, 1), BROKEN, *flowing)
    assert judge(three, POLICY, world, at(30)).condition is Condition.PRIMARY_UNSEEN
