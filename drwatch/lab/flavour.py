"""The kinds of server that the lab has: one table says how each is made, run, spoken to and made to follow."""

import getpass
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from drwatch.lab.binaries import RELEASE, Program


class Flavour(StrEnum):
    MARIADB_1011 = "mariadb-10.11"
    MARIADB_118 = "mariadb-11.8"
    MARIADB_1011_POSITION = "mariadb-10.11-position"
    MARIADB_118_POSITION = "mariadb-11.8-position"
    MYSQL_57 = "mysql-5.7"
    MYSQL_57_GTID = "mysql-5.7-gtid"
    MYSQL_97 = "mysql-9.7"
    # An alias: the MariaDB of this machine's own release, as scripts/lab-parts has it.
    MARIADB = "mariadb-10.11" if RELEASE == "bookworm" else "mariadb-11.8"

    @property
    def is_mariadb(self) -> bool:
        return TABLE[self].build.scripts is not None

    @property
    def by_gtid(self) -> bool:
        """Whether a standby asks for what it lacks by GTID, and not by a place in the primary's binary log."""
        return COORDINATE not in TABLE[self].follow


@dataclass(frozen=True)
class Words:
    """What a server calls the two ends of replication; each knows one of the two vocabularies for certain."""

    replica: str
    source: str
    change: str
    coordinate: str
    """The statement that shows its own place in its binary log."""
    forget: str
    """The statement that deletes its binary logs and begins anew."""


OLD = Words("SLAVE", "MASTER", "CHANGE MASTER TO", "SHOW MASTER STATUS", "RESET MASTER")
NEW = Words(
    "REPLICA", "SOURCE", "CHANGE REPLICATION SOURCE TO", "SHOW BINARY LOG STATUS", "RESET BINARY LOGS AND GTIDS"
)


class Need(StrEnum):
    """What a pair may have beside what each pair has; the values are for a scenario's file."""

    SEMI_SYNC = "semi-sync"
    """A primary that waits a second for its standby's acknowledgement."""
    SMALL_RELAY_LOG = "small-relay-log"
    """A relay log whose limit is a megabyte: more than an applier at work leaves in it."""
    PARALLEL = "parallel-appliers"
    RECOVERY = "relay-log-recovery"
    """A standby that fetches anew at its start what it had not applied."""
    STRANGER = "stranger"
    """A third server, which drwatch is not told of; and a standby that can follow several."""
    GTIDS = "gtids"
    """Transactions that say who wrote them."""
    LINGERS = "lingers-on-a-full-disk"
    """A server that, told to stop on a full disk, waits for room."""
    POSITION = "tells-its-position"
    """One that says without a lock how far its log is: else its host reads that, and sees it commit behind a wall."""


@dataclass(frozen=True)
class Extra:
    """What a need takes on the servers' command lines."""

    primary: tuple[str, ...] = ()
    standby: tuple[str, ...] = ()
    stranger: tuple[str, ...] = ()


@dataclass(frozen=True)
class Build:
    """One database server. In `layout` and `scripts` stands {usr} for the parent of the directory it lies in."""

    name: str
    """Its name among binaries.server's."""
    layout: tuple[str, ...]
    """Where it finds its own files, wherever it was unpacked."""
    options: tuple[str, ...]
    words: Words
    scripts: str | None = None
    """The path, up to the last words of their names, of the SQL scripts that fill its data directory: MariaDB's. MySQL
    fills its own."""
    root: str = "root"
    """The account that may do anything, through the server's socket alone."""
    extras: Mapping[Need, Extra] = field(default_factory=dict)
    """What a need takes here, where it is not as everywhere."""
    lacks: Mapping[Need, str] = field(default_factory=dict)
    """What cannot be had here, and why: a clause."""
    channel: str = "{verb} {rest} FOR CHANNEL '{name}'"
    """How a statement says which of several sources it means."""
    keep: str = "SET GLOBAL expire_logs_days = {days}"
    """For how long it keeps its binary logs; 0 for ever."""


