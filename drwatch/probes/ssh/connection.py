"""The one connection to a node: dialled, verified, held, and dialled again in moderation. Settings: traps.md 16."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Sequence

import asyncssh

from drwatch.core.sample import Blind, Moment, Node, Reason
from drwatch.probes.ssh.dial import connect, resolve, system_blind
from drwatch.probes.ssh.faults import Unseen
from drwatch.probes.ssh.shell import COMMAND, Answer, Shell

DIAL_EVERY = 5.0
"""Seconds between two dials of a host, at the least: OpenSSH 10 and fail2ban punish more (traps.md 2)."""

HOST_KEYS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)

CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
"""The cheapest first: a look is three small packets, and asyncssh's chacha20 takes three steps for each."""

# An INFO line for each connection and each channel is the daemon's to write.
logging.getLogger("asyncssh").setLevel(logging.WARNING)


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
        self._host, self._port, self._user = host, port, user
        self._key_file, self._known_hosts_file = key_file, known_hosts_file
        self._clock = clock
        self._connection: asyncssh.SSHClientConnection | None = None
        self._shell: Shell | None = None
        self._client: _Client | None = None
        self._dialling: asyncio.Task[Shell] | None = None
        self._phase = Blind(Reason.CHANNEL_LOST, "not dialled yet")
        self._last = self._phase
        self._dialled_at: float | None = None
        self._redialled_at: float | None = None
        self._owed = False
        """Whether a shell that had answered was lost, and not yet dialled again."""
        self._closed = False

    @property
    def address(self) -> str:
        return f"{self._host}:{self._port}"

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
            raise Unseen(self._rung()) from None

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
                    self._connection = await self._connect()
                    shell = await self._open(self._connection)
            done = True
            return shell
        except TimeoutError:
            raise Unseen(self._rung()) from None
        finally:
            if not done:
                self._discard("the login failed")

    async def _reopen(self) -> Shell | None:
        assert self._connection is not None
        try:
            return await self._open(self._connection)
        except Unseen:
            self._discard("it takes no second shell")
            return None

    async def _connect(self) -> asyncssh.SSHClientConnection:
        self.dials += 1
        self._client = None
        known_hosts, key = self._trust(), self._key()
        try:
            sock, peer = await self._reach()
        except OSError as fault:
            raise Unseen(system_blind(fault, self.address)) from None
        self._phase = Blind(Reason.NO_HANDSHAKE, f"{self.address}: connected, and sshd says nothing")
        port = self._port if self._port != 22 else None
        trusted = asyncssh.match_known_hosts(known_hosts, self._host, peer, port)
        try:
            return await asyncssh.connect(
                self._host,
                self._port,
                sock=sock,
                username=self._user,
                client_keys=[key],
                known_hosts=known_hosts,
                server_host_key_algs=_in_order(trusted[0]) if not trusted[1] else (),
                client_factory=self._new_client,
                config=None,
                agent_path=None,
                preferred_auth="publickey",
                encryption_algs=CIPHERS,
                compression_algs=None,
                keepalive_interval=1,
                keepalive_count_max=2,
                connect_timeout=None,
                login_timeout=None,
            )
        except asyncssh.PermissionDenied:
            raise Unseen(Blind(Reason.ACCESS_DENIED, f"{self._user}@{self.address}: the key is not accepted")) from None
        except asyncssh.HostKeyNotVerifiable:
            if any(trusted):
                detail = f"{self.address} shows another host key than the known one"
                raise Unseen(Blind(Reason.HOST_KEY_CHANGED, detail)) from None
            raise Unseen(Blind(Reason.HOST_KEY_UNKNOWN, f"no host key is known of {self.address}")) from None
        except asyncssh.KeyExchangeFailed:
            raise Unseen(Blind(Reason.GARBLED, f"{self.address}: no common encryption with sshd")) from None
        except (asyncssh.ConnectionLost, ConnectionError, BrokenPipeError):
            raise Unseen(Blind(Reason.HUNG_UP, f"{self.address}: closed the connection before the login")) from None
        except asyncssh.Error as fault:
            raise Unseen(Blind(Reason.GARBLED, f"{self.address}: {type(fault).__name__} before the login")) from None
        except OSError as fault:
            raise Unseen(system_blind(fault, self.address)) from None

    def _rung(self) -> Blind:
        """What the dial was at when its time was up."""
        if self._phase.reason is Reason.NO_HANDSHAKE and self._client is not None and self._client.greeted:
            return Blind(Reason.QUERY_TIMEOUT, f"{self.address}: sshd answers, and the login does not end")
        return self._phase

    async def _reach(self) -> tuple[socket.socket, str]:
        self._phase = Blind(Reason.DNS, f"{self.address}: the name did not resolve in time")
        found = await resolve(self._host, self._port)
        self._phase = Blind(Reason.CONNECT_TIMEOUT, f"{self.address}: no answer to the dial")
        return await connect(found)

    def _trust(self) -> asyncssh.SSHKnownHosts:
        """Read at each dial, as a human mends the file while the daemon runs. An object: asyncssh would take the
        user's own file for an empty text."""
        try:
            return asyncssh.read_known_hosts(self._known_hosts_file)
        except OSError as fault:
            detail = f"{self._known_hosts_file} cannot be read ({errno.errorcode.get(fault.errno or 0, '')})"
        except ValueError:
            detail = f"{self._known_hosts_file} is no list of host keys"
        raise Unseen(Blind(Reason.HOST_KEY_UNKNOWN, detail))

    def _key(self) -> asyncssh.SSHKey:
        try:
            return asyncssh.read_private_key(self._key_file)
        except OSError as fault:
            detail = f"{self._key_file} cannot be read ({errno.errorcode.get(fault.errno or 0, '')})"
        except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError) as fault:
            locked = "passphrase" in str(fault).lower()
            detail = f"{self._key_file} is {'protected by a passphrase' if locked else 'no private key'}"
        raise Unseen(Blind(Reason.ACCESS_DENIED, detail))

    async def _open(self, connection: asyncssh.SSHClientConnection) -> Shell:
        self._phase = Blind(Reason.QUERY_TIMEOUT, f"{self.address}: logged in, and no shell came")
        try:
            _, shell = await connection.create_session(
                lambda: Shell(self._clock, self._gone), COMMAND, encoding=None, window=131072
            )
        except asyncssh.ChannelOpenError:
            blind = Blind(Reason.CHANNEL_LOST, f"{self.address}: sshd opens no session for {self._user}")
            raise Unseen(blind) from None
        except (asyncssh.Error, OSError):
            raise Unseen(Blind(Reason.CHANNEL_LOST, f"{self.address}: lost while the shell was started")) from None
        assert isinstance(shell, Shell)
        self._shell = shell
        return shell

    def _new_client(self) -> _Client:
        self._client = _Client(self._lost)
        return self._client

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

    def _lost(self, connection: asyncssh.SSHClientConnection | None) -> None:
        if connection is self._connection:
            self._connection = None

    def _discard(self, why: str) -> None:
        if self._shell is not None:
            self._shell.end(why)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()


def _in_order(known: Sequence[asyncssh.SSHKey]) -> list[str]:
    """Kinds of host keys to accept an offer of: the known ones first, but the others too, so that a host which has none
    of the known kind shows what it has and is seen to be changed; sshd would only hang up."""
    kinds = [kind.decode() for key in known for kind in key.sig_algorithms]
    return list(dict.fromkeys([*kinds, *HOST_KEYS]))


class _Client(asyncssh.SSHClient):
    """Knows which rung the login has reached, and when the connection dies."""

    def __init__(self, lost: Callable[[asyncssh.SSHClientConnection | None], None]) -> None:
        self._lost = lost
        self._connection: asyncssh.SSHClientConnection | None = None

    @property
    def greeted(self) -> bool:
        return self._connection is not None and bool(self._connection.get_extra_info("server_version"))

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(self._connection)
