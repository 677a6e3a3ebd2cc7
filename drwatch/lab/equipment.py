"""What drwatch looks, writes and pages with, and how each of it fails; the pair itself is well."""

import time

from drwatch.lab.deadline import until
from drwatch.lab.fault import Fault
from drwatch.lab.inbox import PHONE
from drwatch.lab.pair import Pair
from drwatch.lab.takeover import leave


def close_shell(pair: Pair) -> float:
    pair.primary_ssh.kill()
    return time.monotonic()


def open_shell(pair: Pair) -> None:
    pair.primary_ssh.start()


def remove_marker(pair: Pair) -> float:
    """And cron does not write it anew."""
    pair.files.paused.set()
    until(lambda: not pair.files.running, within=30, what="the end of the sync that is under way")
    pair.files.marker.unlink()
    return time.monotonic()


def bring_marker_back(pair: Pair) -> None:
    pair.files.paused.clear()
    until(pair.files.marker.exists, within=30, what="the marker")


def close_own_disk(pair: Pair) -> float:
    """Only a new mount opens it again."""
    if pair.disk is None:
        raise RuntimeError("drwatch has no small disk to close here")
    pair.disk.close_for_writes()
    return time.monotonic()


def refuse_pages(pair: Pair) -> float:
    """Its token is no longer good."""
    pair.inbox.refusing.add(PHONE)
    return time.monotonic()


def accept_pages(pair: Pair) -> None:
    pair.inbox.refusing.discard(PHONE)


EQUIPMENT = (
    Fault("shell-gone", "the primary's sshd ends", close_shell, open_shell),
    Fault("files-marker-gone", "the marker of the file sync is removed", remove_marker, bring_marker_back),
    Fault(
        "witness-disk-read-only",
        "the disk under drwatch's own state has an error and closes itself",
        close_own_disk,
        leave,
        needs_small_disk=True,
    ),
    Fault(
        "phone-refuses",
        "the phone's service refuses what it is sent",
        refuse_pages,
        accept_pages,
        circumstance=True,
    ),
)
