"""A pair in memory, behind the probes' own interface: for hours of watching in seconds of virtual time.

It says what a MariaDB pair with GTIDs was seen to say in each state; the real servers play the same scenarios.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from drwatch.core.gtid import GtidPosition
from drwatch.core.sample import IoState, Node, Probe, Reason, SemiSync
from drwatch.lab import simulated_witness, wires
from drwatch.lab.flavour import Need
from drwatch.lab.simulated import EPOCH, Accepted, SimulatedLook, SimulatedPhone, clock, loop_time
from drwatch.lab.simulated_stream import DAY, TRANSACTION, Place, Source, Stream, gtid
from drwatch.lab.simulated_witness import Equipment
from drwatch.lab.wires import PRIMARY, STANDBY, Wires

__all__ = ["EPOCH", "Accepted", "Machine", "SimulatedLook", "SimulatedPhone", "World", "clock"]

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
    hung: bool = False
    """Its server was stopped (state T)."""
    shell: bool = True
    """Its sshd is there."""
    host_key: bool = True
    password: bool = True
    full: bool = False
    locked: bool = False
    unacknowledged: bool = False
    """It waits for a standby's word on what it writes."""
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
    disk_slow: bool = False
    host_frozen: bool = False
    """Its kernel answers, and nothing that runs on it."""
    held: set[Probe] = field(default_factory=set)
    """The looks whose connection is open: only a new one needs a name, or a packet that TCP sends once a second."""
    stopping: bool = False
    """Its port is closed and its process is there."""
    ahead: float = 0.0
    """Seconds by which its clock is ahead of the witness's."""

    @property
    def frozen(self) -> bool:
        """Its server stands still."""
        return self.hung or self.host_frozen

    @property
    def held_up(self) -> bool:
        """Its writes begin and do not end."""
        return self.locked or self.unacknowledged or self.disk_full or self.disk_stalled or self.disk_read_only

    @property
    def serves(self) -> bool:
        return self.powered and self.runs and not self.frozen


