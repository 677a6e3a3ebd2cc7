"""A small pair in words: what each chair sees at which second. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from drwatch.core.assessment import Assessment, assess
from drwatch.core.binlog import Coordinate
from drwatch.core.finding import Condition, Finding
from drwatch.core.flapping import Flaps, flap
from drwatch.core.gtid import GtidPosition, Gtids, GtidSet
from drwatch.core.incident import ENDED, Advance, Incident, advance
from drwatch.core.paging import PageReason, page
from drwatch.core.policy import Cluster, FileSet, NodePolicy, Objectives, Paging, Policy, Role, Step
from drwatch.core.sample import (
    Blind,
    Channel,
    Fact,
    Flavour,
    HostFact,
    IoState,
    Key,
    LoginFact,
    MarkerFact,
    Moment,
    Node,
    Probe,
    Process,
    ReachFact,
    Reason,
    ReplicationFact,
    Sample,
    ServerFact,
)
from drwatch.core.silence import Silence
from drwatch.core.snapshot import Snapshot
from drwatch.core.symptoms import flapping
from drwatch.core.symptoms.firing import Firing
from drwatch.core.view import look_over
from drwatch.core.world import WITNESS

START = Moment(1000.0, datetime(2026, 11, 23, 3, 14, tzinfo=UTC))
UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
OTHER = "7b2c1c5e-71ca-11e1-9e33-c80aa9429563"

PRIMARY, STANDBY = Node("shop", "oslo-a"), Node("shop", "oslo-b")
UPLOADS = FileSet("uploads", "/var/www/uploads", "/var/lib/sync/uploads", every=300.0, rpo=900.0)
OSLO_A = NodePolicy(PRIMARY, Role.PRIMARY, "10.0.0.1:3306", ssh="drwatch@10.0.0.1", ssh_host="10.0.0.1")
OSLO_B = NodePolicy(STANDBY, Role.STANDBY, "10.0.0.2:3306", ssh="drwatch@10.0.0.2", ssh_host="10.0.0.2")
SHOP = Cluster("shop", (OSLO_A, OSLO_B), Objectives(rpo=60.0, rto=1800.0))
PAGING = Paging(("phone", "sms"), (Step(("phone",)), Step(("sms",), after=300.0)))
ANCHOR = "gateway:443"
POLICY = Policy((SHOP,), PAGING)
ANCHORED = replace(POLICY, anchors=(ANCHOR,))
DOOR = "10.0.0.1:22"

LOST = Blind(Reason.CONNECT_TIMEOUT)
REFUSED = Blind(Reason.REFUSED)
HUNG_UP = Blind(Reason.HUNG_UP)
MUTE = Blind(Reason.NO_HANDSHAKE)
NO_SHELL = Blind(Reason.CHANNEL_LOST)


def at(seconds: float) -> Moment:
    return START.plus(seconds)


def gtids(last: int, uuid: str = UUID) -> GtidSet:
    return GtidSet.of([((uuid, ""), [(1, last)])]) if last > 0 else GtidSet()


def position(last: int, server: int = 1) -> GtidPosition:
    return GtidPosition(((0, server, last),)) if last > 0 else GtidPosition()


def coordinate(place: int, file: int = 1) -> Coordinate:
    return Coordinate(f"mysql-bin.{file:06d}", place)


_SERVER = ServerFact(
    flavour=Flavour.MYSQL,
    version=(8, 0, 36),
    server_id=1,
    server_uuid=UUID,
    read_only=False,
    super_read_only=False,
    gtid=gtids(100),
    gtid_applied=None,
    binlog=None,
    uptime=86400.0,
    connections=10,
    max_connections=151,
    connections_refused=0,
    threads_running=2,
    clock=START.wall,
    net_timeout=60.0,
    buffer_pool_bytes=1 << 30,
    buffer_pool_data_bytes=1 << 29,
)


def server(gtid: Gtids | None = None, **but: Any) -> ServerFact:
    """The primary's fast look."""
    return replace(_SERVER, **({"gtid": gtid} if gtid is not None else {}), **but)


