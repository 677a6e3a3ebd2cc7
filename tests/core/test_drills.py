"""A drill is announced, dated like a real takeover, learnt from for what it can measure, and hides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from recoveries import WITH_ENDPOINT, Watch, endpoint
from worlds import (
    OSLO_B,
    OTHER,
    POLICY,
    PRIMARY,
    REFUSED,
    SHOP,
    STANDBY,
    at,
    body,
    conditions,
    coordinate,
    dead_host,
    found,
    gtids,
    host,
    judged,
    look,
    primary,
    receiver,
    replication,
    seen,
    server,
    standby,
    standby_server,
    well,
)

from drwatch.core import drill
from drwatch.core.actuals import Kind, Outage, learned
from drwatch.core.drill import Drill
from drwatch.core.finding import Condition, Finding
from drwatch.core.incident import Phase
from drwatch.core.memory import memory, recall
from drwatch.core.message import compose
from drwatch.core.paging import Page, PageReason
from drwatch.core.preflight import Decision, no_drill, preflight, rehearsal
from drwatch.core.recovery import Basis, Term, estimate
from drwatch.core.sample import Flavour, IoState, Probe, ReplicationFact, Sample, ServerFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.suppression import suppress

OSLO = ZoneInfo("Europe/Oslo")
REMINDED = replace(POLICY, clusters=(replace(SHOP, drill_every=90 * 86400.0),))


def closed(asked: float) -> Sample:
    return primary(server(gtids(100), read_only=True, super_read_only=True), asked)


def opened(asked: float, last: int = 100) -> list[Sample]:
    """The standby forgets its source and takes writes."""
    return [standby(standby_server(gtids(last), read_only=False), asked), receiver(ReplicationFact(()), asked)]


def stopped(asked: float) -> Sample:
    """Its receiver is stopped by hand, and it has applied all."""
    return receiver(replication(io=IoState.NO, read=coordinate(9000), executed=coordinate(9000)), asked)


def announced(watch: Watch, now: float, seconds: float = 3600.0) -> None:
    watch.snapshot = replace(watch.snapshot, drills=drill.announced(watch.snapshot.drills, "shop", seconds, at(now)))


def over(watch: Watch, now: float) -> None:
    watch.snapshot = replace(watch.snapshot, drills=drill.ended(watch.snapshot.drills, "shop", at(now)))


def switched_over(watch: Watch, then: float = 100.0) -> None:
    """Closed, then the receiver stopped at + 20, opened at + 50, the endpoint moved at + 60."""
    watch.see([closed(then)], then + 0.1)
    watch.see([closed(then + 20), stopped(then + 20)], then + 20.1)
    watch.see([closed(then + 50), *opened(then + 50)], then + 50.1)
    watch.see([closed(then + 60), endpoint("oslo-b", then + 60)], then + 60.1)


def rehearsed(announce: bool = True) -> Watch:
    watch = Watch(WITH_ENDPOINT)
    for second in (0, 1):
        watch.see([*well(second), endpoint("oslo-a", second)], second + 0.5)
    if announce:
        announced(watch, 90)
    switched_over(watch)
    return watch


def test_a_planned_takeover_in_a_drill_is_dated_step_by_step() -> None:
    outage = rehearsed().outage
    assert (outage.kind, outage.lost, outage.standby) == (Kind.DRILL, "oslo-a", "oslo-b")
    assert outage.seconds("drain") == 0
    assert outage.seconds("promote") == pytest.approx(30)
    assert outage.seconds("switch") == pytest.approx(10 + 60)
    assert outage.ended == at(160.1)


def test_it_costs_at_most_what_the_claim_was_when_the_standby_was_opened() -> None:
    loss = rehearsed().outage.loss
    assert loss is not None
    assert loss < 60


def by_coordinate(asked: float, read_only: bool) -> Sample:
    """The primary of a pair that replicates without GTID, whose log ends at 9000."""
    fact = server(read_only=read_only, super_read_only=read_only)
    return primary(replace(fact, gtid=None, binlog=coordinate(9000)), asked)


def test_it_costs_no_more_for_a_standby_whose_place_is_forgotten_with_its_source() -> None:
    """A closed primary commits nothing more, so the claim of before the promotion holds."""
    watch = Watch()
    place = {"read": coordinate(9000), "executed": coordinate(9000), "retrieved_gtid": None, "executed_gtid": None}
    plain = replace(standby_server(), gtid=None, binlog=coordinate(50))
    for second in (0, 1):
        fed = receiver(replication(**place, uses_gtid=False), second)
        watch.see([by_coordinate(second, False), body(host(), second), standby(plain, second), fed], second + 0.1)
    announced(watch, 1.5)
    watch.see([by_coordinate(2, True), standby(plain, 2)], 2.1)
    for second in (3, 4):
        halted = receiver(replication(**place, uses_gtid=False, io=IoState.NO), second)
        watch.see([by_coordinate(second, True), standby(plain, second), halted], second + 0.1)
    before = watch.outage.loss
    assert before is not None
    free = [standby(replace(plain, read_only=False), 6), receiver(ReplicationFact(()), 6)]
    watch.see([by_coordinate(6, True), *free], 6.1)
    assert (watch.outage.promoted, watch.outage.loss) == (at(6), before)


def test_a_drill_measures_neither_detection_nor_decision_nor_repair() -> None:
    """Nobody was woken for it, nobody had to decide, and nothing was broken."""
    fault = at(0)
    dated = Outage("shop", "oslo-a", fault, fault.plus(6), fault.plus(60), repaired=fault.plus(90), kind=Kind.DRILL)
    assert [dated.seconds(part) for part in ("detect", "decide", "repair")] == [None, None, None]
    assert [replace(dated, kind=Kind.INCIDENT).seconds(part) for part in ("detect", "decide", "repair")] == [6, 54, 90]


def test_a_planned_takeover_that_nobody_announced_is_not_dated() -> None:
    """A closed primary and a stopped receiver may as well be a backup: nothing says when the takeover began."""
    assert rehearsed(announce=False).snapshot.outages == ()


def test_one_takeover_in_a_drill_is_dated_once() -> None:
    watch = rehearsed()
    for second in (170, 180, 190):
        watch.see([closed(second), *opened(second)], second + 0.1)
    assert len(watch.snapshot.outages) == 1


def follows(asked: float) -> list[Sample]:
    """The old primary is closed and replicates from the new one."""
    fact = replication(source_host="10.0.0.2", source_server_id=2, source_uuid=OTHER)
    return [closed(asked), look(PRIMARY, Probe.REPLICATION, fact, asked)]


def unfed(asked: float) -> Sample:
    return look(PRIMARY, Probe.REPLICATION, ReplicationFact(()), asked)


def test_switching_back_in_the_same_drill_is_dated_too() -> None:
    watch = rehearsed()
    for second in (200, 202):
        watch.see([*follows(second), *opened(second, 100 + second)], second + 0.1)
    assert watch.snapshot.leaders["shop"].node == STANDBY
    watch.see([*follows(300), standby(standby_server(gtids(302)), 300)], 300.1)
    assert [each.lost for each in watch.snapshot.outages] == ["oslo-a", "oslo-b"]
    assert watch.outage.kind is Kind.DRILL


def test_a_third_takeover_from_the_same_node_is_dated_once_that_leads_again() -> None:
    watch = rehearsed()
    for second in (200, 202):
        watch.see([*follows(second), *opened(second, 100 + second)], second + 0.1)
    shut = standby_server(gtids(302))
    watch.see([*follows(300), standby(shut, 300)], 300.1)
    for second in (320, 322):
        back = [standby(shut, second), receiver(replication(), second)]
        watch.see([primary(server(gtids(100 + second)), second), unfed(second), *back], second + 0.1)
    assert watch.snapshot.leaders["shop"].node == PRIMARY
    watch.see([endpoint("oslo-a", 330)], 330.1)
    watch.see([closed(400), receiver(replication(), 400)], 400.1)
    assert [each.lost for each in watch.snapshot.outages] == ["oslo-a", "oslo-b", "oslo-a"]


def test_a_takeover_from_before_the_drill_is_none_of_it() -> None:
    """Its old primary may still be waiting to be rebuilt."""
    watch = Watch()
    watch.see(well(0), 0.5)
    for second in (2, 4):
        watch.see([closed(second), *opened(second, 100 + second)], second + 0.1)
    assert watch.snapshot.leaders["shop"].former == PRIMARY
    announced(watch, 5)
    watch.see([closed(6), *opened(6, 110)], 6.1)
    assert watch.snapshot.outages == ()


def test_a_takeover_that_a_script_does_between_two_looks_is_dated_without_its_parts() -> None:
    """What lay between the first step and the last, nobody saw: a promotion of 0 s would be made up."""
    watch = Watch()
    watch.see(well(0), 0.5)
    announced(watch, 0.6)
    for sample in [*follows(2), *opened(2, 101)]:
        watch.snapshot = watch.snapshot.keep(sample)
    watch.tick(2.1)
    watch.see([*follows(4), *opened(4, 105)], 4.1)
    assert watch.snapshot.leaders["shop"].node == STANDBY
    assert (watch.outage.lost, watch.outage.standby, watch.outage.kind) == ("oslo-a", "oslo-b", Kind.DRILL)
    assert [watch.outage.seconds(part) for part in ("drain", "promote")] == [None, None]
    assert len(watch.snapshot.outages) == 1


def test_a_primary_that_is_stopped_on_purpose_is_dated_from_its_first_lost_look() -> None:
    watch = Watch()
    announced(watch, -60)
    watch.die()
    assert (watch.outage.kind, watch.outage.fault) == (Kind.DRILL, at(2))


def test_a_drill_that_is_given_up_measures_nothing() -> None:
    watch = Watch()
    watch.see(well(0), 0.5)
    announced(watch, 1)
    watch.see([closed(2)], 2.1)
    watch.see([closed(4), stopped(4)], 4.1)
    assert watch.outage.decided is not None
    watch.see(well(8), 8.1)
    assert watch.snapshot.outages == ()


@pytest.mark.parametrize("by_hand", [True, False], ids=["ended by hand", "ended by itself"])
def test_a_takeover_that_is_half_done_when_its_drill_ends_is_not_filed(by_hand: bool) -> None:
    """What is left open would swallow the next real outage."""
    watch = Watch()
    watch.see(well(0), 0.5)
    announced(watch, 1, seconds=10)
    watch.see([closed(2)], 2.1)
    if by_hand:
        over(watch, 5)
    watch.see([closed(6 if by_hand else 12)], 6.1 if by_hand else 12.1)
    assert watch.snapshot.outages == ()


def test_a_death_that_began_in_a_drill_is_nobody_s_measure_once_it_is_over() -> None:
    watch = Watch()
    announced(watch, 0, seconds=5)
    watch.die()
    assert watch.snapshot.outages == ()
    assert watch.incidents[0].phase is Phase.OPEN


def test_a_drill_that_is_over_leaves_the_next_death_a_real_one() -> None:
    watch = Watch()
    announced(watch, -100, seconds=50)
    watch.die()
    assert watch.outage.kind is Kind.INCIDENT


def dated(*taken: tuple[Kind, float]) -> Snapshot:
    """Takeovers a day apart, each with how long it took to promote."""
    made = []
    for day, (kind, seconds) in enumerate(taken, 1):
        fault = at(-86400.0 * day)
        steps = {"detected": fault.plus(6), "decided": fault.plus(60), "drained": fault.plus(70)}
        made.append(
            Outage("shop", "oslo-a", fault, **steps, promoted=fault.plus(70 + seconds), standby="oslo-b", kind=kind)
        )
    return Snapshot(outages=tuple(made))


def test_the_next_estimate_takes_the_promotion_of_a_drill_and_says_so() -> None:
    terms = {each.component: each for each in estimate(SHOP, POLICY, dated((Kind.DRILL, 40)), STANDBY, at(1)).terms}
    assert terms["promote"] == Term("promote", 40.0, Basis.MEASURED, "measured in a drill on 2026-11-22", at(-86400))
    assert terms["decide"].basis is Basis.ASSUMED


def test_several_drills_give_their_median() -> None:
    past = learned(dated((Kind.DRILL, 40), (Kind.DRILL, 20), (Kind.DRILL, 60)).outages, "shop", "promote")
    assert past is not None
    assert (past.seconds, past.words) == (40.0, "median of 3 drills, the last on 2026-11-22")


def test_where_an_incident_has_measured_a_part_drills_count_for_nothing() -> None:
    past = learned(dated((Kind.DRILL, 20), (Kind.INCIDENT, 90), (Kind.DRILL, 30)).outages, "shop", "promote")
    assert past is not None
    assert (past.seconds, past.kind, past.words) == (90.0, Kind.INCIDENT, "measured once")


def test_a_drill_ends_by_itself_and_by_hand_and_can_be_prolonged() -> None:
    drills = drill.announced((), "shop", 7200, at(0))
    assert drill.running(drills, "shop", at(7199)) == Drill("shop", at(0), at(7200))
    assert drill.running(drills, "shop", at(7200)) is None
    assert drill.running(drills, "other", at(1)) is None
    assert drill.announced(drills, "shop", 7200, at(7000)) == (Drill("shop", at(0), at(14200)),)
    assert drill.ended(drills, "shop", at(60)) == (Drill("shop", at(0), at(60)),)
    assert drill.ended(drills, "shop", at(8000)) == drills
    assert len(drill.announced(drills, "shop", 60, at(8000))) == 2


def test_a_drill_outlives_a_restart_of_drwatch() -> None:
    drills = drill.announced((), "shop", 7200, at(0))
    again = recall(memory(Snapshot(drills=drills), at(10)), [STANDBY], at(20))
    assert drill.running(again.drills, "shop", at(30)) == drills[0]


def told(world: Snapshot, now: float, reason: PageReason = PageReason.FIRST) -> tuple[str, str]:
    """Title and body of what would be told of the primary."""
    watch = Watch()
    watch.snapshot = world
    watch.tick(now - 6)
    watch.tick(now)
    incident = next(each for each in watch.incidents if each.topic == "primary")
    message = compose(Page(incident, reason, ("phone",)), judged(world, now), OSLO)
    return message.title, message.body


@pytest.mark.parametrize("reason", [PageReason.FIRST, PageReason.STILL, PageReason.RESOLVED])
def test_a_page_in_a_drill_still_goes_out_and_its_first_line_says_drill(reason: PageReason) -> None:
    dead = seen(well(0), primary(REFUSED, 1), body(dead_host(), 1))
    playing = replace(dead, drills=drill.announced((), "shop", 3600, at(0)))
    title, text = told(playing, 8, reason)
    assert title.startswith("DRILL ")
    assert len(title) <= 120
    assert text.startswith("DRILL of shop until 05:14:00+0100: if nobody did this on purpose, it is real.\n")
    plain, _ = told(dead, 8, reason)
    assert title.split()[1:4] == plain.split()[0:3]


def test_a_drill_of_one_cluster_marks_no_page_of_another() -> None:
    dead = seen(well(0), primary(REFUSED, 1), body(dead_host(), 1))
    title, text = told(replace(dead, drills=drill.announced((), "other", 3600, at(0))), 8)
    assert "DRILL" not in title + text


def test_a_drill_suppresses_nothing() -> None:
    dead = seen(well(0), primary(REFUSED, 1), body(dead_host(), 1))
    playing = replace(dead, drills=drill.announced((), "shop", 3600, at(0)))
    assert conditions(playing, 8) == conditions(dead, 8) >= {Condition.PRIMARY_DOWN}


def stale(world: Snapshot, now: float) -> str | None:
    finding = found(world, now, Condition.DRILL_STALE, REMINDED)
    return finding.summary if finding else None


def watched_since(day: float, *taken: tuple[Kind, float]) -> Snapshot:
    world = replace(seen(well(0)), watched={"shop": at(86400 * day)})
    return replace(world, outages=dated(*taken).outages)


def test_a_cluster_without_a_drill_for_too_long_is_drill_stale() -> None:
    summary = stale(watched_since(-91), 1)
    assert summary is not None
    assert "no takeover was seen in the 91 d" in summary
    assert "every 90 d:" in summary
    assert stale(watched_since(-89), 1) is None


@pytest.mark.parametrize("kind", Kind)
def test_a_drill_or_a_real_takeover_ends_it(kind: Kind) -> None:
    assert stale(watched_since(-400, (kind, 30)), 1) is None
    assert "the last takeover was 98 d 23 h ago" in (stale(watched_since(-400, (kind, 30)), 98 * 86400) or "")


def test_nobody_is_paged_for_drills_who_did_not_ask_to_be() -> None:
    assert found(watched_since(-4000), 1, Condition.DRILL_STALE) is None


def test_a_drill_that_is_on_is_not_overdue() -> None:
    world = replace(watched_since(-91), drills=drill.announced((), "shop", 3600, at(0)))
    assert stale(world, 1) is None


def test_a_cluster_is_watched_from_the_first_judgement_on_and_over_restarts() -> None:
    first = judged(seen(well(0)), 1).snapshot
    assert first.watched == {"shop": at(1)}
    again = recall(memory(first, at(2)), [STANDBY], at(50))
    assert judged(again, 60).snapshot.watched == {"shop": at(1)}


def test_a_lost_primary_explains_a_drill_that_is_overdue() -> None:
    world = watched_since(-91)
    world = seen(primary(REFUSED, 1), body(dead_host(), 1), world=world)
    finding = found(world, 8, Condition.DRILL_STALE, REMINDED)
    assert finding is not None
    assert finding.suppressed_by is Condition.PRIMARY_DOWN


def test_a_cluster_without_a_standby_to_rehearse_with_is_told_of_that_alone() -> None:
    told = [Finding(each, "shop", "oslo-a", "") for each in (Condition.DRILL_STALE, Condition.UNPROTECTED)]
    assert [each.suppressed_by for each in suppress(told)] == [Condition.UNPROTECTED, None]


def steps(fact: ServerFact | None = None) -> list[str]:
    world = seen(well(0), *([primary(fact, 0.5)] if fact else []))
    view = judged(world, 1).clusters[0]
    return [f"{step.why}: {step.line}" for step in rehearsal(view, world, OSLO_B).takeover]


def place(lines: Iterable[str], words: str) -> int:
    return next(number for number, line in enumerate(lines) if words in line)


def test_the_steps_of_a_drill_stand_in_the_order_that_loses_nothing() -> None:
    """Close, receive it all, copy the relay log, apply, stop receiving, drained, forget, open, move."""
    lines = steps()
    order = [
        "Close oslo-a",
        "SHOW MASTER STATUS",
        "relay_log_basename",
        "START REPLICA SQL_THREAD; STOP REPLICA IO_THREAD",
        "has read all relay log",
        "RESET REPLICA ALL",
        "read_only = OFF",
        "the application's account",
        "Move DNS",
        "Let oslo-a follow oslo-b",
        "drwatch drill shop --end",
    ]
    assert [place(lines, words) for words in order] == sorted(place(lines, words) for words in order)


def test_a_drill_and_a_takeover_share_their_steps_once_the_primary_is_closed() -> None:
    world = seen(well(0))
    view = judged(world, 1).clusters[0]
    real = [each.line for each in preflight(view, world, OSLO_B).takeover[1:]]
    played = [each.line for each in rehearsal(view, world, OSLO_B).takeover]
    assert played[3 : 3 + len(real)] == real


@pytest.mark.parametrize(
    ("fact", "statement"),
    [
        (server(version=(8, 0, 36)), "SHOW MASTER STATUS"),
        (server(version=(9, 7, 0)), "SHOW BINARY LOG STATUS"),
        (server(version=(11, 8, 2), flavour=Flavour.MARIADB), "SHOW MASTER STATUS"),
    ],
)
def test_the_primary_is_asked_where_it_stands_in_its_own_words(fact: ServerFact, statement: str) -> None:
    assert any(statement in line for line in steps(fact))


def test_a_healthy_pair_may_be_rehearsed_and_a_closed_one_may_not() -> None:
    world = seen(well(0))
    assert rehearsal(judged(world, 1).clusters[0], world, OSLO_B).decision is Decision.GO
    shut = seen(closed(0.5), world=world)
    answer = rehearsal(judged(shut, 1).clusters[0], shut, OSLO_B)
    assert answer.decision is Decision.NO_GO
    assert answer.checks[0].sentence == "oslo-a is closed already"


def test_no_drill_is_announced_over_a_dead_primary() -> None:
    dead = seen(well(0), primary(REFUSED, 1), body(dead_host(), 1))
    assert no_drill(judged(seen(well(0)), 1).clusters[0]) is None
    refused = no_drill(judged(dead, 8).clusters[0])
    assert refused is not None
    assert "oslo-a is PrimaryDown: this is no drill" in refused
