"""A world to render: looks as the probes bring them, folded and judged by the core itself. Nothing of it is faked.

``shop`` is a pair with every figure known; its standby is 1.5 s behind, its applier has work waiting, and a stray SET
GLOBAL left it writable. ``dark`` is a pair that nobody has managed to look at yet.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from drwatch.core.actuals import Kind, Outage
from drwatch.core.assessment import Assessment, assess
from drwatch.core.binlog import Coordinate
from drwatch.core.drill import Drill
from drwatch.core.finding import Severity
from drwatch.core.gtid import GtidPosition
from drwatch.core.incident import Incident, advance
from drwatch.core.job import Said
from drwatch.core.paging import PageReason, Row
from drwatch.core.policy import (
    Cluster,
    Endpoint,
    EndpointKind,
    FileSet,
    Job,
    NodePolicy,
    Objectives,
    Paging,
    Policy,
    Role,
    Step,
)
from drwatch.core.sample import (
    Blind,
    Channel,
    Disk,
    EndpointFact,
    Fact,
    Filesystem,
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
from drwatch.core.snapshot import Snapshot, snapshot
from drwatch.core.world import WITNESS

NOW = Moment(1000.0, datetime(2026, 11, 23, 2, 14, 7, tzinfo=UTC))
A, B = Node("shop", "oslo-a"), Node("shop", "oslo-b")
DARK_A, DARK_B = Node("dark", "bergen-a"), Node("dark", "bergen-b")
UPLOADS = FileSet("uploads", "/var/www/html/uploads", "/var/lib/drwatch-sync/uploads", every=300.0, rpo=900.0)
INVOICES = FileSet("invoices", "/srv/invoices", "/var/lib/drwatch-sync/invoices", every=3600.0)
ANCHOR = "gateway.example.no:443"


def _node(node: Node, role: Role, address: str) -> NodePolicy:
    return NodePolicy(node, role, f"{address}:3306", f"drwatch@{address}", address, location="NO")


SHOP = Cluster(
    "shop",
    (_node(A, Role.PRIMARY, "10.0.0.1"), _node(B, Role.STANDBY, "10.0.0.2")),
    Objectives(rpo=60.0, rto=900.0),
    (UPLOADS, INVOICES),
    jobs=(Job("nightly-dump", 86400.0, 7200.0),),
    endpoint=Endpoint(EndpointKind.DNS, "db.example.no"),
)
DARK = Cluster("dark", (_node(DARK_A, Role.PRIMARY, "10.0.1.1"), _node(DARK_B, Role.STANDBY, "10.0.1.2")))
POLICY = Policy((SHOP, DARK), Paging(("phone", "sms"), (Step(("phone",)), Step(("sms",), 300.0))), (ANCHOR,))

COMMITTED = 400
"""Transactions a second on the primary of the shop."""


def look(node: Node, probe: Probe, found: Fact | Blind, at: Moment, target: str = "", took: float = 0.004) -> Sample:
    """A look that was answered at ``at``."""
    return Sample(Key(node, probe, target), at.plus(-took), at, found)


def server(at: Moment, server_id: int, transactions: int, read_only: bool, ahead: float = 0.0) -> ServerFact:
    """A MariaDB that has so many transactions."""
    position = GtidPosition.parse(f"0-1-{transactions}")
    return ServerFact(
        flavour=Flavour.MARIADB,
        version=(10, 11, 14),
        server_id=server_id,
        server_uuid=None,
        read_only=read_only,
        super_read_only=None,
        gtid=position,
        gtid_applied=position if server_id != 1 else None,
        binlog=at_transaction(transactions),
        uptime=86400.0,
        connections=41,
        max_connections=151,
        connections_refused=0,
        threads_running=3,
        clock=at.wall + timedelta(seconds=ahead),
        net_timeout=60.0,
        buffer_pool_bytes=8 << 30,
        buffer_pool_data_bytes=(6 << 30) if server_id == 1 else (5 << 30),
        binlog_expires=172800.0,
        binlog_base="/var/lib/mysql/mysql-bin",
    )


def at_transaction(number: int) -> Coordinate:
    return Coordinate("mysql-bin.000012", 200 * number)


def channel(received: int, applied: int) -> Channel:
    """The standby's receiver and applier, so far."""
    return Channel(
        name="",
        source_host="10.0.0.1",
        source_port=3306,
        io=IoState.YES,
        sql=True,
        io_errno=0,
        io_error="",
        sql_errno=0,
        sql_error="",
        seconds_behind=1,
        sql_delay=0,
        relay_bytes=123_456,
        sql_state="Reading event from the relay log",
        read=at_transaction(received),
        executed=at_transaction(applied),
        retrieved_gtid=GtidPosition.parse(f"0-1-{received}"),
        executed_gtid=None,
        heartbeats=3,
        heartbeat_period=30.0,
        source_server_id=1,
        source_uuid=None,
        uses_gtid=True,
    )


