"""GTID arithmetic against plain Python sets of (uuid, tag, number)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drwatch.core.gtid import GtidError, GtidPosition, GtidSet, covers, missing, union

UUIDS = ("3e11fa47-71ca-11e1-9e33-c80aa9429562", "7b2c1c5e-71ca-11e1-9e33-c80aa9429563")
TAGS = ("", "app", "_x1")

Plain = frozenset[tuple[str, str, int]]
plain: st.SearchStrategy[Plain] = st.frozensets(
    st.tuples(st.sampled_from(UUIDS), st.sampled_from(TAGS), st.integers(1, 12)), max_size=30
)


def made(transactions: Plain) -> GtidSet:
    return GtidSet.of(((uuid, tag), [(n, n)]) for uuid, tag, n in transactions)


def listed(gtids: GtidSet) -> Plain:
    return frozenset(
        (uuid, tag, n)
        for (uuid, tag), intervals in gtids.intervals
        for first, last in intervals
        for n in range(first, last + 1)
    )


@given(plain)
def test_a_set_holds_what_was_put_in_and_counts_it(one: Plain) -> None:
    assert listed(made(one)) == one
    assert len(made(one)) == len(one)


@given(plain, plain)
def test_union_difference_and_covering_are_those_of_sets(one: Plain, other: Plain) -> None:
    assert listed(made(one) | made(other)) == one | other
    assert listed(made(one) - made(other)) == one - other
    assert made(one).covers(made(other)) == (one >= other)
    assert missing(made(one), made(other)) == len(one - other)


@given(plain, plain)
def test_equal_sets_are_equal_values_however_they_came_about(one: Plain, other: Plain) -> None:
    assert (made(one) | made(other)) == made(one | other)
    assert (made(one | other) - made(other)) == made(one - other)


@given(plain)
def test_what_is_written_is_read_again(one: Plain) -> None:
    assert GtidSet.parse(str(made(one))) == made(one)


@given(plain, st.sampled_from([" ", "\n", "\t ", "\r\n"]), st.booleans())
def test_a_server_may_break_lines_and_write_in_capitals(one: Plain, space: str, capitals: bool) -> None:
    text = space + str(made(one)).replace(",", f",{space}").replace(":", f"{space}:{space}") + space
    assert GtidSet.parse(text.upper() if capitals else text) == made(one)


@given(plain)
def test_the_newest_is_the_highest_of_each_originator(one: Plain) -> None:
    highest = {
        (uuid, tag, max(n for u, t, n in one if (u, t) == (uuid, tag))) for uuid, tag in {(u, t) for u, t, _ in one}
    }
    assert listed(made(one).newest()) == highest


@given(plain)
def test_the_part_of_one_server_has_all_its_tags(one: Plain) -> None:
    assert listed(made(one).of_uuid(UUIDS[0].upper())) == {t for t in one if t[0] == UUIDS[0]}


def test_a_tag_applies_to_every_interval_after_it() -> None:
    text = f"{UUIDS[0]}:1-3:7:app:1-2:9:_x1:4"
    assert listed(GtidSet.parse(text)) == {
        *((UUIDS[0], "", n) for n in (1, 2, 3, 7)),
        *((UUIDS[0], "app", n) for n in (1, 2, 9)),
        (UUIDS[0], "_x1", 4),
    }
    assert str(GtidSet.parse(text)) == f"{UUIDS[0]}:1-3:7,{UUIDS[0]}:_x1:4,{UUIDS[0]}:app:1-2:9"


def test_neighbouring_and_overlapping_intervals_become_one() -> None:
    assert str(GtidSet.parse(f"{UUIDS[0]}:5-9:1-3:4:8-12")) == f"{UUIDS[0]}:1-12"


def test_the_longest_set_that_a_server_can_have_is_compared() -> None:
    whole = GtidSet.parse(",".join(f"{uuid}:1-9223372036854775806" for uuid in UUIDS))
    assert whole.covers(GtidSet())
    assert not GtidSet().covers(whole)
    assert missing(whole, GtidSet()) == 2 * 9223372036854775806


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        UUIDS[0],
        f"{UUIDS[0]}:",
        f"{UUIDS[0]}:0",
        f"{UUIDS[0]}:5-3",
        f"{UUIDS[0]}:1-2-3",
        f"{UUIDS[0]}:-1",
        f"{UUIDS[0]}:9tag:1",
        f"{UUIDS[0]}:app",
        f"{UUIDS[0]}:{'a' * 33}:1",
        f"{UUIDS[0][:-1]}:1",
        "0-1-100",
    ],
)
def test_what_is_no_gtid_set_is_refused(text: str) -> None:
    with pytest.raises(GtidError):
        GtidSet.parse(text)


Domains = dict[int, tuple[int, int]]
domains: st.SearchStrategy[Domains] = st.dictionaries(
    st.integers(0, 3), st.tuples(st.integers(1, 3), st.integers(1, 50)), max_size=4
)


def placed(last: Domains) -> GtidPosition:
    return GtidPosition(tuple((domain, *last[domain]) for domain in sorted(last)))


@given(domains)
def test_a_position_that_is_written_is_read_again(last: Domains) -> None:
    assert GtidPosition.parse(str(placed(last))) == placed(last)
    assert GtidPosition.parse(" \n" + str(placed(last)).replace(",", " ,\n")) == placed(last)


@given(domains, domains)
def test_a_position_covers_another_when_each_of_its_domains_is_there_and_as_far(one: Domains, other: Domains) -> None:
    expected = all(domain in one and one[domain][1] >= other[domain][1] for domain in other)
    assert covers(placed(one), placed(other)) == expected


@given(domains, domains)
def test_both_positions_together_cover_each(one: Domains, other: Domains) -> None:
    both = union(placed(one), placed(other))
    assert isinstance(both, GtidPosition)
    assert both.covers(placed(one))
    assert both.covers(placed(other))


@given(domains, domains)
def test_the_count_past_a_position_is_a_lower_bound(one: Domains, other: Domains) -> None:
    """A domain that is absent is not zero: the base copy may hold all of it, so it adds nothing to what is seen."""
    expected = sum(max(0, one[domain][1] - other[domain][1]) for domain in one if domain in other)
    assert missing(placed(one), placed(other)) == expected


def test_an_absent_domain_is_not_a_domain_at_zero() -> None:
    assert covers(GtidPosition.parse("0-1-5"), GtidPosition.parse("0-1-5,1-1-1")) is False
    assert covers(GtidPosition.parse(""), GtidPosition.parse("0-1-5")) is False


@pytest.mark.parametrize("text", ["0-1", "0-1-", "a-b-c", "0:1:5", f"{UUIDS[0]}:1"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(GtidError):
        GtidPosition.parse(text)


def test_mysql_and_mariadb_cannot_be_compared() -> None:
    a_set, a_position = GtidSet.parse(f"{UUIDS[0]}:1"), GtidPosition.parse("0-1-1")
    assert covers(a_set, a_position) is None
    assert missing(a_position, a_set) is None
    assert union(a_set, a_position) == a_set
    assert union(None, a_position) == a_position
    assert union(a_set, None) == a_set
