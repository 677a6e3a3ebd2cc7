"""What an ordinary week does to a real pair: none of it is a trouble, and none may wake anybody."""

from __future__ import annotations

import shlex
import signal
import time
from pathlib import Path

from drwatch.lab.binaries import find
from drwatch.lab.deadline import until
from drwatch.lab.pair import Pair


def rotate_logs(pair: Pair) -> float:
    """What logrotate's script does on both hosts, in its old form: FLUSH LOGS begins a new binary log too."""
    for server in pair.servers:
        server.sql("FLUSH LOGS")
    return time.monotonic()


def stop_primary(pair: Pair) -> float:
    """The first half of what systemctl restart does after an upgrade."""
    return pair.primary.process.signal(signal.SIGTERM)


def start_primary(pair: Pair) -> None:
    """The second half."""
    pair.primary.process.wait(60)
    pair.primary.start()
    until(pair.replicates, within=30, what="replication at work again")


def stop_applier(pair: Pair) -> float:
    """What mysqldump --dump-slave and xtrabackup --safe-slave-backup do for as long as they take."""
    pair.standby.sql(f"STOP {pair.standby.words.replica} SQL_THREAD")
    return time.monotonic()


def start_applier(pair: Pair) -> None:
    pair.standby.sql(f"START {pair.standby.words.replica} SQL_THREAD")
    until(pair.replicates, within=30, what="replication at work again")


def slow_sync(pair: Pair) -> float:
    """Each run takes longer than cron waits for it: the far end of rsync is in no hurry."""
    slow = pair.sandbox.path / "slow-rsync"
    slow.write_text(f'#!/bin/sh\nsleep 2\nexec {shlex.quote(pair.files.env["RSYNC_PATH"])} "$@"\n')
    slow.chmod(0o755)
    _far_end(pair, slow)
    return time.monotonic()


def lossy_sync(pair: Pair) -> float:
    """A file is gone before it is copied, each time: rsync ends with 24."""
    lossy = pair.sandbox.path / "lossy-rsync"
    lossy.write_text(f'#!/bin/sh\n{shlex.quote(pair.files.env["RSYNC_PATH"])} "$@" || exit\nexit 24\n')
    lossy.chmod(0o755)
    _far_end(pair, lossy)
    return time.monotonic()


def plain_sync(pair: Pair) -> None:
    _far_end(pair, find().rsync)


def _far_end(pair: Pair, program: Path) -> None:
    pair.files.env["RSYNC_PATH"] = str(program)
