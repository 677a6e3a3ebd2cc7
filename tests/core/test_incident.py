"""An incident's life: suspected, confirmed, told, held, resolved; or healed and told to nobody."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import POLICY, START, Story, Telling, at

from drwatch.core.finding import Condition, Confidence, Finding
from drwatch.core.incident import Phase, identity, window
from drwatch.core.paging import PageReason
from drwatch.core.policy import Confirm, Paging, Step


def finding(condition: Condition = Condition.PRIMARY_DOWN, **but: object) -> Finding:
    made = Finding(condition, "shop", "oslo-a", "the database server on oslo-a is dead")
    return replace(made, **but)  # type: ignore[arg-type]


DOWN = finding()
HUNG = finding(Condition.PRIMARY_HUNG)
FULL = finding(Condition.PRIMARY_DISK_FULL)
RESTARTING = finding(Condition.PRIMARY_RESTARTING)
UNSEEN = finding(Condition.PRIMARY_UNSEEN, confidence=Confidence.ALONE, summary="only the witness cannot see oslo-a")
ISOLATED = finding(Condition.WITNESS_ISOLATED, summary="the witness has lost its network")
LATE = finding(Condition.RPO_BREACHED, subject="oslo-b")


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        (DOWN, 5),
        (finding(confidence=Confidence.LIKELY), 15),
        (finding(confidence=Confidence.ALONE), 30),
        (RESTARTING, 60),
        (finding(confirm=3600.0), 3600),
    ],
)
def test_a_finding_is_told_after_the_window_of_its_confidence(found: Finding, seconds: int) -> None:
    story = Story()
    for now in range(seconds):
        assert [i.phase for i in story.tick(now, found).living] == [Phase.SUSPECTED]
    step = story.tick(seconds, found)
    assert [i.phase for i in step.living] == [Phase.OPEN]
    assert [i.phase for i in step.changed] == [Phase.OPEN]
    assert step.changed[0].began == START
    assert step.changed[0].confirmed == at(seconds)


def test_the_operators_own_window_goes_before_any_other_and_may_be_zero() -> None:
    confirm = Confirm(by_condition=MappingProxyType({"PrimaryDown": 0.0, "PrimaryRestarting": 2.0}))
    policy = replace(POLICY, confirm=confirm)
    assert window(finding(confidence=Confidence.ALONE, confirm=99.0), policy) == 0
    assert window(RESTARTING, policy) == 2
    assert [i.phase for i in Story(policy).tick(0, DOWN).changed] == [Phase.OPEN]


def test_what_heals_inside_its_window_pages_nobody_and_is_in_the_history() -> None:
    """0: mysqld is killed. 3: systemd has it back. The history says three seconds; nobody was woken."""
    story = Story()
    for now in range(4):
        story.tick(now, DOWN)
    step = story.tick(4)
    assert [(i.phase, i.confirmed, i.ended) for i in step.changed] == [(Phase.HEALED, None, at(4))]
    assert step.living == ()


def test_a_suspicion_of_less_than_a_second_is_not_worth_a_line() -> None:
    story = Story()
    story.tick(0, DOWN)
    assert story.tick(0.5).changed == ()
    assert story.incidents == ()


def test_the_primarys_trouble_is_one_incident_while_its_face_changes() -> None:
    story = Story()
    for now in range(6):
        story.tick(now, HUNG)
    born = story.incidents[0]
    step = story.tick(6, DOWN)
    (incident,) = step.living
    assert incident.id == born.id
    assert incident.condition is Condition.PRIMARY_DOWN
    assert (incident.began, incident.condition_began) == (START, at(6))
    assert step.changed == (incident,)


def test_the_faces_of_a_lost_primary_share_their_window() -> None:
    """A host that dies is first mute, then out of reach: the clock does not start again at each face."""
    story = Story()
    for now in range(5):
        story.tick(now, HUNG if now % 2 else DOWN)
    assert [i.phase for i in story.tick(5, HUNG).living] == [Phase.OPEN]


def test_a_suspicion_outlives_the_second_in_which_the_chairs_are_asked() -> None:
    """0: its disk is full. 4: it is told to stop, its port is shut, and the chairs are asked. 5: its disk is full."""
    story = Story()
    for now in range(4):
        story.tick(now, FULL)
    story.tick(4, judging=["shop"])
    assert [(i.phase, i.began) for i in story.tick(5, FULL).living] == [(Phase.OPEN, START)]


def test_a_verdict_that_is_being_reached_keeps_the_primarys_trouble_alone_and_of_no_other_cluster() -> None:
    story = Story()
    story.tick(0, FULL, LATE)
    story.tick(1, FULL, LATE)
    assert [i.condition for i in story.tick(2, judging=["shop"]).living] == [Condition.PRIMARY_DISK_FULL]
    assert story.tick(3, judging=["elsewhere"]).living == ()


def test_a_trouble_of_another_face_after_the_chairs_were_asked_has_its_own_window() -> None:
    story = Story()
    for now in range(4):
        story.tick(now, FULL)
    story.tick(4, judging=["shop"])
    for now in range(5, 10):
        assert [i.phase for i in story.tick(now, DOWN).living] == [Phase.SUSPECTED]
    assert [i.phase for i in story.tick(10, DOWN).living] == [Phase.OPEN]


def test_a_slow_restart_is_not_told_as_a_death_for_the_blink_between_stop_and_start() -> None:
    """0: systemctl restart; the port is shut, pages are written out. 30: the process is gone. 31: it is starting."""
    story = Story()
    for now in range(30):
        story.tick(now, RESTARTING)
    assert [i.phase for i in story.tick(30, DOWN).living] == [Phase.SUSPECTED]
    assert [i.phase for i in story.tick(31, RESTARTING).living] == [Phase.SUSPECTED]
    story.tick(40, RESTARTING)
    assert [i.phase for i in story.tick(41).changed] == [Phase.HEALED]


def test_a_death_at_the_end_of_a_restart_has_its_own_window_and_no_more() -> None:
    story = Story()
    for now in range(30):
        story.tick(now, RESTARTING)
    for now in range(30, 35):
        assert [i.phase for i in story.tick(now, DOWN).living] == [Phase.SUSPECTED]
    assert [i.phase for i in story.tick(35, DOWN).living] == [Phase.OPEN]


def test_a_crash_loop_that_never_serves_is_told_within_the_restarts_allowance() -> None:
    """Four seconds gone, four seconds starting, and so on: no face lasts, the application has had nothing for 60 s."""
    story = Story()
    for now in range(60):
        assert [i.phase for i in story.tick(now, DOWN if now // 4 % 2 else RESTARTING).living] == [Phase.SUSPECTED]
    assert [i.phase for i in story.tick(60, DOWN).living] == [Phase.OPEN]


def test_a_restart_that_drwatch_itself_was_the_last_to_see_is_not_called_unseen_in_the_history() -> None:
    """The server has crashed and is back, its standby is connected again, and drwatch's next dial is seconds away."""
    story = Story()
    for now, found in enumerate((DOWN, RESTARTING, RESTARTING, UNSEEN, UNSEEN)):
        assert [i.phase for i in story.tick(now, found).living] == [Phase.SUSPECTED]
    (healed,) = story.tick(5).changed
    assert (healed.phase, healed.condition, healed.summary) == (Phase.HEALED, RESTARTING.condition, RESTARTING.summary)