@dataclass(frozen=True)
class Kind:
    """A build, and how a standby follows there."""

    build: Build
    follow: str
    """The last words of the statement that points a standby at its primary, whose place is {File} and {Position}."""
    options: tuple[str, ...] = ()
    lacks: Mapping[Need, str] = field(default_factory=dict)
    """As its build's."""


# What the warm-standby guide sets (step 2) …
GUIDE = (
    "--log-bin=mysql-bin",
    "--binlog-format=ROW",
    "--innodb-flush-log-at-trx-commit=1",
    "--sync-binlog=1",
    "--relay-log=mysql-relay-bin",
)
# … and what keeps a pair of them small and private. Without name resolution root@localhost, who has no password on
# MySQL, is let in through the socket alone (127.0.0.1 is not "localhost" then): no other user of the machine gets in.
LEAN = (
    "--skip-name-resolve",
    "--innodb-buffer-pool-size=16M",
    "--key-buffer-size=1M",
    "--table-open-cache=100",
    "--max-connections=60",
    "--skip-innodb-use-native-aio",  # the kernel's contexts (fs.aio-max-nr) are soon used up by many servers
    "--back-log=8",  # small, so that a vanished host's queue of pending connections is quickly full
)
LEAN_MYSQL = (
    "--secure-file-priv=NULL",
    "--performance-schema=ON",  # for replication_connection_status, which needs no instrument
    "--performance-schema-instrument=%=OFF",
    "--performance-schema-max-table-instances=50",
    "--performance-schema-max-thread-instances=100",
    "--performance-schema-digests-size=0",
    "--performance-schema-events-statements-history-long-size=0",
)
EXTRAS = {
    Need.SMALL_RELAY_LOG: Extra(standby=(f"--relay-log-space-limit={1 << 20}",)),
    Need.PARALLEL: Extra(standby=("--slave-parallel-workers=2",)),
    Need.RECOVERY: Extra(standby=("--relay-log-recovery=1",)),
}
"""What a need takes on most servers."""


def _semi_sync(source: str, replica: str, *plugins: str) -> Extra:
    waits = (f"--rpl-semi-sync-{source}-enabled=1", f"--rpl-semi-sync-{source}-timeout=1000")
    acknowledges = (f"--rpl-semi-sync-{replica}-enabled=1",)
    loads = [f"--plugin-load-add={plugin}" for plugin in plugins]
    return Extra((*loads[:1], *waits), (*loads[1:], *acknowledges))


def _mariadb(version: str, share: str, prefix: str, also: str = "") -> Build:
    texts = f"{{usr}}/share/{share}"
    return Build(
        f"mariadb-{version}",
        ("--basedir={usr}", f"--lc-messages-dir={texts}", f"--character-sets-dir={texts}/charsets"),
        ("--innodb-log-file-size=8M",),
        OLD,
        f"{texts}/{prefix}",
        getpass.getuser(),
        {
            Need.SEMI_SYNC: _semi_sync("master", "slave"),
            Need.PARALLEL: Extra(standby=("--slave-parallel-threads=2",)),
            Need.STRANGER: Extra(stranger=("--gtid-domain-id=7",)),
        },
        channel="{verb} '{name}' {rest}",
        keep=f"SET GLOBAL expire_logs_days = {{days}}{also}",
    )


