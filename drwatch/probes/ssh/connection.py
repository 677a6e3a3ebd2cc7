"""The one connection to a node: held, and dialled again in moderation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncssh

from drwatch.core.sample import Blind, Moment, Node, Reason
from drwatch.probes.ssh.faults import Unseen
from drwatch.probes.ssh.login import Login
from drwatch.probes.ssh.shell import COMMAND, Answer, Shell

DIAL_EVERY = 5.0
"""Seconds between two dials of a host, at the least: OpenSSH 10 and fail2ban punish more."""

KEPT = 600.0
"""Seconds for which a dial that a kernel took is kept while sshd says nothing. Each that is given up is a broken login
to an sshd that wakes: of more than ten at once it drops some (MaxStartups), whoever dials."""


class SshNode:
    """The one connection to a node. ``wakes`` are set when it dies; ``known_hosts_file`` is the only trust there is.

    A held channel that died is dialled again at once, then at most every 5 s; between, the last reason is repeated.
    """

    def __init__(
        self,
        node: Node,
        *,
        host: str,
        user: str,
        key_file: str,
        known_hosts_file: str,
        clock: Callable[[], Moment],
        port: int = 22,
        deadline: float = 2.0,
    ) -> None:
        self.node = node
        self.deadline = deadline
        self.wakes: list[asyncio.Event] = []
        self.dials = 0
        """How often the host was dialled so far."""
        self.address = f"{host}:{port}"
        self._login = Login(host, port, user, key_file, known_hosts_file)
        self._clock = clock
        self._connection: asyncssh.SSHClientConnection | None = None
        self._shell: Shell | None = None
        self._dialling: asyncio.Task[Shell] | None = None
        self._last = self._login.rung()
        self._dialled_at: float | None = None
        self._redialled_at: float | None = None
        self._owed = False
        """Whether a shell that had answered was lost, and not yet dialled again."""
        self._closed = False

    async def shell(self) -> Shell:
        """The shell that lives, dialled for if need be, within this node's deadline; Unseen."""
        if self._shell is not None and self._shell.alive:
            if self._shell.silence() < 3 * self.deadline:
                return self._shell
            self._discard(f"silent for {self._shell.silence():.0f} s")
        if self._closed:
            raise Unseen(Blind(Reason.CHANNEL_LOST, "closed"))
        if self._dialling is None:
            self._may_dial()
            self._dialled_at = self._clock().loop
            self._dialling = asyncio.create_task(self._dial())
            self._dialling.add_done_callback(self._dialled)
        try:
            async with asyncio.timeout(self.deadline):
                return await asyncio.shield(self._dialling)
        except TimeoutError:
            raise Unseen(self._login.rung()) from None

    async def ask(self, verb: str, argument: str = "", deadline: float | None = None) -> Answer:
        """One request and its answer, within ``deadline`` seconds (else this node's) once there is a shell; Unseen."""
        shell = await self.shell()
        return await shell.wait(shell.post(verb, argument), self.deadline if deadline is None else deadline)

    async def close(self) -> None:
        """Leave the node, at once; nothing stays behind there."""
        self._closed = True
        if self._dialling is not None:
            self._dialling.cancel()
            await asyncio.wait([self._dialling], timeout=1.0)
        if connection := self._connection:
            self._discard("closed")
            try:
                async with asyncio.timeout(1.0):
                    await connection.wait_closed()
            except TimeoutError:
                return

    def _may_dial(self) -> None:
        now = self._clock().loop
        due = self._dialled_at is None or now - self._dialled_at >= DIAL_EVERY
        if not due and self._owed and (self._redialled_at is None or now - self._redialled_at >= DIAL_EVERY):
            self._redialled_at = now
            due = True
        if not due:
            assert self._dialled_at is not None
            wait = DIAL_EVERY - (now - self._dialled_at)
            raise Unseen(self._last, (f"{self.address} is dialled again in {wait:.1f} s",))
        self._owed = False

    def _dialled(self, task: asyncio.Task[Shell]) -> None:
        self._dialling = None
        if task.cancelled():
            return
        fault = task.exception()
        if isinstance(fault, Unseen):
            self._last = fault.blind

    async def _dial(self) -> Shell:
        """A shell on the connection that lives, else on a new one."""
        done = False
        try:
            async with asyncio.timeout(2 * self.deadline):
                shell = await self._reopen() if self._connection else None
            if shell is None:
                self.dials += 1
                self._connection = await self._logged_in()
                async with asyncio.timeout(2 * self.deadline):
                    shell = await self._open(self._connection)
            done = True
            return shell
        except TimeoutError:
            raise Unseen(self._login.rung()) from None
        finally:
            if not done:
                self._discard("the login failed")

    async def _logged_in(self) -> asyncssh.SSHClientConnection:
        """A new connection; TimeoutError, but not before its time is up while nothing is heard but the kernel."""
        begun, login = self._clock().loop, asyncio.create_task(self._login.connection(self._lost))
        try:
            while not login.done():
                await asyncio.wait([login], timeout=2 * self.deadline)
                mute = self._login.rung().reason is Reason.NO_HANDSHAKE
                if not login.done() and not (mute and self._clock().loop - begun < KEPT):
                    raise TimeoutError
            return login.result()
        finally:
            if login.cancel():
                await asyncio.wait([login], timeout=1.0)

    async def _reopen(self) -> Shell | None:
        assert self._connection is not None
        try:
            return await self._open(self._connection)
        except Unseen:
            self._discard("it takes no second shell")
            return None

    async def _open(self, connection: asyncssh.SSHClientConnection) -> Shell:
        try:
            _, shell = await connection.create_session(
                lambda: Shell(self._clock, self._gone), COMMAND, encoding=None, window=131072
            )
        except asyncssh.ChannelOpenError:
            blind = Blind(Reason.CHANNEL_LOST, f"{self.address}: sshd opens no session")
            raise Unseen(blind) from None
        except (asyncssh.Error, OSError):
            raise Unseen(Blind(Reason.CHANNEL_LOST, f"{self.address}: lost while the shell was started")) from None
        assert isinstance(shell, Shell)
        if not shell.alive:
            raise Unseen(Blind(Reason.CHANNEL_LOST, f"{self.address}: the shell ended as it began"))
        self._shell = shell
        return shell

    def _gone(self, shell: Shell, blind: Blind) -> None:
        """The shell ended; the connection may live on and take another."""
        if shell is not self._shell:
            return
        self._shell = None
        self._last = blind
        self._owed = shell.proven
        if not self._closed:
            for wake in self.wakes:
                wake.set()

    def _lost(self, connection: asyncssh.SSHClientConnection) -> None:
        if connection is self._connection:
            self._connection = None

    def _discard(self, why: str) -> None:
        if self._shell is not None:
            self._shell.end(why)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()
