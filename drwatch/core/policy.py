"""What the operator asked for, as values: the configuration read, checked and put into the core's own words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from enum import StrEnum
from types import MappingProxyType

from drwatch.core.rota import Quiet, Rota, reached
from drwatch.core.sample import Node

MINUTE = 60.0

LONGEST_SILENCE = 72 * 60 * MINUTE
"""Seconds that anything may be silenced for: what is forgotten must end by itself."""


ENDPOINT = "endpoint"
"""What stands for the cluster's endpoint where a node's name stands for a node."""


class Role(StrEnum):
    """What a node should be; what it is, it says itself."""

    PRIMARY = "primary"
    STANDBY = "standby"


@dataclass(frozen=True, slots=True)
class Objectives:
    """The business's limits, seconds (NIST SP 800-34: RPO and RTO are objectives, never measurements)."""

    rpo: float = 60.0
    rto: float = 30 * MINUTE


@dataclass(frozen=True, slots=True)
class FileSet:
    """A tree that cron copies to the standby; all durations in seconds."""

    name: str
    path: str
    marker: str
    every: float
    rpo: float | None = None

    @property
    def stale_after(self) -> float:
        # A marker carries its run's start, so at the next run it is naturally every + that run's duration old.
        return self.rpo if self.rpo is not None else 3 * self.every


@dataclass(frozen=True, slots=True)
class Job:
    """Something that runs on a node every so many seconds, and says when it has; ``grace`` is how late it may be."""

    name: str
    every: float
    grace: float


@dataclass(frozen=True, slots=True)
class NodePolicy:
    """One host. The addresses are for people: they are printed in pages and runbooks."""

    node: Node
    role: Role
    mysql: str
    """host:port."""
    ssh: str | None = None
    """user@host, None where drwatch has no shell there."""
    ssh_host: str | None = None
    ssh_port: int = 22
    unit: str = "mysql"
    """The systemd unit of the server, for commands."""
    datadir: str = "/var/lib/mysql"
    location: str = ""


@dataclass(frozen=True, slots=True)
class Assumed:
    """Terms of the time to recover that nothing has measured yet, seconds. An assumed term never pages anybody."""

    decide: float = 15 * MINUTE
    """From the page to the human's decision: the largest term in every published incident."""
    promote: float = 30.0
    switch: float = 60.0
    """DNS TTL or load balancer."""
    warm: float = 60.0
    """Filling the buffer pool from the standby's disk."""
    repair: float = 5 * MINUTE
    """From the primary's death until it serves again by itself or by a restart."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long after the primary's death a repair is waited for before taking over, seconds: the business's choice."""

    lossless: float = 0.0
    """When it is proved that taking over loses nothing."""
    lossy: float = 10 * MINUTE
    """When it may lose data."""