def host(at: Moment, io_wait: float = 0.07, ahead: float = 0.25) -> HostFact:
    return HostFact(
        clock=at.wall + timedelta(seconds=ahead),
        processes=(Process(4711, "S"),),
        unit="active/running",
        io_wait=io_wait,
        io_pressure=0.12,
        disks=(Disk("sda", 0.0021, 1, 0.0015, 16384.0), Disk("sdb", None, 0)),
        memory_available_bytes=3 << 30,
        filesystems=(
            Filesystem("/", 40 << 30, 11 << 30, 900_000),
            Filesystem("/var/lib/mysql", 200 << 30, 87 << 30, 12_000_000),
        ),
        slow_age=2.0,
    )


def looks(now: Moment = NOW, writable: bool = True) -> list[Sample]:
    """Ten seconds of looks at the shop, the newest just before ``now``."""
    # The primary has begun a new file; the standby still reads the one before.
    logs = [Coordinate(f"mysql-bin.{number:06}", 8_000_000) for number in (11, 12, 13)]
    made = [
        look(A, Probe.REPLICATION, ReplicationFact((), None, tuple(logs[:count])), now.plus(second))
        for second, count in ((-90, 2), (-1, 3))
    ]
    for second in range(-10, 1):
        at = now.plus(second - 0.2)
        written = 40_000 + COMMITTED * second
        have = 40_000 + COMMITTED * (second - 1) - 50
        made += [
            look(A, Probe.SERVER, server(at, 1, written, read_only=False), at),
            look(B, Probe.SERVER, server(at, 2, have - 300, read_only=not writable), at),
            look(B, Probe.REPLICATION, ReplicationFact((channel(have, have - 300),)), at),
        ]
        if second % 5 == 0:
            made += [look(node, Probe.HOST, host(at), at, took=0.02) for node in (A, B)]
            made += [
                look(B, Probe.MARKER, MarkerFact(at.wall - timedelta(seconds=140), 140.0, "oslo-a"), at, "uploads"),
                look(B, Probe.MARKER, Blind(Reason.MISSING, "no such file"), at, "invoices"),
                look(WITNESS, Probe.REACH, ReachFact(0.003), at, ANCHOR),
            ]
    leads = EndpointFact(("10.0.0.1",), 60.0, True, ("oslo-a",))
    made.append(look(Node("shop", "endpoint"), Probe.ENDPOINT, leads, now.plus(-3.0), "db.example.no"))
    made += [look(node, Probe.LOGIN, LoginFact(0.012), now.plus(-4.0), took=0.012) for node in (A, B)]
    return made


def dark_looks(now: Moment = NOW) -> list[Sample]:
    """Nobody answers in Bergen, and nobody ever did."""
    blind = Blind(Reason.CONNECT_TIMEOUT, "no answer in 3 s")
    return [
        look(node, probe, blind, now.plus(-0.5), took=3.0)
        for node in (DARK_A, DARK_B)
        for probe in (Probe.SERVER, Probe.HOST, Probe.REPLICATION)
    ]


