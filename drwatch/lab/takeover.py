"""What a human does to a pair's roles: the runbook's promotion, a rebuild, a switchover; and what goes wrong there."""

import time
from contextlib import ExitStack

from drwatch.lab.deadline import until
from drwatch.lab.pair import Pair
from drwatch.lab.replication import caught_up, drain, start_replication
from drwatch.lab.writer import Writer

STRAY = 5.0
"""Commits a second of an application that writes to the wrong side."""

ELSEWHERE = 1_000_000_000
"""Its rows' ids, which the application on the right side does not come to."""


def kill_whole(pair: Pair) -> float:
    """The primary dies when its standby has everything: afterwards it can be turned round without a copy."""
    pair.writer.pause()
    until(lambda: caught_up(pair.primary, pair.standby), within=15, what="the standby caught up")
    died_at = pair.primary.kill()
    pair.writer.resume()
    return died_at


def take_over(pair: Pair) -> float:
    """The runbook's steps 5 to 13: drained, stopped, made to forget its source, opened, and written to."""
    pair.files.paused.set()  # step 8: the old primary's sync is cut off
    pair.standby.sql(f"STOP {pair.standby.words.replica} IO_THREAD")
    drain(pair.standby)
    _open(pair)
    pair.writer.move(pair.standby)
    return time.monotonic()


def _open(pair: Pair) -> None:
    standby = pair.standby
    for statement in (f"STOP {standby.words.replica}", f"RESET {standby.words.replica} ALL"):
        standby.sql(statement)
    pair.taken_over_at = standby.sql(standby.words.coordinate)[0]
    standby.sql("SET GLOBAL read_only = OFF")


def bring_back(pair: Pair) -> float:
    """The old primary's host boots again, and its server starts as it always did: writable."""
    pair.primary.start()
    return time.monotonic()


def rebuild(pair: Pair) -> float:
    """The old primary becomes the standby of the new one."""
    pair.primary.start("--read-only=1")
    _turn_round(pair)
    return time.monotonic()


def _turn_round(pair: Pair) -> None:
    old, new = pair.primary, pair.standby
    if old.flavour.is_mariadb and old.flavour.by_gtid:
        # It was never a replica: of itself it would ask for everything from the beginning.
        old.sql("SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_binlog_pos")
    start_replication(new, old, new.address, new.port, pair.taken_over_at)


def switch_over(pair: Pair) -> float:
    """A planned exchange of the roles, in which nothing is lost."""
    pair.writer.pause()
    pair.files.paused.set()
    pair.primary.sql("SET GLOBAL read_only = ON")
    until(lambda: caught_up(pair.primary, pair.standby), within=15, what="the standby caught up")
    _open(pair)
    _turn_round(pair)
    pair.writer.move(pair.standby)
    pair.writer.resume()
    return time.monotonic()


def split(pair: Pair) -> float:
    """Somebody opens the standby while the primary serves, and part of the application writes there."""
    _open(pair)
    stray = ExitStack()
    stray.enter_context(Writer(pair.standby, STRAY, after=ELSEWHERE))
    pair.held.append(stray)
    return time.monotonic()


def follow_a_stranger(pair: Pair) -> float:
    """Somebody runs the statement that was meant for the standby, or for another server, on the primary."""
    words = pair.primary.words
    source = words.source
    pair.primary.sql(
        f"{words.change} {source}_HOST='127.0.0.99', {source}_PORT=9, {source}_USER='nobody', {source}_PASSWORD='x'"
    )
    pair.primary.sql(f"START {words.replica}")
    return time.monotonic()


def follow_nobody(pair: Pair) -> None:
    pair.primary.sql(f"STOP {pair.primary.words.replica}")
    pair.primary.sql(f"RESET {pair.primary.words.replica} ALL")


def close_primary(pair: Pair) -> float:
    pair.writer.pause()
    pair.primary.sql("SET GLOBAL read_only = ON")
    return time.monotonic()


def open_primary(pair: Pair) -> None:
    pair.primary.sql("SET GLOBAL read_only = OFF")
    pair.writer.resume()


def leave(pair: Pair) -> None:
    """Roles that were exchanged stay so: only a new pair is as it was."""
