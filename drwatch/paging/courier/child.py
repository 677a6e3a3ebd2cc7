"""A forked process for whatever may hang or must be forgotten again."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

PR_SET_PDEATHSIG: Final = 1


@dataclass(slots=True)
class Child:
    """A forked process that says one JSON value through a pipe and is gone."""

    pid: int
    pipe: int
    said: bytearray = field(default_factory=bytearray)

    @classmethod
    def start(cls, work: Callable[[], object], close: Iterable[int] = ()) -> Child:
        """Fork and let the child do ``work``; ``close`` are the parent's descriptors that are none of its business.

        Raises OSError when there can be no process.
        """
        mine, its = os.pipe()
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            os.close(mine)
            os.close(its)
            raise
        if pid:
            os.close(its)
            return cls(pid, mine)
        try:
            gc.disable()
            die_with_parent(parent)
            for descriptor in (mine, *close):
                os.close(descriptor)
            nowhere = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(nowhere, standard)
            os.setpgid(0, 0)
            answer = json.dumps(work()).encode()
            while answer:
                answer = answer[os.write(its, answer) :]
        finally:
            # No clean-up of the parent's affairs, and no waiting for a library's stuck threads.
            os._exit(0)

    def read(self) -> bool:
        """Take what is there to read; False at the end."""
        part = os.read(self.pipe, 65536)
        self.said += part
        return bool(part)

    def wait(self, seconds: float) -> object:
        """Its answer; None when it gave none in time."""
        poller = select.poll()
        poller.register(self.pipe, select.POLLIN)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if poller.poll(left * 1000) and not self.read():
                return self.answer()
        return None

    def answer(self) -> object:
        try:
            return json.loads(self.said)
        except ValueError:
            return None

    def kill(self) -> None:
        """End it, whatever it does, and whatever it may have started; returns when it is gone."""
        for end in (os.kill, os.killpg):
            with suppress(ProcessLookupError, PermissionError):
                end(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.pipe)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, however that happens."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
