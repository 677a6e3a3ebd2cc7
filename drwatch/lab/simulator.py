"""A pair in memory, behind the probes' own interface: for hours of watching in seconds of virtual time.

It says what a MariaDB pair with GTIDs was seen to say in each state; the real servers play the same scenarios.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta

from drwatch.core import world as around
from drwatch.core.gtid import GtidPosition, GtidState
from drwatch.core.sample import (
    Blind,
    Device,
    Fact,
    Filesystem,
    Flavour,
    HostFact,
    IoState,
    Key,
    LoginFact,
    MarkerFact,
    Node,
    PortFact,
    Probe,
    Process,
    ReachFact,
    Reason,
    ReplicationFact,
    SemiSync,
    ServerFact,
)
from drwatch.lab import wires
from drwatch.lab.flavour import Need
from drwatch.lab.simulated import EPOCH, LATENCY, Accepted, SimulatedLook, SimulatedPhone, clock
from drwatch.lab.simulated_stream import DAY, NET_TIMEOUT, TRANSACTION, Place, Stream, gtid, stranger
from drwatch.lab.wires import OUTSIDE, WITNESS, Wires

__all__ = ["EPOCH", "Accepted", "Machine", "SimulatedLook", "SimulatedPhone", "World", "clock"]

DATADIR = "/var/lib/mysql"

ANCHOR = "10.0.0.4:443"
"""What answers outside as long as the witness's own network is well."""

NOTHING = GtidPosition()


@dataclass
class Machine:
    """One node's state; ``since`` is when its server was started, loop seconds."""

    node: Node
    server_id: int
    read_only: bool
    since: float
    powered: bool = True
    runs: bool = True
    frozen: bool = False
    host_key: bool = True
    password: bool = True
    full: bool = False
    held_up: bool = False
    """Its writes begin and do not end."""
    disk_full: bool = False
    position: Place = (1, 1000.0)
    """Who wrote the newest transaction of its binary log, and its number."""
    applied: GtidPosition = NOTHING
    """What it has applied as a standby."""
    used: bool = False
    """The application writes here."""
    follows: bool = False
    """It replicates from a stranger, whatever else it is."""
    reading_since: float | None = None
    """When a report began there, beside which an UPDATE each second changes nothing; loop seconds."""
    disk_stalled: bool = False
    disk_read_only: bool = False
    host_frozen: bool = False
    """Its kernel answers, and nothing that runs on it."""
    held: set[Probe] = field(default_factory=set)
    """The looks whose connection is open: only a new one needs a name, or a packet that TCP sends once a second."""
    stopping: bool = False
    """Its port is closed and its process is there."""
    ahead: float = 0.0
    """Seconds by which its clock is ahead of the witness's."""

    @property
    def serves(self) -> bool:
        return self.powered and self.runs and not self.frozen


