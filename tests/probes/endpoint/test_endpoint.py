"""Where the endpoint leads, asked of a real DNS server on loopback: who says so, and how long it is remembered."""

import socket
from collections.abc import Iterator

import pytest
from farnode import Clock

from drwatch.core.sample import Blind, EndpointFact, Node, Reason, Sample
from drwatch.lab.deadline import until
from drwatch.lab.names import ENDPOINT, ZONE, Names
from drwatch.probes.endpoint import EndpointLook

SHOP = Node("shop", "endpoint")
OLD, NEW = "127.0.0.11", "127.0.0.12"
AT = "127.0.0.44"
DEADLINE = 2.0


@pytest.fixture
def names() -> Iterator[Names]:
    with Names(AT, ttl=60, leads_to=OLD) as names:
        yield names


def endpoint(clock: Clock, names: Names, host: str = ENDPOINT.rstrip("."), deadline: float = DEADLINE) -> EndpointLook:
    return EndpointLook(
        SHOP,
        host=host,
        nodes={"oslo-a": OLD, "oslo-b": NEW},
        clock=clock,
        every=10,
        deadline=deadline,
        resolver=(names.address, names.port),
    )


def fact(sample: Sample) -> EndpointFact:
    assert isinstance(sample.found, EndpointFact), sample.found
    return sample.found


async def test_the_authority_says_where_it_leads_and_how_long_that_may_be_remembered(
    names: Names, clock: Clock
) -> None:
    found = fact(await endpoint(clock, names).look())
    assert found == EndpointFact((OLD,), 60.0, True, ("oslo-a",))


async def test_a_moved_name_is_seen_at_the_next_look_whatever_its_ttl(names: Names, clock: Clock) -> None:
    look = endpoint(clock, names)
    await look.look()
    names.point(NEW)
    assert fact(await look.look()).leads_to == ("oslo-b",)


async def test_through_an_alias_the_shorter_of_the_two_ttls_counts(names: Names, clock: Clock) -> None:
    names.point(ENDPOINT, name=f"www.{ZONE}")
    found = fact(await endpoint(clock, names, host=f"www.{ZONE}").look())
    assert (found.addresses, found.ttl, found.authoritative) == ((OLD,), 60.0, True)


async def test_where_no_authority_can_be_asked_the_greatest_ttl_that_a_resolver_gave_counts(clock: Clock) -> None:
    """A caching resolver counts down: what it gives now is how long ago it asked, not how long clients remember."""
    with Names(AT, ttl=5, leads_to=OLD, caching=True) as cache:
        look = endpoint(clock, cache)
        first = fact(await look.look())
        assert (first.authoritative, first.leads_to) == (False, ("oslo-a",))
        assert first.ttl is not None
        until(lambda: cache.left < first.ttl, within=5, what="the count to run down")
        assert fact(await look.look()).ttl == first.ttl


async def test_an_address_has_no_ttl(names: Names, clock: Clock) -> None:
    asked = names.queries
    assert fact(await endpoint(clock, names, host=NEW).look()) == EndpointFact((NEW,), None, False, ("oslo-b",))
    assert names.queries == asked


async def test_a_name_that_is_not_there_is_no_fact(names: Names, clock: Clock) -> None:
    sample = await endpoint(clock, names, host=f"gone.{ZONE}").look()
    assert sample.found == Blind(Reason.DNS, "gone.shop.test.: there is no such name")


async def test_a_name_server_that_says_nothing_ends_with_the_deadline(names: Names, clock: Clock) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind((AT, 0))
        look = EndpointLook(
            SHOP, host=ENDPOINT, nodes={}, clock=clock, every=10, deadline=0.5, resolver=(AT, mute.getsockname()[1])
        )
        sample = await look.look()
    assert isinstance(sample.found, Blind)
    assert sample.found.reason is Reason.DNS
    assert sample.answered - sample.asked < 1.0


async def test_a_cluster_server_is_known_by_its_name_too(names: Names, clock: Clock) -> None:
    look = EndpointLook(
        SHOP,
        host="127.0.0.1",
        nodes={"here": "localhost", "nowhere": "no.such.name.invalid"},
        clock=clock,
        every=10,
        deadline=DEADLINE,
    )
    assert fact(await look.look()).leads_to == ("here",)