def seen(samples: Sequence[Sample], now: Moment = NOW) -> Snapshot:
    """The samples folded; the phone's channel accepted a page an hour ago, the SMS gateway refuses."""
    past = replace(snapshot(samples), outages=(drilled(now), takeover(now)), drills=(of_drill(now),))
    told = past.told("phone", True, False, "", now.plus(-3600.0))
    told = told.heard("shop", "nightly-dump", Said.DONE, now.plus(-7200.0))
    return told.told("sms", False, True, "the gateway says: no credit", now.plus(-90.0))


def takeover(now: Moment = NOW) -> Outage:
    """Last week's: five minutes until somebody decided, and half a minute to promote."""
    fault = now.plus(-7 * 86400.0)
    ends = zip(
        ("detected", "decided", "drained", "promoted", "switched", "ended"), (6, 306, 318, 348, 408, 408), strict=True
    )
    steps = {step: fault.plus(second) for step, second in ends}
    return Outage("shop", "oslo-b", fault, **steps, standby="oslo-a", loss=1.4)


def of_drill(now: Moment = NOW) -> Drill:
    """It was announced for an hour."""
    began = now.plus(-30 * 86400.0 - 300.0)
    return Drill("shop", began, began.plus(3600.0))


def drilled(now: Moment = NOW) -> Outage:
    """Last month's drill: twenty seconds to promote, and the name's TTL of a minute."""
    fault = now.plus(-30 * 86400.0)
    ends = zip(("decided", "drained", "promoted", "switched", "ended"), (40, 44, 64, 124, 124), strict=True)
    steps = {step: fault.plus(second) for step, second in ends}
    return Outage("shop", "oslo-a", fault, **steps, standby="oslo-b", loss=0.8, kind=Kind.DRILL)


def assessed(samples: Sequence[Sample], now: Moment = NOW, policy: Policy = POLICY) -> Assessment:
    return assess(seen(samples, now), policy, frozenset(), now)


def whole(now: Moment = NOW) -> Assessment:
    """Both pairs, as of ``now``."""
    return assessed([*looks(now), *dark_looks(now)], now)


def many(count: int, now: Moment = NOW) -> Assessment:
    """So many pairs like the shop."""
    samples, clusters = looks(now), []
    made: list[Sample] = []
    for number in range(count):
        name = f"shop-{number:03}"
        nodes = tuple(replace(each, node=Node(name, each.node.name)) for each in SHOP.nodes)
        clusters.append(replace(SHOP, name=name, nodes=nodes))
        of_shop = [sample for sample in samples if sample.key.node.cluster]
        made += [replace(each, key=each.key._replace(node=Node(name, each.key.node.name))) for each in of_shop]
    return assessed(made, now, replace(POLICY, clusters=tuple(clusters)))


def living(assessment: Assessment, policy: Policy = POLICY) -> tuple[Incident, ...]:
    """The incidents of a state that has lasted for two minutes."""
    now = assessment.at
    begun = advance((), replace(assessment, at=now.plus(-120.0)), policy, now.plus(-120.0)).living
    return advance(begun, assessment, policy, now).living


def row(incident: Incident, now: Moment = NOW, channel: str = "sms", age: float = 45.0) -> Row:
    """A page that nobody has accepted yet."""
    return Row(
        event=f"{incident.id}.1",
        channel=channel,
        incident=incident.id,
        reason=PageReason.FIRST,
        severity=Severity.WARNING,
        title=f"WARNING {incident.cluster}: {incident.condition} {incident.subject}",
        body=incident.summary,
        created=now.plus(-age),
        due=now.plus(15.0),
        attempts=2,
        detail="the gateway says: no credit",
    )
