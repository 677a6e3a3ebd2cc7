"""A warm standby on one machine: two servers, the wire between them, two sshd, file sync, an application, a phone."""

import socket
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, Self

from drwatch.lab.binaries import Binaries, find
from drwatch.lab.disk import Disk, Under
from drwatch.lab.files import FileSync
from drwatch.lab.flavour import Need, extra
from drwatch.lab.host import HERE, Host, free_port
from drwatch.lab.inbox import Inbox
from drwatch.lab.link import Link
from drwatch.lab.replication import MONITOR, SCHEMA, create_accounts, running, start_replication
from drwatch.lab.sandbox import Sandbox
from drwatch.lab.server import Flavour, Row, Server
from drwatch.lab.sshd import Sshd
from drwatch.lab.writer import CREATE, Writer

PRIMARY, STANDBY, WIRE, STRANGER = "127.0.0.11", "127.0.0.12", "127.0.0.13", "127.0.0.17"

NODE = """\
      {name}:
        role: {role}
        mysql:
          host: {mysql.address}
          port: {mysql.port}
          user: {user}
          password_file: {password}
          datadir: {mysql.datadir}
          process: {mysql.datadir}
        ssh:
          host: {ssh.address}
          port: {ssh.port}
          user: {ssh.user}
          key_file: {ssh.key}
          known_hosts: {known_hosts}
"""
CONFIG = """\
clusters:
  shop:
    objectives: {{rpo: {rpo}, rto: {rto}}}
    nodes:
{nodes}\
    files:
      uploads: {{path: {files.target}, marker: {files.marker}, every: {every}ms, rpo: {files_rpo}}}
paging:
  channels:
    phone: {{url_file: {phone}}}
  escalation: [{{to: [phone]}}]
  confirm: {{{confirm}}}
anchors: [{anchor}]
state: {{directory: {state}, runtime: {runtime}}}
web: {{listen: 127.0.0.1:{web_port}}}
{extra}
"""


@dataclass(frozen=True)
class Places:
    """Where the parts of a pair run."""

    primary: Host
    standby: Host
    witness: Host
    outside: Host
    """The phone's, which is the anchor too."""


class Wire(Protocol):
    """What the standby dials to find its primary, and what can happen on the way."""

    @property
    def address(self) -> str: ...
    @property
    def port(self) -> int: ...
    def listen(self) -> None: ...
    def passes(self) -> None: ...
    def silent(self) -> None: ...
    def refuses(self) -> None: ...


class Closable(Protocol):
    def close(self) -> None: ...


