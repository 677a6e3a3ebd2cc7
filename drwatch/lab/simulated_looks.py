"""What the probes of a simulated pair find: what a real one's looks were seen to bring back in each state."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta

from drwatch.core import world as around
from drwatch.core.gtid import GtidState
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
    PortFact,
    Probe,
    Process,
    ReachFact,
    Reason,
    ReplicationFact,
    ServerFact,
)
from drwatch.lab.simulated import LATENCY, SimulatedLook, clock, loop_time
from drwatch.lab.simulated_stream import NET_TIMEOUT, gtid, stranger
from drwatch.lab.simulator import Machine, World
from drwatch.lab.wires import OUTSIDE, WITNESS

DATADIR = "/var/lib/mysql"

ANCHOR = "10.0.0.4:443"
"""What answers outside as long as the witness's own network is well."""


def looks(world: World) -> tuple[SimulatedLook, ...]:
    """Every probe of the pair, as the real ones look at it; what hangs up is looked at at once."""
    made = _Looks(world).made()
    wakes = {look.key.node: look.wake for look in made if look.key.probe is Probe.SERVER}
    world.on_hang_up = lambda node: wakes[node].set()
    return made


class _Looks:
    def __init__(self, world: World) -> None:
        self._world = world

    def made(self) -> tuple[SimulatedLook, ...]:
        world, made = self._world, list[SimulatedLook]()
        for machine in (world.primary, world.standby):
            made += self._of(machine)
        door = Key(world.standby.node, Probe.REACH, "10.0.0.1:22")
        made.append(SimulatedLook(world, door, math.inf, lambda: self._door(world.standby, world.primary)))
        back = Key(world.primary.node, Probe.REACH, "10.0.0.2:22")
        made.append(SimulatedLook(world, back, math.inf, lambda: self._door(world.primary, world.standby)))
        made.append(SimulatedLook(world, Key(around.WITNESS, Probe.REACH, ANCHOR), 5.0, self._anchor))
        made.append(SimulatedLook(world, Key(world.standby.node, Probe.MARKER, "uploads"), 5.0, self._marker))
        unmarked = Key(world.primary.node, Probe.MARKER, "uploads")
        made.append(SimulatedLook(world, unmarked, math.inf, lambda: Blind(Reason.MISSING)))
        return tuple(made)

    def _of(self, machine: Machine) -> list[SimulatedLook]:
        def look(probe: Probe, every: float, find: Callable[[Machine], Fact | Blind]) -> SimulatedLook:
            return SimulatedLook(self._world, Key(machine.node, probe), every, lambda: find(machine))

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
        found = self._world.wires.asked(name) if held else self._world.wires.dialled(name)
        if found is None:
            found = (
                self._shut(machine) if probe is Probe.HOST else self._world.wires.walled(name) or self._refused(machine)
            )
            if found and found.reason is Reason.QUERY_TIMEOUT and not held:
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
            binlog=self._world.stream.coordinate(machine.position) if machine.used else None,
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
            semi_sync=self._world.stream.semi_sync if machine is self._world.leader else None,
            binlog_expires=self._world.stream.binlog_expires,
            gtid_state=GtidState(((0, machine.server_id, written),)) if self._world.stream.strayed else None,
        )

    def _replication(self, machine: Machine) -> ReplicationFact:
        if machine.follows:
            return ReplicationFact((stranger(),))
        stream = self._world.stream
        if machine is not self._world.follower or stream.removed:
            return ReplicationFact((), logs=stream.logs(machine.position) if machine is self._world.leader else ())
        return ReplicationFact(stream.channels(self._world.leader.server_id, machine.position))

    def _shut(self, machine: Machine) -> Blind | None:
        """Why there is no shell on that host."""
        if not machine.powered:
            return Blind(Reason.CONNECT_TIMEOUT)
        if machine.host_frozen:
            return Blind(Reason.QUERY_TIMEOUT)
        if not machine.shell:
            return Blind(Reason.REFUSED)
        return None if machine.host_key else Blind(Reason.HOST_KEY_CHANGED)

    def _host(self, machine: Machine) -> HostFact:
        process = Process(100 + machine.server_id, "T" if machine.frozen else "S")
        return HostFact(
            clock=clock().wall + timedelta(seconds=machine.ahead),
            processes=(process,) if machine.runs else (),
            unit=None,
            io_wait=0.4 if machine.disk_slow else 0.02,
            io_pressure=0.9 if machine.disk_slow else 0.01,
            disks=(),
            memory_available_bytes=1 << 30,
            filesystems=(Filesystem(DATADIR, 40 << 30, 0 if self._full_disk(machine) else 20 << 30, 1 << 20, 1.0),),
            slow_age=1.0,
            devices=(
                Device(
                    (DATADIR,),
                    "sda1",
                    machine.disk_read_only,
                    1000 if machine.disk_stalled else 1000 + int(10 * loop_time()),
                    3 if machine.disk_stalled else 0,
                ),
            ),
        )

    def _port(self, machine: Machine) -> PortFact | Blind:
        if self._shut(machine) or not self._world.wires.reaches(WITNESS, machine.node.name):
            return Blind(Reason.CHANNEL_LOST)
        reads = machine is self._world.leader and self._world.stream.io is IoState.YES
        listens = machine.runs and not machine.stopping
        return PortFact(listens, int(machine.frozen), (self._world.follower.node.name,) if reads else ())

    def _waits(self, machine: Machine) -> Blind | None:
        """On a full disk the status waits for room, and behind it the status variables."""
        starved = machine is self._world.follower and self._world.stream.disk_full
        return Blind(Reason.QUERY_TIMEOUT) if starved else None

    def _full_disk(self, machine: Machine) -> bool:
        return machine.disk_full or (machine is self._world.follower and self._world.stream.disk_full)

    def _door(self, at: Machine, of: Machine) -> ReachFact | Blind:
        if not at.shell or not self._world.wires.reaches(WITNESS, at.node.name):
            return Blind(Reason.CHANNEL_LOST)
        reached = of.powered and self._world.wires.reaches(at.node.name, of.node.name)
        if reached and not of.shell:
            return Blind(Reason.REFUSED)
        return ReachFact(LATENCY, greets=not of.host_frozen) if reached else Blind(Reason.CONNECT_TIMEOUT)

    def _anchor(self) -> ReachFact | Blind:
        return ReachFact(LATENCY) if self._world.wires.reaches(WITNESS, OUTSIDE) else Blind(Reason.CONNECT_TIMEOUT)

    def _marker(self) -> MarkerFact | Blind:
        if not self._world.standby.powered or not self._world.wires.reaches(WITNESS, self._world.standby.node.name):
            return Blind(Reason.CHANNEL_LOST)
        if not self._world.marker:
            return Blind(Reason.MISSING)
        age = loop_time() - self._world.synced
        return MarkerFact(clock().wall - timedelta(seconds=age), age, "oslo-a")
