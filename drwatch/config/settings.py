"""The configuration as the daemon uses it: the core's policy, and what the probes and the channels need to be built."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from drwatch.config.secrets import Secret
from drwatch.config.values import Address
from drwatch.core.policy import Policy, Role
from drwatch.core.sample import Node, Probe


class TlsMode(StrEnum):
    """MySQL's own words for it. No mode falls back to plaintext."""

    OFF = "off"
    REQUIRED = "required"
    """Encrypted; nobody checks with whom."""
    VERIFY_CA = "verify-ca"
    VERIFY_IDENTITY = "verify-identity"
    """The CA and the host name."""


@dataclass(frozen=True, slots=True)
class Tls:
    mode: TlsMode = TlsMode.OFF
    ca: Path | None = None
    """PEM file; None takes the system's authorities."""

    def context(self) -> ssl.SSLContext | None:
        """What the client connects with; None means plaintext. Raises ``OSError`` when the CA file has gone."""
        if self.mode is TlsMode.OFF:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        # The certificates that MySQL makes for itself lack what RFC 5280 asks for, and Python >= 3.13 would insist.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = self.mode is TlsMode.VERIFY_IDENTITY
        if self.mode is TlsMode.REQUIRED:
            context.verify_mode = ssl.CERT_NONE
        return context


@dataclass(frozen=True, slots=True)
class MysqlSettings:
    address: Address
    user: str
    password: Secret
    tls: Tls
    unit: str
    datadir: str
    binlog_dir: str | None
    """Directory of the binary logs, to be listed over SSH; None leaves it."""
    process: str | None
    """What the server's command line contains, where several servers share a host."""


@dataclass(frozen=True, slots=True)
class SshSettings:
    address: Address
    user: str
    key_file: Path
    known_hosts: Path


@dataclass(frozen=True, slots=True)
class NodeSettings:
    node: Node
    role: Role
    mysql: MysqlSettings
    ssh: SshSettings | None


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """A cluster's endpoint: whose look it is, what is resolved, and whom to ask instead of the system's resolver."""

    node: Node
    host: str
    port: int | None
    """Where a database server answers there; None for an endpoint that is none."""
    resolver: Address | None


@dataclass(frozen=True, slots=True)
class AlertmanagerSettings:
    """A channel whose pages go to Alertmanagers; neither a user nor a token where they ask for none."""

    addresses: tuple[str, ...]
    user: str | None = None
    password: Secret | None = None
    token: Secret | None = None
    ca: Path | None = None

    def headers(self) -> Mapping[str, str]:
        """What proves who asks: a secret."""
        if self.token is not None:
            return {"Authorization": f"Bearer {self.token.reveal()}"}
        if self.user is None or self.password is None:
            return {}
        both = f"{self.user}:{self.password.reveal()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(both).decode()}"}


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a probe looks and how long it waits for the answer, seconds."""

    every: float
    deadline: float


@dataclass(frozen=True, slots=True)
class Log:
    format: str
    """human or json."""
    level: str
    """debug, info, warning or error."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Who raises the alarm when drwatch falls silent: the address to ask for, and how often, in seconds."""

    url: Secret
    every: float


@dataclass(frozen=True, slots=True)
class JobToken:
    """By what a job of a cluster is known when it speaks."""

    cluster: str
    job: str
    token: Secret


@dataclass(frozen=True, slots=True)
class Config:
    """A file that was found good."""

    policy: Policy
    nodes: tuple[NodeSettings, ...]
    endpoints: tuple[EndpointSettings, ...]
    probes: Mapping[Probe, Pace]
    """A pace for every kind of probe."""
    channels: Mapping[str, Secret]
    """Apprise URLs by channel name."""
    alertmanagers: Mapping[str, AlertmanagerSettings]
    """The channels that are none of Apprise's."""
    jobs: tuple[JobToken, ...]
    heartbeat: Heartbeat | None
    anchors: tuple[Address, ...]
    listen: Address
    public_url: str | None
    """Where the listener is found from outside, without a slash at the end."""
    state_dir: Path
    runtime_dir: Path
    log: Log
    notices: tuple[str, ...]
    """What is accepted and yet should be known, a sentence each, without secrets."""
