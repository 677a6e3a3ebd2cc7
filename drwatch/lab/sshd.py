"""A real sshd per node, on the node's own loopback address, as whatever user runs the lab."""

import getpass
import os
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from drwatch.lab.binaries import Binaries
from drwatch.lab.deadline import until
from drwatch.lab.host import HERE, Host
from drwatch.lab.sandbox import MARK, Process, Sandbox, descendants

CONFIG = """\
{listen}
HostKey {home}/host_key
PidFile {home}/sshd.pid
AuthorizedKeysFile {home}/authorized_keys
AuthenticationMethods publickey
PermitRootLogin prohibit-password
UsePAM no
StrictModes no
PrintMotd no
# A bash that sshd started reads ~/.bashrc unless it believes in a shell above it: this is a node, not its user's desk.
# And sshd hands nothing of its environment down, so the sandbox's mark on every process is given here.
SetEnv SHLVL=1 {mark}={sandbox}
LogLevel VERBOSE
"""


class Sshd:
    """`key` opens it; `known_hosts` is the line that a strict client needs."""

    def __init__(
        self,
        sandbox: Sandbox,
        binaries: Binaries,
        name: str,
        address: str,
        force_command: str | None = None,
        host: Host = HERE,
    ) -> None:
        self.name, self.address, self.port, self.host = name, address, host.port(22, address), host
        self.user = getpass.getuser()
        self.home = sandbox.directory(f"{name}/sshd")
        self.key, self.log = sandbox.path / "id_ed25519", self.home / "sshd.log"
        self._sandbox, self._binaries = sandbox, binaries
        self._process: Process | None = None
        if not self.key.exists():
            self._keygen(self.key, "drwatch-lab")
        public = self.key.with_suffix(".pub").read_text()
        forced = f'command="{force_command}",restrict ' if force_command else ""
        (self.home / "authorized_keys").write_text(forced + public)
        listen = f"ListenAddress {address}:{self.port}" if not host.apart else f"Port {self.port}"
        (self.home / "sshd_config").write_text(
            CONFIG.format(listen=listen, home=self.home, mark=MARK, sandbox=sandbox.path)
        )
        self._keygen(self.home / "host_key", name)

    def _keygen(self, path: Path, comment: str) -> None:
        for old in (path, path.with_suffix(".pub")):
            old.unlink(missing_ok=True)
        subprocess.run(
            [self._binaries.ssh_keygen, "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path],
            check=True,
        )

    @property
    def known_hosts(self) -> str:
        kind, key = (self.home / "host_key.pub").read_text().split()[:2]
        if not self.host.apart:
            return f"[{self.address}]:{self.port} {kind} {key}\n"
        return f"{self.name},{self.name}.shop.test,{self.host.address},{self.host.address6} {kind} {key}\n"

    @property
    def process(self) -> Process:
        if self._process is None:
            raise RuntimeError(f"{self.name}'s sshd was never started")
        return self._process

    def start(self) -> None:
        self._process = self._sandbox.spawn(
            self.host.inside([self._binaries.sshd, "-D", "-f", self.home / "sshd_config", "-E", self.log]),
            log=self.log,
        )
        until(self._greets, within=10, what=f"{self.name}'s sshd answering (see {self.log})")

    def _greets(self) -> bool:
        if not self.process.alive:
            raise RuntimeError(f"{self.name}'s sshd ended at its start:\n{self.log.read_text()[-2000:]}")
        try:
            with self.host.call(lambda: socket.create_connection((self.address, self.port), timeout=5)) as dial:
                return dial.recv(4) == b"SSH-"
        except OSError:
            return False

    def kill(self) -> None:
        """End the listener and every session, by pid."""
        if self.process.alive:
            self.process.kill_tree()

    def freeze(self) -> None:
        """Stop the listener and its sessions; the listener first, so that it forks no more."""
        self.process.signal(signal.SIGSTOP)
        for pid in descendants(self.process.pid):
            with suppress(ProcessLookupError):  # a session's own child may have ended meanwhile
                os.kill(pid, signal.SIGSTOP)

    def change_host_key(self) -> None:
        """A new host key, as after a reinstallation; `known_hosts` lines handed out before are wrong from now on."""
        self.kill()
        for file in ("host_key", "host_key.pub"):
            (self.home / file).rename(self.home / f"before.{file}")
        self._keygen(self.home / "host_key", self.name)
        self.start()

    def restore_host_key(self) -> None:
        self.kill()
        for file in ("host_key", "host_key.pub"):
            (self.home / f"before.{file}").replace(self.home / file)
        self.start()
