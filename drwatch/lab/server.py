"""A real database server in the sandbox: MariaDB or MySQL 5.7, on a loopback address of its own."""

import getpass
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

import pymysql
from pymysql.cursors import DictCursor

from drwatch.lab.binaries import Binaries, cache
from drwatch.lab.deadline import until
from drwatch.lab.sandbox import Process, Sandbox

Row = dict[str, Any]


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


class Server:
    """One mysqld or mariadbd. `up` is set while it answers, `died_at` is the monotonic time of its last death."""

    def __init__(
        self, sandbox: Sandbox, binaries: Binaries, flavour: Flavour, name: str, address: str, *options: str
    ) -> None:
        self.flavour, self.name, self.address = flavour, name, address
        self.port = free_port(address)
        home = sandbox.directory(name)
        self.datadir, self.socket, self.error_log = home / "data", home / "mysqld.sock", home / "error.log"
        self.up = threading.Event()
        self.died_at: float | None = None
        self.on_up: Callable[[], None] = lambda: None  # called at the end of each start
        self._sandbox, self._binaries = sandbox, binaries
        self._options = [
            f"--bind-address={address}",
            f"--port={self.port}",
            f"--socket={self.socket}",
            f"--pid-file={home / 'mysqld.pid'}",
            f"--log-error={self.error_log}",
            *GUIDE,
            *LEAN,
            *([] if flavour.is_mariadb else MYSQL_57_ONLY),
            *(GTID if flavour is Flavour.MYSQL_57_GTID else []),
            *options,
        ]
        self._process: Process | None = None
        subprocess.run(["cp", "-a", "--reflink=auto", template(binaries, flavour), self.datadir], check=True)

    def start(self) -> None:
        """Start it and wait until it answers on its socket."""
        # MySQL 5.7 will not start while this names a process, which after a SIGKILL may be anybody's by now.
        self.socket.with_suffix(".sock.lock").unlink(missing_ok=True)
        self.socket.unlink(missing_ok=True)
        self._process = self._sandbox.spawn(
            [*command(self._binaries, self.flavour, self.datadir), *self._options],
            env=self._binaries.env,
            log=self.error_log,
            on_end=self._ended,
        )
        until(self._answers, within=30, what=f"{self.name}'s mysqld answering (see {self.error_log})")
        self.died_at = None
        self.up.set()
        self.on_up()

    def _answers(self) -> bool:
        if not self.alive:
            raise RuntimeError(f"{self.name}'s mysqld ended at its start:\n{self.error_log.read_text()[-2000:]}")
        if not self._listens():
            return False
        self.connect().close()  # waits in the queue until the server is ready
        return True

    def _listens(self) -> bool:
        """Whether its socket takes connections: pymysql leaks its own one when it is refused."""
        with open("/proc/net/unix") as table:
            return any(row[-1] == str(self.socket) and row[3] == "00010000" for row in map(str.split, table))

    def _ended(self) -> None:
        self.up.clear()
        if self.died_at is None and self._process:
            self.died_at = self._process.ended_at

    @property
    def process(self) -> Process:
        if self._process is None:
            raise RuntimeError(f"{self.name}'s mysqld was never started")
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether the process exists; a frozen one does."""
        return self._process is not None and self._process.alive

    def stop(self) -> None:
        """SIGTERM: the orderly end."""
        self.thaw()
        self.process.signal(signal.SIGTERM)
        self.process.wait(60)

    def kill(self) -> float:
        """SIGKILL, and its corpse is reaped; the monotonic time of death."""
        self.died_at = self.process.signal(signal.SIGKILL)
        self.process.wait(10)
        return self.died_at

    def freeze(self) -> float:
        """SIGSTOP: the process is there, its port takes connections, nothing answers."""
        return self.process.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.signal(signal.SIGCONT)

    def restart(self) -> None:
        if self.alive:
            self.stop()
        self.start()

    def connect(self, user: str | None = None, password: str = "", **options: Any) -> "pymysql.Connection[DictCursor]":
        """A session, autocommit: over TCP for a named user, else as the server's root through its socket."""
        # As bytes: pymysql would send a str in Latin-1, whatever the connection's character set.
        where: Row = {"host": self.address, "port": self.port, "user": user, "password": password.encode()}
        if user is None:
            root = getpass.getuser() if self.flavour.is_mariadb else "root"
            where = {"unix_socket": str(self.socket), "user": root}
        # Without ssl_disabled pymysql reads all the system's certificates at each connect, 45 ms of CPU.
        where |= {"autocommit": True, "charset": "utf8mb4", "cursorclass": DictCursor, "ssl_disabled": True}
        return pymysql.connect(**where, **options)

    def sql(self, statement: str, *arguments: Any) -> list[Row]:
        """Run one statement as root in a session of its own; its rows as name → value."""
        with self.connect() as session, session.cursor() as cursor:
            cursor.execute(statement, arguments or None)
            return list(cursor.fetchall())


def free_port(address: str) -> int:
    """A TCP port free on that address; below the ephemeral range, so no outgoing connection takes a dead server's."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port


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


def template(binaries: Binaries, flavour: Flavour) -> Path:
    """A fresh data directory, made once per program in the lab's cache and copied for each server."""
    program = executable(binaries, flavour)
    stamp = f"{program.resolve()} {program.stat().st_mtime_ns} {getpass.getuser()}"
    kind = "mariadb" if flavour.is_mariadb else "mysql-5.7"
    templates = cache() / "templates"
    made = templates / f"{kind}-{sha256(stamp.encode()).hexdigest()[:12]}"
    if made.is_dir():
        return made
    templates.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=templates) as workshop:
        datadir = Path(workshop) / "data"
        (_bootstrap_mariadb if flavour.is_mariadb else _initialize_mysql)(binaries, flavour, datadir)
        (datadir / "auto.cnf").unlink(missing_ok=True)  # the server's UUID: each copy makes its own
        try:
            datadir.rename(made)
        except OSError:  # another run was quicker
            shutil.rmtree(datadir)
    return made


def _initialize_mysql(binaries: Binaries, flavour: Flavour, datadir: Path) -> None:
    subprocess.run(
        [
            *command(binaries, flavour, datadir),
            "--initialize-insecure",
            "--innodb-log-file-size=8M",
            "--skip-ssl",
            "--explicit-defaults-for-timestamp",
        ],
        env={**os.environ, **binaries.env},
        check=True,
        capture_output=True,
    )


def _bootstrap_mariadb(binaries: Binaries, flavour: Flavour, datadir: Path) -> None:
    """What mariadb-install-db does, which cannot run where the package is merely unpacked."""
    (datadir / "mysql").mkdir(parents=True)
    scripts = share(binaries.mariadbd)
    # The prefix of the scripts changed with 11: mysql_system_tables.sql, mariadb_system_tables.sql.
    prefix = "mariadb" if (scripts / "mariadb_system_tables.sql").exists() else "mysql"
    parts = ["system_tables", "performance_tables", "system_tables_data", "sys_schema"]
    # Root is whoever runs the lab, known by the socket; and nobody else may enter without a password.
    sql = f"create database if not exists mysql;\nuse mysql;\nset @auth_root_socket='{getpass.getuser()}';\n"
    sql += "".join((scripts / f"{prefix}_{part}.sql").read_text() for part in parts)
    subprocess.run(
        [*command(binaries, flavour, datadir), "--bootstrap", "--innodb-log-file-size=8M"],
        env={**os.environ, **binaries.env},
        input=sql.encode(),
        check=True,
        capture_output=True,
    )
