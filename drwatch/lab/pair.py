"""A warm standby on one machine: two servers, the wire between them, two sshd, file sync, an application, a phone."""

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, Self

from drwatch.lab.binaries import Binaries, find
from drwatch.lab.disk import Disk, Under
from drwatch.lab.files import FileSync
from drwatch.lab.flavour import Need, extra
from drwatch.lab.inbox import Inbox
from drwatch.lab.link import Link
from drwatch.lab.replication import MONITOR, SCHEMA, create_accounts, running, start_replication
from drwatch.lab.sandbox import Sandbox
from drwatch.lab.server import Flavour, Row, Server, free_port
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

    def release(self) -> None:
        """Close what a fault held open."""
        while self.held:
            self.held.pop().close()

    def _bring_up(self, stack: ExitStack) -> None:
        binaries = find()
        self.sandbox = stack.enter_context(Sandbox())
        more = extra(self.flavour, self._needs)
        self.primary = self._primary(binaries, more.primary)
        self.standby = self._standby(binaries, more.standby)
        if Need.STRANGER in self._needs:
            self.stranger = Server(
                self.sandbox, binaries, self.flavour, "bergen", STRANGER, "--server-id=7", *more.stranger
            )
        for server in filter(None, (self.primary, self.standby, self.stranger)):
            server.start()
            create_accounts(server)
        self.link = stack.enter_context(Link(WIRE, (self.primary.address, self.primary.port)))
        self.primary.on_up = self.link.listen
        start_replication(self.primary, self.standby, self.link.address, self.link.port)
        self.primary.sql(f"CREATE DATABASE {SCHEMA}")
        self.primary.sql(CREATE)
        self.primary_ssh = Sshd(self.sandbox, binaries, "oslo-a", PRIMARY)
        self.standby_ssh = Sshd(self.sandbox, binaries, "oslo-b", STANDBY)
        self.primary_ssh.start()
        self.standby_ssh.start()
        sync = FileSync(self.sandbox, binaries, "oslo-a", self.standby_ssh, self._sync_every)
        (sync.source / "logo.png").write_bytes(bytes(4096))
        self.files = stack.enter_context(sync)
        self.inbox = stack.enter_context(Inbox())
        self.writer = stack.enter_context(Writer(self.primary, self._rate))
        self.web_port = free_port("127.0.0.1")
        stack.callback(self.release)

    def _standby(self, binaries: Binaries, more: Collection[str]) -> Server:
        options = [*self.standby_options, *more]
        if self._small_disk is Under.RELAY:
            self.disk = Disk(self.sandbox.directory("oslo-b"))
            options.append(f"--relay-log={self.disk.path / 'mysql-relay-bin'}")
        return Server(self.sandbox, binaries, self.flavour, "oslo-b", STANDBY, *options)

    def _primary(self, binaries: Binaries, more: Collection[str]) -> Server:
        options, datadir = ["--server-id=1", *more], None
        if self._small_disk in (Under.BINLOG, Under.DATA):
            self.disk = Disk(self.sandbox.directory("oslo-a"))
            logs = self.disk.path if self._small_disk is Under.BINLOG else self.sandbox.directory("oslo-a/logs")
            options.append(f"--log-bin={logs / 'mysql-bin'}")
            datadir = self.disk.path / "data" if self._small_disk is Under.DATA else None
        return Server(self.sandbox, binaries, self.flavour, "oslo-a", PRIMARY, *options, datadir=datadir)

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
        `extra` more keys of the top level, such as "limits: {silence: 2s}".
        """
        secrets = self.sandbox.directory("secrets")
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
            state=self.sandbox.directory("state"),
            runtime=self.sandbox.directory("run"),
            web_port=self.web_port,
            extra=extra,
        )


def _secret(path: Path, text: str) -> Path:
    """Write it where only this user can read it, as drwatch demands of a password file."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path
