"""Plays a scenario against the real daemon and a real pair, and says what came of it."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

import psutil
from ruamel.yaml import YAML

from drwatch.core.finding import PRIMARY_LOST, Condition
from drwatch.lab.deadline import until
from drwatch.lab.faults import FAULTS
from drwatch.lab.harm import Harm, crowd, harm, refusals, threads_of
from drwatch.lab.hosts import Hosts
from drwatch.lab.inbox import Page
from drwatch.lab.page import Told, read
from drwatch.lab.pair import Pair
from drwatch.lab.replication import MONITOR, status
from drwatch.lab.result import Result
from drwatch.lab.sandbox import Process
from drwatch.lab.scenario import Crash, Scenario, Topology, forgotten, judge, overlay
from drwatch.lab.server import Flavour, Server
from drwatch.store import Past, read_account, read_history

WARM_UP = 30.0
"""Seconds in which a healthy pair must be seen to be healthy."""


def configuration(pair: Pair, settings: Mapping[str, Any] | None = None) -> Path:
    """Write the pair's configuration with dotted ``settings`` laid over it; the file's path."""
    path = pair.sandbox.path / "drwatch.yaml"
    path.touch(0o600)
    path.write_text(overlay(pair.config(), settings or {}))
    return path


class Watching:
    """The real daemon, as a process of its own."""

    def __init__(self, pair: Pair, config: Path) -> None:
        self._pair, self._config = pair, config
        state = YAML().load(config)["state"]
        self._ledger, self._socket = Path(state["directory"]) / "drwatch.db", Path(state["runtime"]) / "drwatch.sock"
        self.process: Process | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        command = [sys.executable, "-m", "drwatch", "run", "--config", str(self._config)]
        inside = self._pair.places.witness.inside(command)
        self.process = self._pair.sandbox.spawn(inside, log=self._pair.sandbox.path / "drwatch.log")

    def stop(self, within: float = 45.0) -> int:
        """SIGTERM and wait; the exit status. The deadline is for a loaded machine: at load 10 it took over 20 s."""
        assert self.process is not None
        if self.process.alive:
            self.process.signal(signal.SIGTERM)
        return self.process.wait(within)

    def kill(self) -> None:
        """SIGKILL: what a power cut leaves behind."""
        assert self.process is not None
        self.process.signal(signal.SIGKILL)
        self.process.wait(5)

    @property
    def log(self) -> str:
        return (self._pair.sandbox.path / "drwatch.log").read_text(errors="replace")

    def courier(self) -> psutil.Process:
        """The process that sends."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if "drwatch.paging.courier" in child.cmdline())

    def history(self) -> tuple[Past, ...]:
        """What the ledger holds."""
        return read_history(self._ledger)

    def faces(self) -> set[Condition]:
        """Every face that an incident in the ledger ever had: the last one may be what was seen of its end."""
        found = {line.condition for line in self.history()}
        accounts = [read_account(self._ledger, line.id) for line in self.history()]
        return found | {each.stand.condition for account in accounts if account for each in account.decided}

    def status(self) -> dict[str, Any]:
        """/api/v1/status; OSError while nobody listens."""
        connection = http.client.HTTPConnection("drwatch", timeout=5)
        # Its unix socket: the port is on the witness's host, which may have a network of its own.
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(5)
        try:
            connection.sock.connect(str(self._socket))
            connection.request("GET", "/api/v1/status")
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()

    def cluster(self) -> dict[str, Any] | None:
        """The pair as the daemon sees it; None while it says nothing."""
        with suppress(OSError, http.client.HTTPException, ValueError):
            clusters = self.status()["clusters"]
            return clusters[0] if clusters else None
        return None

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool], within: float = WARM_UP) -> dict[str, Any]:
        """The pair as the daemon sees it, once it is ``wanted``; TimeoutError with the log's end and what it saw."""

        def seen() -> dict[str, Any] | None:
            assert self.process is not None
            if not self.process.alive:
                raise RuntimeError(f"{self.log[-2000:]}\ndrwatch ended with {self.process.returncode}")
            cluster = self.cluster()
            return cluster if cluster and wanted(cluster) else None

        try:
            return until(seen, within=within, what="what drwatch should see", every=0.1)
        except TimeoutError:
            raise TimeoutError(f"{self.log[-2000:]}\ndrwatch sees otherwise: {self.cluster()}") from None

    def wait_until_well(self) -> None:
        """Until every probe sees and every figure is known; TimeoutError with the log's end and what is amiss."""
        try:
            self.wait_for(lambda cluster: not _amiss(cluster))
        except TimeoutError as late:
            raise TimeoutError(f"{late}\nit is not well: {', '.join(_amiss(self.cluster()))}") from None


