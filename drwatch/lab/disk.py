"""A small disk of its own, to be filled: an ext4 image on a loop device, mounted in the sandbox."""

import os
import subprocess
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

MEGABYTES = 300
"""A fresh data directory and its logs take from 50 (MariaDB) to more than 100 (MySQL 9)."""


class Under(StrEnum):
    """What of the primary lies on the small disk; the other lies where it always does."""

    BINLOG = "its binary logs"
    DATA = "its data"


class NotPermitted(RuntimeError):
    """This machine lets nobody mount a loop device here; the text says why."""


class Disk:
    """Mounted once it is made. The sandbox unmounts whatever is left in it, the run after a crash included."""

    def __init__(self, place: Path) -> None:
        self.path = place / "disk"
        image = place / "disk.img"
        self.path.mkdir(parents=True)
        if os.getuid() != 0:
            raise NotPermitted("a small disk to fill is a loop mount, and only root may mount it")
        with image.open("wb") as file:
            file.truncate(MEGABYTES << 20)
        # Nothing is kept for root: an ordinary server cannot have it, and the lab's may run as root.
        for command in (f"mkfs.ext4 -q -m 0 {image}".split(), f"mount -o loop {image} {self.path}".split()):
            try:
                subprocess.run(command, check=True, capture_output=True, text=True)
            except (OSError, subprocess.CalledProcessError) as error:
                said = getattr(error, "stderr", "") or str(error)
                raise NotPermitted(f"no small disk to fill can be made here: {said.strip()}") from error

    def fill(self) -> None:
        """Take all the room there is."""
        with (self.path / "ballast").open("ab", buffering=0) as ballast:
            for piece in (1 << 20, 1 << 10):
                with suppress(OSError):
                    while ballast.write(bytes(piece)):
                        pass

    def free(self) -> None:
        (self.path / "ballast").unlink(missing_ok=True)


def unmount_below(place: Path) -> None:
    """Unmount every disk that is mounted below that directory."""
    with open("/proc/self/mounts") as table:
        mounted = [line.split()[1].encode().decode("unicode_escape") for line in table]
    for path in mounted:
        if Path(path).is_relative_to(place):
            # Lazily: its loop device goes with the last file that is open there.
            subprocess.run(["umount", "--lazy", path], check=True, capture_output=True)
