"""One SSH connection and one long-lived POSIX shell per node, which the probes of that node share.

The shell runs ``node.sh``; where authorized_keys forces that script, what is sent is the same. The settings have
their reasons in traps.md 16. Whatever keeps a request from its answer is raised as :class:`Unseen`.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
import shlex
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources

import asyncssh

from drwatch.core.sample import Blind, Moment, Node, Reason

VERSION = b"1"
"""Of the requests and answers of node.sh."""
DIAL_EVERY = 5.0
"""Seconds between two dials of a host, at the least: OpenSSH 10 and fail2ban punish more (traps.md 2)."""
DROP_AFTER = 30.0
"""Seconds after which a request in the background is given up on the node, so that nothing piles up there."""
LINE = 8192
BLOCK = 65536
NOISE = 16 * 1024 * 1024
"""Bytes: the longest line and block of an answer; and what a node may say beside its answers until the next."""

SCRIPT = resources.files("drwatch.probes").joinpath("node.sh").read_bytes()
# The shell reads its script from stdin, so that no other user's `pgrep -f mysqld` finds it.
_END = "#drwatch-end"
_BOOTSTRAP = f's=; while IFS= read -r l; do [ "$l" != "{_END}" ] || break; s="$s$l\n"; done; eval "$s"'
COMMAND = f"exec sh -c {shlex.quote(_BOOTSTRAP)} drwatch"

# An INFO line for each connection and each channel is the daemon's to write.
logging.getLogger("asyncssh").setLevel(logging.WARNING)


class Unseen(Exception):
    """Why there is no answer."""

    def __init__(self, blind: Blind, notes: tuple[str, ...] = ()) -> None:
        super().__init__(f"{blind.reason}: {blind.detail}")
        self.blind = blind
        self.notes = notes


@dataclass(frozen=True, slots=True)
class Answer:
    """The lines that a request brought, without the session's token; ``status`` is the job's, 0 for good."""

    asked: Moment
    answered: Moment
    lines: tuple[bytes, ...]
    status: int


@dataclass(slots=True)
class Request:
    """One that was sent; ``future`` brings its Answer, or Unseen."""

    number: int
    key: tuple[str, str]
    asked: Moment
    future: asyncio.Future[Answer]
    lines: list[bytes]
    dropped: Moment | None = None


def system_blind(fault: OSError, what: str) -> Blind:
    """The reason that an address lookup or a TCP dial failed for; ``what`` was dialled."""
    if isinstance(fault, socket.gaierror):
        return Blind(Reason.DNS, f"{what}: the name does not resolve", fault.errno)
    match fault.errno:
        case errno.ECONNREFUSED:
            return Blind(Reason.REFUSED, f"{what}: connection refused", fault.errno)
        case errno.ETIMEDOUT:
            return Blind(Reason.CONNECT_TIMEOUT, f"{what}: no answer", fault.errno)
        case errno.ECONNRESET | errno.EPIPE | errno.ECONNABORTED:
            return Blind(Reason.HUNG_UP, f"{what}: connection reset", fault.errno)
        case _:
            text = errno.errorcode.get(fault.errno, "") if fault.errno else ""
            return Blind(Reason.NO_ROUTE, f"{what}: no way there {text}".rstrip(), fault.errno)


class Shell(asyncssh.SSHClientSession[bytes]):
    """The far shell: requests go in one a line, answers are told from noise by the session's token."""

    def __init__(self, clock: Callable[[], Moment], lost: Callable[[Shell, Blind], None]) -> None:
        self._clock = clock
        self._lost = lost
        self._token = secrets.token_hex(12).encode()
        self._mark = self._token + b" "
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._requests: dict[int, Request] = {}
        self._by_key: dict[tuple[str, str], Request] = {}
        self._number = 0
        self._rest = b""
        self._overlong = False
        self._block: Request | None = None
        self._block_size = 0
        self._noise = 0
        self._exit = ""
        self._reason = Reason.CHANNEL_LOST
        self._filter = ""
        self.alive = False
        self.proven = False
        """Whether it has answered at all."""
        self.version: bytes | None = None
        self._boot: datetime | None = None
        """Wall clock at uptime 0, where the shell has no clock of its own."""

    # What asyncssh calls.

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan

    def session_started(self) -> None:
        self.alive = True
        assert self._channel is not None
        script = b"\n".join(s for s in SCRIPT.split(b"\n") if not s.lstrip().startswith(b"#"))
        self._channel.write(b"%s\n%s\ndrwatch-hello %s %s\n" % (script, _END.encode(), VERSION, self._token))

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if datatype is not None:
            return
        self._noise += len(data)
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if self._overlong:
                self._overlong = False
            elif line.startswith(self._mark):
                self._take(line[len(self._mark) :])
            elif self._block is not None:
                self._block_size += len(line)
                if self._block_size > BLOCK:
                    self._fail(self._block, Blind(Reason.GARBLED, f"an answer of more than {BLOCK} bytes"))
                    self._block = None
                elif line:
                    self._block.lines.append(line)
        if len(self._rest) > LINE:
            self._rest, self._overlong = b"", True
        if self._noise > NOISE:
            self.end(f"it sent {NOISE >> 20} MB that nobody asked for", Reason.GARBLED)

    def exit_status_received(self, status: int) -> None:
        self._exit = f"exit status {status}"

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self._exit = f"signal {signal}"

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(self._exit or "the connection broke")

    # What the probes call.

    def post(self, verb: str, argument: str = "") -> Request:
        """Send a request, or find the one alike that is still unanswered: nothing piles up on the node."""
        key = (verb, "" if verb == "look" else argument)
        if request := self._by_key.get(key):
            return request
        if not self.alive or self._channel is None:
            raise Unseen(Blind(Reason.CHANNEL_LOST, "the shell on the node is gone"))
        self._drop_stuck()
        self._number += 1
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_seen)
        request = Request(self._number, key, self._clock(), future, [])
        self._requests[request.number] = self._by_key[key] = request
        self._send(f"{verb} {request.number} {argument}")
        return request

    async def wait(self, request: Request, deadline: float) -> Answer:
        """Its answer, or Unseen after ``deadline`` seconds; it stays under way on the node."""
        try:
            async with asyncio.timeout(deadline):
                return await asyncio.shield(request.future)
        except TimeoutError:
            waited = self._clock() - request.asked
            detail = f"'{request.key[0]}' has gone unanswered for {waited:.1f} s"
            raise Unseen(Blind(Reason.QUERY_TIMEOUT, detail)) from None

    def filter(self, text: str) -> None:
        """Only processes whose command line holds ``text`` are the database server's."""
        if text != self._filter and self.alive:
            self._filter = text
            self._send(f"process {text}")

    def _drop_stuck(self) -> None:
        """Have the node end what hangs there. It stays asked until the node says that its process is gone, so that
        one that cannot be killed is not joined by another."""
        now = self._clock()
        for request in self._requests.values():
            if now - (request.dropped or request.asked) >= DROP_AFTER:
                request.dropped = now
                self._send(f"drop {request.number}")

    def wall(self, uptime: bytes, now: bytes = b"-") -> datetime | None:
        """The node's wall clock: what its shell said, else its uptime counted from the last time `date` was asked."""
        try:
            if now != b"-":
                return datetime.fromtimestamp(float(now), UTC)
            return self._boot and self._boot + timedelta(seconds=float(uptime))
        except (ValueError, OverflowError, OSError):
            return None

    @property
    def needs_clock(self) -> bool:
        """Whether `date` has to be asked now and then, as the shell cannot tell the time."""
        return self._boot is not None

    def silence(self) -> float:
        """Seconds for which the fast look has gone unanswered."""
        waiting = [r.asked for r in self._requests.values() if r.key[0] == "look"]
        return self._clock() - waiting[0] if waiting else 0.0

    def end(self, why: str, reason: Reason = Reason.CHANNEL_LOST) -> None:
        """Give the shell up; every request that waits is told why."""
        if not self.alive:
            return
        self.alive = False
        blind = Blind(reason, f"the shell on the node is gone: {why}")
        for request in list(self._requests.values()):
            self._fail(request, blind)
        if self._channel is not None:
            self._channel.abort()
        self._lost(self, blind)

    def _send(self, line: str) -> None:
        assert self._channel is not None
        self._channel.write(line.encode() + b"\n")

    def _take(self, line: bytes) -> None:
        kind, _, rest = line.partition(b" ")
        self._noise = 0
        if kind == b"hello":
            self.version = rest
            return
        number, _, rest = rest.partition(b" ")
        if kind == b"clock":
            self._calibrate(rest)
        request = self._requests.get(int(number)) if number.isdigit() else None
        if request is None:
            return
        self.proven = True
        match kind:
            case b"look":
                request.lines.clear()
                self._block, self._block_size = request, 0
            case b"done":
                self._block = None
                self._settle(request, 0)
            case b"end":
                self._settle(request, int(rest) if rest.isdigit() else 1)
            case _:
                request.lines.append(rest)

    def _calibrate(self, line: bytes) -> None:
        match line.split():
            case [before, now, after]:
                try:
                    # busybox's date knows no %N and says it.
                    wall = float(now) if not now.endswith(b"N") else float(now.partition(b".")[0]) + 0.5
                    self._boot = datetime.fromtimestamp(wall - (float(before) + float(after)) / 2, UTC)
                except (ValueError, OverflowError, OSError):
                    return

    def _settle(self, request: Request, status: int) -> None:
        self._forget(request)
        if not request.future.done():
            request.future.set_result(Answer(request.asked, self._clock(), tuple(request.lines), status))

    def _fail(self, request: Request, blind: Blind) -> None:
        self._forget(request)
        if not request.future.done():
            request.future.set_exception(Unseen(blind))

    def _forget(self, request: Request) -> None:
        self._requests.pop(request.number, None)
        if self._by_key.get(request.key) is request:
            del self._by_key[request.key]