def _blind(cluster: dict[str, Any] | None) -> list[str]:
    """The probes that do not see."""
    nodes = (cluster["primary"], *cluster["standbys"]) if cluster else ()
    return [each["probe"] for node in nodes for each in node["probes"] if not each["up"]]


THE_MACHINES = frozenset({Condition.IO_WAIT_HIGH})
"""Of all hosts of the lab at once: they share one kernel, and other pairs are brought up beside this one."""


def _amiss(cluster: dict[str, Any] | None) -> list[str]:
    """What keeps the pair from being well in the daemon's eyes."""
    if cluster is None:
        return ["drwatch says nothing"]
    claims = [each["data"] for each in cluster["exposures"] if each["seconds"] is None or each["seconds"] >= 5]
    return [
        *(["not all was looked at"] if not cluster["settled"] else []),
        *(f"the exposure of {data}" for data in claims),
        *(f"the files {each['name']} are not measured" for each in cluster["files"] if not each["measured"]),
        *(f"the probe {probe} is blind" for probe in _blind(cluster)),
        *(each["condition"] for each in cluster["findings"] if each["condition"] not in THE_MACHINES),
    ]


def play(
    scenario: Scenario,
    flavour: Flavour,
    say: Callable[[str], None] = lambda words: None,
    topology: Topology | None = None,
    beside: Callable[[Pair], AbstractContextManager[object]] = nullcontext,
) -> Result:
    """The whole story once, on its own topology or on another one; all of it is gone afterwards.

    ``beside`` is who else watches it.
    """
    topology = topology or scenario.topology
    bring_up = Hosts if topology is Topology.HOSTS else Pair
    with (
        bring_up(flavour, rate=scenario.rate, small_disk=scenario.small_disk, needs=scenario.needs) as pair,
        beside(pair),
    ):
        say(f"a pair of {flavour} is up and replicating")
        with Watching(pair, configuration(pair, scenario.laid_over(datetime.now(UTC)))) as watching:
            watching.wait_until_well()
            say("drwatch sees it")
            before = {server.name: harm(server) for server in pair.servers}
            if scenario.crash is not None:
                _lay_in_wait(scenario.crash, pair, watching, say)
            held = crowd(pair.primary, MONITOR[0])
            result = _act(scenario, topology, pair, watching, say)
            during = crowd(pair.primary, MONITOR[0])
            if scenario.mends:
                _mend(scenario, pair, watching)
        result.harm = _harm(pair, before, scenario.turned_away)
        result.harm["threads_stuck"] = max(0, during[1] - 1) if during else 0
        after = crowd(pair.primary, MONITOR[0]) if pair.primary.alive else None
        result.threads = {
            "before": held[0] if held else None,
            "during": during[0] if during else None,
            "stuck": during[1] if during else None,
            "after": after[0] if after else None,
        }
    return result


def _mend(scenario: Scenario, pair: Pair, watching: Watching) -> None:
    """Make the pair whole, the last fault first, and let drwatch see it.

    An end in the middle of its logins would be the lab's own doing.
    """
    for act in reversed(scenario.acts):
        if not any(other.mend and other.fault == act.fault for other in scenario.acts):
            FAULTS[act.fault].mend(pair)
    with suppress(TimeoutError):
        until(lambda: not _blind(watching.cluster()), within=15, what="drwatch's probes to see again")


