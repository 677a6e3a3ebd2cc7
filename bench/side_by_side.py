"""The same faults in one run under drwatch and under Prometheus, mysqld_exporter and Alertmanager: who says what when.

Both watch the same pair at the same time, with a look or a scrape each second and five seconds before anybody is told.
A page is wrong when it names what is not so, such as a server down that serves; one that names what only follows from
the fault is one more page for the same trouble. What is missing was not told within the time that it was watched.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from bench.report import finish
from bench.stack import Alert, Stack
from drwatch.core.finding import Condition
from drwatch.lab.pair import Pair
from drwatch.lab.play import play
from drwatch.lab.scenarios import SCENARIOS
from drwatch.lab.server import Flavour

WATCHED = 40.0
"""Seconds to go on watching after what drwatch must tell: an alert on thirty seconds of lag has time to come."""


@dataclass(frozen=True)
class Fault:
    """A scenario, and which of the stack's alerts are right in it."""

    scenario: str
    right: frozenset[str] = frozenset()
    """Alert and node; empty where nobody should be woken, or where the stack's rules have no word for it."""
    follows: frozenset[str] = frozenset()
    """Those that are true and name what follows from it, or came before it."""
    nobody: bool = False
    """Nobody should be woken."""
    watched: float = WATCHED
    may: tuple[Condition, ...] = ()
    """What drwatch may add when it is watched for so long."""


def fault(scenario: str, *right: str, follows: tuple[str, ...] = (), **more: Any) -> Fault:
    return Fault(scenario, frozenset(right), frozenset(follows), **more)


LOST = ("ReplicationIoStopped oslo-b",)
"""What follows where the primary is gone."""

SILENT = (Condition.RPO_BREACHED, Condition.REPLICATION_STOPPED)
"""What drwatch says after a minute of silence."""

SEVERED = (*SILENT, Condition.FILES_STALE)
"""And of a path along which the files go too."""


FAULTS = (
    fault("primary-killed", "MySQLDown oslo-a", follows=LOST),
    fault("primary-hung", "MySQLDown oslo-a", "TargetDown oslo-a", follows=LOST),
    fault("primary-host-gone", "MySQLDown oslo-a", "TargetDown oslo-a", follows=LOST),
    fault("primary-binlog-full"),
    fault("primary-data-full"),
    fault("primary-locked"),
    fault("primary-saturated", "TooManyConnections oslo-a"),
    fault("primary-reset", "ReplicationIoStopped oslo-b"),
    fault("zombie-primary", follows=("MySQLDown oslo-a", *LOST)),
    fault("split-brain"),
    fault("standby-killed", "MySQLDown oslo-b"),
    fault("standby-writable"),
    # A server itself notices a silent source after a minute; by then the objective of a minute is over too.
    fault(
        "replication-silent",
        "ReplicationIoStopped oslo-b",
        "ReplicationLag oslo-b",
        watched=70.0,
        may=SILENT,
    ),
    fault("io-thread-stopped", "ReplicationIoStopped oslo-b"),
    fault("sql-thread-broken", "ReplicationSqlStopped oslo-b"),
    fault("replication-removed"),
    fault("standby-filtered"),
    fault("files-stale"),
    fault("access-denied"),
    # What only a network between hosts can do. One exporter stands beside each server, the rest on the witness.
    fault("host-gone", "MySQLDown oslo-a", "TargetDown oslo-a", follows=LOST),
    fault("host-frozen", "MySQLDown oslo-a", "TargetDown oslo-a", follows=LOST),
    fault("both-killed", "MySQLDown oslo-a", "MySQLDown oslo-b"),
    fault("primary-standby-cut", "ReplicationIoStopped oslo-b", "ReplicationLag oslo-b", watched=70.0, may=SEVERED),
    fault("primary-standby-deaf", "ReplicationIoStopped oslo-b", "ReplicationLag oslo-b", watched=70.0, may=SEVERED),
    # The scrape fails, the server serves: the target is gone for whoever asks from there, MySQL is not.
    fault("witness-primary-cut", "TargetDown oslo-a"),
    fault("witness-primary-deaf", "TargetDown oslo-a"),
    fault("witness-walled-drops"),
    fault("witness-cut-off", nobody=True),
    fault("network-loses", nobody=True),
    fault("names-fail", nobody=True),
    fault("stream-slow", nobody=True),
    fault("stream-thin", "ReplicationLag oslo-b"),
    fault("quiet", nobody=True),
    fault("backup-locks-briefly", nobody=True),
    fault("standby-delayed", nobody=True),
    fault("mysqld-restarts-by-itself", nobody=True),
    fault("switched-over", nobody=True),
)


