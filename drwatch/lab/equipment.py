"""What drwatch looks, writes and pages with, and how each of it fails; the pair itself is well."""

import time

from drwatch.lab.deadline import until
from drwatch.lab.fault import Fault
from drwatch.lab.inbox import PHONE
from drwatch.lab.pair import Pair


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


def fill_own_disk(pair: Pair) -> float:
    """To the last byte: what the ballast was is taken too, once drwatch has given it up."""
    if pair.disk is None:
        raise RuntimeError("drwatch has no small disk to fill here")
    pair.disk.fill()
    ballast = next(pair.state.glob("*.ballast"))
    until(lambda: not ballast.exists(), within=30, what="drwatch's giving up its ballast")
    pair.disk.fill()
    return time.monotonic()


def free_own_disk(pair: Pair) -> None:
    if pair.disk is not None:
        pair.disk.free()


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
        "witness-disk-full",
        "the disk under drwatch's own state is full",
        fill_own_disk,
        free_own_disk,
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
