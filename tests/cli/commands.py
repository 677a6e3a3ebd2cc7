"""``drwatch`` as a user runs it: a process, its exit status and its words; a traceback is never an answer."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

import psutil

PROGRAM = (sys.executable, "-m", "drwatch")
NOBODY = 65534


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line on stderr."""
        (line,) = self.err.strip().splitlines()
        return line


def drwatch(*arguments: object, env: dict[str, str] | None = None, prefix: tuple[str, ...] = ()) -> Ran:
    """Run one command to its end."""
    command = [*prefix, *PROGRAM, *map(str, arguments)]
    ran = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, env={**os.environ, **(env or {})}
    )
    assert "Traceback" not in ran.stdout + ran.stderr, ran.stderr
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def plain_user() -> tuple[str, ...] | None:
    """What to put before a command so that file modes count: root is above them. None where nobody may read us."""
    if os.getuid():
        return ()
    prefix = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")
    able = subprocess.run([*prefix, *PROGRAM, "--version"], capture_output=True, cwd="/").returncode == 0
    return prefix if able else None


@contextmanager
def own_tmp() -> Iterator[Path]:
    """A directory for TMPDIR of a demo: short enough for sockets, and watched for what is left behind."""
    path = Path(tempfile.mkdtemp(prefix="drwc-"))
    try:
        yield path
    finally:
        rmtree(path)


def left_in(directory: Path) -> list[str]:
    """The files in there, and the processes whose environment names it."""
    found = [str(path) for path in directory.iterdir()]
    for process in psutil.process_iter(["name"]):
        try:
            if str(directory) in process.environ().get("DRWATCH_SANDBOX", ""):
                found.append(f"{process.pid} {process.info['name']}")
        except psutil.Error:
            continue
    return found


def start(*arguments: str, env: dict[str, str], stdout: int = subprocess.PIPE) -> "subprocess.Popen[str]":
    """A command that goes on for a while. ctrl-C reaches it whatever the shell above has made of SIGINT."""
    return subprocess.Popen(
        [*PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