def standby_server(gtid: Gtids | None = None, **but: Any) -> ServerFact:
    """The standby's fast look: read-only, with an identity of its own."""
    return server(gtid, **{"server_id": 2, "server_uuid": OTHER, "read_only": True, "super_read_only": True} | but)


_CHANNEL = Channel(
    name="",
    source_host="10.0.0.1",
    source_port=3306,
    io=IoState.YES,
    sql=True,
    io_errno=0,
    io_error="",
    sql_errno=0,
    sql_error="",
    seconds_behind=0,
    sql_delay=0,
    relay_bytes=1000,
    sql_state="has read all relay log",
    read=Coordinate("mysql-bin.000001", 500),
    executed=Coordinate("mysql-bin.000001", 500),
    retrieved_gtid=gtids(100),
    executed_gtid=gtids(100),
    heartbeats=1,
    heartbeat_period=30.0,
    source_server_id=1,
    source_uuid=UUID,
    uses_gtid=True,
)


def channel(**but: Any) -> Channel:
    return replace(_CHANNEL, **but)


def replication(**but: Any) -> ReplicationFact:
    return ReplicationFact((channel(**but),))


def host(state: str = "S", **but: Any) -> HostFact:
    """The host over SSH with a server process in each of the states (a letter each; '' for no process)."""
    fact = HostFact(
        clock=START.wall,
        processes=tuple(Process(4711 + n, letter) for n, letter in enumerate(state)),
        unit="active/running",
        io_wait=0.01,
        io_pressure=0.0,
        disks=(),
        memory_available_bytes=None,
        filesystems=(),
        slow_age=None,
    )
    return replace(fact, **but)


def dead_host(**but: Any) -> HostFact:
    return host("", **{"unit": "failed/failed"} | but)


def look(node: Node, probe: Probe, found: Fact | Blind, asked: float, took: float = 0.01, target: str = "") -> Sample:
    return Sample(Key(node, probe, target), at(asked), at(asked + took), found)


def primary(found: Fact | Blind, asked: float, took: float = 0.01) -> Sample:
    return look(PRIMARY, Probe.SERVER, found, asked, took)


def body(found: Fact | Blind, asked: float, took: float = 0.01) -> Sample:
    """The primary's host."""
    return look(PRIMARY, Probe.HOST, found, asked, took)


def standby(found: Fact | Blind, asked: float, took: float = 0.01) -> Sample:
    return look(STANDBY, Probe.SERVER, found, asked, took)


def receiver(found: Fact | Blind, asked: float, took: float = 0.01) -> Sample:
    return look(STANDBY, Probe.REPLICATION, found, asked, took)


def standby_host(found: Fact | Blind, asked: float) -> Sample:
    return look(STANDBY, Probe.HOST, found, asked)


def login(found: Fact | Blind, asked: float) -> Sample:
    return look(PRIMARY, Probe.LOGIN, found, asked)


def door(found: Fact | Blind, asked: float) -> Sample:
    return look(STANDBY, Probe.REACH, found, asked, target=DOOR)


def anchor(found: Fact | Blind, asked: float) -> Sample:
    return look(WITNESS, Probe.REACH, found, asked, target=ANCHOR)


def marker(found: Fact | Blind, asked: float) -> Sample:
    return look(STANDBY, Probe.MARKER, found, asked, target=UPLOADS.name)


def synced(age: float) -> MarkerFact:
    return MarkerFact(START.wall, age)


OPEN = ReachFact(0.001)
LOGGED_IN = LoginFact(0.002)


