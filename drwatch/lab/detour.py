"""A line that is slow or thin: what a host dials at the primary is led through a proxy there."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import psutil

from drwatch.lab.deadline import until
from drwatch.lab.hosts import PRIMARY, Hosts
from drwatch.lab.link import Link
from drwatch.lab.pair import Pair
from drwatch.lab.replication import MONITOR
from drwatch.lab.sandbox import descendants

STEADY = 3.0
"""Seconds without a change after which drwatch holds all the connections that it wants."""


class Pace(NamedTuple):
    """Of a line, each way: seconds that a byte takes, and bytes a second."""

    delay: float = 0.0
    rate: float | None = None


class Detour:
    """What one host dials at the primary leads through a proxy there, port by port.

    ``redial`` has every connection made anew, for only a new one is led astray, and waits for it.
    """

    def __init__(
        self, pair: Hosts, source: str, ports: Sequence[int], redial: Callable[[Hosts], None], pace: Pace
    ) -> None:
        self._pair, host, self._table = pair, pair.places.primary, f"ip detour-{source}"
        self._links = [Link(host.address, (host.address, number), host) for number in ports]
        for link in self._links:
            link.__enter__()
        rules = "".join(
            f"ip saddr {pair.network.hosts[source].address} tcp dport {link.target[1]} redirect to :{link.port}\n"
            for link in self._links
        )
        chain = f"chain prerouting {{ type nat hook prerouting priority dstnat\n{rules}}}\n"
        pair.network.rule(PRIMARY, self._table, f"table {self._table} {{\n{chain}}}\n")
        redial(pair)
        # Not before: a line that gets slow does not dial anew, and a dial over this one would be seconds of silence.
        for link in self._links:
            link.delay, link.rate = pace

    def close(self) -> None:
        self._pair.network.unrule(PRIMARY, self._table)
        for link in self._links:
            link.__exit__()


def receiver_redials(pair: Hosts) -> None:
    """Hang up on it.

    At the primary: walls between the two would leave an idle standby waiting for a packet that nobody sends.
    """
    before = _streams(pair)
    for stream in before:
        pair.primary.sql(f"KILL {stream}")
    until(lambda: _streams(pair) - before and pair.replicates(), within=30, what="replication through the detour")


def _streams(pair: Pair) -> set[int]:
    """The primary's connections that feed a standby."""
    return {row["Id"] for row in pair.primary.sql("SHOW PROCESSLIST") if str(row["Command"]).startswith("Binlog Dump")}


def drwatch_redials(pair: Hosts) -> None:
    """All its sessions are ended, and made anew: at the server they then come from the proxy."""
    shell, witness = pair.primary_ssh.process.pid, pair.places.witness.address

    def sessions() -> dict[int, str]:
        rows = pair.primary.sql("SHOW PROCESSLIST")
        return {row["Id"]: str(row["Host"]).rpartition(":")[0] for row in rows if row["User"] == MONITOR[0]}

    before = sessions()
    for number in before:
        pair.primary.sql(f"KILL {number}")
    for number in descendants(shell):
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGTERM)
    held: list[tuple[float, object]] = []

    def settled() -> bool:
        """As many as before, none of them new: on a slow line a look has not the time for a login beside its own."""
        made, now = sessions(), time.monotonic()
        # Not what the shell runs, which is another program each second where it measures a binary log.
        seen = (frozenset(made), frozenset(each.pid for each in psutil.Process(shell).children()))
        if not held or held[-1][1] != seen:
            held.append((now, seen))
        whole = len(made) >= len(before) and witness not in made.values() and bool(seen[1])
        return whole and now - held[-1][0] > STEADY

    until(settled, within=40, what="drwatch's own redialling", every=0.2)