class World:
    """The pair, its load and its faults. What moves is brought up to date whenever it is read or broken."""

    def __init__(self, cluster: str, rate: float, files_every: float = 2.0, needs: Collection[Need] = ()) -> None:
        start = loop_time()
        self.primary = Machine(Node(cluster, "oslo-a"), 1, False, start)
        self.standby = Machine(Node(cluster, "oslo-b"), 2, True, start)
        self.leader, self.follower = self.primary, self.standby
        self.leader.used = True
        self.rate, self.files_every = rate, files_every
        self.stream = Stream(needs, self.leader.position, start)
        self.files_paused = self.idle = False
        self._at = self.synced = start
        self.files_last = 0.0
        """Seconds that a run of the file sync takes: the next one begins after it, at cron's next time."""
        self.files_daily: Callable[[], float] | None = None
        """When the last run of a daily sync began, loop seconds; None for a sync that comes often."""
        self.marker = True
        """The file that says when the last sync began."""
        self.endpoint = self.primary
        """Where the application's name leads."""
        self.wires, self.equipment = Wires(), Equipment()
        self.on_hang_up: Callable[[Node], None] = lambda node: None

    def settle(self) -> None:
        """Bring commits, the receiver, the applier and the file sync up to now."""
        now = loop_time()
        self._join(now)
        for machine in (self.primary, self.standby):
            writes = machine.used and not self.idle and not machine.held_up and not machine.read_only
            if writes and machine.serves:
                number = machine.position[1] + self.rate * (now - self._at)
                machine.position = (machine.server_id, number)
        stream = self.stream
        if stream.io is IoState.YES and self.leader.serves and self.follower.serves:
            stream.hear(self._arrived(now), self.follower.position, now)
        if stream.applies and self.follower.serves:
            self.follower.position = stream.received
            self.follower.applied = gtid(stream.received)
        linked = self.wires.reaches(self.primary.node.name, self.standby.node.name)
        syncs = self.primary.powered and not self.primary.host_frozen and self.standby.powered and linked
        if syncs and not self.files_paused:
            self.synced = max(self.synced, self._last_sync(now))
        self._at = now

    def lag(self, node: Node) -> float:
        """Seconds that the way to that node takes, there and back."""
        return self.wires.lag if node == self.primary.node else 0.0

    def _join(self, now: float) -> None:
        """What the leader is to the follower's receiver now, by all that stands in the way."""
        leader, wall = self.leader, self.wires.wall()
        if not leader.powered or not self.wires.reaches(PRIMARY, STANDBY) or wall is Reason.CONNECT_TIMEOUT:
            self.stream.joins(Source.MUTE, now)
        elif not leader.runs or wall is Reason.REFUSED:
            self.stream.joins(Source.SHUT, now)
        else:
            self.stream.joins(Source.MUTE if leader.frozen else Source.OPEN, now)

    def _last_sync(self, now: float) -> float:
        """When the last run began that is finished."""
        if self.files_daily is not None:
            return self.files_daily()
        pace = self.files_every * max(1, math.ceil(self.files_last / self.files_every))
        return (now - self.files_last) // pace * pace

    def forget_syncs(self) -> None:
        """The runs so far were another sync's."""
        self.synced = -math.inf

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
        if fault in simulated_witness.FAULTS:
            simulated_witness.FAULTS[fault](self.equipment, not mend)
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
            "primary-hung": lambda broken: setattr(self.primary, "hung", broken),
            "primary-host-gone": lambda broken: setattr(self.primary, "powered", not broken),
            "host-gone": lambda broken: setattr(self.primary, "powered", not broken),
            "both-killed": self._kill_both,
            "host-frozen": lambda broken: setattr(self.primary, "host_frozen", broken),
            "standby-killed": self._kill_standby,
            "standby-restarted": self._restart_standby,
            "primary-reset": self._reset,
            "primary-bursts": self._burst,
            "primary-idle": lambda broken: setattr(self, "idle", broken),
            "binlogs-rotated": self._rotate,
            "semi-sync-locked": self._lock_semi_sync,
            "standby-writable": lambda broken: setattr(self.standby, "read_only", not broken),
            "files-stale": lambda broken: setattr(self, "files_paused", broken),
            "files-marker-gone": lambda broken: setattr(self, "marker", not broken),
            "endpoint-astray": lambda broken: setattr(self, "endpoint", self.standby if broken else self.primary),
            "shell-gone": lambda broken: setattr(self.primary, "shell", not broken),
            "host-key-changed": lambda broken: setattr(self.standby, "host_key", not broken),
            "access-denied": lambda broken: setattr(self.standby, "password", not broken),
            "primary-saturated": lambda broken: setattr(self.primary, "full", broken),
            "primary-told-to-stop": self._stop,
            "primary-reads-only": self._report,
            "primary-packed": lambda broken: setattr(self.primary, "full", broken),
            "primary-locked": lambda broken: setattr(self.primary, "locked", broken),
            "primary-binlog-full": lambda broken: setattr(self.primary, "disk_full", broken),
            "primary-data-full": lambda broken: setattr(self.primary, "disk_full", broken),
            "primary-disk-stalled": lambda broken: setattr(self.primary, "disk_stalled", broken),
            "primary-disk-slow": lambda broken: setattr(self.primary, "disk_slow", broken),
            "primary-disk-read-only": lambda broken: setattr(self.primary, "disk_read_only", broken),
            "primary-restarted": self._restart,
            "primary-replicates": lambda broken: setattr(self.leader, "follows", broken),
            **self.stream.faults,
        }
        faults[fault](not mend)
        self.settle()

    def _strike_wires(self, strike: Callable[[Wires, bool], None], broken: bool) -> None:
        walled = self.wires.walled(self.primary.node.name)
        strike(self.wires, broken)
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

    def _burst(self, broken: bool) -> None:
        self.leader.position = (self.leader.server_id, self.leader.position[1] + 10_000)

    def _rotate(self, broken: bool) -> None:
        """And from now on each of its binary logs is kept for a day."""
        self.stream.cuts = (*self.stream.cuts, self.leader.position[1])
        self.stream.binlog_expires = DAY if broken else None

    def _lock_semi_sync(self, broken: bool) -> None:
        self.primary.unacknowledged, self.stream.receiver = broken, not broken
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
        self.primary.reading_since = loop_time() if broken else None

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
            machine.since = loop_time()
