"""A user's templates: what they may say, and that whatever is wrong with one, the built-in words are sent."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from types import MappingProxyType

import pytest

from drwatch.core.assessment import Assessment
from drwatch.core.example import pages
from drwatch.core.message import Message, compose
from drwatch.core.paging import Page
from drwatch.core.policy import Cluster, FileSet, NodePolicy, Paging, Policy, Role, Templates
from drwatch.core.sample import Moment, Node
from drwatch.paging.words import LONGEST, MOST, Words, wrong

NOW = Moment(1000.0, datetime(2026, 11, 23, 2, 14, tzinfo=UTC))
A = NodePolicy(Node("shop", "oslo-a"), Role.PRIMARY, "10.0.0.1:3306", ssh="drwatch@10.0.0.1", ssh_host="10.0.0.1")
B = NodePolicy(Node("shop", "oslo-b"), Role.STANDBY, "10.0.0.2:3306", ssh="drwatch@10.0.0.2", ssh_host="10.0.0.2")
UPLOADS = FileSet("uploads", "/srv/uploads", "/var/lib/sync/uploads", 300.0)


def paging(private: bool = False, **templates: str) -> Paging:
    mine = MappingProxyType({"phone": Templates(**templates)})
    return Paging(("phone",), (), private=frozenset({"phone"} if private else ()), templates=mine)


def example(paging: Paging) -> tuple[Page, Assessment]:
    policy = Policy((Cluster("shop", (A, B), files=(UPLOADS,)),), paging)
    return next(pages(policy, NOW))


def told(private: bool = False, **templates: str) -> Message:
    settled = paging(private, **templates)
    return Words(settled, UTC).write(*example(settled), "phone")


def built_in() -> Message:
    return compose(*example(paging()), UTC)


def test_without_a_template_the_built_in_words_are_sent() -> None:
    assert told() == built_in()


def test_a_template_may_say_it_its_own_way() -> None:
    body = "{% if severity == 'critical' %}WAKE UP: {% endif %}{{ condition }} of {{ cluster | upper }}\n"
    body += "{% for line in evidence %}{{ loop.index }}. {{ line }}\n{% endfor %}{{ takeover or 'nobody knows' }}"
    message = told(title="{{ subject }} {{ rpo }} ({{ event }})", body=body, short="{{ condition }} {{ event }}")
    assert message.title == "oslo-a RPO unknown (ABCDEF.1)"
    assert message.body.startswith("WAKE UP: PrimaryDown of SHOP\n1. the witness saw one thing\n2. the standby")
    assert message.short == "PrimaryDown ABCDEF.1"


def test_a_title_that_leaves_out_the_event_gets_it() -> None:
    message = told(title="the\n shop is down", short="down")
    assert (message.title, message.short) == ("the shop is down [ABCDEF.1]", "down [ABCDEF.1]")


@pytest.mark.parametrize(
    "source",
    [
        "{{ condition",
        "{{ nothing_of_that_name }}",
        "{{ severity.__class__.__mro__ }}",
        "{{ ''.__class__ }}",
        "{{ severity['__class__'] }}",
        "{% for a in range(1000000000) %}x{% endfor %}",
        "{% for a in evidence %}{% for b in evidence %}x{% endfor %}{% endfor %}",
        "{% for a in body %}x{% endfor %}",
        "{% for a in evidence recursive %}{{ loop(evidence) }}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% set a = 'x' * 1000000000 %}{{ a }}",
        "{{ 'x' * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ 'x' | center(1000000000) }}",
        "{{ body | join(body) }}",
        "{{ [body, body, body] | join(body) }}",
        "{{ body" + " | replace('e', 'eeeeeeeeeeeeeeeeeeee')" * 60 + " }}",
        "{{ lipsum(1000) }}",
        "{% include '/etc/passwd' %}",
        "{% extends 'x' %}",
        "{{ cycler }}",
        "{{ evidence | length + 'a' }}",
        "{{ 1 | truncate('x') }}",
        "{{ body ~ body" + " ~ body" * 200 + " }}",
        "x" * (LONGEST + 1),
        "{{ (" * 3000,
        "{% if false %}x{% endif %}",
    ],
)
def test_what_fails_escapes_or_would_not_end_gives_the_built_in_words_and_is_said_once(
    source: str, caplog: pytest.LogCaptureFixture
) -> None:
    settled = paging(title=source, body=source, short=source)
    words, event = Words(settled, UTC), example(settled)
    with caplog.at_level(logging.ERROR, "drwatch"):
        assert [words.write(*event, "phone") for _ in range(3)] == [built_in()] * 3
    assert len(caplog.records) == 3, "once for each of the three parts"
    assert all(len(record.getMessage()) < 400 for record in caplog.records)
    assert len(list(wrong(Templates(source, source, source), [event], UTC, False))) == 3


def test_a_title_or_an_sms_that_is_too_long_is_not_cut_but_replaced() -> None:
    message = told(title="{{ body }}", short="{{ title }}{{ title }}")
    assert (message.title, message.short) == (built_in().title, built_in().short)


def test_a_body_may_be_as_long_as_the_built_in_one_and_more() -> None:
    assert len(told(body="{{ body }}" + "x" * 5000).body) < MOST


def test_a_private_channel_s_template_has_no_name_to_tell() -> None:
    every = "{{ title }} {{ body }} {{ short }} {{ subject }} {{ summary }} {{ evidence | join(' ') }} {{ condition }}"
    message = told(private=True, body=every)
    assert "PrimaryDown" in message.body
    assert not [word for word in ("oslo", "10.0.0", "witness", "/srv", "uploads", "drwatch@") if word in message.body]


def test_a_good_template_has_nothing_wrong_on_any_example() -> None:
    settled = paging()
    policy = Policy((Cluster("shop", (A, B), files=(UPLOADS,)),), settled)
    good = Templates("{{ title }}", "{{ body }}\n{{ lasted }} {{ began }} {{ ended }} {{ drill }}", "{{ short }}")
    assert list(wrong(good, list(pages(policy, NOW)), UTC, False)) == []


@pytest.mark.parametrize("deep", [99, 150, 250])
def test_a_template_that_is_nested_too_deep_is_said_to_be_and_the_built_in_words_are_sent(deep: int) -> None:
    """Python, which it is made into, has bounds of its own for what stands in one another."""
    source = "{% if title %}" * deep + "x" + "{% endif %}" * deep
    assert told(body=source).body == built_in().body
    assert list(wrong(Templates(body=source), [example(paging())], UTC, False)) == [("body", "is nested too deep")]


def test_a_number_with_thousands_of_digits_is_refused_and_the_built_in_words_are_sent() -> None:
    """Python makes no number of so many."""
    source = "{{ " + "9" * 4400 + " }}"
    assert told(body=source).body == built_in().body
    ((part, why),) = wrong(Templates(body=source), [example(paging())], UTC, False)
    assert part == "body"
    assert why.startswith("cannot be understood: Exceeds the limit")
