"""Nothing of a run outlives it: no directory, no process, however it ends."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drwatch.lab.deadline import until
from drwatch.lab.sandbox import Sandbox, sweep

RUN = """
import faulthandler, signal, time
from drwatch.lab.sandbox import Sandbox
faulthandler.dump_traceback_later(8)  # into the report, should it not end
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits it ignored
with Sandbox() as sandbox:
    child = sandbox.spawn(["sh", "-c", f"sleep 1000 & echo $! > {sandbox.path}/grandchild; wait"])
    while not (sandbox.path / "grandchild").exists() or not (sandbox.path / "grandchild").read_text():
        time.sleep(0.01)
    print(sandbox.path, child.pid, (sandbox.path / "grandchild").read_text(), flush=True)
    time.sleep(1000)
"""


def exists(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def another_run(parent: Path) -> Iterator[tuple["subprocess.Popen[str]", Path, list[int]]]:
    """A run in a process of its own: the process, its sandbox, and the pids of the child and grandchild in it."""
    popen = subprocess.Popen(
        [sys.executable, "-c", RUN], stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(parent)}
    )
    with popen:
        try:
            assert popen.stdout
            path, *pids = popen.stdout.readline().split()
            yield popen, Path(path), [int(pid) for pid in pids]
        finally:
            popen.kill()
            popen.wait()
            sweep(parent)


def test_the_end_of_a_sandbox_takes_its_directory_and_its_processes() -> None:
    with Sandbox() as sandbox:
        process = sandbox.spawn(["sleep", "1000"])
        assert exists(process.pid)
        assert sandbox.path.stat().st_mode & 0o077 == 0
    assert not sandbox.path.exists()
    assert not exists(process.pid)


def test_a_child_that_dies_leaves_no_zombie(sandbox: Sandbox) -> None:
    process = sandbox.spawn(["sleep", "1000"])
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(5) == -signal.SIGKILL
    assert not Path(f"/proc/{process.pid}").exists()
    assert not process.alive


def test_a_stopped_child_ends_with_its_sandbox_too() -> None:
    with Sandbox() as sandbox:
        process = sandbox.spawn(["sleep", "1000"])
        process.signal(signal.SIGSTOP)
    assert not exists(process.pid)


def test_a_child_outlives_the_thread_that_asked_for_it(sandbox: Sandbox) -> None:
    """The kernel's parent-death signal comes with the death of the forking thread, not of the process."""
    started = []
    thread = threading.Thread(target=lambda: started.append(sandbox.spawn(["sleep", "1000"])))
    thread.start()
    thread.join()
    with pytest.raises(TimeoutError):
        started[0].wait(0.2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_run_takes_everything_with_it(number: signal.Signals, tmp_path: Path) -> None:
    with another_run(tmp_path) as (run, path, pids):
        run.send_signal(number)
        run.wait(10)
        assert not path.exists()
        assert not [pid for pid in pids if exists(pid)]


def test_what_a_killed_run_left_is_gone_after_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with another_run(tmp_path) as (run, path, (child, grandchild)):
        run.kill()
        run.wait(10)
        until(lambda: not exists(child), within=5, what="the child ended by the kernel")
        assert path.exists()
        assert exists(grandchild)
        assert sweep(tmp_path) == [path]
        assert not path.exists()
        assert not exists(grandchild)


def test_a_sweep_spares_a_run_that_is_alive(tmp_path: Path) -> None:
    with another_run(tmp_path) as (_, path, pids):
        assert sweep(tmp_path) == []
        assert path.exists()
        assert all(exists(pid) for pid in pids)


def test_a_sweep_spares_a_stranger_that_has_got_a_dead_childs_pid(sandbox: Sandbox, tmp_path: Path) -> None:
    stranger = sandbox.spawn(["sleep", "1000"])
    leftover = tmp_path / "drwatch-lab-leftover"
    leftover.mkdir()
    (leftover / "lock").touch()
    (leftover / "processes").write_text(f"{stranger.pid} 12345\n")
    assert sweep(tmp_path) == [leftover]
    assert stranger.alive
