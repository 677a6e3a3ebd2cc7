"""What watching one pair costs: CPU and memory (PSS) of the daemon and its courier, and what it does to the servers."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil

from bench.report import finish
from drwatch.lab.harm import harm, threads_of
from drwatch.lab.pair import Pair
from drwatch.lab.play import Watching, configuration
from drwatch.lab.replication import MONITOR

SECONDS = 520.0
"""A thousand fast looks: two servers, one a second each."""

CPU_GOAL = 3.0
"""Percent of a core."""

PSS_GOAL = 100.0
"""MB."""


@dataclass
class Usage:
    cpu: float
    """Seconds of CPU."""
    pss: float
    """MB."""


def usage(pid: int) -> Usage:
    """Of a process and its children."""
    parent = psutil.Process(pid)
    cpu = pss = 0.0
    for process in (parent, *parent.children(recursive=True)):
        times = process.cpu_times()
        cpu += times.user + times.system
        pss += process.memory_full_info().pss / 1e6
    return Usage(cpu, pss)


def main(seconds: float = SECONDS) -> None:
    with Pair(rate=20) as pair, Watching(pair, configuration(pair)) as watching:
        watching.wait_until_well()
        assert watching.process is not None
        pid = watching.process.pid
        before, started = usage(pid), time.monotonic()
        errors = {server.name: harm(server).handshakes for server in pair.servers}
        time.sleep(seconds)
        after, took = usage(pid), time.monotonic() - started
        pages = len(pair.inbox.pages)
        watching.stop()
        caused = sum(harm(server).handshakes - errors[server.name] for server in pair.servers)
        left = sum(len(threads_of(server, MONITOR[0])) for server in pair.servers)
    cpu = 100 * (after.cpu - before.cpu) / took
    looks = int(2 * took)
    print(f"{'CPU, % of a core':34} {cpu:8.2f}   goal {CPU_GOAL:g}")
    print(f"{'PSS, MB, all processes':34} {after.pss:8.1f}   goal {PSS_GOAL:g}   (rival stack 115-120)")
    print(f"{'fast looks in ' + format(took, '.0f') + ' s':34} {looks:8}")
    print(f"{'handshake errors caused':34} {caused:8}   goal 0")
    print(f"{'threads left on the servers':34} {left:8}   goal 0")
    print(f"{'pages':34} {pages:8}   goal 0")
    met = cpu <= CPU_GOAL and after.pss <= PSS_GOAL and not (caused or left or pages)
    figures = {"cpu_percent": cpu, "pss_mb": after.pss, "looks": looks, "handshake_errors": caused, "threads": left}
    finish("cost", figures, met, f"{cpu:.2f} % of a core, {after.pss:.1f} MB, {caused} handshake errors")


if __name__ == "__main__":
    main()
