"""The uploads: the guide's rsync from primary to standby, by the very script that users install."""

import os
import shlex
import threading
from pathlib import Path
from typing import Self

from drwatch.lab.binaries import Binaries
from drwatch.lab.host import HERE, Host
from drwatch.lab.sandbox import Sandbox
from drwatch.lab.sshd import Sshd

SCRIPT = Path(__file__).parents[2] / "config" / "drwatch-sync"


class FileSync:
    """Cron on the primary. `paused` keeps it from starting; `failures` counts the runs that did not succeed."""

    def __init__(
        self, sandbox: Sandbox, binaries: Binaries, primary: str, standby: Sshd, every: float, host: Host = HERE
    ) -> None:
        self.source = sandbox.directory(f"{primary}/uploads")
        self.target = sandbox.directory(f"{standby.name}/uploads")
        self.marker = sandbox.directory(f"{standby.name}/drwatch-sync") / "uploads"
        self.every = every
        self.paused = threading.Event()
        self.runs = self.failures = 0
        self.running = False
        self.log = sandbox.path / primary / "drwatch-sync.log"
        self._sandbox, self._host = sandbox, host
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="cron", daemon=True)
        known_hosts = sandbox.path / "sync_known_hosts"
        known_hosts.write_text(standby.known_hosts)
        ssh = [binaries.ssh, "-F", "/dev/null", "-i", standby.key, "-p", standby.port, "-l", standby.user]
        ssh += ["-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={known_hosts}", "-o", "LogLevel=ERROR"]
        self.env = {
            "PATH": f"{binaries.rsync.parent}:{os.environ['PATH']}",
            "SRC": f"{self.source}/",
            "HOST": standby.address,
            "DEST": f"{self.target}/",
            "MARKER": str(self.marker),
            "TMPDIR": str(sandbox.path),
            "LOCK": str(sandbox.path / primary / "drwatch-sync.lock"),
            "NAME": primary,
            "SSH": shlex.join(str(word) for word in ssh),
            "RSYNC_PATH": str(binaries.rsync),  # the far end has not our PATH
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.set()
        self._thread.join(10)

    def run(self) -> bool:
        """One run of the script; whether it succeeded."""
        self.running = True
        process = self._sandbox.spawn(self._host.inside(["sh", SCRIPT]), env=self.env, log=self.log)
        while process.alive:
            if self._closing.wait(0.02):
                process.kill_tree()
                return False
        self.running = False
        self.runs += 1
        self.failures += process.returncode != 0
        return process.returncode == 0

    def _work(self) -> None:
        while not self._closing.is_set():
            if not self.paused.is_set():
                self.run()
            self._closing.wait(self.every)
