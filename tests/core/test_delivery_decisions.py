"""What becomes of a page that was not accepted: again, elsewhere, enough, or over before anybody was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import START, Story, at

from drwatch.core.ack import Ack
from drwatch.core.assessment import Assessment
from drwatch.core.delivery import (
    BACKOFF,
    COPIES,
    NOTE_EXPIRES,
    PATIENCE,
    REFUSED_AGAIN,
    WARNING_EXPIRES,
    Address,
    Reach,
    addresses,
    after,
    arriving,
    ending,
    expired,
    inheriting,
    off_duty,
    order,
    overtaken,
    patience,
    retry_after,
    settled,
    stand_ins,
    undelivered,
    unsettled,
)
from drwatch.core.finding import Condition, Finding, Severity
from drwatch.core.incident import Incident, Phase
from drwatch.core.message import compose
from drwatch.core.paging import Outcome, Page, PageReason, Row, RowState, page
from drwatch.core.policy import Paging, Step
from drwatch.core.rota import Person, Rota
from drwatch.core.snapshot import Snapshot

ROW = Row(
    event="ABCDEF.1",
    channel="phone",
    incident="ABCDEF",
    reason=PageReason.FIRST,
    severity=Severity.CRITICAL,
    title="t",
    body="b",
    created=START,
    due=START,
)
CHANNELS = ("phone", "sms", "mail")
PAGING = Paging(channels=("phone", "sms", "mail", "diary"), escalation=(Step(("phone",)), Step(("sms", "mail"), 300.0)))
DOWN = Finding(Condition.PRIMARY_DOWN, "shop", "oslo-a", "oslo-a is dead")


def sent(channel: str, state: RowState = RowState.DUE, tried: float | None = 0.0, **known: object) -> Row:
    return replace(ROW, channel=channel, state=state, tried=None if tried is None else at(tried), **known)


def spare(channel: str) -> Row:
    return sent(channel, RowState.RESERVE, None)


def refused(channel: str, now: float = 0.0, **known: object) -> Row:
    return sent(channel, due=at(now + REFUSED_AGAIN), tried=now, **known)


def helpers(rows: Sequence[Row], now: float, reach: Mapping[str, Reach] = {}) -> list[tuple[str, str]]:
    return [(row.channel, row.instead) for row in stand_ins(rows, CHANNELS, reach, at(now))]


# Again


@given(st.integers(0, 50), st.floats(0, 1))
def test_a_failed_attempt_is_made_again_soon_and_never_later_than_a_minute(attempts: int, chance: float) -> None:
    seconds = retry_after(replace(ROW, attempts=attempts), Outcome.FAILED, chance)
    assert 0.5 <= seconds <= 60
    assert seconds <= max(0.5, BACKOFF[min(max(attempts, 1), 5) - 1])


@given(st.integers(0, 50), st.floats(0, 1))
def test_an_attempt_that_may_have_arrived_waits_before_its_copy(attempts: int, chance: float) -> None:
    assert 30 <= retry_after(replace(ROW, attempts=attempts), Outcome.AMBIGUOUS, chance) <= 90


def test_a_channel_that_refused_for_good_is_tried_again_after_five_minutes() -> None:
    assert retry_after(ROW, Outcome.REFUSED, 0.5) == REFUSED_AGAIN


@pytest.mark.parametrize(("asked", "waits"), [(None, 1.0), (0.1, 1.0), (20.0, 20.0), (86400.0, REFUSED_AGAIN)])
def test_a_service_that_asks_to_be_left_alone_is_for_as_long_as_a_pager_can(asked: float | None, waits: float) -> None:
    assert retry_after(replace(ROW, attempts=1), Outcome.FAILED, 0.5, asked) == waits


def test_after_three_copies_that_may_have_arrived_there_is_no_fourth_and_the_row_says_so() -> None:
    row = ROW
    for number in range(1, COPIES + 1):
        row = after(row, Outcome.AMBIGUOUS, "no answer in time", 40.0, at(40 * number))
        assert row.state is (RowState.DUE if number < COPIES else RowState.PERHAPS)
    assert row.detail == "no answer in time; so did 2 before it, and there is no further copy"


def test_what_is_surely_not_delivered_is_tried_without_end() -> None:
    row = ROW
    for number in range(500):
        row = after(row, Outcome.FAILED, "connection refused", 60.0, at(60 * number))
    assert row.state is RowState.DUE


@pytest.mark.parametrize(
    ("severity", "reason", "seconds"),
    [
        (Severity.CRITICAL, PageReason.FIRST, None),
        (Severity.WARNING, PageReason.FIRST, WARNING_EXPIRES),
        (Severity.WARNING, PageReason.MISSED, WARNING_EXPIRES),
        (Severity.WARNING, PageReason.RESOLVED, None),
        (Severity.WARNING, PageReason.DIGEST, NOTE_EXPIRES),
        (Severity.WARNING, PageReason.TEST, NOTE_EXPIRES),
    ],
)
def test_what_is_no_longer_news_expires_and_neither_a_critical_page_nor_the_end_of_what_was_told(
    severity: Severity, reason: PageReason, seconds: float | None
) -> None:
    row = replace(ROW, severity=severity, reason=reason)
    if seconds is None:
        assert not expired(row, at(365 * 86400.0))
    else:
        assert not expired(row, at(seconds - 1))
        assert expired(row, at(seconds))


def test_a_later_page_of_the_same_incident_takes_the_place_of_one_that_waits_on_the_same_channel() -> None:
    assert overtaken(ROW, {"phone": Reach(at(1))})
    assert not overtaken(ROW, {"phone": Reach(START), "sms": Reach(at(1))})


def test_what_is_due_or_under_way_is_not_settled() -> None:
    rows = [replace(ROW, state=state) for state in RowState]
    assert {row.state for row in unsettled(rows)} == {RowState.DUE, RowState.SENDING}


# Elsewhere


def test_a_channel_that_refuses_is_stood_in_for_at_once_by_the_next_of_the_escalation() -> None:
    assert helpers([refused("phone"), spare("mail"), spare("sms")], 0) == [("sms", "phone")]


def test_a_stand_in_that_refuses_too_is_stood_in_for() -> None:
    rows = [refused("phone"), refused("sms", instead="phone"), spare("mail")]
    assert helpers(rows, 0) == [("mail", "sms")]


def test_a_channel_that_may_have_taken_it_is_stood_in_for_before_its_copy() -> None:
    rows = [sent("phone", due=at(40), ambiguous=1), spare("sms")]
    assert helpers(rows, 1) == [("sms", "phone")]


def test_a_service_that_asks_for_more_time_than_there_is_is_stood_in_for_at_once() -> None:
    assert helpers([sent("phone", due=at(120)), spare("sms")], 0.1) == [("sms", "phone")]
    assert helpers([sent("phone", due=at(2)), spare("sms")], 0.1) == []


def test_a_channel_that_does_not_answer_is_stood_in_for_when_its_patience_is_over() -> None:
    rows = [sent("phone", RowState.SENDING), spare("sms")]
    assert helpers(rows, PATIENCE - 0.1) == []
    assert helpers(rows, PATIENCE) == [("sms", "phone")]


def test_who_stands_in_has_half_the_patience_of_the_one_in_whose_place_it_is() -> None:
    first = sent("sms", RowState.SENDING, 5.0, instead="phone")
    rows = [sent("phone", RowState.SENDING), first, spare("mail")]
    assert helpers(rows, PATIENCE * 1.5 - 0.1) == []
    assert helpers(rows, PATIENCE * 1.5) == [("mail", "sms")]
    second = sent("mail", RowState.SENDING, instead="sms")
    assert [patience(row, (rows[0], first, second)) for row in (rows[0], first, second)] == [5.0, 2.5, 1.25]


def test_a_page_that_has_not_been_tried_yet_is_not_in_trouble() -> None:
    assert helpers([sent("phone", tried=None), spare("sms")], 60) == []


def test_a_channel_that_is_no_longer_there_is_stood_in_for() -> None:
    assert helpers([sent("pager", RowState.EXPIRED), spare("sms")], 60) == [("sms", "pager")]


def test_a_channel_that_was_overtaken_or_out_of_date_is_not() -> None:
    assert helpers([sent("phone", RowState.EXPIRED), spare("sms")], 60) == []


def test_where_nobody_is_left_nobody_stands_in() -> None:
    assert helpers([refused("phone"), refused("sms"), refused("mail")], 0) == []


def test_nobody_who_has_heard_something_later_stands_in_for_what_is_old() -> None:
    heard = {"sms": Reach(at(300))}
    assert helpers([refused("phone", 600), spare("sms"), spare("mail")], 600, heard) == [("mail", "phone")]


def test_for_a_page_that_a_later_one_takes_the_place_of_nobody_stands_in() -> None:
    assert helpers([sent("phone", RowState.SENDING), spare("sms")], 6, {"phone": Reach(at(1))}) == []


def test_two_channels_that_took_a_critical_page_are_enough_however_many_were_asked() -> None:
    taken = [sent("phone", RowState.ACCEPTED), sent("sms", RowState.ACCEPTED)]
    assert helpers([*taken, refused("pager"), spare("mail")], 0) == []
    assert helpers([taken[0], refused("sms"), spare("mail")], 0) == [("mail", "sms")]


def test_of_a_warning_one_channel_is_enough() -> None:
    warning = {"severity": Severity.WARNING}
    rows = [sent("phone", RowState.ACCEPTED, **warning), refused("sms", **warning), replace(spare("mail"), **warning)]
    assert helpers(rows, 0) == []


def test_who_was_asked_for_one_channel_first_is_not_told_through_two() -> None:
    """A critical page that one channel has taken is not delivered yet; its escalation brings the second in its time."""
    assert helpers([sent("phone", RowState.ACCEPTED), spare("sms")], 600) == []


@given(
    st.dictionaries(
        st.sampled_from(CHANNELS),
        st.tuples(st.sampled_from(RowState), st.booleans(), st.sampled_from([None, 0.0, 9.0]), st.integers(0, 2)),
        min_size=1,
    ),
    st.floats(0, 20),
    st.sampled_from(Severity),
)
def test_never_are_more_channels_told_at_once_than_the_event_needs(
    held: dict[str, tuple[RowState, bool, float | None, int]], now: float, severity: Severity
) -> None:
    rows = [
        replace(spare(name), severity=severity)
        if state is RowState.RESERVE
        else sent(name, state, tried, due=at(300.0 if late else 0.0), ambiguous=count, severity=severity)
        for name, (state, late, tried, count) in held.items()
    ]
    asked = [row for row in rows if row.state is not RowState.RESERVE]
    fresh = stand_ins(rows, CHANNELS, {}, at(now))
    assert len(fresh) <= min(len(asked), 2 if severity is Severity.CRITICAL else 1)
    assert {row.channel for row in fresh} <= {row.channel for row in rows if row.state is RowState.RESERVE}
    assert all(row.state is RowState.DUE and row.instead for row in fresh)
    put = {row.channel: row for row in fresh}
    assert stand_ins([put.get(row.channel, row) for row in rows], CHANNELS, {}, at(now)) == ()


# Enough


def test_a_page_that_may_have_arrived_is_not_copied_once_enough_others_took_it() -> None:
    doubtful = sent("phone", ambiguous=1)
    one, two = sent("sms", RowState.ACCEPTED, instead="phone"), sent("mail", RowState.ACCEPTED)
    assert ending(doubtful, [doubtful, one], {}, at(40)) is None, "critical: a second channel has still to take it"
    found = ending(doubtful, [doubtful, one, two], {}, at(40))
    assert found == (RowState.PERHAPS, "it may have arrived, and other channels have taken it")
    warning = replace(doubtful, severity=Severity.WARNING)
    assert ending(warning, [warning, replace(one, severity=Severity.WARNING)], {}, at(40)) is not None


def test_what_other_channels_took_of_a_test_says_nothing_of_the_one_that_may_not_have() -> None:
    test = {"reason": PageReason.TEST, "severity": Severity.WARNING}
    doubtful = sent("phone", ambiguous=1, **test)
    assert ending(doubtful, [doubtful, sent("sms", RowState.ACCEPTED, **test)], {}, at(40)) is None


def test_a_stand_in_is_not_needed_once_the_one_it_stands_in_for_has_taken_the_page() -> None:
    waiting = sent("sms", instead="phone")
    phone = sent("phone", RowState.ACCEPTED)
    assert ending(waiting, [phone, waiting], {}, at(9)) is not None
    assert ending(waiting, [refused("phone"), waiting], {}, at(9)) is None
    assert ending(waiting, [waiting], {}, at(9)) is None, "nobody has taken it, whatever became of the phone's"


def test_a_broken_channel_goes_on_being_tried_with_the_page_that_waits_for_it() -> None:
    rows = [refused("phone"), sent("sms", RowState.ACCEPTED), sent("mail", RowState.ACCEPTED)]
    assert ending(rows[0], rows, {}, at(REFUSED_AGAIN)) is None


def incident(**known: object) -> Incident:
    story = Story()
    (told,) = [story.tick(now, DOWN) for now in range(7)][-1].living
    return replace(told, pages=1, **known)  # type: ignore[arg-type]


def test_a_critical_incident_counts_as_undelivered_until_two_channels_have_taken_a_page_of_it() -> None:
    one = incident()
    took, lost = Reach(START, perhaps=True, accepted=True), Reach(START, perhaps=True)
    assert undelivered([one], lambda _: {"phone": took, "sms": lost}) == (one,)
    assert undelivered([one], lambda _: {"phone": took, "sms": took}) == ()
    assert undelivered([one], lambda _: {}) == (one,)
    assert undelivered([incident(severity=Severity.WARNING), incident(phase=Phase.RESOLVED)], lambda _: {}) == ()


def test_a_critical_incident_that_somebody_has_in_hand_is_delivered_however_few_channels_have_taken_it() -> None:
    one = incident()
    ack = Ack(START, 3600.0, "anna", "socket", one.condition, one.severity)
    assert undelivered([replace(one, acknowledged=ack)], lambda _: {}) == ()


# To whom, and as what


def asked(event: Page, reach: Mapping[str, Reach] = {}) -> list[tuple[str, PageReason]]:
    return [(each.channel, each.reason) for each in addresses(event, PAGING, reach) if not each.reserve]


def test_a_stand_in_whose_own_earlier_page_waits_is_needed_whoever_takes_the_later_one() -> None:
    fresh = sent("phone", instead="sms")
    earlier = replace(refused("phone"), event="ABCDEF.0")
    assert inheriting([fresh], [earlier]) == (replace(fresh, instead=""),)
    assert inheriting([fresh], [replace(earlier, instead="mail")]) == (fresh,)
    assert inheriting([fresh], [replace(earlier, channel="mail")]) == (fresh,)


def test_a_page_is_written_for_every_channel_so_that_any_of_them_can_stand_in() -> None:
    assert order(PAGING, START.wall) == ("phone", "sms", "mail", "diary")
    assert addresses(Page(incident(), PageReason.FIRST, ("phone",)), PAGING, {}) == (
        Address("phone", PageReason.FIRST, reserve=False),
        Address("sms", PageReason.FIRST, reserve=True),
        Address("mail", PageReason.FIRST, reserve=True),
        Address("diary", PageReason.FIRST, reserve=True),
    )


ROTA = Rota(
    "oncall",
    (Person("anna", ("anna-phone",)), Person("bo", ("bo-phone", "bo-sms"))),
    ("anna", "bo"),
    0,
    time(9),
    UTC,
    date(2026, 11, 16),
)
ON_DUTY = Paging(
    channels=("anna-phone", "bo-phone", "bo-sms", "desk"),
    escalation=(Step(("oncall",)), Step(("desk",), 300.0)),
    rotas=(ROTA,),
)


def written(found: Incident, reason: PageReason = PageReason.FIRST, paging: Paging = ON_DUTY) -> list[Row]:
    """Of a page that Anna, who is on duty, is to get."""
    event = Page(replace(found, told_at=START), reason, ("anna-phone",))
    made = replace(ROW, reason=reason, severity=found.severity, alert=event.alert)
    return [
        replace(made, channel=each.channel, state=RowState.RESERVE if each.reserve else RowState.DUE)
        for each in addresses(event, paging, {})
    ]


def spares(
    found: Incident, reason: PageReason = PageReason.FIRST, paging: Paging = ON_DUTY, days: int = 0
) -> list[str]:
    """Who is told in her place so many days later, in their order, each where all before refuse."""
    wall, rows, told = START.wall + timedelta(days=days), written(found, reason, paging), list[str]()
    while True:
        refuses = {"due": at(REFUSED_AGAIN), "tried": at(0)}
        rows = [row if row.state is RowState.RESERVE else replace(row, **refuses) for row in rows]
        fresh = stand_ins(rows, order(paging, wall), {}, at(0), off_duty(paging, wall))
        if not fresh:
            return told
        told += [row.channel for row in fresh]
        put = {row.channel: row for row in fresh}
        rows = [put.get(row.channel, row) for row in rows]


def test_who_is_off_duty_stands_in_last_of_all_and_only_for_what_must_be_told() -> None:
    assert ROTA.duty(START.wall).person.name == "anna"
    assert order(ON_DUTY, START.wall) == ("anna-phone", "desk", "bo-phone", "bo-sms")
    assert order(ON_DUTY, START.wall + timedelta(days=7)) == ("bo-phone", "bo-sms", "desk", "anna-phone")
    assert spares(incident()) == ["desk", "bo-phone", "bo-sms"]
    stale = incident(severity=Severity.WARNING, condition=Condition.FILES_STALE)
    assert spares(stale) == ["desk"]
    assert spares(replace(stale, condition=Condition.WITNESS_ISOLATED)) == ["desk", "bo-phone", "bo-sms"]


def test_whoever_is_on_duty_by_then_stands_in_for_a_warning_that_the_one_before_could_not_hear() -> None:
    stale = incident(severity=Severity.WARNING, condition=Condition.FILES_STALE)
    assert spares(stale, days=7) == ["bo-phone", "bo-sms", "desk"]


def test_nobody_off_duty_is_woken_by_an_end_that_somebody_else_did_not_hear() -> None:
    assert spares(incident(), PageReason.RESOLVED) == ["desk"]


def test_a_channel_that_a_step_names_is_asked_whoever_has_it() -> None:
    named = replace(ON_DUTY, escalation=(Step(("oncall",)), Step(("bo-sms",), 300.0)))
    stale = incident(severity=Severity.WARNING, condition=Condition.FILES_STALE)
    assert spares(stale, paging=named) == ["bo-sms", "desk"]


def test_the_end_goes_to_whoever_stood_in_too() -> None:
    end = Page(incident(), PageReason.RESOLVED, ("phone",))
    arrived = Reach(START, perhaps=True)
    assert asked(end, {"phone": arrived, "sms": arrived}) == [
        ("phone", PageReason.RESOLVED),
        ("sms", PageReason.RESOLVED),
    ]


def test_the_end_of_what_was_never_delivered_is_one_message_for_both() -> None:
    end = Page(incident(), PageReason.RESOLVED, ("phone", "sms"))
    reach = {"phone": Reach(START), "sms": Reach(START, perhaps=True)}
    assert asked(end, reach) == [("phone", PageReason.MISSED), ("sms", PageReason.RESOLVED)]
    assert asked(end, {}) == [("phone", PageReason.RESOLVED), ("sms", PageReason.RESOLVED)]


def test_what_was_missed_says_from_when_to_when_it_was() -> None:
    story = Story()
    for now in range(10):
        (told,) = story.tick(now, DOWN).living
    event = page(told, PAGING, 5.0, at(9))
    assert event is not None
    (over,) = [each for now in range(10, 60) for each in story.tick(now).changed]
    over = replace(over, told_condition=Condition.PRIMARY_DOWN, told_steps=1, pages=1)
    message = compose(Page(over, PageReason.MISSED, ("phone",)), Assessment(at(60), Snapshot(), (), ()), UTC)
    assert message.title.startswith("MISSED shop: PrimaryDown oslo-a was 03:14:00+0000 to 03:14:09+0000 [")
    assert message.body == (
        "Over after 9.0 s. It was: oslo-a is dead.\nNo page of it came through this channel while it lasted."
    )


def test_that_a_channel_is_broken_is_told_through_the_others() -> None:
    broken = replace(incident(), condition=Condition.PAGING_BROKEN, subject="phone")
    assert asked(Page(broken, PageReason.FIRST, ("phone",))) == [("sms", PageReason.FIRST)]
    assert asked(Page(broken, PageReason.FIRST, ("phone", "mail"))) == [("mail", PageReason.FIRST)]
    assert "phone" not in {each.channel for each in addresses(Page(broken, PageReason.FIRST, ()), PAGING, {})}


def test_of_an_only_channel_that_is_broken_the_channel_itself_is_told() -> None:
    broken = replace(incident(), condition=Condition.PAGING_BROKEN, subject="phone")
    alone = Paging(channels=("phone",), escalation=(Step(("phone",)),))
    (only,) = addresses(Page(broken, PageReason.FIRST, ("phone",)), alone, {})
    assert (only.channel, only.reserve) == ("phone", False)


def test_the_account_of_a_channel_keeps_what_ever_arrived_on_it() -> None:
    sending = replace(ROW, state=RowState.SENDING)
    reach = settled({}, sending)
    assert arriving(reach, [sending])["phone"].perhaps, "it may be arriving now"
    assert arriving(reach, [replace(sending, state=RowState.DUE)])["phone"] == Reach(START)
    reach = settled(reach, replace(ROW, state=RowState.ACCEPTED))
    reach = settled(reach, replace(ROW, event="ABCDEF.2", created=at(9), state=RowState.DUE))
    assert reach["phone"] == Reach(at(9), perhaps=True, accepted=True)
