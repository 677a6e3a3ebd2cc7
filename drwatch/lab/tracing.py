"""The story of crashing.py with a kill at a system call, by strace: of drwatch itself, or of what its courier does."""

from __future__ import annotations

import re
import shutil
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from drwatch.lab.binaries import parts
from drwatch.lab.crashing import PATIENCE, Story, Told, courier_of
from drwatch.lab.deadline import until
from drwatch.lab.failpoints import STOPPED
from drwatch.lab.sandbox import Process

ASKED = 5.0
"""Seconds in which both phones are asked, whatever becomes of it."""

Calls = Counter[str]
"""How often a system call is made, at most, by one thread."""


def syscalls() -> tuple[Calls, Calls]:
    """The calls of drwatch, and of its courier and the attempt that it forks, between the decision to page and the mark
    of its acceptance.

    strace counts by thread too: a kill at the third is at the third of the thread that first comes to one.
    """
    with Story("counting") as story:
        story.start(STOPPED)
        own, couriers = story.sandbox.path / "trace", story.sandbox.path / "courier.trace"
        with _Traced(story, ["-o", str(own)], ["-o", str(couriers)]):
            until(lambda: bool(story.phone.accepted) and not story.waiting(), within=PATIENCE, what="the mark")
        return _counted(own), _counted(couriers)


OF_THE_KERNEL = "restart_syscall"
"""A call that strace's hold broke off, going on: nobody makes it, and a kill there comes before the hold is told."""


def _counted(trace: Path) -> Calls:
    made = Counter(re.findall(r"^(\d+) +(?:<\.\.\. )?([a-z_0-9]+)\(", trace.read_text(), re.MULTILINE))
    most: Calls = Counter()
    for (_, call), count in made.items():
        most[call] = max(most[call], count)
    del most[OF_THE_KERNEL]
    return most


def crash_at(call: str, number: int) -> Told | None:
    """A kill of drwatch at that system call, the ``number``th of its thread; None where it made no such call."""
    with Story(f"{call} {number}") as story:
        story.start(STOPPED)
        with _Traced(story, ["-o", "/dev/null", *_kill(call, number)]):
            killed = story.until(lambda: story.told(resolved=False), "the kill")
        return story.end([story.go_on()]) if killed else None


def crash_courier_at(call: str, number: int) -> Told | None:
    """A kill of the courier, or of the attempt that it forked, at that system call; None where it made no such call.

    drwatch lives, and cannot know whether the page had left. What one phone may have is told on the other, so it is
    required of any of them.
    """
    with Story(f"courier: {call} {number}") as story:
        story.start(STOPPED)
        trace = story.sandbox.path / "courier.trace"
        with _Traced(story, None, ["-o", str(trace), *_kill(call, number)]):
            story.until(lambda: _kills(trace) > 0 or story.told(resolved=False), "the kill")
        # Another attempt may have come to the same call before strace let go.
        story.kills = _kills(trace)
        with suppress(TimeoutError):
            until(lambda: story.told(resolved=False), within=ASKED, what="the trouble on both phones")
        return story.end([], any) if story.kills else None


def _kill(call: str, number: int) -> list[str]:
    return ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}"]


def _kills(trace: Path) -> int:
    """How many processes were killed; a thread dies with its process."""
    return len(re.findall(r"^\d+ +\+\+\+ killed by SIGKILL", trace.read_text(), re.MULTILINE)) if trace.exists() else 0


class _Traced:
    """drwatch under strace from the decision on, its courier, or both: each with strace's words, None for without."""

    def __init__(self, story: Story, own: list[str] | None, couriers: list[str] | None = None) -> None:
        self._story, self._own, self._couriers = story, own, couriers
        self._straces: list[Process] = []

    def __enter__(self) -> None:
        process = self._story.process
        assert process is not None
        until(lambda: _state(process.pid) == "T", within=PATIENCE, what="the decision to page")
        if self._own is not None:
            self._hold(process.pid, self._own)
        if self._couriers is not None:
            courier = courier_of(process.pid)
            until(lambda: _rests(courier), within=PATIENCE, what="a courier that waits", every=0.5)
            self._hold(courier, self._couriers)
        process.signal(signal.SIGCONT)

    def _hold(self, pid: int, words: list[str]) -> None:
        command = [str(_strace()), "-f", "-q", "-p", str(pid), *words]
        self._straces.append(self._story.sandbox.spawn(command, log=self._story.sandbox.path / f"strace.{pid}.log"))
        until(lambda: _traced(pid), within=30, what="strace's hold")

    def __exit__(self, *error: object) -> None:
        for strace in self._straces:
            if strace.alive:
                strace.signal(signal.SIGINT)
                with suppress(TimeoutError):
                    strace.wait(10)


def _traced(pid: int) -> bool:
    """Whether every thread is."""
    states = [each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/status")]
    return bool(states) and all("TracerPid:\t0\n" not in text for text in states)


def _strace() -> Path:
    return Path(shutil.which("strace") or parts() / "bin" / "strace")


def _rests(pid: int) -> bool:
    """Whether it waits for what is asked of it, as a courier does once it is ready, and did so half a second ago."""
    before = _used(pid)
    time.sleep(0.5)
    return _state(pid) == "S" and _used(pid) == before and not Path(f"/proc/{pid}/task/{pid}/children").read_text()


def _used(pid: int) -> str:
    """How long it has run."""
    return Path(f"/proc/{pid}/schedstat").read_text().split()[0]


def _state(pid: int) -> str:
    with suppress(FileNotFoundError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""
