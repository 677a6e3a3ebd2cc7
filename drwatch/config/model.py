"""The file's schema: one section a class, one key a field. Defaults that the core owns are taken from the core."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from drwatch.config.secrets import (
    Authority,
    KeyFile,
    KnownHosts,
    Password,
    PasswordCredential,
    PasswordFile,
    Token,
    TokenCredential,
    TokenFile,
    Url,
    UrlCredential,
    UrlFile,
    WebUrl,
    WebUrlCredential,
    WebUrlFile,
)
from drwatch.config.values import (
    DAY,
    Address,
    Count,
    Day,
    FarPath,
    Handover,
    Host,
    HostPort,
    LastMoment,
    Listen,
    LocalMoment,
    MorningHour,
    Name,
    Port,
    Share,
    SocketDirectory,
    Text,
    TimeOfDay,
    Unit,
    UnixUser,
    Zone,
    is_host,
    lasting,
    refuse,
)
from drwatch.core import policy

_LIMITS = policy.Limits()
_CONFIRM = policy.Confirm()
_ASSUMED = policy.Assumed()
_PATIENCE = policy.Patience()
_OBJECTIVES = policy.Objectives()
_FLAPPING = policy.Flapping()
_PROVE = policy.Prove()

Duration = Annotated[float, lasting(0)]
Switch = Literal["true", "false"]
Period = Annotated[float, lasting(1)]


def keys(section: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of a section as the file spells them: ``for`` is no name that Python would take."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


class Section(BaseModel):
    """A mapping whose keys are all known. ``key:`` with nothing (or null) behind it is the same as no key at all."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _leave_out_null(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or key not in keys(cls)}


class Objectives(Section):
    rpo: Period = _OBJECTIVES.rpo
    rto: Period = _OBJECTIVES.rto


class Assumed(Section):
    decide: Duration = _ASSUMED.decide
    promote: Duration = _ASSUMED.promote
    switch: Duration = _ASSUMED.switch
    warm: Duration = _ASSUMED.warm
    repair: Duration = _ASSUMED.repair


class Decide(Section):
    lossless: Duration = _PATIENCE.lossless
    lossy: Duration = _PATIENCE.lossy


class Drills(Section):
    every: Period


class Tls(Section):
    mode: Literal["off", "required", "verify-ca", "verify-identity"] = "off"
    ca: Authority | None = None


class Mysql(Section):
    host: Host
    port: Port = 3306
    user: Text = "drwatch"
    password_file: PasswordFile | None = None
    credential: PasswordCredential | None = None
    password: Password | None = None
    tls: Tls = Tls()
    unit: Unit = "mysql"
    datadir: FarPath = "/var/lib/mysql"
    binlog_dir: FarPath | None = None
    process: Text | None = None


class Ssh(Section):
    host: Host | None = None
    port: Port = 22
    user: UnixUser = "drwatch"
    # The defaults are looked at like anything else: a missing key is better known at the start than at the first look.
    key_file: KeyFile = Field("/etc/drwatch/id_ed25519", validate_default=True)
    known_hosts: KnownHosts = Field("/etc/drwatch/known_hosts", validate_default=True)


class Node(Section):
    role: Literal["primary", "standby"]
    mysql: Mysql
    ssh: Ssh | None = None
    location: Text | None = None


class FileSet(Section):
    path: FarPath
    marker: FarPath
    # Below a second only the lab's cron is.
    every: Annotated[float, lasting(0.1)]
    rpo: Period | None = None


class Backup(Section):
    marker: FarPath
    every: Period


class Job(Section):
    every: Period
    grace: Period
    token: Token | None = None
    token_file: TokenFile | None = None
    credential: TokenCredential | None = None


