"""A small disk of its own, to be filled: an ext4 image on a loop device, mounted in the sandbox."""

import os
import subprocess
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

MEGABYTES = 300
"""A fresh data directory and its logs take from 50 (MariaDB) to more than 100 (MySQL 9)."""

SPARE = 60
"""Megabytes more for the file system beneath, which must never be the full one."""


class Under(StrEnum):
    """What lies on the small disk; the rest lies where it always does."""

    BINLOG = "the primary's binary logs"
    DATA = "the primary's data"
    RELAY = "the standby's relay logs"
    STATE = "drwatch's own state"


class NotPermitted(RuntimeError):
    """This machine lets nobody mount a loop device here; the text says why."""


class Disk:
    """Mounted once it is made. The sandbox unmounts whatever is left in it, the run after a crash included.

    Its image lies on a file system of its own, so that it can be made to stand still without any other's doing so.
    """

    def __init__(self, place: Path, megabytes: int = MEGABYTES) -> None:
        self.path = place / "disk"
        self._under = place / "under"
        for path in (self.path, self._under):
            path.mkdir(parents=True)
        if os.getuid() != 0:
            raise NotPermitted("a small disk to fill is a loop mount, and only root may mount it")
        _make(place / "under.img", self._under, megabytes + SPARE)
        _make(self._under / "disk.img", self.path, megabytes)

    def stall(self) -> None:
        """Let no I/O on it end: what is under way stays so, as when a volume was taken away."""
        subprocess.run(["fsfreeze", "--freeze", self._under], check=True, capture_output=True)

    def go_on(self) -> None:
        subprocess.run(["fsfreeze", "--unfreeze", self._under], check=True, capture_output=True)

    def close_for_writes(self) -> None:
        """As ext4 does by itself after an error of the disk; only a new mount opens it again."""
        subprocess.run(["mount", "-o", "remount,abort", self.path], check=True, capture_output=True)

    def fill(self) -> None:
        """Take all the room there is."""
        with (self.path / "ballast").open("ab", buffering=0) as ballast:
            for piece in (1 << 20, 1 << 10):
                with suppress(OSError):
                    while ballast.write(bytes(piece)):
                        pass

    def free(self) -> None:
        (self.path / "ballast").unlink(missing_ok=True)


def _make(image: Path, mounted: Path, megabytes: int) -> None:
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    # Nothing is kept for root: an ordinary server cannot have it, and the lab's may run as root.
    for command in (f"mkfs.ext4 -q -m 0 {image}".split(), f"mount -o loop {image} {mounted}".split()):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            raise NotPermitted(f"no small disk to fill can be made here: {said.strip()}") from error


def unmount_below(place: Path) -> None:
    """Unmount every disk that is mounted below that directory."""
    with open("/proc/self/mounts") as table:
        mounted = [line.split()[1].encode().decode("unicode_escape") for line in table]
    for path in mounted:
        if Path(path).is_relative_to(place):
            # A frozen one would keep for ever whoever has a file open above it; one that is not frozen refuses this.
            subprocess.run(["fsfreeze", "--unfreeze", path], capture_output=True)
            # Lazily: its loop device goes with the last file that is open there.
            subprocess.run(["umount", "--lazy", path], check=True, capture_output=True)