def _seen(future: asyncio.Future[Answer]) -> None:
    """That nobody waits for it any more is no fault to report."""
    if not future.cancelled():
        future.exception()


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
            sock = await self._reach()
        except OSError as fault:
            raise Unseen(system_blind(fault, self.address)) from None
        self._phase = Blind(Reason.NO_HANDSHAKE, f"{self.address}: connected, and sshd says nothing")
        try:
            return await asyncssh.connect(
                self._host,
                self._port,
                sock=sock,
                username=self._user,
                client_keys=[key],
                known_hosts=known_hosts,
                client_factory=self._new_client,
                config=None,
                agent_path=None,
                preferred_auth="publickey",
                compression_algs=None,
                keepalive_interval=1,
                keepalive_count_max=2,
                connect_timeout=None,
                login_timeout=None,
            )
        except asyncssh.PermissionDenied:
            raise Unseen(Blind(Reason.ACCESS_DENIED, f"{self._user}@{self.address}: the key is not accepted")) from None
        except asyncssh.HostKeyNotVerifiable:
            raise Unseen(self._distrust(known_hosts, sock)) from None
        except asyncssh.KeyExchangeFailed as fault:
            # The host has no key of a kind that is known of it: another host, or reinstalled.
            if "host key" in str(fault).lower():
                raise Unseen(self._distrust(known_hosts, sock)) from None
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

    async def _reach(self) -> socket.socket:
        """A connected socket. OSError of the last address tried."""
        loop = asyncio.get_running_loop()
        self._phase = Blind(Reason.DNS, f"{self.address}: the name did not resolve in time")
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        self._phase = Blind(Reason.CONNECT_TIMEOUT, f"{self.address}: no answer to the dial")
        fault = OSError(errno.EHOSTUNREACH, "no address")
        for family, kind, protocol, _, where in found:
            sock = socket.socket(family, kind, protocol)
            sock.setblocking(False)
            try:
                await loop.sock_connect(sock, where)
            except OSError as refused:
                sock.close()
                fault = refused
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise fault

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
        except asyncssh.KeyEncryptionError:
            detail = f"{self._key_file} is protected by a passphrase"
        except asyncssh.KeyImportError:
            detail = f"{self._key_file} is no private key"
        raise Unseen(Blind(Reason.ACCESS_DENIED, detail))

    def _distrust(self, known_hosts: asyncssh.SSHKnownHosts, sock: socket.socket) -> Blind:
        try:
            peer = sock.getpeername()[0]
        except OSError:
            peer = ""
        port = self._port if self._port != 22 else None
        if any(asyncssh.match_known_hosts(known_hosts, self._host, peer, port)):
            return Blind(Reason.HOST_KEY_CHANGED, f"{self.address} shows another host key than the known one")
        return Blind(Reason.HOST_KEY_UNKNOWN, f"no host key is known of {self.address}")

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
