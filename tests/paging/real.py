"""Real servers of other makers that pages are sent to, each on loopback and in a directory of its own."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from drwatch.lab.binaries import parts


def program(name: str) -> str:
    """Where scripts/lab-parts put it."""
    path = parts() / "bin" / name
    assert shutil.which(path), f"{name} is not on this machine: run 'make servers'"
    return str(path)


class Running:
    """A server as a child process; its words are in ``log``."""

    def __init__(self, command: list[str], log: Path, ready: Callable[[], bool], seconds: float = 15.0) -> None:
        self.log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
        end = time.monotonic() + seconds
        while not ready():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise AssertionError(f"{command[0]} does not run:\n{log.read_text(errors='replace')}")
            time.sleep(0.02)

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
