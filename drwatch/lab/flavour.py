"""The kinds of server that the lab has, and how each is run."""

import os
from enum import StrEnum
from pathlib import Path

from drwatch.lab.binaries import Binaries


class Flavour(StrEnum):
    MARIADB = "mariadb"
    MYSQL_57 = "mysql-5.7"
    MYSQL_57_GTID = "mysql-5.7-gtid"

    @property
    def is_mariadb(self) -> bool:
        return self is Flavour.MARIADB


# What the warm-standby guide sets (step 2) …
GUIDE = [
    "--log-bin=mysql-bin",
    "--binlog-format=ROW",
    "--innodb-flush-log-at-trx-commit=1",
    "--sync-binlog=1",
    "--relay-log=mysql-relay-bin",
]
# … and what keeps a pair of them small and private. Without name resolution root@localhost, who has no password on
# MySQL, is let in through the socket alone (127.0.0.1 is not "localhost" then): no other user of the machine gets in.
LEAN = [
    "--skip-name-resolve",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=8M",
    "--key-buffer-size=1M",
    "--table-open-cache=100",
    "--max-connections=60",
    "--back-log=8",  # small, so that a vanished host's queue of pending connections is quickly full
]
MYSQL_57_ONLY = [
    "--explicit-defaults-for-timestamp",
    "--log-syslog=0",
    "--skip-ssl",
    "--secure-file-priv=NULL",
    "--performance-schema=ON",  # for replication_connection_status, which needs no instrument
    "--performance-schema-instrument=%=OFF",
    "--performance-schema-max-table-instances=50",
    "--performance-schema-max-thread-instances=100",
    "--performance-schema-digests-size=0",
    "--performance-schema-events-statements-history-long-size=0",
]
GTID = ["--gtid-mode=ON", "--enforce-gtid-consistency=ON"]


def options(flavour: Flavour) -> list[str]:
    """Everything of a server's command line that is the same for each of a flavour."""
    return [
        *GUIDE,
        *LEAN,
        *([] if flavour.is_mariadb else MYSQL_57_ONLY),
        *(GTID if flavour is Flavour.MYSQL_57_GTID else []),
    ]


def executable(binaries: Binaries, flavour: Flavour) -> Path:
    program = binaries.mariadbd if flavour.is_mariadb else binaries.mysqld57
    if program is None:
        raise RuntimeError(f"no {flavour} server runs on this machine's processor")
    return program


def command(binaries: Binaries, flavour: Flavour, datadir: Path) -> list[str]:
    """The server's command line as far as it is the same at init and at work."""
    program = executable(binaries, flavour)
    as_root = ["--user=root"] if os.getuid() == 0 else []
    # The datadir stands near the front: it is how drwatch tells in /proc which of this machine's servers it sees.
    return [str(program), "--no-defaults", f"--datadir={datadir}", *as_root, *layout(program, flavour)]


def layout(program: Path, flavour: Flavour) -> list[str]:
    """Where the program finds its own files, wherever it was unpacked."""
    if not flavour.is_mariadb:
        return [f"--basedir={program.parent}", f"--plugin-dir={program.parent}"]
    usr = program.parents[1]
    texts = share(program)
    return [f"--basedir={usr}", f"--lc-messages-dir={texts}", f"--character-sets-dir={texts / 'charsets'}"]


def share(program: Path) -> Path:
    """MariaDB's directory of SQL scripts and messages: /usr/share/mariadb from 11 on, /usr/share/mysql before."""
    new = program.parents[1] / "share/mariadb"
    return new if (new / "charsets").is_dir() else new.with_name("mysql")
