"""Where the application is sent: what the endpoint's name resolves to, and for how long resolvers may say it."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import NamedTuple

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.resolver
from dns.name import Name
from dns.rdatatype import RdataType

from drwatch.core.sample import Blind, EndpointFact, Key, Moment, Node, Probe, Reason, Sample
from drwatch.probes.ssh import resolve

ALIASES = 8
"""CNAMEs followed; more are a circle."""
AUTHORITIES_KEPT = 600.0
"""Seconds for which a zone's name servers are taken for known."""
ASKED = 3
"""So many of a zone's servers are asked, one after another."""

_UNSEEN = (dns.exception.DNSException, OSError)


class _Answer(NamedTuple):
    addresses: frozenset[str]
    ttl: float


class EndpointLook:
    """One look at the endpoint of a cluster; asks its authority, and the resolver where no authority answers.

    ``host`` is the endpoint's name or literal address; ``nodes`` are the names or addresses of the cluster's servers,
    to say which of them it leads to. ``resolver`` is an address and port to ask instead of the system's; authorities
    are then asked on that port too. All waits of a look end within ``deadline`` seconds.
    """

    def __init__(
        self,
        node: Node,
        *,
        host: str,
        nodes: Mapping[str, str],
        clock: Callable[[], Moment],
        every: float,
        deadline: float,
        resolver: tuple[str, int] | None = None,
    ) -> None:
        self.key = Key(node, Probe.ENDPOINT, host)
        self.every = every
        self.wake = asyncio.Event()
        self._host, self._nodes, self._clock, self._deadline = host, nodes, clock, deadline
        self._where = resolver
        self._authorities: dict[Name, tuple[Moment, tuple[str, ...]]] = {}
        self._largest: _Answer | None = None
        """The present addresses with the greatest TTL that a resolver gave: its own count runs down in between."""

    async def look(self) -> Sample:
        """An EndpointFact, or why there is none."""
        asked = self._clock()
        try:
            async with asyncio.timeout(self._deadline):
                found: EndpointFact | Blind = await self._find()
        except (TimeoutError, dns.exception.Timeout):
            found = Blind(Reason.DNS, f"{self._host}: no name server answered in {self._deadline:g} s")
        except dns.resolver.NXDOMAIN:
            found = Blind(Reason.DNS, f"{self._host}: there is no such name")
        except _UNSEEN as fault:
            found = Blind(Reason.DNS, f"{self._host}: the name does not resolve ({type(fault).__name__})")
        return Sample(self.key, asked, self._clock(), found)

    async def close(self) -> None:
        """Nothing is held here."""

    async def _find(self) -> EndpointFact:
        if _literal(self._host):
            return EndpointFact((self._host,), None, False, await self._led_to(frozenset({self._host})))
        resolver = self._resolver()
        answer, authoritative = await self._ask_authority(resolver), True
        if answer is None:
            answer, authoritative = await self._ask_resolver(resolver), False
        led_to = await self._led_to(answer.addresses)
        return EndpointFact(tuple(sorted(answer.addresses)), answer.ttl, authoritative, led_to)

    def _resolver(self) -> dns.asyncresolver.Resolver:
        # Made anew for each look: the system's own may be another one by now.
        resolver = dns.asyncresolver.Resolver(configure=self._where is None)
        if self._where is not None:
            resolver.nameservers, resolver.port = [self._where[0]], self._where[1]
        resolver.lifetime = self._deadline / 2
        return resolver

    async def _ask_authority(self, resolver: dns.asyncresolver.Resolver) -> _Answer | None:
        """What the zone's own servers say, through each alias; None where one of the zones cannot be asked."""
        name, ttl = dns.name.from_text(self._host), float("inf")
        try:
            async with asyncio.timeout(self._deadline / 2):
                for _ in range(ALIASES):
                    answers = [
                        await self._authoritative(resolver, name, kind) for kind in (RdataType.A, RdataType.AAAA)
                    ]
                    alias = next(
                        (each for answer in answers for each in answer.answer if each.rdtype == RdataType.CNAME), None
                    )
                    if alias is None:
                        found = _addresses(answers, name)
                        return found and _Answer(found.addresses, min(ttl, found.ttl))
                    ttl, name = min(ttl, alias.ttl), alias[0].target
        except _UNSEEN:
            return None
        return None

    async def _authoritative(
        self, resolver: dns.asyncresolver.Resolver, name: Name, kind: RdataType
    ) -> dns.message.Message:
        query = dns.message.make_query(name, kind)
        query.flags &= ~dns.flags.RD
        fault: Exception = TimeoutError()
        for server in await self._servers_of(resolver, name):
            try:
                answer, _ = await dns.asyncquery.udp_with_fallback(
                    query, server, resolver.lifetime / ASKED, resolver.port
                )
            except _UNSEEN as silent:
                fault = silent
                continue
            if answer.flags & dns.flags.AA:
                return answer
        raise fault

    async def _servers_of(self, resolver: dns.asyncresolver.Resolver, name: Name) -> tuple[str, ...]:
        """Addresses of the name servers of the zone that the name is in."""
        kept = self._authorities.get(name)
        if kept is not None and self._clock() - kept[0] < AUTHORITIES_KEPT:
            return kept[1]
        zone = await dns.asyncresolver.zone_for_name(name, resolver=resolver)
        named = await resolver.resolve(zone, RdataType.NS, search=False)
        servers: list[str] = []
        for server in sorted(each.target for each in named):
            if len(servers) < ASKED:
                found = await resolver.resolve(server, RdataType.A, search=False)
                servers += [each.address for each in found]
        self._authorities[name] = (self._clock(), tuple(servers[:ASKED]))
        return self._authorities[name][1]

    async def _ask_resolver(self, resolver: dns.asyncresolver.Resolver) -> _Answer:
        """What a caching resolver says, with the greatest TTL that it gave for these addresses."""
        self._authorities.clear()
        found: list[_Answer] = []
        for kind in (RdataType.A, RdataType.AAAA):
            answer = await resolver.resolve(self._host, kind, search=False, raise_on_no_answer=False)
            if answer.rrset is not None:
                lowest = float(answer.chaining_result.minimum_ttl)
                found.append(_Answer(frozenset(each.address for each in answer), lowest))
        if not found:
            raise OSError(errno.EADDRNOTAVAIL, "a name without an address")
        now = _Answer(frozenset[str]().union(*(each.addresses for each in found)), max(each.ttl for each in found))
        if self._largest is None or self._largest.addresses != now.addresses or now.ttl > self._largest.ttl:
            self._largest = now
        return self._largest

    async def _led_to(self, addresses: frozenset[str]) -> tuple[str, ...]:
        """The cluster's servers that have one of the addresses; one whose own name does not resolve is left out."""
        led: list[str] = []
        for name, host in self._nodes.items():
            try:
                own = {host} if _literal(host) else {str(each[4][0]) for each in await resolve(host, 0)}
            except OSError:
                continue
            if own & addresses:
                led.append(name)
        return tuple(led)


def _literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _addresses(answers: Iterable[dns.message.Message], name: Name) -> _Answer | None:
    sets = [
        each
        for answer in answers
        for each in answer.answer
        if each.name == name and each.rdtype in (RdataType.A, RdataType.AAAA)
    ]
    if not sets:
        return None
    return _Answer(frozenset(record.address for each in sets for record in each), float(max(each.ttl for each in sets)))
