"""The small disk of the lab: full when it is filled, and gone however the run ends."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drwatch.lab import throttle
from drwatch.lab.deadline import until
from drwatch.lab.disk import Disk, NotPermitted, unmount_below
from drwatch.lab.sandbox import PREFIX, Sandbox, sweep

CRASH = """
import os, signal
from drwatch.lab.disk import Disk
from drwatch.lab.sandbox import Sandbox
sandbox = Sandbox()
Disk(sandbox.directory("oslo-a"))
print(sandbox.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

SLOW = """
import os, signal
from drwatch.lab import throttle
from drwatch.lab.sandbox import Sandbox
sandbox = Sandbox()
server = sandbox.spawn(["sleep", "600"])
throttle.slow(sandbox.path, server.pid, sandbox.path, 10)
print(sandbox.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

WRITER = """
import os, sys
row = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
for number in range(10_000):
    os.pwrite(row, bytes(4096), 4096 * number)
    os.fsync(row)
    print(number, flush=True)
"""


def mounted(place: Path) -> bool:
    with open("/proc/self/mounts") as table:
        return any(line.split()[1].startswith(str(place)) for line in table)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    try:
        return Disk(tmp_path / "node")
    except NotPermitted as reason:
        pytest.skip(str(reason))


def test_a_filled_disk_takes_nothing_more_until_there_is_room(disk: Disk, tmp_path: Path) -> None:
    try:
        disk.fill()
        assert os.statvfs(disk.path).f_bavail * os.statvfs(disk.path).f_frsize < 4096
        with pytest.raises(OSError, match="No space left"):
            (disk.path / "more").write_bytes(bytes(8192))
        disk.free()
        (disk.path / "more").write_bytes(bytes(8192))
    finally:
        unmount_below(tmp_path)
    assert not mounted(tmp_path)


def test_a_stalled_disk_finishes_nothing_until_it_goes_on(disk: Disk, tmp_path: Path) -> None:
    written = threading.Event()

    def write() -> None:
        with (disk.path / "row").open("wb", buffering=0) as file:
            file.write(b"committed")
            os.fsync(file.fileno())
        written.set()

    disk.stall()
    try:
        threading.Thread(target=write, daemon=True).start()
        assert not written.wait(1.0)
        disk.go_on()
        assert written.wait(10)
    finally:
        unmount_below(tmp_path)
    assert not mounted(tmp_path)


def test_a_disk_that_is_swept_while_it_stalls_keeps_nobody_waiting(disk: Disk, tmp_path: Path) -> None:
    disk.stall()
    unmount_below(tmp_path)
    assert not mounted(tmp_path)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    if not (throttle.GROUPS / throttle.WRITES).exists():
        pytest.skip("no block-I/O cgroup of version 1 here")
    with Sandbox() as made:
        yield made


def test_a_slow_disk_finishes_so_many_writes_a_second_until_the_limit_is_lifted(sandbox: Sandbox) -> None:
    disk, rows = Disk(sandbox.directory("node")), sandbox.path / "rows"

    def commits() -> int:
        return len(rows.read_text().split())

    def within(seconds: float) -> int:
        """Commits until so much time has passed."""
        before, begun = commits(), time.monotonic()
        until(lambda: time.monotonic() - begun >= seconds, within=seconds + 1, what="the time to count in")
        return commits() - before

    writer = sandbox.spawn([sys.executable, "-c", WRITER, disk.path / "row"], log=rows)
    until(lambda: commits() > 20, within=10, what="the first commits")
    throttle.slow(sandbox.path, writer.pid, disk.path, 5)
    assert 1 <= within(3.0) <= 20
    throttle.lift(sandbox.path)
    assert not (throttle.GROUPS / sandbox.path.name).exists()
    until(lambda: within(0.5) > 10, within=10, what="as many commits as before")


def test_a_limit_that_a_killed_run_left_is_lifted_by_the_next(sandbox: Sandbox, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", SLOW], env=environment, capture_output=True, text=True, timeout=30)
    left = Path(run.stdout.strip())
    assert (throttle.GROUPS / left.name).is_dir()
    until(lambda: left in sweep(tmp_path), within=10, what="the sweep of what the killed run left")
    assert not (throttle.GROUPS / left.name).exists()


def test_a_machine_without_that_cgroup_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "GROUPS", tmp_path / "nothing")
    with pytest.raises(NotPermitted, match="block-I/O cgroup"):
        throttle.slow(tmp_path, os.getpid(), tmp_path, 10)
    throttle.lift(tmp_path)


def test_a_disk_that_closed_itself_takes_nothing_more(disk: Disk, tmp_path: Path) -> None:
    try:
        disk.close_for_writes()
        with pytest.raises(OSError, match="Read-only file system"):
            (disk.path / "more").write_bytes(b"x")
    finally:
        unmount_below(tmp_path)


def test_a_disk_that_a_killed_run_left_mounted_is_swept_by_the_next(disk: Disk, tmp_path: Path) -> None:
    unmount_below(tmp_path)
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", CRASH], env=environment, capture_output=True, text=True, timeout=30)
    left = Path(run.stdout.strip())
    assert left.name.startswith(PREFIX)
    assert mounted(left)
    until(lambda: left in sweep(tmp_path), within=10, what="the sweep of what the killed run left")
    assert not mounted(left)
    assert not left.exists()


def test_an_ordinary_user_is_told_why_there_is_no_small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    with pytest.raises(NotPermitted, match="only root"):
        Disk(tmp_path / "node")
