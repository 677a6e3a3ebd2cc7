"""What others say of the same standby at the same instant: its own Seconds_Behind_Master, and pt-heartbeat."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Self

from drwatch.lab.binaries import parts
from drwatch.lab.deadline import until
from drwatch.lab.pair import Pair
from drwatch.lab.replication import APPLICATION, SCHEMA, caught_up, status
from drwatch.lab.sandbox import Process
from drwatch.lab.server import Server

TABLE = "heartbeat"
# As pt-heartbeat --create-table makes it, without the four columns for which it would ask for the servers' status.
CREATE = f"CREATE TABLE {SCHEMA}.{TABLE} (ts VARCHAR(26) NOT NULL, server_id INT UNSIGNED NOT NULL PRIMARY KEY)"


def seconds_behind(standby: Server) -> float | None:
    """None while the server says NULL."""
    said = status(standby)["Seconds_Behind_Master"]
    return None if said is None else float(said)


class PtHeartbeat:
    """Percona's, with its defaults: one beat a second on the primary, one reading a second on the standby.

    It outlives a primary that dies and comes back.
    """

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._program = parts() / "bin/pt-heartbeat"
        self._file = pair.sandbox.path / "pt-heartbeat"
        self._running: list[Process] = []

    def __enter__(self) -> Self:
        self._pair.primary.sql(CREATE)
        until(lambda: caught_up(*self._pair.servers), within=30, what="the standby to catch up")
        self._start(self._pair.primary, "--update")
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._running:
            if process.alive:
                process.kill_tree()

    def listen(self) -> None:
        """Read on the standby from now on."""
        # Without a row there it would write one, and end.
        arrived = f"SELECT 1 FROM {SCHEMA}.{TABLE}"
        until(lambda: self._pair.standby.sql(arrived), within=30, what="pt-heartbeat's first beat on the standby")
        self._start(self._pair.standby, "--monitor", "--file", str(self._file))

    def _start(self, server: Server, *task: str) -> None:
        user, password = APPLICATION
        what = ["--database", SCHEMA, "--table", TABLE, "--master-server-id=1", "--utc", "--no-version-check"]
        where = f"h={server.address},P={server.port},u={user},p={password}"
        log = self._pair.sandbox.path / "pt-heartbeat.log"
        self._running.append(self._pair.sandbox.spawn([self._program, *task, *what, where], log=log))

    @property
    def said(self) -> float | None:
        """Its newest reading, seconds; None while it says nothing."""
        with suppress(FileNotFoundError):
            reading = re.match(r"\s*([\d.]+)s \[", self._file.read_text())
            return float(reading[1]) if reading else None
        return None
