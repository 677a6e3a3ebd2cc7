"""The table from evidence to verdict: whole, without a dead line, and never deader for more evidence of life."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from functools import cache
from itertools import product
from math import prod

import pytest

from drwatch.core.evidence import MORE_LIFE, WORDS, Chairs, Disk, Door, Host, Own, Receiver, Server, World, every
from drwatch.core.finding import PRIMARY_FAMILY, PRIMARY_LOST, Condition, Confidence
from drwatch.core.verdicts import DEADNESS, TABLE, decide

SURE, LIKELY, ALONE = Confidence.CONCLUSIVE, Confidence.LIKELY, Confidence.ALONE
RANK = {ALONE: 0, LIKELY: 1, SURE: 2}
UNKNOWN = {
    chair: next((word for word in words if word == "unknown"), None)
    for chair, words in zip(Chairs._fields, WORDS, strict=True)
}

decided = cache(decide)


def test_every_combination_of_chairs_has_exactly_one_verdict() -> None:
    combinations = every()
    assert len(set(combinations)) == len(combinations) == prod(map(len, WORDS.values()))
    for chairs in combinations:
        assert decided(chairs).condition in DEADNESS


def test_no_line_of_the_table_is_dead() -> None:
    used = Counter(id(decided(chairs)) for chairs in every())
    assert [rule.why for rule in TABLE if not used[id(rule)]] == []


def test_no_line_names_a_word_that_its_chair_does_not_have_nor_one_in_vain() -> None:
    """A word that could be taken out of its line without any combination being judged otherwise only misleads."""
    reached = {id(rule): [] for rule in TABLE}
    for chairs in every():
        reached[id(decided(chairs))].append(chairs)
    for rule in TABLE:
        for chair, words in rule.words.items():
            assert set(words) <= set(WORDS[chair])
            assert {getattr(chairs, chair) for chairs in reached[id(rule)]} == set(words), rule.why


def test_the_table_has_every_verdict_on_a_primary_and_no_other() -> None:
    assert {rule.condition for rule in TABLE} == set(DEADNESS)
    assert set(DEADNESS) == PRIMARY_FAMILY | {None, Condition.WITNESS_ISOLATED}


@pytest.mark.parametrize("chair", WORDS)
def test_more_life_is_an_order(chair: str) -> None:
    """Nothing speaks of more life than itself, and what speaks of more than another speaks of more than its lesser."""
    for word, lives in MORE_LIFE.get(chair, {}).items():
        assert word not in lives
        for livelier in lives:
            assert {type(livelier), type(word)} == {type(WORDS[chair][0])}
            assert set(MORE_LIFE[chair].get(livelier, ())) <= set(lives)


@pytest.mark.parametrize("chair", MORE_LIFE)
def test_more_evidence_of_life_never_makes_the_verdict_deader(chair: str) -> None:
    """Every pair of words of one chair, with every word of all the others; by chaining these, every pair at all."""
    for chairs in every():
        dead = DEADNESS[decided(chairs).condition]
        for livelier in MORE_LIFE[chair].get(getattr(chairs, chair), ()):
            after = chairs._replace(**{chair: livelier})
            assert DEADNESS[decided(after).condition] <= dead, (chairs, after)


@pytest.mark.parametrize("unknown", [Host.UNKNOWN, Receiver.UNKNOWN, Door.UNKNOWN, Own.UNKNOWN], ids=repr)
def test_a_chair_that_abstains_never_confirms(unknown: StrEnum) -> None:
    """With its word of death taken away, a verdict of death is never surer than with it."""
    chair = type(unknown).__name__.lower()
    for chairs in every():
        rule, silent = decided(chairs), decided(chairs._replace(**{chair: unknown}))
        if unknown in MORE_LIFE[chair].get(getattr(chairs, chair), ()) and rule.condition in PRIMARY_LOST:
            assert silent.condition not in PRIMARY_LOST or RANK[silent.confidence] <= RANK[rule.confidence], chairs


def test_only_two_chairs_or_a_corpse_make_a_death_conclusive() -> None:
    for chairs in every():
        rule = decided(chairs)
        if rule.condition in PRIMARY_LOST and rule.confidence is SURE:
            own_host_saw_it = chairs.host in (Host.GONE, Host.STOPPED, Host.BLOCKED, Host.RUNS_IT) or chairs.own in (
                Own.SHUT,
                Own.DEAF,
            )
            assert own_host_saw_it or chairs.receiver is Receiver.BROKEN or chairs.door in (Door.SHUT, Door.MUTE)


def test_whoever_speaks_is_never_dead() -> None:
    for chairs in every():
        if chairs.server in (Server.ANSWERS, Server.SPEAKS, Server.STUCK, Server.SATURATED):
            assert decided(chairs).condition not in PRIMARY_LOST


def test_nobody_calls_dead_what_a_chair_still_sees_commit() -> None:
    """A receiver that flows is no such sight where the process is known to be gone or to stand still, nor where its
    host says itself that nobody gets in: what it had written before is still under way then."""
    for chairs in every():
        flows = (
            chairs.receiver is Receiver.FLOWING
            and chairs.host not in (Host.GONE, Host.STOPPED, Host.BLOCKED)
            and chairs.own not in (Own.DEAF, Own.SHUT)
        )
        if chairs.own is Own.COMMITS or flows:
            assert decided(chairs).condition not in PRIMARY_LOST


def test_an_isolated_witness_says_nothing_of_the_primary() -> None:
    for chairs in every():
        saw = chairs.host in (Host.GONE, Host.STARTING) or chairs.own is Own.COMMITS
        if chairs.world is not World.REACHED and not saw:
            assert decided(chairs).condition not in PRIMARY_LOST | {Condition.PRIMARY_RESTARTING}


def test_no_death_is_missed_when_every_other_chair_is_silent() -> None:
    for port, shell in product((Server.REFUSED, Server.SILENT, Server.STALLED, Server.UNREACHABLE), Host):
        if shell in (Host.STARTING, Host.RUNS_IT, Host.BLOCKED) and port is Server.REFUSED:
            continue
        condition = decided(Chairs(port, shell)).condition
        assert condition in PRIMARY_LOST or shell is Host.STARTING


@pytest.mark.parametrize("port", [Server.REFUSED, Server.UNREACHABLE])
def test_a_firewall_that_keeps_the_standby_out_too_is_no_matter_of_the_witnesss(port: Server) -> None:
    """Whom it keeps out besides, the application perhaps among them, nobody sees."""
    for own in (Own.LISTENS, Own.FEEDS):
        seen = Chairs(port, Host.RUNS_IT, Receiver.BROKEN, own=own)
        assert decided(seen).condition in (Condition.PRIMARY_RESTARTING, Condition.PRIMARY_HUNG)


@pytest.mark.parametrize("port", [Server.REFUSED, Server.UNREACHABLE])
def test_a_firewall_before_the_port_is_told_from_a_server_that_is_not_there(port: Server) -> None:
    """Reject or drop: the witness is kept out of a port at which the primary's own kernel takes connections."""
    seen = Chairs(port, Host.RUNS_IT, Receiver.QUIET)
    assert decided(seen._replace(own=Own.LISTENS)).condition is Condition.PRIMARY_UNSEEN
    assert decided(seen._replace(own=Own.DEAF)).condition is not Condition.PRIMARY_UNSEEN
    assert decided(seen).condition is not Condition.PRIMARY_UNSEEN