class EndpointKind(StrEnum):
    """What the application is given; the value is the configuration's key."""

    MYSQL = "mysql"
    DNS = "dns"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """By which name the application finds the primary."""

    kind: EndpointKind
    host: str
    """The name or literal address in it."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One primary, its standbys, the file sets copied between them, and what the business expects."""

    name: str
    nodes: tuple[NodePolicy, ...]
    objectives: Objectives = Objectives()
    files: tuple[FileSet, ...] = ()
    jobs: tuple[Job, ...] = ()
    assumed: Assumed = Assumed()
    patience: Patience = Patience()
    endpoint: Endpoint | None = None
    drill_every: float | None = None
    """Seconds after which a takeover is to be rehearsed again; None where nobody asked to be told."""
    leader: Node | None = None
    """Who leads it now; None for the node that should."""
    primary: NodePolicy = field(init=False, repr=False, compare=False)
    standbys: tuple[NodePolicy, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Found once: a judgement asks for them a hundred times.
        led = (node for node in self.nodes if node.node == self.leader)
        primary = next(led, None) or next(node for node in self.nodes if node.role is Role.PRIMARY)
        object.__setattr__(self, "primary", primary)
        object.__setattr__(self, "standbys", tuple(node for node in self.nodes if node is not primary))

    @property
    def endpoint_node(self) -> Node:
        """Whose look the endpoint's is: no server is called so."""
        return Node(self.name, ENDPOINT)

    def led_by(self, node: Node) -> Cluster:
        """The same cluster with another primary; the nodes keep the roles that they should have."""
        return replace(self, leader=node)


@dataclass(frozen=True, slots=True)
class Confirm:
    """How long a finding must stay true before it wakes anybody, seconds."""

    conclusive: float = 5.0
    """Two chairs agree, or one saw the corpse."""
    likely: float = 15.0
    alone: float = 30.0
    """One chair, and nobody to ask."""
    restarting: float = 60.0
    """A server process that is there and does not listen yet: crash recovery takes its time."""
    by_condition: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Overrides by condition name."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds, seconds or shares of one. A finding clears at 80 % of its limit."""

    silence: float = 5.0
    """Nothing received for so long while the primary is seen to commit."""
    io_wait: float = 0.5
    io_pressure: float = 0.6
    probe_blind: float = MINUTE
    connections: float = 1.0
    """Share of max_connections in use that counts as saturated."""
    stale_sample: float = 10.0
    """A fact older than this no longer counts as seen."""
    applier_stuck: float = 10.0
    """No progress for so long, with work waiting, makes the drain time unknown."""
    writes_still: float = 10.0
    """Writes that have begun and do not end for so long are stalled. A backup's own lock is shorter, as a rule."""
    disk_stalled: float = 5.0
    """I/O that has been under way for so long while none was finished: the disk stands still."""
    disk_free: float = 0.05
    """Share of a file system below which it is filling up."""
    binlog_gap: float = 60 * MINUTE
    """So soon may the primary purge what a standby has still to read: critical."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of the escalation: these channels and rotas, so long (seconds) after the incident was confirmed."""

    to: tuple[str, ...]
    after: float = 0.0
    remind: float | None = None
    """How often what is critical is told again while this is the last step told; None for the ordinary wait."""


@dataclass(frozen=True, slots=True)
class Flapping:
    """What comes ``times`` times ``within`` so many seconds flaps, until nothing has changed for ``steady`` seconds."""

    times: int = 3
    within: float = 30 * MINUTE
    steady: float = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class Digest:
    """What nobody was woken for is told once a day, at this time of the zone."""

    to: tuple[str, ...]
    at: time


@dataclass(frozen=True, slots=True)
class Prove:
    """A channel that took nothing for so many seconds is sent a test, in the twelve hours from that time of day on."""

    at: time = time(10, 0)
    every: float = 86400.0


@dataclass(frozen=True, slots=True)
class Templates:
    """What a user would rather read than the built-in words, as jinja2; None leaves those."""

    title: str | None = None
    body: str | None = None
    short: str | None = None


@dataclass(frozen=True, slots=True)
class Paging:
    channels: tuple[str, ...]
    escalation: tuple[Step, ...]
    remind: float = 10 * MINUTE
    """A critical incident that is still open is told again this often."""
    acknowledged: float = 60 * MINUTE
    """For so long nobody is told of what somebody has in hand."""
    rotas: tuple[Rota, ...] = ()
    quiet: Mapping[str, Quiet] = field(default_factory=lambda: MappingProxyType({}))
    """When channels keep still, by their names."""
    short: frozenset[str] = frozenset()
    """Channels that want the short form (SMS)."""
    private: frozenset[str] = frozenset()
    """Channels that are told no name but the cluster's."""
    digest: Digest | None = None
    prove: Prove = Prove()
    unproved: frozenset[str] = frozenset()
    """Channels that nobody wants to be tried."""
    templates: Mapping[str, Templates] = field(default_factory=lambda: MappingProxyType({}))
    """By channel, for those that have any."""

    def reached(self, names: Iterable[str], wall: datetime) -> tuple[str, ...]:
        """The channels behind names of channels and of rotas, at this instant."""
        return reached(names, self.rotas, wall)


EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Window:
    """A maintenance window that comes round: on these days (Monday is 0) at this time of the zone, for so long."""

    cluster: str
    at: time
    seconds: float
    reason: str
    days: frozenset[int] = EVERY_DAY


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that the core needs to know of the configuration."""

    clusters: tuple[Cluster, ...]
    paging: Paging
    anchors: tuple[str, ...] = ()
    """host:port of places outside that answer TCP when the witness's own network is well."""
    confirm: Confirm = Confirm()
    limits: Limits = Limits()
    hold: float = 30.0
    """Seconds that a finding must stay away before its incident is told as resolved."""
    zone: str = "UTC"
    """IANA name of the time zone that pages print."""
    look: float = 1.0
    """Seconds between two fast looks."""
    maintenance: tuple[Window, ...] = ()
    flapping: Flapping = Flapping()
    keep: float = 400 * 86400.0
    """Seconds for which the history has what is over."""
