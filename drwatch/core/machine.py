"""What a host says of itself over SSH."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from drwatch.core.binlog import Coordinate


@dataclass(frozen=True, slots=True)
class Process:
    """A database server process; ``state`` is /proc's letter (T stopped, D uninterruptible, Z not yet reaped)."""

    pid: int
    state: str


@dataclass(frozen=True, slots=True)
class Filesystem:
    path: str
    size_bytes: int
    free_bytes: int
    """Free for ordinary users: what is kept for root, a server cannot use."""
    free_inodes: int | None
    """None where the file system has no such limit (btrfs)."""
    age: float = 0.0
    """Seconds since it was asked: on a hung mount the answer never comes."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A block device since the look before: mean wait of an I/O in seconds, None without I/O; and reads now pending."""

    name: str
    await_seconds: float | None
    in_flight: int
    read_seconds: float | None = None
    """Mean wait of its reads; None where there were none or too few."""
    read_bytes: float | None = None
    """Mean size of those reads: great ones are a scan, and no measure of reading at random."""


@dataclass(frozen=True, slots=True)
class Device:
    """The block device under watched paths, as it is at the look."""

    paths: tuple[str, ...]
    name: str
    read_only: bool
    """It is mounted so, or its file system has made itself so."""
    done: int | None
    """I/Os that were finished since boot; None where it is no disk of its own, such as a network file system."""
    in_flight: int
    """I/Os that are under way."""


@dataclass(frozen=True, slots=True)
class HostFact:
    """What the host says of itself over SSH."""

    clock: datetime
    processes: tuple[Process, ...]
    """The database server's, as the configuration tells them apart; empty means that none exists."""
    unit: str | None
    """systemd's ActiveState/SubState of the server's unit, such as 'active/running'; None without systemd."""
    io_wait: float | None
    """Share of CPU time since the look before, 0 to 1; None at the first look."""
    io_pressure: float | None
    """PSI some avg10 of I/O, 0 to 1; None where the kernel has none."""
    disks: tuple[Disk, ...]
    memory_available_bytes: int | None
    filesystems: tuple[Filesystem, ...]
    slow_age: float | None
    """Seconds since the background part (df, markers) last finished; None when it never has."""
    binlog: Coordinate | None = None
    """Newest binary log file and its size, where the account may list the directory: no full disk keeps it back."""
    devices: tuple[Device, ...] = ()
    """Under the watched paths and the root; empty where node.sh is older than version 3."""

    @property
    def restarting(self) -> bool:
        """systemd says that it is bringing the server up or down."""
        return (self.unit or "").startswith(("activating", "deactivating", "reloading"))


@dataclass(frozen=True, slots=True)
class PortFact:
    """The database server's port as its own kernel sees it."""

    listens: bool
    waiting: int
    """Connections that nobody has taken yet."""
    readers: tuple[str, ...]
    """Names of the cluster's nodes from whose address a connection is established there. One that is not among them may
    come from another address of its own."""
