"""A slow disk: the kernel lets a process write there so many times a second (the block-I/O cgroup, version 1).

What waits is what the process itself writes: its fsyncs. The limit stands above the device: its own queue stays short.
"""

import os
from contextlib import suppress
from pathlib import Path

from drwatch.lab.deadline import until
from drwatch.lab.disk import NotPermitted

GROUPS = Path("/sys/fs/cgroup/blkio")
WRITES = "blkio.throttle.write_iops_device"


def slow(sandbox: Path, pid: int, place: Path, writes: int) -> None:
    """Let that process write to the disk under ``place`` so many times a second. The group has the sandbox's name, so
    that the run after a crash finds it. NotPermitted where there is no such cgroup."""
    group = GROUPS / sandbox.name
    if not (GROUPS / WRITES).exists():
        raise NotPermitted(f"a slow disk takes the block-I/O cgroup of version 1, which is not at {GROUPS} here")
    device = os.stat(place).st_dev
    try:
        group.mkdir(exist_ok=True)
        (group / WRITES).write_text(f"{os.major(device)}:{os.minor(device)} {writes}")
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        raise NotPermitted(f"no disk can be made slow here: {error}") from error


def lift(sandbox: Path) -> None:
    """Let everybody write as ever, and remove the group; what is not there is lifted."""
    group = GROUPS / sandbox.name
    if not group.exists():
        return
    for pid in (group / "cgroup.procs").read_text().split():
        with suppress(ProcessLookupError):
            (GROUPS / "cgroup.procs").write_text(pid)
    until(lambda: _removed(group), within=5, what=f"the end of {group}")


def _removed(group: Path) -> bool:
    """A process on its way out keeps its group for a moment."""
    with suppress(OSError):
        group.rmdir()
    return not group.exists()