def test_a_primary_that_stays_unseen_after_its_restart_is_told_as_that() -> None:
    story = Story()
    story.tick(0, DOWN)
    for now in range(1, 31):
        assert [i.phase for i in story.tick(now, UNSEEN).living] == [Phase.SUSPECTED]
    (told,) = story.tick(31, UNSEEN).changed
    assert (told.phase, told.condition) == (Phase.OPEN, Condition.PRIMARY_UNSEEN)


def test_a_primary_that_dies_again_before_it_is_seen_again_is_unseen_from_then_on_anew() -> None:
    story = Story()
    for now in range(60):
        assert [i.phase for i in story.tick(now, UNSEEN if now % 7 else DOWN).living] == [Phase.SUSPECTED]


def test_a_death_after_it_was_told_as_unseen_has_its_own_window_too() -> None:
    """On a line that loses packets one statement without an answer is soon there, and calls nobody down."""
    story = Story()
    for now in range(31):
        story.tick(now, UNSEEN)
    for now in range(31, 36):
        assert [i.condition for i in story.tick(now, DOWN).living] == [UNSEEN.condition]
    for now in range(36, 39):
        assert [i.condition for i in story.tick(now, UNSEEN).living] == [UNSEEN.condition]
    for now in range(39, 44):
        assert story.tick(now, DOWN).changed == ()
    (told,) = story.tick(44, DOWN).changed
    assert (told.phase, told.condition) == (Phase.OPEN, DOWN.condition)


