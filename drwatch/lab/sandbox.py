"""One throw-away directory and every process of a run, all gone at the end however the run ends.

Three nets, one below the other: the context manager (ctrl-C, SIGTERM and SIGHUP included), the parent-death signal by
which the kernel ends the children of a run that was itself SIGKILLed, and the next run, which finds the directories
whose lock is free, ends what still belongs to them and removes them.
"""

import fcntl
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO, Self

from drwatch.lab import throttle
from drwatch.lab.disk import unmount_below

PREFIX = "drwatch-lab-"
NETWORK = "network"
"""The directory in a sandbox where its network namespaces have their names."""
MARK = "DRWATCH_SANDBOX"
"""The environment variable by which a later run knows the descendants of a dead one: it names their sandbox."""


class Process:
    """A child with a thread that waits for it: no zombie is left, for drwatch reads /proc and must see no corpse."""

    def __init__(self, popen: "subprocess.Popen[bytes]", on_end: Callable[[], None] | None = None) -> None:
        self.pid = popen.pid
        self.ended_at: float | None = None  # time.monotonic() seconds
        self.returncode: int | None = None
        self._popen = popen
        self._on_end = on_end
        self._ended = threading.Event()
        threading.Thread(target=self._reap, name=f"reap-{self.pid}", daemon=True).start()

    def _reap(self) -> None:
        self.returncode = self._popen.wait()
        self.ended_at = time.monotonic()
        try:
            if self._on_end:
                self._on_end()
        finally:
            self._ended.set()

    @property
    def alive(self) -> bool:
        return not self._ended.is_set()

    def signal(self, number: int) -> float:
        """Send a signal; the monotonic time at which it was sent."""
        if self.alive:  # once it is reaped the pid may be another's
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)
        return time.monotonic()

    def wait(self, within: float) -> int:
        """The exit status; TimeoutError when it is still there after `within` seconds."""
        if not self._ended.wait(within):
            raise TimeoutError(f"process {self.pid} did not end within {within:g} s")
        assert self.returncode is not None
        return self.returncode

    def kill_tree(self) -> None:
        """SIGKILL it with all its descendants: an sshd's sessions outlive their listener otherwise."""
        self.signal(signal.SIGSTOP)  # so that it forks no more while the tree is read
        for pid in [*descendants(self.pid), self.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait(10)


class Sandbox:
    """A directory (0700) with a lock held for the run's life, and the processes started in it."""

    def __init__(self) -> None:
        sweep(Path(tempfile.gettempdir()))
        self.path, self._lock = _claim(Path(tempfile.gettempdir()))
        self.processes: list[Process] = []
        # The parent-death signal follows the thread that forked, not its process: one forks all, and outlives them.
        self._spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")
        self._handlers: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is signal.SIG_DFL:
                    self._handlers[number] = signal.signal(number, _leave)
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def directory(self, name: str) -> Path:
        """A subdirectory, made if need be."""
        path = self.path / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        return {**os.environ, **(extra or {}), MARK: str(self.path)}

    def spawn(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
        stdin: IO[bytes] | None = None,
        on_end: Callable[[], None] | None = None,
    ) -> Process:
        """Start a child in a session of its own (so that ctrl-C reaches this run first); output appends to `log`."""
        return self._spawner.submit(self._spawn, [str(a) for a in argv], env, log, stdin, on_end).result()

    def _spawn(
        self,
        argv: list[str],
        env: Mapping[str, str] | None,
        log: Path | None,
        stdin: IO[bytes] | None,
        on_end: Callable[[], None] | None,
    ) -> Process:
        with (log or Path(os.devnull)).open("ab") as output:
            popen = subprocess.Popen(
                # setpriv, not preexec_fn: Python code between fork and exec can deadlock in a process with threads.
                ["setpriv", "--pdeathsig", "KILL", "--", *argv],
                env=self.environment(env),
                stdin=stdin or subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        with (self.path / "processes").open("a") as record:
            record.write(f"{popen.pid} {_started(popen.pid)}\n")
        process = Process(popen, on_end)
        self.processes = [p for p in self.processes if p.alive] + [process]
        return process

    def close(self) -> None:
        """End every process and remove the directory; a second ctrl-C meanwhile must not stop it half way."""
        main = threading.current_thread() is threading.main_thread()
        before = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if main}
        try:
            for process in reversed(self.processes):
                if process.alive:
                    process.kill_tree()
            _end(_marked(self.path))
            self._spawner.shutdown()
            _remove(self.path)
            self._lock.close()
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if number in self._handlers else handler)