@dataclass(frozen=True)
class Row:
    """What both said of one fault; ``after`` in seconds since it, None where it was not told."""

    fault: str
    drwatch_after: float | None
    drwatch_said: str
    drwatch_wrong: tuple[str, ...]
    stack_after: float | None
    stack_said: str
    stack_wrong: tuple[str, ...]
    stack_more: int
    """Alerts for what only follows."""
    nobody: bool


def side_by_side(each: Fault, flavour: Flavour) -> Row:
    seen: list[Stack] = []

    @contextmanager
    def beside(pair: Pair) -> Iterator[None]:
        with Stack(pair) as stack:
            seen.append(stack)
            yield

    result = play(replace(SCENARIOS[each.scenario], watch=each.watched, may=each.may), flavour, beside=beside)
    alerts = seen[0].alerts
    right = [alert for alert in alerts if str(alert) in each.right]
    more = [alert for alert in alerts if str(alert) in each.follows]
    told = [page for page in result.pages if page["title"].split()[0] != "RESOLVED"]
    return Row(
        fault=each.scenario,
        drwatch_after=told[0]["after_s"] if told else None,
        drwatch_said=told[0]["condition"] if told else "",
        # Watched for longer than the scenario is, an end is told too.
        drwatch_wrong=tuple(page for page in result.unexpected if not page.startswith("RESOLVED")),
        stack_after=_after(right[0], result.fault_at) if right else None,
        stack_said=str(right[0]) if right else "",
        stack_wrong=tuple(
            f"{alert} {_after(alert, result.fault_at):.1f} s"
            for alert in alerts
            if str(alert) not in each.right | each.follows
        ),
        stack_more=len(more),
        nobody=each.nobody,
    )


def _after(alert: Alert, fault_at: float) -> float:
    return alert.at - fault_at


def _told(after: float | None, said: str, wrong: tuple[str, ...], nobody: bool, more: int = 0) -> str:
    right = "nobody, rightly" if nobody and after is None and not wrong else "not told"
    words = right if after is None else f"{said} {after:.1f} s"
    words += f", and {more} more for what follows" if more else ""
    return words + (f"; WRONG: {', '.join(wrong)}" if wrong else "")


def main() -> None:
    asked = argparse.ArgumentParser(prog="side-by-side", description=__doc__.partition("\n")[0])
    asked.add_argument("--flavour", choices=[each.value for each in Flavour], default=Flavour.MARIADB.value)
    asked.add_argument("--scenario", choices=[each.scenario for each in FAULTS], action="append")
    options = asked.parse_args()
    rows: list[Row] = []
    print("| fault | drwatch | Prometheus, mysqld_exporter, Alertmanager |\n|---|---|---|")
    for each in FAULTS:
        if options.scenario and each.scenario not in options.scenario:
            continue
        row = side_by_side(each, Flavour(options.flavour))
        rows.append(row)
        ours = _told(row.drwatch_after, row.drwatch_said, row.drwatch_wrong, row.nobody)
        theirs = _told(row.stack_after, row.stack_said, row.stack_wrong, row.nobody, row.stack_more)
        print(f"| {row.fault} | {ours} | {theirs} |", flush=True)
    faults = [row for row in rows if not row.nobody]
    ours = sum(row.drwatch_after is not None for row in faults)
    theirs = sum(row.stack_after is not None for row in faults)
    wrong = sum(len(row.drwatch_wrong) for row in rows), sum(len(row.stack_wrong) for row in rows)
    line = f"of {len(faults)} faults drwatch told {ours}, the stack {theirs}; wrong pages: {wrong[0]} and {wrong[1]}"
    met = ours == len(faults) and wrong[0] == 0
    finish("side-by-side", {"flavour": options.flavour, "rows": [asdict(row) for row in rows]}, met, line)


if __name__ == "__main__":
    main()