def _web_address(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise refuse("expected a web address", "Start it with http:// or https://")
    if not is_host(urlsplit(text).hostname or ""):
        raise refuse("expected a web address with a host in it", "Write it like https://www.example.no/")
    return text


def _outside_address(text: str) -> str:
    parts = urlsplit(_web_address(text))
    if parts.query or parts.fragment or parts.username is not None:
        raise refuse("expected a web address without ?, # and @", "Write it like https://drwatch.example.no")
    return text.rstrip("/")


class Endpoint(Section):
    mysql: HostPort | None = None
    dns: Host | None = None
    http: Annotated[str, AfterValidator(_web_address)] | None = None
    resolver: HostPort | None = None


class Cluster(Section):
    objectives: Objectives = Objectives()
    assumed: Assumed = Assumed()
    decide: Decide = Decide()
    drills: Drills | None = None
    nodes: dict[Name, Node] = Field(min_length=1)
    files: dict[Name, FileSet] = {}
    backups: dict[Name, Backup] = {}
    jobs: dict[Name, Job] = {}
    endpoint: Endpoint | None = None


class Quiet(Section):
    begins: TimeOfDay = Field(alias="from")
    ends: TimeOfDay = Field(alias="to")
    zone: Zone | None = None


def _peer(text: str) -> str:
    parts = urlsplit(_web_address(text))
    if parts.username is not None or parts.query or parts.fragment:
        raise refuse("expected an Alertmanager's address and nothing else in it", "Put secrets into password_file")
    return text


class Templates(Section):
    title: Text | None = None
    body: Text | None = None
    short: Text | None = None


class Channel(Section):
    url: Url | None = None
    url_file: UrlFile | None = None
    credential: UrlCredential | None = None
    alertmanager: Annotated[list[Annotated[str, AfterValidator(_peer)]], Field(min_length=1)] | None = None
    user: Text | None = None
    password_file: PasswordFile | None = None
    token_file: PasswordFile | None = None
    ca: Authority | None = None
    format: Literal["full", "short"] = "full"
    quiet: Quiet | None = None
    redact: Switch = "false"
    prove: Switch = "true"
    templates: Templates = Templates()


class Override(Section):
    begins: LocalMoment = Field(alias="from")
    ends: LastMoment = Field(alias="to")
    who: str


class Rota(Section):
    people: dict[Name, Annotated[list[str], Field(min_length=1)]] = Field(min_length=1)
    handover: Handover
    since: Day = Field(alias="from")
    order: Annotated[list[str], Field(min_length=1)] | None = None
    zone: Zone | None = None
    overrides: list[Override] = []


class Step(Section):
    to: list[str] = Field(min_length=1)
    after: Duration = 0.0
    remind: Annotated[float, lasting(60)] | None = None


class Confirm(Section):
    """Beside its four keys it takes the name of any condition."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Duration] = Field(init=False)

    conclusive: Duration = _CONFIRM.conclusive
    likely: Duration = _CONFIRM.likely
    alone: Duration = _CONFIRM.alone
    restarting: Duration = _CONFIRM.restarting


class Flapping(Section):
    times: Count = _FLAPPING.times
    within: Period = _FLAPPING.within
    steady: Period = _FLAPPING.steady


class Digest(Section):
    to: list[str] = Field(min_length=1)
    at: TimeOfDay


class Prove(Section):
    at: MorningHour = _PROVE.at
    every: Annotated[float, lasting(DAY / 2, 7 * DAY)] = _PROVE.every


class Paging(Section):
    channels: dict[Name, Channel] = {}
    rotas: dict[Name, Rota] = {}
    escalation: Annotated[list[Step], Field(min_length=1)] | None = None
    remind: Annotated[float, lasting(60)] = 600.0
    acknowledged: Annotated[float, lasting(60, 86400)] = 3600.0
    hold: Duration = 30.0
    confirm: Confirm = Confirm()
    flapping: Flapping = Flapping()
    digest: Digest | None = None
    templates: Templates = Templates()
    prove: Prove = Prove()


class Maintenance(Section):
    """A window in which nobody is paged for a cluster; it comes round."""

    cluster: Text
    days: Annotated[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]], Field(min_length=1)] | None = None
    at: TimeOfDay
    lasts: Annotated[float, lasting(60, policy.LONGEST_SILENCE)] = Field(alias="for")
    reason: Text


class Limits(Section):
    silence: Period = _LIMITS.silence
    io_wait: Share = _LIMITS.io_wait
    io_pressure: Share = _LIMITS.io_pressure
    probe_blind: Period = _LIMITS.probe_blind
    connections: Share = _LIMITS.connections
    stale_sample: Period = _LIMITS.stale_sample
    applier_stuck: Period = _LIMITS.applier_stuck
    writes_still: Period = _LIMITS.writes_still
    disk_stalled: Period = _LIMITS.disk_stalled
    disk_free: Share = _LIMITS.disk_free
    binlog_gap: Period = _LIMITS.binlog_gap


# Shortest intervals: what the watched servers do not feel, and sshd and max_connect_errors do not punish.
Often = Annotated[float, lasting(0.1, 300)]
Seldom = Annotated[float, lasting(1, 3600)]
Deadline = Annotated[float, lasting(0.1, 60)]
Keep = Annotated[float, lasting(DAY, 10 * 366 * DAY)]


class MysqlPace(Section):
    every: Often = 1.0
    deadline: Deadline = 1.0


class ReplicationPace(Section):
    every: Often = 2.0
    deadline: Deadline = 3.0


class LoginPace(Section):
    every: Seldom = 30.0
    deadline: Deadline = 5.0


class HostPace(Section):
    every: Often = 1.0
    deadline: Deadline = 2.0


class MarkerPace(Section):
    # Markers come over the host probe's channel, within its deadline.
    every: Seldom = 5.0


class ReachPace(Section):
    every: Seldom = 5.0
    deadline: Deadline = 2.0


class EndpointPace(Section):
    every: Seldom = 10.0
    deadline: Deadline = 3.0


class Probes(Section):
    mysql: MysqlPace = MysqlPace()
    replication: ReplicationPace = ReplicationPace()
    login: LoginPace = LoginPace()
    host: HostPace = HostPace()
    marker: MarkerPace = MarkerPace()
    reach: ReachPace = ReachPace()
    endpoint: EndpointPace = EndpointPace()


class Web(Section):
    listen: Listen = Address("127.0.0.1", 9633)
    public_url: Annotated[str, AfterValidator(_outside_address)] | None = None


class State(Section):
    directory: FarPath = "/var/lib/drwatch"
    runtime: SocketDirectory = "/run/drwatch"


class History(Section):
    keep: Keep = 400 * DAY


class Log(Section):
    format: Literal["human", "json"] = "human"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Heartbeat(Section):
    url: WebUrl | None = None
    url_file: WebUrlFile | None = None
    credential: WebUrlCredential | None = None
    every: Annotated[float, lasting(10, 3600)] = 60.0


class Document(Section):
    """The whole file."""

    clusters: dict[Name, Cluster] = Field(min_length=1)
    paging: Paging = Paging()
    heartbeat: Heartbeat | None = None
    maintenance: list[Maintenance] = []
    anchors: list[HostPort] = []
    limits: Limits = Limits()
    probes: Probes = Probes()
    web: Web = Web()
    state: State = State()
    history: History = History()
    log: Log = Log()
    zone: Text = "UTC"