def test_a_death_after_it_was_told_as_unseen_is_told_although_a_look_is_lost_now_and_then() -> None:
    story = Story()
    for now in range(31):
        story.tick(now, UNSEEN)
    for now in range(31, 90):
        # Every twentieth second the host's word is lost on the way, and the verdict is for a moment what it was.
        story.tick(now, UNSEEN if now % 20 == 0 else RESTARTING)
    (incident,) = story.tick(31 + POLICY.confirm.restarting, RESTARTING).living
    assert incident.condition is Condition.PRIMARY_RESTARTING


def test_glimpses_of_a_death_do_not_add_up_to_one() -> None:
    story = Story()
    for now in range(31):
        story.tick(now, UNSEEN)
    for now in range(31, 300):
        assert [i.condition for i in story.tick(now, DOWN if now % 5 == 0 else UNSEEN).living] == [UNSEEN.condition]


@pytest.mark.parametrize("critical", [4, 5, 6])
def test_a_death_after_it_was_told_as_unseen_is_told_although_no_sight_of_it_lasts(critical: int) -> None:
    """As a suspicion it would be told when a restart's allowance is over: its face keeps changing."""
    story = Telling(replace(POLICY, paging=Paging(("phone",), (Step(("phone",)),))))
    story.go(0, 60, UNSEEN)
    for now in range(60, 1000):
        story.go(now, now + 1, DOWN if now % 8 < critical else UNSEEN)
    told = [(when, reason) for when, reason, condition in story.told if condition is DOWN.condition]
    assert told[0][1] is PageReason.CHANGED
    assert 65 <= told[0][0] <= 60 + 2 * POLICY.confirm.restarting
    assert [reason for _, reason in told].count(PageReason.CHANGED) == 1


@pytest.mark.parametrize(("critical", "of"), [(1, 5), (1, 3), (3, 10), (4, 20)])
def test_a_death_that_is_seen_for_less_than_two_fifths_of_the_time_is_not_told(critical: int, of: int) -> None:
    story = Story()
    for now in range(31):
        story.tick(now, UNSEEN)
    for now in range(31, 2000):
        found = DOWN if now % of < critical else UNSEEN
        assert [i.condition for i in story.tick(now, found).living] == [UNSEEN.condition]


def test_what_once_looked_worse_does_not_shorten_the_window_of_a_later_trouble() -> None:
    alone = replace(HUNG, confidence=Confidence.ALONE)
    story = Telling()
    story.go(0, 40, UNSEEN)
    story.go(40, 60)
    for start in (60, 85):
        story.go(start, start + 1, alone)
        story.go(start + 1, start + 6)
    story.go(91, 98, alone)
    story.go(98, 200)
    assert [(reason, condition) for _, reason, condition in story.told] == [
        (PageReason.FIRST, UNSEEN.condition),
        (PageReason.RESOLVED, UNSEEN.condition),
    ]


def test_what_looked_worse_before_the_witness_was_cut_off_does_not_shorten_the_window_afterwards() -> None:
    """40: the pair falls silent. 42: so does everything else. 90: all is back, the primary last of all."""
    gone = finding(Condition.PRIMARY_HOST_DOWN, confidence=Confidence.ALONE)
    story = Telling()
    story.go(0, 40, UNSEEN)
    story.go(40, 42, gone)
    story.go(42, 90, ISOLATED)
    story.go(90, 91, replace(HUNG, confidence=Confidence.ALONE))
    story.go(91, 120, UNSEEN)
    assert [condition for _, _, condition in story.told if condition is not ISOLATED.condition] == [UNSEEN.condition]


