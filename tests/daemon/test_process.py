"""The daemon as a process beside a real pair: what systemd, an operator and a crash do to it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from drwatch.config import Config, ConfigErrors
from drwatch.daemon.service import _next
from drwatch.daemon.supervisor import Supervisor
from drwatch.lab.deadline import until
from drwatch.lab.faults import FAULTS
from drwatch.lab.inbox import Inbox, Mood
from drwatch.lab.page import read
from drwatch.lab.pair import Pair
from drwatch.lab.play import Watching, configuration
from drwatch.lab.replication import MONITOR
from drwatch.lab.scenario import overlay

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with Pair() as pair:
        yield pair


@pytest.fixture
def config(pair: Pair) -> Path:
    """A configuration of its own directory, so that no test sees another's ledger."""
    state = pair.sandbox.directory(f"state-{time.monotonic_ns()}")
    pair.inbox.pages.clear()
    return configuration(pair, {"state.directory": str(state), "paging.hold": "3s"})


@pytest.fixture
def watching(pair: Pair, config: Path) -> Iterator[Watching]:
    with Watching(pair, config) as watching:
        watching.wait_until_well()
        yield watching


def drwatch(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "drwatch", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **(env or {})})


def titles(pair: Pair) -> list[str]:
    return [page.title for page in pair.inbox.accepted]


def test_sigterm_ends_it_within_two_seconds_with_everything_it_started(watching: Watching) -> None:
    assert watching.process is not None
    family = [child.pid for child in psutil.Process(watching.process.pid).children(recursive=True)]
    asked = time.monotonic()
    assert watching.stop(within=2.0) == 0
    assert time.monotonic() - asked < 2.0
    until(lambda: not any(psutil.pid_exists(pid) for pid in family), within=2, what="the end of its children")


def test_sigterm_does_not_wait_for_a_page_that_hangs_and_the_next_start_sends_it(pair: Pair, config: Path) -> None:
    """The phone takes the page and never answers; drwatch is stopped in the middle of the attempt.

    The row stays due and counts as one that may have arrived, so its copy comes after half a minute.
    """
    pair.inbox.mood = Mood.HANG
    with Watching(pair, config) as watching:
        watching.wait_until_well()
        FAULTS["standby-writable"].strike(pair)
        until(lambda: pair.inbox.pages, within=15, what="the attempt")
        assert watching.stop(within=2.0) == 0
        pair.inbox.mood = Mood.ACCEPT
        started = time.monotonic()
        watching.start()
        page = pair.inbox.wait_for(lambda page: "StandbyWritable" in page.title, within=40)
        took = page.received_at - started
        FAULTS["standby-writable"].mend(pair)
    assert 20.0 < took < 35.0
    assert len(titles(pair)) == 1


def test_a_restart_with_an_unchanged_condition_pages_nobody(pair: Pair, watching: Watching) -> None:
    FAULTS["standby-writable"].strike(pair)
    # A kill between the phone's acceptance and its mark may cost a copy: that is another scenario.
    until(lambda: any(line.told for line in watching.history()), within=15, what="the mark in the ledger")
    for _ in range(3):
        watching.kill()
        watching.start()
        until(lambda: (watching.cluster() or {}).get("settled"), within=10, what="a look all round")
    FAULTS["standby-writable"].mend(pair)
    pair.inbox.wait_for(lambda page: page.title.startswith("RESOLVED"), within=20)
    assert [title.split()[0] for title in titles(pair)] == ["WARNING", "RESOLVED"]


def test_a_wrong_configuration_at_sighup_is_named_and_the_old_one_stays(watching: Watching, config: Path) -> None:
    assert watching.process is not None
    good = config.read_text()
    config.write_text(good + "\nclusterz: {}\n")
    watching.process.signal(signal.SIGHUP)
    until(lambda: "the old one stays in force" in watching.log, within=5, what="the refusal")
    assert "clusterz" in watching.log
    assert watching.cluster() is not None
    config.write_text(good)
    watching.process.signal(signal.SIGHUP)
    until(lambda: "has been read again" in watching.log, within=5, what="the new configuration")
    watching.wait_until_well()


@pytest.mark.parametrize("key", ["web.listen", "state.directory"])
def test_a_configuration_that_cannot_be_put_into_force_is_named_and_the_old_one_stays(
    pair: Pair, watching: Watching, config: Path, key: str
) -> None:
    """The file is good, and its port is taken or its directory cannot be made: that must not end the witness."""
    assert watching.process is not None
    good, before = config.read_text(), len(watching.log)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wrong = {"web.listen": f"127.0.0.1:{taken.getsockname()[1]}", "state.directory": "/proc/drwatch"}
        config.write_text(overlay(good, {key: wrong[key]}))
        watching.process.signal(signal.SIGHUP)
        until(lambda: "the old one stays in force" in watching.log[before:], within=10, what="the refusal")
        watching.wait_until_well()
    config.write_text(good)
    assert watching.process.alive
    assert "Traceback" not in watching.log[before:]


async def test_a_sighup_that_comes_while_the_watch_turns_is_obeyed_afterwards() -> None:
    stop, reload, read = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def read_again() -> Config:
        read.set()
        raise ConfigErrors([])

    reload.set()
    turn = asyncio.create_task(_next(stop, reload, read_again))
    async with asyncio.timeout(1):
        await read.wait()
    stop.set()
    assert await turn is None


