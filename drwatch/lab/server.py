"""A real database server in the sandbox, of any flavour, on a loopback address of its own."""

import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pymysql
from pymysql.cursors import DictCursor

from drwatch.lab.binaries import Binaries
from drwatch.lab.deadline import until
from drwatch.lab.flavour import TABLE, Flavour, Words, command, options
from drwatch.lab.host import HERE, Host, free_port
from drwatch.lab.sandbox import Process, Sandbox
from drwatch.lab.template import template

__all__ = ["Flavour", "Row", "Server", "free_port", "unlogged"]

Row = dict[str, Any]


class Server:
    """One mysqld or mariadbd. `up` is set while it answers, `died_at` is the monotonic time of its last death.

    `without` names options of the lab's own that are not given to it.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        binaries: Binaries,
        flavour: Flavour,
        name: str,
        address: str,
        *more: str,
        datadir: Path | None = None,
        without: tuple[str, ...] = (),
        host: Host = HERE,
    ) -> None:
        self.flavour, self.name, self.address, self.host = flavour, name, address, host
        self.port = host.port(3306, address)
        home = sandbox.directory(name)
        self.datadir, self.socket, self.error_log = datadir or home / "data", home / "mysqld.sock", home / "error.log"
        self.up = threading.Event()
        self.died_at: float | None = None
        self.on_up: Callable[[], None] = lambda: None  # called at the end of each start
        self._sandbox, self._build = sandbox, TABLE[flavour].build
        self._program = binaries.server(self._build.name)
        self._options = [
            f"--bind-address={address if not host.apart else '*'}",
            f"--port={self.port}",
            f"--socket={self.socket}",
            f"--pid-file={home / 'mysqld.pid'}",
            f"--log-error={self.error_log}",
            # Its own: at its start MariaDB removes every temporary table there, another server's too.
            f"--tmpdir={sandbox.directory(f'{name}/tmp')}",
            *(option for option in options(flavour) if option not in (*without, *self._unlike(host))),
            *more,
        ]
        self._process: Process | None = None
        # Holes would be filled as the server writes there, and a full disk would meet it in what it thinks that it has.
        whole = "--sparse=never" if datadir else "--reflink=auto"
        subprocess.run(["cp", "-a", whole, template(self._build, self._program), self.datadir], check=True)

    @staticmethod
    def _unlike(host: Host) -> tuple[str, ...]:
        """A server that resolves no names counts nobody's errors: on a host that has neighbours it is to count them."""
        return ("--skip-name-resolve",) if host.apart else ()

    def start(self, *more: str) -> None:
        """Start it, this once with ``more`` options, and wait until it answers on its socket."""
        # MySQL 5.7 will not start while this names a process, which after a SIGKILL may be anybody's by now.
        self.socket.with_suffix(".sock.lock").unlink(missing_ok=True)
        self.socket.unlink(missing_ok=True)
        self._process = self._sandbox.spawn(
            self.host.inside([*command(self._build, self._program, self.datadir), *self._options, *more]),
            env=self._program.env,
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
        if not self.listens:
            return False
        self.connect().close()  # waits in the queue until the server is ready
        return True

    @property
    def listens(self) -> bool:
        """Whether its socket takes connections: pymysql leaks its own one when it is refused."""
        if not self.alive:
            return False
        with suppress(FileNotFoundError), open(f"/proc/{self.pid}/net/unix") as table:
            return any(row[-1] == str(self.socket) and row[3] == "00010000" for row in map(str.split, table))
        return False  # it ended meanwhile

    def _ended(self) -> None:
        self.up.clear()
        if self.died_at is None and self._process:
            self.died_at = self._process.ended_at

    @property
    def words(self) -> Words:
        """What it calls the two ends of replication."""
        return self._build.words

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

    @property
    def frozen(self) -> bool:
        """Whether it was stopped (state T) and not gone on."""
        return self.alive and Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

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

    def connect(
        self, user: str | None = None, password: str = "", origin: Host | None = None, **options: Any
    ) -> "pymysql.Connection[DictCursor]":
        """A session, autocommit: over TCP for a named user, else as the server's root through its socket.

        Over TCP from its own host, or from another ``origin``.
        """
        # As bytes: pymysql would send a str in Latin-1, whatever the connection's character set.
        where: Row = {"host": self.address, "port": self.port, "user": user, "password": password.encode()}
        if user is None:
            where = {"unix_socket": str(self.socket), "user": self._build.root}
        # Without ssl_disabled pymysql reads all the system's certificates at each connect, 45 ms of CPU.
        where |= {"autocommit": True, "charset": "utf8mb4", "cursorclass": DictCursor, "ssl_disabled": True}
        session = pymysql.connect(**where, **options, defer_connect=True)
        session.connect(self._dialled() if user is None else (origin or self.host).dial(self.address, self.port))
        return session

    def _dialled(self) -> socket.socket:
        """Its socket, connected; pymysql would leak one that is refused."""
        wire = socket.socket(socket.AF_UNIX)
        try:
            wire.connect(str(self.socket))
        except OSError as error:
            wire.close()
            raise pymysql.err.OperationalError(2002, f"{self.socket}: {error}") from error
        return wire

    def sql(self, statement: str, *arguments: Any) -> list[Row]:
        """Run one statement as root in a session of its own; its rows as name → value."""
        with self.connect() as session, session.cursor() as cursor:
            cursor.execute(statement, arguments or None)
            return list(cursor.fetchall())


def unlogged(server: Server, statement: str, *arguments: object) -> None:
    """Run it past the binlog, so that it is a fault and not an errant transaction too."""
    with server.connect() as session, session.cursor() as cursor:
        cursor.execute("SET sql_log_bin=0")
        cursor.execute(statement, arguments or None)