def test_a_restart_after_it_was_told_as_unseen_does_not_shorten_the_window_of_the_death_that_follows() -> None:
    """A restart has an allowance of its own; what it ends as has still to last."""
    gone = finding(Condition.PRIMARY_HOST_DOWN)
    story = Telling()
    story.go(0, 40, UNSEEN)
    story.go(40, 60, RESTARTING)
    story.go(60, 70, gone)
    story.go(70, 80, HUNG)
    assert story.told[1:2] == [(65, PageReason.CHANGED, gone.condition)]


def test_a_death_after_it_was_unseen_has_its_own_window() -> None:
    story = Story()
    for now, found in enumerate((DOWN, DOWN, DOWN, UNSEEN, DOWN, DOWN, DOWN, DOWN)):
        assert [i.phase for i in story.tick(now, found).living] == [Phase.SUSPECTED]
    assert [i.phase for i in story.tick(8, DOWN).living] == [Phase.OPEN]


def test_a_finding_must_stay_away_for_the_hold_before_it_is_resolved() -> None:
    story = Story()
    for now in range(6):
        story.tick(now, DOWN)
    for now in range(6, 35):
        assert [i.phase for i in story.tick(now).living] == [Phase.OPEN]
    step = story.tick(35)
    assert [(i.phase, i.ended) for i in step.changed] == [(Phase.RESOLVED, at(5))]
    assert step.living == ()


def test_a_finding_that_returns_within_the_hold_is_the_same_incident_and_no_news() -> None:
    story = Story()
    for now in range(6):
        story.tick(now, DOWN)
    story.tick(20)
    step = story.tick(30, DOWN)
    assert step.changed == ()
    assert [i.phase for i in story.tick(59).living] == [Phase.OPEN]


def test_a_restart_with_an_unchanged_condition_changes_nothing() -> None:
    """0 … 5: told. drwatch is killed and starts again at 20: first nothing is known, then the finding is there."""
    story = Story()
    for now in range(6):
        story.tick(now, DOWN)
    loaded = story.incidents
    again = Story()
    again.incidents = loaded
    for now in range(20, 90):
        assert again.tick(now, unsettled=["shop"]).changed == ()
    step = again.tick(90, DOWN)
    assert step.changed == ()
    assert step.living[0].id == loaded[0].id
    assert [i.phase for i in again.tick(119).living] == [Phase.OPEN]


def test_an_unsettled_cluster_ends_no_suspicion_either() -> None:
    story = Story()
    story.tick(0, LATE)
    assert [i.phase for i in story.tick(2, unsettled=["shop"]).living] == [Phase.SUSPECTED]
    assert story.tick(3, unsettled=["elsewhere"]).living == ()


def test_a_broken_channel_is_not_told_as_mended_because_nobody_has_tried_it_since_a_restart() -> None:
    broken = Finding(Condition.PAGING_BROKEN, "", "phone", "the paging channel phone refuses for good", confirm=0.0)
    story = Story()
    story.tick(0, broken)
    assert [i.phase for i in story.tick(600).living] == [Phase.OPEN]
    gone = Story()
    gone.tick(0, replace(broken, subject="a channel that the configuration no longer has"))
    assert [i.phase for i in gone.tick(600).changed] == [Phase.RESOLVED]


def test_what_a_greater_trouble_explains_gets_its_own_window_when_that_is_over() -> None:
    """0: the primary dies, and with it everything downstream. 100: it is back, the breach is still there."""
    story, explained = Story(), replace(LATE, suppressed_by=Condition.PRIMARY_DOWN)
    for now in range(100):
        story.tick(now, DOWN, explained)
    child = next(i for i in story.incidents if i.condition is Condition.RPO_BREACHED)
    assert (child.phase, child.suppressed_by) == (Phase.SUSPECTED, Condition.PRIMARY_DOWN)
    phases = []
    for now in range(100, 106):
        step = story.tick(now, LATE)
        phases.append(next(i.phase for i in step.living if i.condition is Condition.RPO_BREACHED))
    assert phases == [Phase.SUSPECTED] * 4 + [Phase.OPEN] * 2


