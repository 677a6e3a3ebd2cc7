"""The daemon as a process on a disk of its own that no longer answers, beside a real pair."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from drwatch.lab.deadline import until
from drwatch.lab.disk import Disk, NotPermitted
from drwatch.lab.faults import FAULTS
from drwatch.lab.pair import Pair
from drwatch.lab.play import Watching, configuration

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def pair() -> Iterator[Pair]:
    with Pair() as pair:
        yield pair


@pytest.fixture
def disk(pair: Pair) -> Disk:
    try:
        disk = Disk(pair.sandbox.path / "ailing", megabytes=12)
    except NotPermitted as why:
        pytest.skip(str(why))
    return disk


def told(pair: Pair, condition: str) -> list[str]:
    """How each page of it begins."""
    return [page.title.split()[0] for page in pair.inbox.accepted if condition in page.title]


def turned(watching: Watching, times: int) -> None:
    until(lambda: watching.log.count("has been read again") == times, within=30, what="the turn")


def test_a_sighup_while_the_disk_does_not_answer_is_obeyed_and_nothing_is_told_again(pair: Pair, disk: Disk) -> None:
    state: Path = disk.path / "state"
    config = configuration(pair, {"state.directory": str(state), "paging.hold": "3s"})
    with Watching(pair, config) as watching:
        watching.wait_until_well()
        assert watching.process is not None
        disk.stall()
        try:
            FAULTS["standby-writable"].strike(pair)
            # One that is cut off before its answer may cost a copy: that is another scenario.
            until(lambda: "through phone: accepted" in watching.log, within=40, what="the page")
            for number in range(1, 3):
                watching.process.signal(signal.SIGHUP)
                turned(watching, number)
                until(lambda: (watching.cluster() or {}).get("settled"), within=30, what="a look all round")
            FAULTS["standby-writable"].mend(pair)
            until(lambda: len(told(pair, "StandbyWritable")) == 2, within=40, what="the end")
        finally:
            disk.go_on()
        assert watching.process.alive
        assert "Traceback" not in watching.log
    assert told(pair, "StandbyWritable") == ["WARNING", "RESOLVED"]