def test_a_second_drwatch_on_the_same_ledger_is_refused_in_one_sentence(watching: Watching, config: Path) -> None:
    second = drwatch("run", "--config", str(config))
    assert second.returncode == 1
    *notices, refusal = second.stderr.strip().splitlines()
    assert all(" WARNING " in notice for notice in notices)
    assert "stop it first" in refusal
    assert watching.cluster() is not None


def test_a_taken_port_is_said_in_one_sentence(pair: Pair, config: Path) -> None:
    with socket.create_server(("127.0.0.1", pair.web_port)):
        refused = drwatch("run", "--config", str(config))
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert str(pair.web_port) in refused.stderr.strip().splitlines()[-1]


def test_systemd_hears_ready_after_the_first_judgement_and_the_watchdog_after(
    pair: Pair, config: Path, tmp_path: Path
) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(address)
        notify.settimeout(10)
        command = [sys.executable, "-m", "drwatch", "run", "--config", str(config)]
        process = subprocess.Popen(command, env={**os.environ, "NOTIFY_SOCKET": address}, stderr=subprocess.DEVNULL)
        try:
            heard = [notify.recv(256).decode() for _ in range(3)]
            process.send_signal(signal.SIGSTOP)  # a stuck daemon must fall silent
            notify.setblocking(False)
            with suppress(BlockingIOError):  # what was said before it was stopped
                while True:
                    notify.recv(256)
            notify.settimeout(2.5)
            with pytest.raises(TimeoutError):
                notify.recv(256)
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(5)
    assert heard == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]


def test_a_supervisor_that_is_gone_ends_nothing(tmp_path: Path) -> None:
    """As in a shell that inherited $NOTIFY_SOCKET from a service."""
    Supervisor(str(tmp_path / "gone")).tell("READY=1")


def test_a_channel_that_refuses_for_good_is_told_on_the_other(pair: Pair, config: Path) -> None:
    with Inbox() as pager:
        pager.mood = Mood.FORBID
        secret = config.parent / "pager.url"
        secret.touch(mode=0o600)
        secret.write_text(pager.url)
        path = configuration(
            pair,
            {
                "state.directory": str(pair.sandbox.directory(f"state-{time.monotonic_ns()}")),
                "paging.channels.pager": {"url_file": str(secret)},
                "paging.escalation": [{"to": ["phone", "pager"]}],
            },
        )
        with Watching(pair, path) as watching:
            watching.wait_until_well()
            FAULTS["standby-writable"].strike(pair)
            told = pair.inbox.wait_for(lambda page: "PagingBroken" in page.title, within=20)
            FAULTS["standby-writable"].mend(pair)
    assert read(told.title, told.message, 0.0).condition == "PagingBroken"
    assert "pager" in told.title


def test_no_secret_reaches_a_log_a_page_the_metrics_or_the_process_list(pair: Pair, watching: Watching) -> None:
    assert watching.process is not None
    family = [psutil.Process(watching.process.pid), *psutil.Process(watching.process.pid).children(recursive=True)]
    arguments = " ".join(word for process in family for word in process.cmdline())
    assert {process.rlimit(psutil.RLIMIT_CORE) for process in family} == {(0, 0)}, "a crash dumps no memory"
    FAULTS["access-denied"].strike(pair)
    pair.inbox.wait_for(lambda page: "AccessDenied" in page.title, within=60)
    FAULTS["access-denied"].mend(pair)
    pages = " ".join(page.title + page.message for page in pair.inbox.pages)
    everything = " ".join((watching.log, str(watching.status()), arguments, pages))
    assert MONITOR[1] not in everything
    assert pair.inbox.url not in everything


def test_a_silence_outlives_a_kill_and_what_is_still_true_at_its_end_is_paged(pair: Pair, config: Path) -> None:
    """As an operator asks for it; drwatch is killed the instant after its answer."""
    asked = ["silence", "shop", "--for", "25s", "--reason", "upgrade", "--by", "anna", "--node", "oslo-b"]
    with Watching(pair, config) as watching:
        watching.wait_until_well()
        made = drwatch(*asked, "--config", str(config))
        watching.kill()
        assert (made.returncode, made.stderr) == (0, "")
        began = time.monotonic()
        assert "anna: upgrade" in made.stdout
        watching.start()
        watching.wait_until_well()
        FAULTS["standby-writable"].strike(pair)
        until(lambda: any(line.pages == 0 for line in watching.history()), within=15, what="the untold incident")
        listed = json.loads(drwatch("silence", "--list", "--json", "--config", str(config)).stdout)
        assert [(each["by"], each["node"], each["active"]) for each in listed] == [("anna", "oslo-b", True)]
        page = pair.inbox.wait_for(lambda page: "StandbyWritable" in page.title, within=45)
        FAULTS["standby-writable"].mend(pair)
        assert 24 <= page.received_at - began <= 25 + 15
        refused = drwatch("silence", "shop", "--for", "73h", "--reason", "x", "--config", str(config))
        assert (refused.returncode, refused.stderr) == (
            2,
            "a silence lasts from 1s to 72h\n",
        )