def test_what_ends_while_it_is_explained_is_kept_in_the_history_with_what_explains_it() -> None:
    story, explained = Story(), replace(LATE, suppressed_by=Condition.PRIMARY_DOWN)
    for now in range(60):
        story.tick(now, DOWN, explained)
    (kept,) = story.tick(60, DOWN).changed
    assert (kept.condition, kept.phase, kept.suppressed_by) == (LATE.condition, Phase.HEALED, Condition.PRIMARY_DOWN)
    assert (kept.began, kept.ended) == (START, at(60))


def test_what_was_told_is_explained_by_a_witness_that_is_cut_off_and_over_only_when_that_has_looked_again() -> None:
    story = Story()
    for now in range(10):
        story.tick(now, DOWN)
    (first,) = story.incidents
    (explained,) = (each for each in story.tick(10, ISOLATED).changed if each.id == first.id)
    assert (explained.phase, explained.suppressed_by) == (Phase.OPEN, Condition.WITNESS_ISOLATED)
    for now in range(11, 100):
        assert [each for each in story.tick(now, ISOLATED).changed if each.id == first.id] == []
    for now in range(100, 129):
        living = {each.id: each for each in story.tick(now).living}
        assert (living[first.id].phase, living[first.id].suppressed_by) == (Phase.OPEN, None)
    (over,) = (each for each in story.tick(129).changed if each.id == first.id)
    assert (over.phase, over.ended) == (Phase.RESOLVED, at(99))


def test_a_witness_that_is_cut_off_from_one_cluster_keeps_no_trouble_of_another() -> None:
    story, elsewhere = Story(), replace(ISOLATED, cluster="other")
    for now in range(10):
        story.tick(now, DOWN, elsewhere)
    for now in range(10, 60):
        story.tick(now, elsewhere)
    assert [each.cluster for each in story.incidents] == ["other"]


def test_two_findings_of_one_kind_about_one_thing_are_one_incident() -> None:
    """Two standbys with a stale copy of one file set, or two broken channels of one standby."""
    story = Story()
    one, other = (finding(Condition.FILES_STALE, subject="uploads", summary=text) for text in ("b", "c"))
    for now in range(5):
        assert len(story.tick(now, one, other).living) == 1
    step = story.tick(5, other, one)
    assert [i.phase for i in step.changed] == [Phase.OPEN]
    assert len(story.tick(6, replace(one, suppressed_by=Condition.STANDBY_DOWN), other).living) == 1
    assert story.incidents[0].suppressed_by is None


def test_an_identity_is_six_letters_and_the_same_for_the_same_trouble() -> None:
    assert identity(DOWN, START) == identity(HUNG, START)
    assert len(identity(DOWN, START)) == 6
    assert len({identity(DOWN, START), identity(DOWN, at(1)), identity(LATE, START)}) == 3


@given(
    st.lists(
        st.sampled_from([None, DOWN, HUNG, RESTARTING, UNSEEN, replace(DOWN, confidence=Confidence.ALONE)]), max_size=80
    )
)
def test_nothing_is_told_before_it_has_lasted_and_every_incident_ends_once(ticks: list[Finding | None]) -> None:
    """Any weather, a tick a second: at most one incident lives; opened only after its least window of unbroken
    trouble; ended exactly once; what was opened is resolved, never healed."""
    story, trouble = Story(), 0
    for now, found in enumerate([*ticks, *([None] * 40)]):
        step = story.tick(now, *([found] if found else []))
        trouble = trouble + 1 if found else 0
        assert len(step.living) <= 1
        for incident in step.changed:
            if incident.phase is Phase.OPEN and incident.confirmed == at(now):
                assert trouble > 5
    assert story.incidents == ()
    ended = [i.id for i in story.changed if i.phase in (Phase.RESOLVED, Phase.HEALED)]
    assert len(ended) == len(set(ended))
    opened = {i.id for i in story.changed if i.phase is Phase.OPEN}
    assert opened == {i.id for i in story.changed if i.phase is Phase.RESOLVED}


def test_advancing_is_a_function_of_its_arguments() -> None:
    story = Story()
    story.tick(0, DOWN)
    before = story.incidents
    story.tick(1, DOWN)
    assert before[0].last_true == START
