"""What a client did to a server that it should not have done: for the checks that watching harms nothing."""

import re
import socket
from contextlib import suppress
from dataclasses import dataclass

import pymysql

from drwatch.lab.host import Host
from drwatch.lab.server import Row, Server
from drwatch.lab.sshd import Sshd

ABORTED = re.compile(r"Aborted connection .*user: '([^']*)'")


@dataclass(frozen=True)
class Harm:
    """Counts; the server's own counters begin anew with each start, its log does not."""

    handshakes: int
    """Aborted_connects: dials that ended without a login, wrong passwords included."""
    hang_ups: int
    """Aborted_clients: sessions that ended without a good-bye."""
    log_lines: dict[str, int]
    """Complaints in the error log by user; `unauthenticated` is a dial that never said who it was."""
    blocked_soon: int
    """SUM_CONNECT_ERRORS of performance_schema.host_cache: at max_connect_errors the address is refused."""


def harm(server: Server) -> Harm:
    counters = {row["Variable_name"]: int(row["Value"]) for row in server.sql("SHOW GLOBAL STATUS LIKE 'Aborted_c%'")}
    lines: dict[str, int] = {}
    for user in ABORTED.findall(server.error_log.read_text(errors="replace")):
        lines[user] = lines.get(user, 0) + 1
    cached = server.sql("SELECT COALESCE(SUM(SUM_CONNECT_ERRORS), 0) AS errors FROM performance_schema.host_cache")
    return Harm(counters["Aborted_connects"], counters["Aborted_clients"], lines, int(cached[0]["errors"]))


def threads_of(server: Server, user: str) -> list[Row]:
    """The server's threads that work for this user: id, command, seconds, statement."""
    return server.sql(
        "SELECT ID AS id, COMMAND AS command, TIME AS seconds, INFO AS statement"
        " FROM information_schema.PROCESSLIST WHERE USER = %s",
        user,
    )


PUNISHED = re.compile(r"drop connection|penalty|exceeded MaxStartups", re.IGNORECASE)
"""What OpenSSH says of an address that it has had enough of: of version 10 after some 30 bare dials, two a second."""


def refusals(server: Server, shell: Sshd, origin: Host, account: tuple[str, str]) -> int:
    """Of the two services of a host, how many do not let in who comes from there; and SSH's complaints."""
    away = 2
    with suppress(pymysql.err.MySQLError, OSError):
        server.connect(*account, origin=origin).close()
        away -= 1
    with (
        suppress(OSError),
        origin.call(lambda: socket.create_connection((shell.address, shell.port), timeout=5)) as dial,
    ):
        away -= dial.recv(4) == b"SSH-"
    return away + len(PUNISHED.findall(shell.log.read_text(errors="replace")))


PATIENCE = 3.0
"""Seconds after which a statement of ours is stuck: none takes a hundredth of one."""


def crowd(server: Server, user: str) -> tuple[int, int] | None:
    """How many threads work for this user, and how many of them are stuck; None of a server that cannot be asked."""
    if not server.up.is_set() or server.frozen:  # a dial to it would be a handshake error of the lab's own
        return None
    try:
        # The table of the same name may want room on a full disk.
        threads = [row for row in server.sql("SHOW FULL PROCESSLIST") if row["User"] == user]
    except pymysql.err.OperationalError:  # without a free connection, or on its way down
        return None
    return len(threads), sum(row["Command"] != "Sleep" and row["Time"] >= PATIENCE for row in threads)