class World:
    """The pair, its load and its faults. What moves is brought up to date whenever it is read or broken."""

    def __init__(self, cluster: str, rate: float, files_every: float = 2.0, needs: Collection[Need] = ()) -> None:
        start = clock().loop
        self.primary = Machine(Node(cluster, "oslo-a"), 1, False, start)
        self.standby = Machine(Node(cluster, "oslo-b"), 2, True, start)
        self.leader, self.follower = self.primary, self.standby
        self.leader.used = True
        self.rate, self.files_every = rate, files_every
        self.stream = Stream(needs, self.leader.position, start)
        self.files_paused = self.idle = False
        self._at = self._synced = start
        self.files_last = 0.0
        """Seconds that a run of the file sync takes: the next one begins after it, at cron's next time."""
        self.files_daily: Callable[[], float] | None = None
        """When the last run of a daily sync began, loop seconds; None for a sync that comes often."""
        self.wires = Wires()
        self.on_hang_up: Callable[[Node], None] = lambda node: None

    def settle(self) -> None:
        """Bring commits, the receiver, the applier and the file sync up to now."""
        now = clock().loop
        for machine in (self.primary, self.standby):
            writes = machine.used and not self.idle and not machine.held_up and not machine.read_only
            if writes and machine.serves:
                number = machine.position[1] + self.rate * (now - self._at)
                machine.position = (machine.server_id, number)
        stream = self.stream
        if stream.io(self.leader.runs, now) is IoState.YES and self.leader.serves and self.follower.serves:
            stream.hear(self._arrived(now), self.follower.position, now)
        if stream.applies and self.follower.serves:
            self.follower.position = stream.received
            self.follower.applied = gtid(stream.received)
        linked = self.wires.reaches(self.primary.node.name, self.standby.node.name)
        if not self.files_paused and self.primary.powered and self.standby.powered and linked:
            self._synced = max(self._synced, self._last_sync(now))
        self._at = now

    def _last_sync(self, now: float) -> float:
        """When the last run began that is finished."""
        if self.files_daily is not None:
            return self.files_daily()
        pace = self.files_every * max(1, math.ceil(self.files_last / self.files_every))
        return (now - self.files_last) // pace * pace

    def forget_syncs(self) -> None:
        """The runs so far were another sync's."""
        self._synced = -math.inf

    def _arrived(self, now: float) -> tuple[int, float]:
        """What of the leader's commits a slow or a thin line has brought."""
        author, number = self.leader.position
        number -= self.rate * self.wires.delay
        if self.wires.rate is not None:
            number = min(number, self.stream.received[1] + self.wires.rate / TRANSACTION * (now - self._at))
        return author, max(number, self.stream.received[1])

    def strike(self, fault: str, mend: bool = False) -> None:
        """A fault of the lab by its name, or its mending; KeyError for one that the simulator does not know."""
        self.settle()
        if fault in wires.FAULTS:
            self._strike_wires(wires.FAULTS[fault], not mend)
            return
        faults: dict[str, Callable[[bool], None]] = {
            "primary-killed": self._kill,
            "primary-killed-whole": self._kill,
            "primary-read-only": lambda broken: setattr(self.primary, "read_only", broken),
            "taken-over": self._take_over,
            "old-primary-back": lambda broken: self._kill(False),
            "old-primary-rebuilt": self._rebuild,
            "switched-over": self._switch_over,
            "split-brain": self._split,
            "primary-hung": self._freeze,
            "primary-host-gone": self._power,
            "host-gone": self._power,
            "both-killed": self._kill_both,
            "host-frozen": self._freeze_host,
            "standby-killed": self._kill_standby,
            "standby-restarted": self._restart_standby,
            "primary-reset": self._reset,
            "primary-bursts": self._burst,
            "primary-idle": lambda broken: setattr(self, "idle", broken),
            "binlogs-rotated": self._rotate,
            "semi-sync-locked": self._lock_semi_sync,
            "replication-silent": self._silence,
            "standby-writable": lambda broken: setattr(self.standby, "read_only", not broken),
            "files-stale": lambda broken: setattr(self, "files_paused", broken),
            "host-key-changed": lambda broken: setattr(self.standby, "host_key", not broken),
            "access-denied": lambda broken: setattr(self.standby, "password", not broken),
            "primary-saturated": lambda broken: setattr(self.primary, "full", broken),
            "primary-told-to-stop": self._stop,
            "primary-reads-only": self._report,
            "primary-packed": lambda broken: setattr(self.primary, "full", broken),
            "primary-locked": lambda broken: setattr(self.primary, "held_up", broken),
            "primary-binlog-full": self._fill,
            "primary-data-full": self._fill,
            "primary-disk-stalled": lambda broken: self._block("disk_stalled", broken),
            "primary-disk-read-only": lambda broken: self._block("disk_read_only", broken),
            "primary-restarted": self._restart,
            "primary-replicates": lambda broken: setattr(self.leader, "follows", broken),
            **self.stream.faults,
        }
        faults[fault](not mend)
        self.settle()

    def _strike_wires(self, strike: Callable[[Wires, bool], None], broken: bool) -> None:
        streamed, walled = self.wires.streams(), self.wires.walled(self.primary.node.name)
        strike(self.wires, broken)
        if streamed is not self.wires.streams():
            refused = broken and self.wires.walls.get(None) is Reason.REFUSED
            self.stream.refused = 2003 if refused else 0
            self._silence(broken and not refused)
        if walled is None and (wall := self.wires.walled(self.primary.node.name)) and wall.reason is Reason.REFUSED:
            self.on_hang_up(self.primary.node)
        self.settle()

    def _take_over(self, broken: bool) -> None:
        self.stream.removed = self.files_paused = True
        self.standby.read_only, self.primary.used = False, False
        self.standby.used = True
        self.leader = self.standby

    def _rebuild(self, broken: bool) -> None:
        self._kill(False)
        self._turn_round()

    def _turn_round(self) -> None:
        self.follower, self.stream.removed = self.primary, False
        self.follower.read_only, self.stream.received = True, self.leader.position

    def _switch_over(self, broken: bool) -> None:
        self._take_over(True)
        self._turn_round()

    def _split(self, broken: bool) -> None:
        self.stream.removed = True
        self.standby.read_only, self.standby.used = False, True

    def _reset(self, broken: bool) -> None:
        self.leader.position = (self.leader.server_id, 0.0)
        self.stream.refuse_purged()

    def _silence(self, broken: bool) -> None:
        self.stream.silent_since = clock().loop if broken else None

    def _burst(self, broken: bool) -> None:
        self.leader.position = (self.leader.server_id, self.leader.position[1] + 10_000)

    def _rotate(self, broken: bool) -> None:
        """And from now on each of its binary logs is kept for a day."""
        self.stream.cuts = (*self.stream.cuts, self.leader.position[1])
        self.stream.binlog_expires = DAY if broken else None

    def _lock_semi_sync(self, broken: bool) -> None:
        self.primary.held_up, self.stream.receiver = broken, not broken
        self.stream.semi_sync = SemiSync(True, 0, 1) if broken else SemiSync(True, 1, 0)

    def _restart_standby(self, broken: bool) -> None:
        """It fetches anew what it had not applied."""
        self._kill_standby(True)
        self._kill_standby(False)
        self.stream.received = self.follower.position

    def _stop(self, broken: bool) -> None:
        self.primary.stopping = broken
        self.on_hang_up(self.primary.node)

    def _report(self, broken: bool) -> None:
        self.primary.used = not broken
        self.primary.reading_since = clock().loop if broken else None

    def _fill(self, broken: bool) -> None:
        self.primary.disk_full = self.primary.held_up = broken

    def _block(self, how: str, broken: bool) -> None:
        setattr(self.primary, how, broken)
        self.primary.held_up = broken

    def _restart(self, broken: bool) -> None:
        """Killed, and brought back by systemd: only its uptime shows it."""
        self._kill(True)
        self._kill(False)

    def _kill(self, broken: bool) -> None:
        self.primary.runs = not broken
        self._started(self.primary, broken)

    def _kill_standby(self, broken: bool) -> None:
        self.standby.runs = not broken
        self._started(self.standby, broken)

    def _kill_both(self, broken: bool) -> None:
        self._kill_standby(broken)
        self._kill(broken)

    def _started(self, machine: Machine, broken: bool) -> None:
        if broken:
            self.on_hang_up(machine.node)
        else:
            machine.since = clock().loop

    def _freeze(self, broken: bool) -> None:
        self.primary.frozen = broken
        self._silence(broken)

    def _power(self, broken: bool) -> None:
        self.primary.powered = not broken
        self._silence(broken)

    def _freeze_host(self, broken: bool) -> None:
        self.primary.host_frozen = self.files_paused = broken
        self._freeze(broken)

    def looks(self) -> tuple[SimulatedLook, ...]:
        """Every probe of the pair, as the real ones look at it."""
        made: list[SimulatedLook] = []
        for machine in (self.primary, self.standby):
            made += self._of(machine)
        door = Key(self.standby.node, Probe.REACH, "10.0.0.1:22")
        made.append(SimulatedLook(self, door, math.inf, lambda: self._door(self.standby, self.primary)))
        back = Key(self.primary.node, Probe.REACH, "10.0.0.2:22")
        made.append(SimulatedLook(self, back, math.inf, lambda: self._door(self.primary, self.standby)))
        made.append(SimulatedLook(self, Key(around.WITNESS, Probe.REACH, ANCHOR), 5.0, self._anchor))
        made.append(SimulatedLook(self, Key(self.standby.node, Probe.MARKER, "uploads"), 5.0, self._marker))
        unmarked = Key(self.primary.node, Probe.MARKER, "uploads")
        made.append(SimulatedLook(self, unmarked, math.inf, lambda: Blind(Reason.MISSING)))
        wakes = {look.key.node: look.wake for look in made if look.key.probe is Probe.SERVER}
        self.on_hang_up = lambda node: wakes[node].set()
        return tuple(made)

    def _of(self, machine: Machine) -> list[SimulatedLook]:
        def look(probe: Probe, every: float, find: Callable[[Machine], Fact | Blind]) -> SimulatedLook:
            return SimulatedLook(self, Key(machine.node, probe), every, lambda: find(machine))

        return [
            look(Probe.SERVER, 1.0, lambda it: self._blind(it, Probe.SERVER) or self._waits(it) or self._server(it)),
            look(
                Probe.REPLICATION,
                2.0,
                lambda it: self._blind(it, Probe.REPLICATION) or self._waits(it) or self._replication(it),
            ),
            look(Probe.LOGIN, 30.0, lambda it: self._full(it) or self._blind(it, Probe.LOGIN) or LoginFact(LATENCY)),
            look(Probe.HOST, 1.0, lambda it: self._blind(it, Probe.HOST) or self._host(it)),
            look(Probe.PORT, math.inf, self._port),
        ]

    def _blind(self, machine: Machine, probe: Probe) -> Blind | None:
        """Why the witness sees nothing through that probe; what fails also ends its connection."""
        held = probe in machine.held and probe is not Probe.LOGIN
        name = machine.node.name
        found = self.wires.asked(name) if held else self.wires.dialled(name)
        if found is None:
            found = self._shut(machine) if probe is Probe.HOST else self.wires.walled(name) or self._refused(machine)
            if found and found.reason is Reason.QUERY_TIMEOUT and probe is not Probe.HOST and not held:
                found = Blind(Reason.NO_HANDSHAKE)  # its kernel takes a new connection
        if found is None:
            machine.held.add(probe)
        else:
            machine.held.discard(probe)
        return found

    def _full(self, machine: Machine) -> Blind | None:
        return Blind(Reason.TOO_MANY_CONNECTIONS, errno=1040) if machine.full and machine.serves else None

    def _refused(self, machine: Machine) -> Blind | None:
        if not machine.powered:
            return Blind(Reason.CONNECT_TIMEOUT)
        if not machine.runs or machine.stopping:
            return Blind(Reason.REFUSED)
        if machine.frozen:
            return Blind(Reason.QUERY_TIMEOUT)
        return None if machine.password else Blind(Reason.ACCESS_DENIED, errno=1045)

    def _server(self, machine: Machine) -> ServerFact:
        now, limit = clock(), 151
        written = int(machine.position[1])
        reading = 0 if machine.reading_since is None else now.loop - machine.reading_since
        return ServerFact(
            flavour=Flavour.MARIADB,
            version=(10, 11, 19),
            server_id=machine.server_id,
            server_uuid=None,
            read_only=machine.read_only,
            super_read_only=None,
            gtid=gtid(machine.position),
            gtid_applied=machine.applied,
            binlog=self.stream.coordinate(machine.position) if machine.used else None,
            uptime=now.loop - machine.since,
            connections=limit if machine.full else 12,
            max_connections=limit,
            connections_refused=0,
            threads_running=2 + machine.held_up + (machine.reading_since is not None),
            clock=now.wall + timedelta(seconds=machine.ahead),
            net_timeout=NET_TIMEOUT,
            buffer_pool_bytes=1 << 27,
            buffer_pool_data_bytes=1 << 26,
            writes_begun=written + machine.held_up + int(reading),
            rows_written=written,
            directories=(DATADIR,),
            semi_sync=self.stream.semi_sync if machine is self.leader else None,
            binlog_expires=self.stream.binlog_expires,
            gtid_state=GtidState(((0, machine.server_id, written),)) if self.stream.strayed else None,
        )

    def _replication(self, machine: Machine) -> ReplicationFact:
        if machine.follows:
            return ReplicationFact((stranger(),))
        stream = self.stream
        if machine is not self.follower or stream.removed:
            return ReplicationFact((), logs=stream.logs(machine.position) if machine is self.leader else ())
        return ReplicationFact(stream.channels(self.leader.server_id, self.leader.runs, machine.position, clock().loop))

    def _shut(self, machine: Machine) -> Blind | None:
        """Why there is no shell on that host."""
        if not machine.powered:
            return Blind(Reason.CONNECT_TIMEOUT)
        if machine.host_frozen:
            return Blind(Reason.QUERY_TIMEOUT)
        return None if machine.host_key else Blind(Reason.HOST_KEY_CHANGED)

    def _host(self, machine: Machine) -> HostFact:
        process = Process(100 + machine.server_id, "T" if machine.frozen else "S")
        return HostFact(
            clock=clock().wall + timedelta(seconds=machine.ahead),
            processes=(process,) if machine.runs else (),
            unit=None,
            io_wait=0.02,
            io_pressure=0.01,
            disks=(),
            memory_available_bytes=1 << 30,
            filesystems=(Filesystem(DATADIR, 40 << 30, 0 if self._full_disk(machine) else 20 << 30, 1 << 20, 1.0),),
            slow_age=1.0,
            devices=(
                Device(
                    (DATADIR,),
                    "sda1",
                    machine.disk_read_only,
                    1000 if machine.disk_stalled else 1000 + int(10 * clock().loop),
                    3 if machine.disk_stalled else 0,
                ),
            ),
        )

    def _port(self, machine: Machine) -> PortFact | Blind:
        if self._shut(machine) or not self.wires.reaches(WITNESS, machine.node.name):
            return Blind(Reason.CHANNEL_LOST)
        reads = machine is self.leader and self.stream.io(self.leader.runs, clock().loop) is IoState.YES
        listens = machine.runs and not machine.stopping
        return PortFact(listens, int(machine.frozen), (self.follower.node.name,) if reads else ())

    def _waits(self, machine: Machine) -> Blind | None:
        """On a full disk the status waits for room, and behind it the status variables."""
        starved = machine is self.follower and self.stream.disk_full
        return Blind(Reason.QUERY_TIMEOUT) if starved else None

    def _full_disk(self, machine: Machine) -> bool:
        return machine.disk_full or (machine is self.follower and self.stream.disk_full)

    def _door(self, at: Machine, of: Machine) -> ReachFact | Blind:
        if not self.wires.reaches(WITNESS, at.node.name):
            return Blind(Reason.CHANNEL_LOST)
        reached = of.powered and self.wires.reaches(at.node.name, of.node.name)
        return ReachFact(LATENCY) if reached else Blind(Reason.CONNECT_TIMEOUT)

    def _anchor(self) -> ReachFact | Blind:
        return ReachFact(LATENCY) if self.wires.reaches(WITNESS, OUTSIDE) else Blind(Reason.CONNECT_TIMEOUT)

    def _marker(self) -> MarkerFact | Blind:
        if not self.standby.powered or not self.wires.reaches(WITNESS, self.standby.node.name):
            return Blind(Reason.CHANNEL_LOST)
        age = clock().loop - self._synced
        return MarkerFact(clock().wall - timedelta(seconds=age), age, "oslo-a")