def _lay_in_wait(crash: Crash, pair: Pair, watching: Watching, say: Callable[[str], None]) -> None:
    """Arrange for drwatch to be killed at that point of its first page, and to be started again."""

    def restart() -> None:
        watching.kill()
        say(f"drwatch was killed {crash}")
        watching.start()

    if crash is Crash.BEFORE_MARK:

        def received(page: Page) -> None:
            pair.inbox.on_receive = lambda page: None
            restart()

        pair.inbox.on_receive = received
        return
    courier = watching.courier()
    courier.suspend()

    def committed() -> bool:
        return any(line.pages for line in watching.history())

    def wait_and_kill() -> None:
        until(committed, within=60, what="a page in the ledger", every=0.01)
        restart()

    threading.Thread(target=wait_and_kill, name="crash", daemon=True).start()


def _act(scenario: Scenario, topology: Topology, pair: Pair, watching: Watching, say: Callable[[str], None]) -> Result:
    version = str(pair.standby.sql("SELECT VERSION() AS version")[0]["version"])  # a dead server cannot say it
    begun, wall = time.monotonic(), time.time()
    zero = begun
    for act in scenario.acts:
        _wait_for(begun + act.at)
        fault = FAULTS[act.fault]
        say(("mended: " if act.mend else "") + fault.sentence)
        if act.mend:
            fault.mend(pair)
            continue
        struck = fault.strike(pair)
        if act is scenario.acts[0]:
            # A disk takes its time to fill: what comes next counts from the moment at which it was full.
            zero, wall, begun = struck, wall + (struck - begun), struck - act.at
    result = Result(scenario.name, pair.flavour, version, topology, wall)

    def pages() -> list[Told]:
        return [read(page.title, page.message, page.received_at - zero, page.channel) for page in pair.inbox.accepted]

    latest = max((expect.within for expect in scenario.expect), default=0.0)
    with suppress(TimeoutError):
        until(lambda: not judge(scenario, pages())[0], within=latest + zero - time.monotonic() + 1, what="the pages")
    claim = _claim(watching)
    _wait_for(time.monotonic() + scenario.watch)
    told = pages()
    result.missing, result.unexpected = judge(scenario, told)
    if scenario.history:
        result.missing += forgotten(scenario, watching.faces())
    result.tell(scenario, told)
    stays_dead = not any(act.mend for act in scenario.acts)
    lost = stays_dead and any(page.condition in PRIMARY_LOST for page in told)
    if lost and pair.standby.alive and status(pair.standby):
        loss = pair.writer.loss_on(pair.standby, pair.primary.died_at or zero)
        result.rpo = {**claim, "actual_seconds": round(loss.seconds, 3), "actual_transactions": loss.transactions}
    return result


def _wait_for(instant: float) -> None:
    """Until the monotonic clock shows ``instant``: a scenario's timeline is made of moments."""
    time.sleep(max(0.0, instant - time.monotonic()))


def _alone(server: Server) -> bool:
    return not threads_of(server, MONITOR[0])


def _claim(watching: Watching) -> dict[str, Any]:
    cluster = watching.cluster()
    if cluster is None or not cluster["exposures"]:
        return {"claimed_seconds": None, "transactions_seen": None}
    claim = cluster["exposures"][0]
    return {"claimed_seconds": claim["seconds"], "transactions_seen": claim["transactions_seen"]}


def _harm(pair: Pair, before: dict[str, Harm], turned_away: bool) -> dict[str, int]:
    """Handshake errors since ``before`` and threads that drwatch, which has ended, left behind.

    Logins that the server itself ``turned_away`` are no errors of a handshake, though Aborted_connects counts them.
    """
    found = {"handshake_errors": 0, "threads_left": 0}
    for server in filter(lambda server: server.alive, pair.servers):
        with suppress(TimeoutError):
            # A session whose network was cut is ended by the server, which is asked to do so after 30 s.
            until(partial(_alone, server), within=45, what="our threads to end")
        after = harm(server)
        earlier = before[server.name]
        # The counters begin anew when a server was restarted.
        base = earlier.handshakes if after.handshakes >= earlier.handshakes else 0
        found["handshake_errors"] += after.blocked_soon + (0 if turned_away else after.handshakes - base)
        found["threads_left"] += len(threads_of(server, MONITOR[0]))
    if pair.places.witness.apart:
        found["turned_away"] = sum(
            refusals(server, shell, origin, MONITOR)
            for server, shell in zip(pair.servers, pair.shells, strict=True)
            for origin in (pair.places.witness, pair.places.standby)
            if server.alive
        )
    return found
