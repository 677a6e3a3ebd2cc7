"""What an alert engine is to keep to itself, and what of its silences is drwatch's to end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pager import Pager
from worlds import at

from drwatch.core.finding import Condition, Finding
from drwatch.core.hush import Cause, Held, Hush, cause, hushes, steps
from drwatch.core.incident import Incident, Phase
from drwatch.core.silence import Silence

DOWN = Finding(Condition.PRIMARY_DOWN, "shop", "oslo-a", "dead")
WALL = at(60).wall
LABELS = {"alertname": "PrimaryDown", "incident": "ABCDEF"}
WANTED = Hush("ABCDEF", "anna", "in hand", WALL), LABELS
MINE = Held("1", LABELS, "drwatch ABCDEF: in hand", WALL)


def taken() -> Incident:
    """Told, and in somebody's hands from second 60 on, for an hour."""
    pager = Pager()
    for now in range(61):
        pager.tell(now, DOWN)
    pager.acknowledge(60)
    (incident,) = pager.incidents
    return incident


def test_what_somebody_has_in_hand_is_silent_as_long_as_they_have_it() -> None:
    incident = taken()
    assert incident.acknowledged is not None
    noted = replace(incident, acknowledged=replace(incident.acknowledged, note="on it"))
    (hush,) = hushes([noted], []).values()
    assert (hush.by, hush.until) == (incident.acknowledged.by, at(3660).wall)
    assert hush.comment == f"drwatch {incident.id}: in hand: on it"


def test_what_nobody_has_in_hand_and_what_is_over_is_not() -> None:
    incident = taken()
    assert hushes([replace(incident, acknowledged=None)], []) == {}
    assert hushes([replace(incident, phase=Phase.RESOLVED)], []) == {}


def test_what_is_silenced_is_silent_and_of_two_reasons_the_longer_one_counts() -> None:
    silence = Silence("SABCDE", "shop", at(0), 7200.0, "new disks", "bo")
    both = replace(taken(), silence=silence.id)
    (hush,) = hushes([both], [silence]).values()
    assert (hush.by, hush.why, hush.until) == ("bo", "silenced (SABCDE): new disks", at(7200).wall)
    (hush,) = hushes([both], [replace(silence, seconds=600.0)]).values()
    assert hush.until == at(3660).wall
    (hush,) = hushes([replace(both, acknowledged=None)], [silence]).values()
    assert hush.by == "bo"


def test_each_trouble_that_nobody_is_told_of_has_one_cause_and_what_is_told_has_none() -> None:
    plain = replace(taken(), acknowledged=None)
    assert cause(plain, kept_back=False) is None
    assert cause(taken(), kept_back=False) is Cause.ACKNOWLEDGED
    assert cause(replace(plain, silence="SABCDE"), kept_back=False) is Cause.SILENCED
    assert cause(plain, kept_back=True) is Cause.QUIET_HOURS
    stale = replace(plain, condition=Condition.FILES_STALE, flaps=True)
    assert cause(stale, kept_back=False) is Cause.FLAPPING
    # A primary that is down is told each time.
    assert cause(replace(plain, flaps=True), kept_back=False) is None
    both = replace(taken(), silence="SABCDE", suppressed_by=Condition.PRIMARY_DOWN)
    assert cause(both, kept_back=True) is Cause.EXPLAINED
    assert cause(replace(both, phase=Phase.RESOLVED), kept_back=False) is None


def test_of_a_suspicion_only_a_greater_trouble_keeps_people_from_hearing() -> None:
    suspected = replace(taken(), phase=Phase.SUSPECTED, acknowledged=None, silence="SABCDE")
    assert cause(suspected, kept_back=False) is None
    assert cause(replace(suspected, suppressed_by=Condition.PRIMARY_DOWN), kept_back=False) is Cause.EXPLAINED


def test_a_silence_is_set_once() -> None:
    assert steps("ABCDEF", WANTED, []) == (True, ())
    assert steps("ABCDEF", WANTED, [MINE]) == (False, ())
    # Two that are alike, as after a partition: one is enough.
    assert steps("ABCDEF", WANTED, [MINE, replace(MINE, id="2")]) == (False, ("2",))


def test_a_silence_that_ends_at_another_time_or_is_about_another_name_is_replaced() -> None:
    for other in (replace(MINE, until=WALL + timedelta(minutes=5)), replace(MINE, labels={"incident": "ABCDEF"})):
        assert steps("ABCDEF", WANTED, [other]) == (True, ("1",))


def test_only_drwatch_s_own_silences_are_ended() -> None:
    human = replace(MINE, id="2", comment="we know")
    neighbour = replace(MINE, id="3", comment="drwatch GHIJKL: in hand")
    assert steps("ABCDEF", None, [MINE, human, neighbour]) == (False, ("1",))
    # What a human has set there does not stand for what was asked for here: it may be ended there any moment.
    assert steps("ABCDEF", WANTED, [human]) == (True, ())
