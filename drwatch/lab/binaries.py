"""The real programs that the lab runs: the installed ones, else those that `make setup` unpacked beside the system.

The database servers are run by their own path, so that the lab finds their SQL scripts and messages from where they
lie, and with `env` added to the environment: the libraries that came with them. Their names in /proc/PID/comm stay.
Every other program runs as it stands, with no `env`, also inside an ssh session (`--rsync-path`).

`sshd` is to be started by this absolute path with `-D -e -f CONFIG` and, as ever in a sandbox, `UsePAM no`,
`StrictModes no` and a host key of its own. As an ordinary user it lets that user in and nobody else. As root it brings
the user list that OpenSSH wants with it (see scripts/lab-parts): a machine without openssh-server needs nothing.
"""

import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class MissingPart(Exception):
    """A program that the lab needs is not on this machine. The message says the remedy."""


@dataclass(frozen=True)
class Binaries:
    mariadbd: Path
    mysqld57: Path | None
    """None where the processor is not an x86-64: MySQL 5.7 was never built for another."""
    env: Mapping[str, str]
    """What the database servers need in their environment, beside what is there."""
    mariadb: Path
    sshd: Path
    ssh: Path
    ssh_keygen: Path
    rsync: Path
    prometheus: Path
    promtool: Path
    systemd_analyze: Path


def cache() -> Path:
    """Where the lab keeps what it downloaded or made once: outside the checkout, shared by all checkouts."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drwatch-lab"


def parts() -> Path:
    """Where scripts/lab-parts puts this machine's: bin/ has every program that was asked for."""
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "debian")
    return cache() / f"{release}-{platform.machine()}"


def find() -> Binaries:
    """Every program of the lab, or MissingPart."""
    machine = platform.machine()

    def program(name: str) -> Path:
        path = parts() / "bin" / name
        if not shutil.which(path):
            raise MissingPart(f"The lab's {name} is not on this machine: run 'make setup' in drwatch's checkout.")
        return path

    libraries = [parts() / f"root/usr/lib/{machine}-linux-gnu", parts() / f"root/lib/{machine}-linux-gnu"]
    return Binaries(
        mariadbd=program("mariadbd").resolve(),
        mysqld57=program("mysqld").resolve() if machine == "x86_64" else None,
        env={"LD_LIBRARY_PATH": ":".join(str(path) for path in libraries)},
        mariadb=program("mariadb"),
        sshd=program("sshd"),
        ssh=program("ssh"),
        ssh_keygen=program("ssh-keygen"),
        rsync=program("rsync"),
        prometheus=program("prometheus"),
        promtool=program("promtool"),
        systemd_analyze=program("systemd-analyze"),
    )
