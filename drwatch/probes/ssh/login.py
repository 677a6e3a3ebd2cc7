"""One login at a node's sshd: dialled, the host verified, our key accepted."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Sequence

import asyncssh

from drwatch.core.sample import Blind, Reason
from drwatch.probes.ssh.dial import connect, resolve, system_blind
from drwatch.probes.ssh.faults import Unseen

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

_KEEPALIVE = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 5),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 2),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 10_000),
)
"""The kernel's, for a dial that is kept while nobody greets: a host that is gone ends it within about 11 s."""

# An INFO line for each connection and each channel is the daemon's to write.
logging.getLogger("asyncssh").setLevel(logging.WARNING)


class Login:
    """Where to, as whom, and whom to trust: ``known_hosts_file`` and nobody else."""

    def __init__(self, host: str, port: int, user: str, key_file: str, known_hosts_file: str) -> None:
        self.address = f"{host}:{port}"
        self._host, self._port, self._user = host, port, user
        self._key_file, self._known_hosts_file = key_file, known_hosts_file
        self._phase = Blind(Reason.CHANNEL_LOST, f"{self.address}: not dialled yet")
        self._client: _Client | None = None

    def rung(self) -> Blind:
        """What the login was at, if its time is up now."""
        if self._phase.reason is Reason.NO_HANDSHAKE and self._client is not None and self._client.greeted:
            return Blind(Reason.QUERY_TIMEOUT, f"{self.address}: sshd answers, and the login does not end")
        return self._phase

    async def connection(self, lost: Callable[[asyncssh.SSHClientConnection], None]) -> asyncssh.SSHClientConnection:
        """A connection that is logged in; ``lost`` is called when it dies. Unseen."""
        self._client = None
        known_hosts, key = self._trust(), self._key()
        try:
            sock, peer = await self._reach()
        except OSError as fault:
            raise Unseen(system_blind(fault, self.address)) from None
        self._phase = Blind(Reason.NO_HANDSHAKE, f"{self.address}: connected, and sshd says nothing")
        port = self._port if self._port != 22 else None
        trusted = asyncssh.match_known_hosts(known_hosts, self._host, peer, port)
        self._client = _Client(lost)
        client = self._client
        try:
            connection = await asyncssh.connect(
                self._host,
                self._port,
                sock=sock,
                username=self._user,
                client_keys=[key],
                known_hosts=known_hosts,
                server_host_key_algs=_in_order(trusted[0]) if not trusted[1] else (),
                client_factory=lambda: client,
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
        self._phase = Blind(Reason.QUERY_TIMEOUT, f"{self.address}: logged in, and no shell came")
        return connection

    async def _reach(self) -> tuple[socket.socket, str]:
        self._phase = Blind(Reason.DNS, f"{self.address}: the name did not resolve in time")
        found = await resolve(self._host, self._port)
        self._phase = Blind(Reason.CONNECT_TIMEOUT, f"{self.address}: no answer to the dial")
        sock, peer = await connect(found)
        for level, name, value in _KEEPALIVE:
            if hasattr(socket, name):
                sock.setsockopt(level, getattr(socket, name), value)
        return sock, peer

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


def _in_order(known: Sequence[asyncssh.SSHKey]) -> list[str]:
    """Kinds of host keys to accept an offer of: the known ones first, but the others too, so that a host which has none
    of the known kind shows what it has and is seen to be changed; sshd would only hang up."""
    kinds = [kind.decode() for key in known for kind in key.sig_algorithms]
    return list(dict.fromkeys([*kinds, *HOST_KEYS]))


class _Client(asyncssh.SSHClient):
    """Knows which rung the login has reached, and when the connection dies."""

    def __init__(self, lost: Callable[[asyncssh.SSHClientConnection], None]) -> None:
        self._lost = lost
        self._connection: asyncssh.SSHClientConnection | None = None

    @property
    def greeted(self) -> bool:
        return self._connection is not None and bool(self._connection.get_extra_info("server_version"))

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._lost(self._connection)