MARIADB_1011 = _mariadb("10.11", "mysql", "mysql")
# This one purges nothing of itself while no standby is connected.
MARIADB_118 = _mariadb("11.8", "mariadb", "mariadb", ", GLOBAL slave_connections_needed_for_purge = 0")
MYSQL_57 = Build(
    "mysql-5.7",
    ("--basedir={usr}/server", "--plugin-dir={usr}/server"),
    (
        *LEAN_MYSQL,
        "--innodb-log-file-size=8M",
        "--explicit-defaults-for-timestamp",
        "--log-syslog=0",
        "--skip-ssl",
    ),
    OLD,
    extras={
        # In files, it could follow one source only (errno 3077).
        Need.STRANGER: Extra(standby=("--master-info-repository=TABLE", "--relay-log-info-repository=TABLE")),
    },
    lacks={Need.SEMI_SYNC: "the package of MySQL 5.7 that can be had brings no plugins"},
)
MYSQL_97 = Build(
    "mysql-9.7",
    ("--basedir={usr}", "--lc-messages-dir={usr}/share/mysql", "--plugin-dir={usr}/lib/mysql/plugin"),
    (
        *LEAN_MYSQL,
        "--performance-schema-error-size=0",
        "--performance-schema-accounts-size=0",
        "--performance-schema-hosts-size=0",
        "--performance-schema-users-size=0",
        "--innodb-redo-log-capacity=8M",
        "--mysqlx=OFF",
        "--tls-version=",  # no TLS
        "--log-error-verbosity=3",  # tells of aborted connections, as the others do
    ),
    NEW,
    extras={
        Need.SEMI_SYNC: _semi_sync("source", "replica", "semisync_source.so", "semisync_replica.so"),
        Need.PARALLEL: Extra(standby=("--replica-parallel-workers=2",)),
    },
    lacks={Need.LINGERS: "this server ends there, full disk or not"},
    keep="SET GLOBAL binlog_expire_logs_seconds = {days} * 86400",
)
GTID = ("--gtid-mode=ON", "--enforce-gtid-consistency=ON")
COORDINATE = "{source}_LOG_FILE='{File}', {source}_LOG_POS={Position}"

TABLE = {
    Flavour.MARIADB_1011: Kind(MARIADB_1011, "MASTER_USE_GTID=slave_pos"),
    Flavour.MARIADB_118: Kind(MARIADB_118, "MASTER_USE_GTID=slave_pos"),
    Flavour.MARIADB_1011_POSITION: Kind(MARIADB_1011, f"MASTER_USE_GTID=no, {COORDINATE}"),
    Flavour.MARIADB_118_POSITION: Kind(MARIADB_118, f"MASTER_USE_GTID=no, {COORDINATE}"),
    Flavour.MYSQL_57: Kind(
        MYSQL_57,
        COORDINATE,
        lacks={
            Need.GTIDS: "without GTIDs nothing tells who wrote a transaction",
            Need.POSITION: "without GTIDs its host sees that it commits: it is PrimaryUnseen all the while",
        },
    ),
    Flavour.MYSQL_57_GTID: Kind(MYSQL_57, "MASTER_AUTO_POSITION=1", GTID),
    # Its accounts log in by caching_sha2_password, which without TLS wants the server's key first; and of itself its
    # receiver gives up after ten dials, which here are ten seconds.
    Flavour.MYSQL_97: Kind(
        MYSQL_97, "SOURCE_AUTO_POSITION=1, SOURCE_SSL=0, GET_SOURCE_PUBLIC_KEY=1, SOURCE_RETRY_COUNT=86400", GTID
    ),
}


def lacking(flavour: Flavour, needs: Collection[Need]) -> str:
    """Why these cannot be had there, as clauses; empty where they can."""
    kind = TABLE[flavour]
    why = {**kind.build.lacks, **kind.lacks}
    return "; ".join(why[need] for need in needs if need in why)


def extra(flavour: Flavour, needs: Collection[Need]) -> Extra:
    """What these take there, all of it together."""
    table = {**EXTRAS, **TABLE[flavour].build.extras}
    each = [table[need] for need in needs if need in table]
    return Extra(
        tuple(option for extra in each for option in extra.primary),
        tuple(option for extra in each for option in extra.standby),
        tuple(option for extra in each for option in extra.stranger),
    )


def options(flavour: Flavour) -> list[str]:
    """Everything of a server's command line that is the same for each of a flavour."""
    kind = TABLE[flavour]
    return [*GUIDE, *LEAN, *kind.build.options, *kind.options]


def command(build: Build, program: Program, datadir: Path) -> list[str]:
    """The server's command line as far as it is the same at init and at work."""
    as_root = ["--user=root"] if os.getuid() == 0 else []
    # The datadir stands near the front: it is how drwatch tells in /proc which of this machine's servers it sees.
    start = [*map(str, program.command), "--no-defaults", f"--datadir={datadir}", *as_root]
    return start + [option.format(usr=usr(program)) for option in build.layout]


def usr(program: Program) -> Path:
    return program.path.parents[1]
