"""A small DNS server on loopback: the zone shop.test, which an operator can change, and what a resolver makes of it."""

from __future__ import annotations

import socket
import threading
import time
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from drwatch.lab.host import HERE, Host

ZONE = "shop.test."
ENDPOINT = f"db.{ZONE}"
SERVER = f"ns.{ZONE}"


class Names:
    """The zone's authority, and a recursive resolver in front of it; ``caching`` alone it counts the TTL down.

    A caching one knows the zone from elsewhere: its answers are not authoritative, and the zone's server is not there.
    """

    def __init__(self, address: str, ttl: int, leads_to: str, caching: bool = False, host: Host = HERE) -> None:
        self.address, self.ttl, self.caching = address, ttl, caching
        self.queries = 0
        self.silent = False
        """It hears a question and says nothing."""
        self._records: dict[str, tuple[str, str]] = {ENDPOINT: ("A", leads_to), SERVER: ("A", address)}
        self._learned = time.monotonic()
        self._host = host
        self._wire = host.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.port = host.port(53, address)
        self._wire.bind((address, self.port))
        self._thread = threading.Thread(target=self._serve, name="names", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        # A datagram of no bytes ends the thread: closing a socket does not wake who reads from it.
        with self._host.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as last:
            last.sendto(b"", (self.address, self.port))
        self._thread.join(5)
        self._wire.close()

    def point(self, leads_to: str, name: str = ENDPOINT) -> None:
        """What an operator does to move the endpoint: an address, or with a final dot another name."""
        self._records[name] = ("CNAME" if leads_to.endswith(".") else "A", leads_to)

    @property
    def left(self) -> int:
        """The TTL that it gives now, seconds."""
        return self.ttl - int(time.monotonic() - self._learned) % self.ttl if self.caching else self.ttl

    def _serve(self) -> None:
        while data := self._wire.recvfrom(4096):
            if not data[0]:
                return
            self.queries += 1
            if self.silent:
                continue
            self._wire.sendto(self._answer(dns.message.from_wire(data[0])).to_wire(), data[1])

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query, recursion_available=True)
        if not self.caching:
            answer.flags |= dns.flags.AA
        (asked,) = query.question
        name, kind = asked.name.to_text(), dns.rdatatype.to_text(asked.rdtype)
        recursive = bool(query.flags & dns.flags.RD)
        if name == ZONE and kind == "SOA":
            answer.answer.append(self._set(ZONE, "SOA", f"{SERVER} root.{ZONE} 1 60 60 60 60"))
        elif name == ZONE and kind == "NS":
            # What a caching resolver says of the zone leads to a server that nobody can ask.
            answer.answer.append(self._set(ZONE, "NS", f"gone.{ZONE}" if self.caching else SERVER))
        elif name not in self._records:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        while name in self._records:
            record, value = self._records[name]
            if record in (kind, "CNAME"):
                answer.answer.append(self._set(name, record, value))
            if record != "CNAME" or not recursive:
                break
            name = value
        if not answer.answer:
            answer.authority.append(self._set(ZONE, "SOA", f"{SERVER} root.{ZONE} 1 60 60 60 60"))
        return answer

    def _set(self, name: str, kind: str, value: str) -> dns.rrset.RRset:
        return dns.rrset.from_text(dns.name.from_text(name), self.left, "IN", kind, value)