class Pair:
    """Everything is up, replicating and written to once the context is entered; nothing of it is left after."""

    standby_options: tuple[str, ...] = ("--server-id=2", "--read-only=1")

    def __init__(
        self,
        flavour: Flavour = Flavour.MARIADB,
        rate: float = 20,
        sync_every: float = 5,
        small_disk: Under | None = None,
        needs: Collection[Need] = (),
    ) -> None:
        self.flavour, self._rate, self._sync_every, self._small_disk = flavour, rate, sync_every, small_disk
        self._needs = needs
        self.disk: Disk | None = None
        """The small disk, where it was asked for."""
        self.stranger: Server | None = None
        """The third server, where it was asked for."""
        self.held: list[Closable] = []
        """Sessions and sockets that a fault holds open until it is mended."""
        self.forgotten: Row = {}
        """The replica status as it was before a fault removed it."""
        self.taken_over_at: Row = {}
        """The new primary's own place in its binary log when it was opened."""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._bring_up(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def power_off(self) -> float:
        """Of the primary's host: nothing is closed, nothing answers, and a new dial gets not even a refusal."""
        self.files.paused.set()  # its cron is gone with it
        self.link.silent()  # and so is what it had sent: the kernel of a frozen process would deliver that yet
        at = self.primary.freeze()
        self.primary_ssh.freeze()
        for service in (self.primary, self.primary_ssh):
            self.held += _fill_backlog(service.address, service.port)
        return at

    def power_on(self) -> None:
        self.primary.kill()
        self.primary_ssh.kill()
        self.release()
        self.link.refuses()
        self.link.passes()
        self.primary_ssh.start()
        self.primary.start()
        self.files.paused.clear()

    def release(self) -> None:
        """Close what a fault held open."""
        while self.held:
            self.held.pop().close()

    def _bring_up(self, stack: ExitStack) -> None:
        binaries = find()
        self.sandbox = stack.enter_context(Sandbox())
        self.places = places = self._settle(binaries, stack)
        more = extra(self.flavour, self._needs)
        self.primary = self._primary(binaries, more.primary)
        self.standby = self._standby(binaries, more.standby)
        if Need.STRANGER in self._needs:
            place = places.outside if places.outside.apart else Host(STRANGER)
            self.stranger = self._server(binaries, "bergen", place, "--server-id=7", *more.stranger)
        for server in filter(None, (self.primary, self.standby, self.stranger)):
            server.start()
            create_accounts(server)
        self.link = self._wire(stack)
        self.primary.on_up = self.link.listen
        start_replication(self.primary, self.standby, self.link.address, self.link.port)
        self.primary.sql(f"CREATE DATABASE {SCHEMA}")
        self.primary.sql(CREATE)
        self.primary_ssh, self.standby_ssh = (
            Sshd(self.sandbox, binaries, server.name, server.address, host=server.host)
            for server in (self.primary, self.standby)
        )
        self.primary_ssh.start()
        self.standby_ssh.start()
        sync = FileSync(self.sandbox, binaries, "oslo-a", self.standby_ssh, self._sync_every, places.primary)
        (sync.source / "logo.png").write_bytes(bytes(4096))
        self.files = stack.enter_context(sync)
        self.inbox = stack.enter_context(Inbox(places.outside))
        self.writer = stack.enter_context(Writer(self.primary, self._rate))
        self.state = self._state()
        self.web_port = places.witness.call(lambda: free_port("127.0.0.1"))
        stack.callback(self.release)

    def _settle(self, binaries: Binaries, stack: ExitStack) -> Places:
        """Where everything is to run; the sandbox is there."""
        return Places(Host(PRIMARY), Host(STANDBY), witness=HERE, outside=HERE)

    def _wire(self, stack: ExitStack) -> Wire:
        """The way from standby to primary; the primary is up."""
        return stack.enter_context(Link(WIRE, (self.primary.address, self.primary.port)))

    def _server(self, binaries: Binaries, name: str, place: Host, *options: str, datadir: Path | None = None) -> Server:
        return Server(self.sandbox, binaries, self.flavour, name, place.address, *options, datadir=datadir, host=place)

    def _standby(self, binaries: Binaries, more: Collection[str]) -> Server:
        options = [*self.standby_options, *more]
        if self._small_disk is Under.RELAY:
            self.disk = Disk(self.sandbox.directory("oslo-b"))
            options.append(f"--relay-log={self.disk.path / 'mysql-relay-bin'}")
        return self._server(binaries, "oslo-b", self.places.standby, *options)

    def _primary(self, binaries: Binaries, more: Collection[str]) -> Server:
        options, datadir = ["--server-id=1", *more], None
        if self._small_disk in (Under.BINLOG, Under.DATA):
            self.disk = Disk(self.sandbox.directory("oslo-a"))
            logs = self.disk.path if self._small_disk is Under.BINLOG else self.sandbox.directory("oslo-a/logs")
            options.append(f"--log-bin={logs / 'mysql-bin'}")
            datadir = self.disk.path / "data" if self._small_disk is Under.DATA else None
        return self._server(binaries, "oslo-a", self.places.primary, *options, datadir=datadir)

    def _state(self) -> Path:
        """Where drwatch writes."""
        if self._small_disk is not Under.STATE:
            return self.sandbox.directory("state")
        self.disk = Disk(self.sandbox.directory("own"))
        return self.disk.path / "state"

    @property
    def servers(self) -> tuple[Server, ...]:
        return self.primary, self.standby

    @property
    def shells(self) -> tuple[Sshd, ...]:
        """Of the servers, in their order."""
        return self.primary_ssh, self.standby_ssh

    def replicates(self) -> bool:
        return running(self.standby)

    def config(
        self,
        *,
        rpo: str = "60s",
        rto: str = "30m",
        files_rpo: str = "60s",
        confirm: Mapping[str, str] = MappingProxyType({}),
        phone: str | None = None,
        extra: str = "",
    ) -> str:
        """drwatch's configuration for this pair, YAML text.

        `confirm` is its `paging: confirm:`, such as {"conclusive": "0s"}; `phone` another Apprise URL than the inbox's;
        `extra` more keys of the top level, such as "limits: {silence: 2s}". For a second channel of the inbox there is
        secrets/second.url beside it.
        """
        secrets = self.sandbox.directory("secrets")
        _secret(secrets / "second.url", self.inbox.url_of("second"))
        nodes = "".join(
            NODE.format(
                name=mysql.name,
                role="primary" if mysql is self.primary else "standby",
                mysql=mysql,
                ssh=ssh,
                user=MONITOR[0],
                password=_secret(secrets / "mysql.pw", MONITOR[1]),
                known_hosts=_secret(secrets / f"{mysql.name}.known_hosts", ssh.known_hosts),
            )
            for mysql, ssh in zip(self.servers, self.shells, strict=True)
        )
        return CONFIG.format(
            nodes=nodes,
            rpo=rpo,
            rto=rto,
            confirm=", ".join(f"{step}: {time}" for step, time in confirm.items()),
            anchor=self.inbox.address,
            files=self.files,
            every=round(self.files.every * 1000),
            files_rpo=files_rpo,
            phone=_secret(secrets / "phone.url", phone or self.inbox.url),
            state=self.state,
            runtime=self.sandbox.directory("run"),
            web_port=self.web_port,
            extra=extra,
        )


def _fill_backlog(address: str, port: int) -> list[socket.socket]:
    """Dial a frozen listener until its queue is full: then the kernel drops what comes, like a host that is off."""
    dials: list[socket.socket] = []
    while True:
        dial = socket.socket()
        dial.settimeout(0.2)
        dials.append(dial)
        try:
            dial.connect((address, port))
        except TimeoutError:
            return dials


def _secret(path: Path, text: str) -> Path:
    """Write it where only this user can read it, as drwatch demands of a password file."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path