@pytest.mark.parametrize(
    ("seen", "condition"),
    [
        (Chairs(Server.SILENT, Host.RUNS_IT, own=Own.DEAF), Condition.PRIMARY_HUNG),
        (Chairs(Server.UNREACHABLE, Host.RUNS_IT, own=Own.DEAF), Condition.PRIMARY_HUNG),
        (Chairs(Server.REFUSED, Host.RUNS_IT, own=Own.SHUT), Condition.PRIMARY_RESTARTING),
        (Chairs(Server.REFUSED, Host.RUNS_IT, own=Own.SHUT, disk=Disk.FULL), Condition.PRIMARY_DISK_FULL),
        (Chairs(Server.REFUSED, Host.UP, own=Own.SHUT), Condition.PRIMARY_DOWN),
    ],
)
def test_what_the_standby_received_before_hides_no_server_that_lets_nobody_in(
    seen: Chairs, condition: Condition
) -> None:
    """Its last heartbeat counts as flowing for a period; its own host says meanwhile that nobody gets in."""
    for receiver in (Receiver.FLOWING, Receiver.QUIET):
        rule = decided(seen._replace(receiver=receiver))
        assert (rule.condition, rule.confidence) == (condition, SURE)


@pytest.mark.parametrize("port", [Server.REFUSED, Server.UNKNOWN])
def test_a_stopped_process_hangs_though_the_port_refuses_or_the_witness_cannot_look(port: Server) -> None:
    """No stopped process starts or stops by itself; one that waits for its disk may be in the middle of a recovery."""
    for receiver, own in product(Receiver, set(Own) - {Own.COMMITS}):
        seen = Chairs(port, Host.STOPPED, receiver, own=own)
        assert decided(seen).condition is Condition.PRIMARY_HUNG
    recovers = Chairs(Server.REFUSED, Host.BLOCKED, Receiver.QUIET, own=Own.SHUT)
    assert decided(recovers).condition is Condition.PRIMARY_RESTARTING
