"""A command on a terminal of its own (pty): keys in, the screen's bytes out."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from types import TracebackType
from typing import Self

from commands import PROGRAM

ALTERNATE, NORMAL = "\x1b[?1049h", "\x1b[?1049l"


class Terminal:
    """100 columns, 30 lines."""

    def __init__(self, *arguments: str, env: dict[str, str] | None = None) -> None:
        self._arguments, self._env = arguments, env or {}
        self.said = ""

    def __enter__(self) -> Self:
        self._master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        environment = {**os.environ, "TERM": "xterm-256color", **self._env}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *PROGRAM, *self._arguments],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=environment,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.press("\x03")
            try:
                self._end(20)
            except TimeoutError:
                self.process.kill()
        os.close(self._master)
        os.close(self.slave)

    @property
    def settings(self) -> list[object]:
        return termios.tcgetattr(self.slave)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def wait_for(self, words: str, within: float) -> str:
        """Read until the words are drawn after what was read before; what was read on the way."""
        begun, give_up_at = len(self.said), time.monotonic() + within
        while words not in self.said[begun:]:
            if time.monotonic() > give_up_at or self.process.poll() is not None:
                raise TimeoutError(f"{words!r} did not come: {self.said[-3000:]}")
            self._read(0.2)
        return self.said[begun:]

    def wait(self, within: float) -> int:
        """The exit status."""
        return self._end(within)

    def _end(self, within: float) -> int:
        give_up_at = time.monotonic() + within
        while self.process.poll() is None:
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"it goes on: {self.said[-3000:]}")
            self._read(0.1)
        while self._read(0.0):
            pass
        return self.process.returncode

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        self.said += os.read(self._master, 65536).decode(errors="replace")
        return True