def well(asked: float, last: int = 100, **channel: Any) -> list[Sample]:
    """Every chair looks round at a healthy pair, the last transaction received and applied, a heartbeat each 30 s."""
    channel = {
        "heartbeats": 1 + int(asked // 30),
        "retrieved_gtid": gtids(last),
        "executed_gtid": gtids(last),
    } | channel
    return [
        primary(server(gtids(last)), asked),
        body(host(), asked),
        standby(standby_server(channel["executed_gtid"]), asked),
        receiver(replication(**channel), asked),
        standby_host(host(), asked),
        login(LOGGED_IN, asked),
    ]


def seen(*looks: Sample | Iterable[Sample], alive: Iterable[Node] = (), world: Snapshot | None = None) -> Snapshot:
    """What these looks bring, in ``world`` if there was one before."""
    made = world or Snapshot(alive=frozenset(alive))
    for item in looks:
        for sample in [item] if isinstance(item, Sample) else item:
            made = made.keep(sample)
    return made


def judged(world: Snapshot, now: float, policy: Policy = POLICY, firing: Firing = frozenset()) -> Assessment:
    return assess(world, policy, firing, at(now))


def found(
    world: Snapshot, now: float, condition: Condition, policy: Policy = POLICY, firing: Firing = frozenset()
) -> Finding | None:
    """The finding of this condition, if there is one."""
    return next((f for f in judged(world, now, policy, firing).findings if f.condition is condition), None)


def conditions(world: Snapshot, now: float, policy: Policy = POLICY) -> set[Condition]:
    """What would be told: the findings that nothing greater explains."""
    return {f.condition for f in judged(world, now, policy).findings if f.suppressed_by is None}


def firing(condition: Condition, subject: str) -> Firing:
    return frozenset({("shop", str(condition), subject)})


def with_files(files: FileSet = UPLOADS) -> Policy:
    return replace(POLICY, clusters=(replace(SHOP, files=(files,)),))


class Story:
    """Incidents told tick by tick; each tick gets the findings that are true then."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.incidents: tuple[Incident, ...] = ()
        self.changed: list[Incident] = []
        self.silences: tuple[Silence, ...] = ()

    def tick(
        self,
        now: float,
        *findings: Finding,
        unsettled: Iterable[str] = (),
        judging: Iterable[str] = (),
        flaps: Flaps = MappingProxyType({}),
    ) -> Advance:
        assessment = Assessment(
            at(now),
            Snapshot(flaps=flaps),
            (),
            findings,
            frozenset(unsettled),
            silences=self.silences,
            judging=frozenset(judging),
        )
        step = advance(self.incidents, assessment, self.policy, at(now))
        self.incidents = step.living
        self.changed += step.changed
        return step


_VIEW = look_over(SHOP, POLICY, Snapshot(), START)


class Telling(Story):
    """A story whose pages are counted, second by second; what flaps is remembered."""

    def __init__(self, policy: Policy = POLICY) -> None:
        super().__init__(policy)
        self.told: list[tuple[int, PageReason, Condition]] = []
        self.channels: list[tuple[str, ...]] = []
        """Of each that was told."""
        self.flaps: Flaps = {}

    def go(
        self,
        start: int,
        end: int,
        *findings: Finding,
        silences: tuple[Silence, ...] = (),
        unsettled: frozenset[str] = frozenset(),
    ) -> None:
        for now in range(start, end):
            self.silences = tuple(each for each in silences if not each.over(at(now)))
            before = self.incidents
            found = (*findings, *flapping.findings(_VIEW, self.policy, Snapshot(flaps=self.flaps), at(now)))
            step = self.tick(now, *found, unsettled=unsettled, flaps=self.flaps)
            assessment = Assessment(at(now), Snapshot(flaps=self.flaps), (), found, unsettled)
            step, self.flaps = flap(before, step, assessment, self.policy, at(now))
            ended = [each for each in step.changed if each.phase in ENDED]
            told: dict[str, Incident] = {}
            for incident in (*step.living, *ended):
                event = page(incident, self.policy.paging, self.policy.confirm.conclusive, at(now))
                if event is not None:
                    told[incident.id] = event.incident
                    self.told.append((now, event.reason, event.incident.condition))
                    self.channels.append(event.channels)
            self.incidents = tuple(told.get(each.id, each) for each in step.living)
