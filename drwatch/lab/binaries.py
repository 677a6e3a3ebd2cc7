"""The real programs that the lab runs: the installed ones, else those that `make setup` unpacked beside the system.

The database servers are run from where they lie, so that the lab finds their SQL scripts and messages: those of this
release by their own path, with `env` for the libraries that came with them; those of another release through the loader
that came with them, whose name is then in /proc/PID/comm. Every other program runs as it stands, also inside an ssh
session (`--rsync-path`).

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


class Unavailable(MissingPart):
    """A database server that this machine cannot have; the message says why."""


@dataclass(frozen=True)
class Program:
    """A database server."""

    path: Path
    command: tuple[str | Path, ...]
    """What starts it: its path, or the loader before it."""
    env: Mapping[str, str]
    """What it needs in its environment, beside what is there."""


@dataclass(frozen=True)
class Binaries:
    servers: Path
    """Where `make setup` left the database servers; `server` finds one."""
    mariadb: Path
    sshd: Path
    ssh: Path
    ssh_keygen: Path
    rsync: Path
    prometheus: Path
    promtool: Path
    systemd_analyze: Path
    ip: Path
    nft: Path

    def server(self, name: str) -> Program:
        """The database server of that name, such as mysql-9.7; Unavailable or MissingPart."""
        place, root = self.servers / name, self.servers.with_name("root")
        triplet = f"{platform.machine()}-linux-gnu"
        if place.is_symlink() and place.exists():
            libraries = [root / f"usr/lib/{triplet}", root / f"lib/{triplet}"]
            program = place.resolve()
            return Program(program, (program,), {"LD_LIBRARY_PATH": ":".join(map(str, libraries))})
        if place.is_dir():
            # MariaDB's package brings a link of the other name.
            program = next(path for name in ("mariadbd", "mysqld") if (path := place / "usr/sbin" / name).is_file())
            library = place / "usr/lib" / triplet
            (loader,) = library.glob("ld-linux-*.so.*")
            return Program(program, (loader, "--library-path", library, program), {})
        why = place.with_name(f"{name}.missing")
        if why.exists():
            raise Unavailable(why.read_text().strip())
        raise MissingPart(f"The lab's {name} is not on this machine: run 'make servers' in drwatch's checkout.")


RELEASE = platform.freedesktop_os_release().get("VERSION_CODENAME", "debian")
"""The Debian release's code name."""


def cache() -> Path:
    """Where the lab keeps what it downloaded or made once: outside the checkout, shared by all checkouts."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drwatch-lab"


def parts() -> Path:
    """Where scripts/lab-parts puts this machine's: bin/ has every program that was asked for."""
    return cache() / f"{RELEASE}-{platform.machine()}"


def find() -> Binaries:
    """Every program of the lab, or MissingPart."""

    def program(name: str) -> Path:
        path = parts() / "bin" / name
        if not shutil.which(path):
            raise MissingPart(f"The lab's {name} is not on this machine: run 'make setup' in drwatch's checkout.")
        return path

    return Binaries(
        servers=parts() / "servers",
        mariadb=program("mariadb"),
        sshd=program("sshd"),
        ssh=program("ssh"),
        ssh_keygen=program("ssh-keygen"),
        rsync=program("rsync"),
        prometheus=program("prometheus"),
        promtool=program("promtool"),
        systemd_analyze=program("systemd-analyze"),
        ip=program("ip"),
        nft=program("nft"),
    )
