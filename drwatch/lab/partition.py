"""What a network does to a pair: paths cut or lossy, walls, a slow line, names that fail, a host that is gone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from drwatch.lab.deadline import until
from drwatch.lab.detour import Detour, Pace, drwatch_redials, receiver_redials
from drwatch.lab.fault import Fault
from drwatch.lab.hosts import PRIMARY, STANDBY, WITNESS, Hosts
from drwatch.lab.network import SWITCH, port
from drwatch.lab.pair import Pair

MYSQL = "tcp dport 3306"


def _hosts(pair: Pair) -> Hosts:
    if not isinstance(pair, Hosts):
        raise RuntimeError("this pair has no network of its own: the fault needs 'topology: hosts'")
    return pair


@dataclass(frozen=True)
class Path:
    """What comes from one host (any, if None) for another one is dropped on its way, all of it or a share."""

    source: str | None
    target: str | None
    share: int = 100
    """Percent of the packets."""

    def rule(self) -> str:
        """For the switch. ARP passes: on the way of a real packet there is a router, and neighbours stay known."""
        source = f'iifname "{port(self.source)}" ' if self.source else ""
        target = f'oifname "{port(self.target)}" ' if self.target else ""
        chance = f"numgen random mod 100 < {self.share} " if self.share < 100 else ""
        return f"{source}{target}meta protocol {{ ip, ip6 }} {chance}drop\n"


def _both(one: str, other: str | None = None) -> tuple[Path, Path]:
    return Path(one, other), Path(other, one)


def _on_the_way(name: str, sentence: str, *paths: Path) -> Fault:
    table = f"bridge {name}"

    def strike(pair: Pair) -> float:
        rules = "".join(path.rule() for path in paths)
        chain = f"chain forward {{ type filter hook forward priority 0\n{rules}}}\n"
        _hosts(pair).network.rule(SWITCH, table, f"table {table} {{\n{chain}}}\n")
        return time.monotonic()

    def mend(pair: Pair) -> None:
        _hosts(pair).network.unrule(SWITCH, table)
        _replicates(pair)

    return Fault(name, sentence, strike, mend, needs_hosts=True)


def _wall(name: str, sentence: str, verdict: str, source: str | None = None) -> Fault:
    """A firewall on the primary, in front of its server's port and of nothing else."""
    table = f"inet {name}"

    def strike(pair: Pair) -> float:
        network = _hosts(pair).network
        peer = network.hosts[source] if source else None
        sources = (f"ip saddr {peer.address} ", f"ip6 saddr {peer.address6} ") if peer else ('iifname "eth0" ',)
        rules = "".join(f"{source}{MYSQL} {verdict}\n" for source in sources)
        chain = f"chain input {{ type filter hook input priority 0\n{rules}}}\n"
        network.rule(PRIMARY, table, f"table {table} {{\n{chain}}}\n")
        return time.monotonic()

    def mend(pair: Pair) -> None:
        _hosts(pair).network.unrule(PRIMARY, table)
        _replicates(pair)

    return Fault(name, sentence, strike, mend, needs_hosts=True)


def pull_cable(pair: Pair) -> float:
    _hosts(pair).network.plug(WITNESS, False)
    return time.monotonic()


def plug_in(pair: Pair) -> None:
    _hosts(pair).network.plug(WITNESS, True)


def freeze_host(pair: Pair) -> float:
    """SIGSTOP to all that runs there: its kernel answers a ping and takes connections, and nobody answers them."""
    pair.files.paused.set()  # its cron
    at = time.monotonic()
    _signal(pair, PRIMARY, signal.SIGSTOP)
    return at


def thaw_host(pair: Pair) -> None:
    _signal(pair, PRIMARY, signal.SIGCONT)
    pair.files.paused.clear()
    _replicates(pair)


def lose_host(pair: Pair) -> float:
    return pair.power_off()


def find_host(pair: Pair) -> None:
    pair.power_on()
    _replicates(pair)


def kill_both(pair: Pair) -> float:
    pair.standby.kill()
    return pair.primary.kill()


def start_both(pair: Pair) -> None:
    pair.primary.start()
    pair.standby.start()
    _replicates(pair)


