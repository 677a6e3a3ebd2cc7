"""Scenarios: what is broken and when, what must be told by when, and that nothing else is told."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ruamel.yaml import YAML

from drwatch.core.finding import Condition
from drwatch.lab.disk import Under
from drwatch.lab.page import Told

QUICK = "0s"
"""A confirm window for scenarios that measure how fast drwatch can be."""


@dataclass(frozen=True)
class Expect:
    """A page that must come: this condition, within so many seconds of the fault; and how often it may come."""

    condition: Condition
    within: float
    resolved: bool = False
    at_most: int = 1
    says: str = ""
    """Words that the page must have."""


@dataclass(frozen=True)
class Act:
    """A fault of drwatch.lab.faults, struck or mended, so many seconds after the scenario's zero."""

    at: float
    fault: str
    mend: bool = False


class Crash(StrEnum):
    """Where drwatch itself is killed (SIGKILL) and started again while it pages."""

    BEFORE_SEND = "before the send"
    """The page is committed, and nothing has left."""
    BEFORE_MARK = "before the mark"
    """The phone has the page, and the ledger does not know it."""


@dataclass(frozen=True)
class Scenario:
    """One story. ``settings`` are laid over the pair's configuration (dotted keys, YAML values)."""

    name: str
    sentence: str
    acts: tuple[Act, ...] = ()
    expect: tuple[Expect, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    watch: float = 3.0
    """Seconds to go on watching after the last expectation, for pages that must not come."""
    rate: float = 50.0
    """Commits a second."""
    history: tuple[Condition, ...] = ()
    """What the history must hold although nobody was told."""
    mends: bool = True
    """Whether the pair is made healthy again before its servers are asked what drwatch did to them."""
    turned_away: bool = False
    """The server itself refuses logins in this one and counts each in Aborted_connects, whoever dials."""
    small_disk: Under | None = None
    """What of the primary lies on a disk that can be filled."""
    crash: Crash | None = None
    """Only real processes can be killed: the simulator does not play these."""


def judge(scenario: Scenario, pages: Sequence[Told]) -> tuple[list[str], list[str]]:
    """What was expected and did not come, and what came and was not expected; a sentence each, both empty when well."""
    failed: list[str] = []
    left = list(pages)
    for expect in scenario.expect:
        words = f"{'RESOLVED ' if expect.resolved else ''}{expect.condition}"
        mine = [page for page in left if page.condition is expect.condition and page.resolved == expect.resolved]
        if not mine:
            failed.append(f"{words} did not come within {expect.within:g} s")
        elif mine[0].after > expect.within:
            failed.append(f"{words} came after {mine[0].after:.1f} s, not within {expect.within:g} s")
        elif expect.says not in mine[0].body:
            failed.append(f"{words} does not say {expect.says!r}")
        left = [page for page in left if page not in mine[: expect.at_most]]
    return failed, [f"{page.title} after {page.after:.1f} s" for page in left]


def overlay(config: str, settings: Mapping[str, Any]) -> str:
    """A configuration's text with dotted ``settings`` laid over it."""
    yaml = YAML()
    document = yaml.load(config)
    for dotted, value in settings.items():
        *parents, last = dotted.split(".")
        place = document
        for name in parents:
            place = place.setdefault(name, {})
        place[last] = value
    text = io.StringIO()
    yaml.dump(document, text)
    return text.getvalue()


CONFIRM_NOTHING = {"paging.confirm.conclusive": QUICK, "paging.confirm.likely": QUICK, "paging.confirm.alone": QUICK}

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "primary-killed",
            "SIGKILL to the primary's server is paged as PrimaryDown after the confirm window",
            (Act(0, "primary-killed"),),
            (Expect(Condition.PRIMARY_DOWN, within=6.5),),
        ),
        Scenario(
            "primary-killed-at-once",
            "with no confirm window SIGKILL is paged within a second",
            (Act(0, "primary-killed"),),
            (Expect(Condition.PRIMARY_DOWN, within=1.5),),
            CONFIRM_NOTHING,
        ),
        Scenario(
            "primary-killed-behind-a-cut",
            "a primary that dies while its standby hears nothing: what is really lost is within the claim",
            (Act(0, "replication-silent"), Act(3, "primary-killed")),
            (Expect(Condition.PRIMARY_DOWN, within=9.5),),
            mends=False,
        ),
        Scenario(
            "primary-hung",
            "a frozen server is PrimaryHung while its standby still says lag 0",
            (Act(0, "primary-hung"),),
            (Expect(Condition.PRIMARY_HUNG, within=9.0),),
        ),
        Scenario(
            "primary-hung-at-once",
            "with no confirm window a frozen server is paged within three seconds",
            (Act(0, "primary-hung"),),
            (Expect(Condition.PRIMARY_HUNG, within=3.0),),
            CONFIRM_NOTHING,
        ),
        Scenario(
            "primary-host-gone",
            "a host without power is PrimaryHostDown",
            (Act(0, "primary-host-gone"),),
            (Expect(Condition.PRIMARY_HOST_DOWN, within=20.0),),
        ),
        Scenario(
            "io-thread-stopped",
            "a receiver that was stopped is ReplicationStopped",
            (Act(0, "io-thread-stopped"),),
            (Expect(Condition.REPLICATION_STOPPED, within=9.0),),
        ),
        Scenario(
            "sql-thread-broken",
            "a conflicting row is ReplicationStopped with its errno and its table",
            (Act(0, "sql-thread-broken"),),
            (Expect(Condition.REPLICATION_STOPPED, within=9.0, says="errno 1062 on table shop.orders"),),
        ),
        Scenario(
            "primary-reset",
            "a primary whose binary logs are reset uses its positions twice: PrimaryRewound, until a human ends it",
            (Act(0, "primary-reset"),),
            (Expect(Condition.PRIMARY_REWOUND, within=7.5),),
            mends=False,
        ),
        Scenario(
            "replication-removed",
            "replication that was removed is ReplicationMissing at once, for nothing brings it back by itself",
            (Act(0, "replication-removed"),),
            (Expect(Condition.REPLICATION_MISSING, within=9.0),),
        ),
        Scenario(
            "standby-filtered",
            "a filter on the standby is ReplicationFiltered, since what it leaves out is in no figure",
            (Act(0, "standby-filtered"),),
            (Expect(Condition.REPLICATION_FILTERED, within=9.0, says="shop.nothing"),),
        ),
        Scenario(
            "standby-delayed",
            "a standby that is delayed on purpose pages nobody: all is received, nothing is at risk",
            (Act(0, "standby-delayed"),),
            # An objective that could never bear an hour's delay: a takeover drops the delay.
            settings={"clusters.shop.objectives.rto": "60s", "paging.confirm.RtoBreached": "2s"},
            watch=15.0,
        ),
        Scenario(
            "replication-silent",
            "a wire that falls silent under load is ReplicationSilent long before the servers notice",
            (Act(0, "replication-silent"),),
            (Expect(Condition.REPLICATION_SILENT, within=10.0),),
        ),
        Scenario(
            "standby-writable",
            "a standby whose read_only was cleared is StandbyWritable",
            (Act(0, "standby-writable"),),
            (Expect(Condition.STANDBY_WRITABLE, within=7.5),),
        ),
        Scenario(
            "files-stale",
            "a file sync that stopped is FilesStale once its limit is over",
            (Act(0, "files-stale"),),
            (Expect(Condition.FILES_STALE, within=35.0),),
            {"clusters.shop.files.uploads.rpo": "15s"},
        ),
        Scenario(
            "applier-blocked",
            "an applier that a lock holds up is RtoBreached, and no data is at risk",
            (Act(0, "applier-blocked"),),
            (Expect(Condition.RTO_BREACHED, within=30.0),),
            # The ten minutes that a real pair is given are more than a scenario needs.
            {"paging.confirm.RtoBreached": "5s"},
        ),
        Scenario(
            "primary-saturated",
            "a primary without a free connection is PrimarySaturated, although the held connection answers",
            (Act(0, "primary-saturated"),),
            (Expect(Condition.PRIMARY_SATURATED, within=8.0),),
            turned_away=True,
        ),
        Scenario(
            "primary-packed",
            "one without even the administrator's connection, which answers a dial with the error alone, is so too",
            (Act(0, "primary-packed"),),
            (Expect(Condition.PRIMARY_SATURATED, within=8.0),),
            {"probes.login.every": "2s"},
            turned_away=True,
        ),
        Scenario(
            "primary-locked",
            "writes held up by FLUSH TABLES WITH READ LOCK are PrimaryWritesStalled, although every status answers",
            # drwatch must have seen the server at work before it can say that this is not its habit.
            (Act(8, "primary-locked"),),
            (Expect(Condition.PRIMARY_WRITES_STALLED, within=38.0),),
        ),
        Scenario(
            "backup-locks-briefly",
            "a backup that holds the global read lock for eight seconds pages nobody",
            (Act(8, "primary-locked"), Act(16, "primary-locked", mend=True)),
            watch=20.0,
        ),
        Scenario(
            "primary-reads-only",
            "a long SELECT on a primary that commits nothing, with writes that change nothing, pages nobody",
            (Act(8, "primary-reads-only"),),
            watch=28.0,
        ),
        Scenario(
            "primary-binlog-full",
            "a full disk under the binary logs is PrimaryDiskFull, although every status answers",
            (Act(0, "primary-binlog-full"),),
            (Expect(Condition.PRIMARY_DISK_FULL, within=15.0),),
            small_disk=Under.BINLOG,
        ),
        Scenario(
            "primary-data-full",
            "a full disk under InnoDB's files is PrimaryDiskFull as soon as nothing is committed any more",
            (Act(0, "primary-data-full"),),
            (Expect(Condition.PRIMARY_DISK_FULL, within=15.0),),
            small_disk=Under.DATA,
        ),
        Scenario(
            "primary-stopped-on-a-full-disk",
            "a server that is stopped there stays without a port: still PrimaryDiskFull, told once",
            (Act(0, "primary-binlog-full"), Act(10, "primary-told-to-stop")),
            (Expect(Condition.PRIMARY_DISK_FULL, within=15.0),),
            small_disk=Under.BINLOG,
            watch=8.0,
        ),
        Scenario(
            "standby-killed",
            "a dead standby is StandbyDown, and its silence about replication is not told again",
            (Act(0, "standby-killed"),),
            (Expect(Condition.STANDBY_DOWN, within=8.0),),
        ),
        Scenario(
            "replication-refused",
            "a receiver that cannot connect is ReplicationStopped with its errno",
            (Act(0, "replication-refused"),),
            (Expect(Condition.REPLICATION_STOPPED, within=20.0),),
        ),
        Scenario(
            "host-key-changed",
            "an SSH host key that is another is HostKeyChanged, never accepted",
            (Act(0, "host-key-changed"),),
            (Expect(Condition.HOST_KEY_CHANGED, within=15.0),),
        ),
        Scenario(
            "access-denied",
            "a login that is denied is AccessDenied, and nobody is called down",
            (Act(0, "access-denied"),),
            (Expect(Condition.ACCESS_DENIED, within=25.0),),
            {"probes.login.every": "2s"},
            turned_away=True,
        ),
        Scenario(
            "zombie-primary",
            "after a takeover the old primary comes back writable: ZombiePrimary at the first look",
            (Act(0, "primary-killed"), Act(7, "taken-over"), Act(12, "old-primary-back")),
            (Expect(Condition.PRIMARY_DOWN, within=6.5), Expect(Condition.ZOMBIE_PRIMARY, within=20.0)),
            mends=False,
        ),
        Scenario(
            "old-primary-rebuilt",
            "once the old primary follows the new one the pair is protected again, and all is told as over",
            (Act(0, "primary-killed-whole"), Act(7, "taken-over"), Act(16, "old-primary-rebuilt")),
            (
                Expect(Condition.PRIMARY_DOWN, within=6.5),
                Expect(Condition.PRIMARY_DOWN, within=24.0, resolved=True),
                Expect(Condition.UNPROTECTED, within=24.0),
                Expect(Condition.UNPROTECTED, within=45.0, resolved=True),
            ),
            {"paging.hold": "5s", "paging.confirm.Unprotected": "3s"},
            mends=False,
        ),
        Scenario(
            "switched-over",
            "a planned exchange of the roles pages nobody",
            (Act(0, "switched-over"),),
            watch=12.0,
            mends=False,
        ),
        Scenario(
            "split-brain",
            "a standby that is opened and written to while the primary serves is SplitBrain, and nothing else",
            (Act(0, "split-brain"),),
            (Expect(Condition.SPLIT_BRAIN, within=9.0),),
            mends=False,
        ),
        Scenario(
            "nobody-writable",
            "a primary that is closed is NobodyWritable once a switchover would be over",
            (Act(0, "primary-read-only"),),
            (Expect(Condition.NOBODY_WRITABLE, within=7.5),),
            # The minute that a real switchover is given is more than a scenario needs.
            {"paging.confirm.NobodyWritable": "5s"},
        ),
        Scenario(
            "quiet",
            "a minute of ordinary load pages nobody",
            watch=60.0,
        ),
        Scenario(
            "mysqld-restarts-by-itself",
            "a server that is killed and back within three seconds pages nobody, and the history has it",
            (Act(0, "primary-killed"), Act(1.5, "primary-killed", mend=True)),
            history=(Condition.PRIMARY_DOWN, Condition.PRIMARY_RESTARTING),
            watch=12.0,
        ),
        Scenario(
            "primary-killed-and-mended",
            "a primary that comes back is told as resolved, once",
            (Act(0, "primary-killed"), Act(9, "primary-killed", mend=True)),
            (
                Expect(Condition.PRIMARY_DOWN, within=6.5),
                Expect(Condition.PRIMARY_DOWN, within=25.0, resolved=True),
            ),
            {"paging.hold": "5s"},
        ),
        Scenario(
            "restart-during-incident",
            "drwatch is killed after the commit and before the send: exactly one page, from the next start",
            (Act(0, "primary-killed"),),
            (Expect(Condition.PRIMARY_DOWN, within=30.0),),
            watch=10.0,
            crash=Crash.BEFORE_SEND,
        ),
        Scenario(
            "restart-after-acceptance",
            "drwatch is killed after the acceptance and before its mark: at most one copy, with the same event id",
            (Act(0, "primary-killed"),),
            (Expect(Condition.PRIMARY_DOWN, within=30.0, at_most=2),),
            watch=15.0,
            crash=Crash.BEFORE_MARK,
        ),
    )
}