def sweep(parent: Path) -> list[Path]:
    """Remove the sandboxes under `parent` whose run is dead, after ending by pid what still runs there; their paths."""
    swept = []
    for path in parent.glob(PREFIX + "*"):
        try:
            if path.lstat().st_uid != os.getuid():
                continue
            with (path / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _end([*_recorded(path), *_marked(path), *_networked(path)])
                _remove(path)
        except (BlockingIOError, FileNotFoundError):  # its run is alive; or another sweep was quicker
            continue
        swept.append(path)
    return swept


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, the deepest last."""
    children: dict[int, list[int]] = {}
    for child in _pids():
        with suppress(OSError):
            children.setdefault(int(_stat(child)[1]), []).append(child)
    found = [pid]
    for parent in found:  # grows while it is walked
        found += children.get(parent, [])
    return found[1:]


def inside(namespace: Path) -> Iterator[int]:
    """All processes in the network namespace of that name, whoever started them."""
    network = namespace.stat()
    for pid in _pids():
        with suppress(OSError):
            theirs = os.stat(f"/proc/{pid}/ns/net")
            if (theirs.st_dev, theirs.st_ino) == (network.st_dev, network.st_ino):
                yield pid


def _claim(parent: Path) -> tuple[Path, IO[str]]:
    """A new directory, locked before it gets the name that a concurrent sweep looks for."""
    made = Path(tempfile.mkdtemp(prefix=".drwatch-", dir=parent))
    lock = (made / "lock").open("a")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return made.rename(parent / (PREFIX + made.name.rpartition("-")[2])), lock


def _remove(sandbox: Path) -> None:
    """Remove the directory, its lock last: without it a sweep would take the half of it that is left for nobody's."""
    throttle.lift(sandbox)
    unmount_below(sandbox)
    for entry in sandbox.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != "lock":
            entry.unlink()
    shutil.rmtree(sandbox)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _stat(pid: int) -> list[str]:
    """/proc/PID/stat from its third field on: the second, the name in brackets, may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _started(pid: int) -> str:
    """Ticks after boot at which the process began: with the pid, its identity; "0" when it is gone."""
    try:
        return _stat(pid)[19]
    except OSError:
        return "0"


def _recorded(sandbox: Path) -> Iterator[int]:
    """The processes noted in the sandbox that are still the same ones."""
    with suppress(FileNotFoundError):
        for line in (sandbox / "processes").read_text().splitlines():
            pid, _, started = line.partition(" ")
            if started and _started(int(pid)) == started != "0":
                yield int(pid)


def _marked(sandbox: Path) -> Iterator[int]:
    """The processes whose environment names the sandbox: those that its children started."""
    mark = f"{MARK}={sandbox}".encode()
    for pid in _pids():
        with suppress(OSError):
            if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") and pid != os.getpid():
                yield pid


def _networked(sandbox: Path) -> Iterator[int]:
    """The processes on the hosts of the sandbox's own network."""
    for namespace in (sandbox / NETWORK).glob("*"):
        yield from inside(namespace)


def _end(pids: Iterable[int]) -> None:
    """SIGKILL each and wait until it is gone (at most 5 s)."""
    for pid in pids:
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                select.select([handle], [], [], 5)
            finally:
                os.close(handle)