def _slow(
    name: str,
    sentence: str,
    pace: Pace,
    source: str = STANDBY,
    ports: Sequence[int] = (3306,),
    redial: Callable[[Hosts], None] = receiver_redials,
) -> Fault:
    def strike(pair: Pair) -> float:
        pair.held.append(Detour(_hosts(pair), source, ports, redial, pace))
        return time.monotonic()

    def mend(pair: Pair) -> None:
        pair.release()
        _replicates(pair)

    return Fault(name, sentence, strike, mend, needs_hosts=True)


def silence_names(pair: Pair) -> float:
    _hosts(pair).names.silent = True
    return time.monotonic()


def answer_names(pair: Pair) -> None:
    _hosts(pair).names.silent = False


def lead_astray(pair: Pair) -> float:
    """Somebody points the application's name at the standby."""
    _hosts(pair).names.point(pair.standby.address)
    return time.monotonic()


def lead_home(pair: Pair) -> None:
    _hosts(pair).names.point(pair.primary.address)


def _signal(pair: Pair, host: str, number: int) -> None:
    def all_of_it() -> Iterator[int]:
        return _hosts(pair).network.processes(host)

    for _ in range(2):  # what was forked while the list was read
        for pid in all_of_it():
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _replicates(pair: Pair) -> None:
    # A path may be mended while a server is still dead.
    both = (pair.primary, pair.standby)
    until(
        lambda: not all(server.alive for server in both) or pair.replicates(),
        within=60,
        what="replication at work again",
    )


PARTITIONS = (
    _on_the_way("witness-cut-off", "the witness's network falls silent", *_both(WITNESS)),
    Fault("witness-unplugged", "the witness's cable is pulled", pull_cable, plug_in, needs_hosts=True),
    _on_the_way("witness-primary-cut", "the path from witness to primary is cut", *_both(WITNESS, PRIMARY)),
    _on_the_way("witness-primary-deaf", "what the primary sends to the witness is lost", Path(PRIMARY, WITNESS)),
    _on_the_way("witness-primary-mute", "what the witness sends to the primary is lost", Path(WITNESS, PRIMARY)),
    _on_the_way("primary-standby-cut", "the path from primary to standby is cut", *_both(PRIMARY, STANDBY)),
    _on_the_way("primary-standby-deaf", "what the primary sends to the standby is lost", Path(PRIMARY, STANDBY)),
    _on_the_way("standby-primary-mute", "what the standby sends to the primary is lost", Path(STANDBY, PRIMARY)),
    _on_the_way("network-loses", "a fifth of all packets is lost", Path(None, None, share=20)),
    _wall("wall-drops", "a firewall drops what comes for the primary's server", "drop"),
    _wall("wall-rejects", "a firewall rejects what comes for the primary's server", "reject with tcp reset"),
    _wall("witness-walled-drops", "a firewall drops what the witness sends the primary's server", "drop", WITNESS),
    _wall(
        "witness-walled-rejects",
        "a firewall rejects what the witness sends the primary's server",
        "reject with tcp reset",
        WITNESS,
    ),
    _slow("stream-slow", "the line to the standby takes 300 ms each way", Pace(delay=0.3)),
    _slow("stream-thin", "the line to the standby carries 2 kB a second", Pace(rate=2_000.0)),
    _slow(
        "witness-primary-slow",
        "the line from witness to primary takes 300 ms there and back",
        Pace(delay=0.15),
        WITNESS,
        (3306, 22),
        drwatch_redials,
    ),
    Fault(
        "host-frozen",
        "the primary's host freezes: its kernel answers, and nobody else",
        freeze_host,
        thaw_host,
        needs_hosts=True,
    ),
    Fault("host-gone", "the primary's host loses its power", lose_host, find_host, needs_hosts=True),
    Fault("both-killed", "SIGKILL to the primary's server and its standby's", kill_both, start_both, needs_hosts=True),
    Fault(
        "endpoint-astray",
        "the application's name leads to the standby",
        lead_astray,
        lead_home,
        needs_hosts=True,
    ),
    Fault("names-silent", "the name server falls silent", silence_names, answer_names, needs_hosts=True),
)
