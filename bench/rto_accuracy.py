"""A scripted takeover with a real backlog: drain, promote and switch as drwatch had predicted them, and as they were.

The applier is stopped under load until it has half a minute of work by its own pace, and started again. The primary is
killed, the page comes, the prediction is read off, and then a scripted operator does what docs/runbooks.md says, a
step a second: apply, stop receiving, wait until drained, forget the source, open, prove it with a write, move the
name. The first takeover is a rehearsal: it is not counted, and drwatch learns from it how long promoting takes here.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import statistics
import tempfile
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import dns.resolver
import pymysql

from bench.report import finish
from drwatch.lab.deadline import until
from drwatch.lab.names import ENDPOINT, Names
from drwatch.lab.pair import Pair
from drwatch.lab.play import Watching, configuration
from drwatch.lab.replication import APPLICATION, SCHEMA, drain, status
from drwatch.lab.server import Flavour

RUNS = 5
GOAL = 0.25
"""Of drain + promote + switch: |predicted - measured| / measured, of every run. Each is shown with the applier's pace
before and after the prediction: a disk that others use may double its speed in between."""

LOADERS, TRANSACTIONS = 4, 5000
"""Sessions that commit side by side, and how many transactions each, a batch."""

BATCH = 4_000_000
"""Bytes of the primary's binary log that a batch surely makes: some 280 a transaction."""

BACKLOG = 30.0
"""Seconds of work by the applier's own pace that wait for it when the primary dies."""

DRAINED = 5.0
"""Seconds. A takeover with less left to drain by the time of the decision proves nothing."""

TTL = 8
"""Seconds that the application's resolvers remember where the endpoint leads."""

CLIENTS = 8
"""Application servers, each with a cache of its own; the switch is over when the last has gone over."""

DECIDING = 8.0
"""Seconds from the page to the decision: nobody reads it in less."""

PACE = 1.0
"""Seconds between two of the operator's steps: reading the line and pasting it."""

NAMES = "127.0.0.14"
PARTS = ("drain", "promote", "switch")

SETTINGS = {
    "clusters.shop.objectives.rto": "2h",
    "paging.confirm.conclusive": "1s",
    "probes.endpoint.every": "1s",
}


@dataclass(frozen=True)
class Run:
    """Seconds by part."""

    predicted: dict[str, float]
    basis: dict[str, str]
    measured: dict[str, float]
    dated: dict[str, float | None]
    """As drwatch itself dated the steps."""
    pace: tuple[float, float]
    """Bytes a second applied while the human decided, and from then on; by the bench's own reading."""

    @property
    def error(self) -> float:
        """Share of the truth by which the sum was off; positive is too pessimistic."""
        truth = sum(self.measured.values())
        return (sum(self.predicted.values()) - truth) / truth


class Client:
    """An application server: resolves the endpoint, remembers it for its TTL, and writes until a write goes through."""

    def __init__(self, pair: Pair, names: Names, number: int) -> None:
        self.written_at: float | None = None
        self._pair, self._number = pair, number
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers, self._resolver.port = [names.address], names.port
        self._address, self._until = "", 0.0
        self._thread = threading.Thread(target=self._work, name=f"client-{number}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _work(self) -> None:
        time.sleep(random.uniform(0, TTL))
        while self.written_at is None:
            if time.monotonic() >= self._until:
                answer = self._resolver.resolve(ENDPOINT, "A")
                self._address, self._until = (
                    str(answer[0]),
                    time.monotonic() + (answer.rrset.ttl if answer.rrset else 0),
                )
            standby = self._pair.standby
            # A dead server is not dialled: its port may be somebody else's by now.
            if self._address == standby.address:
                with suppress(pymysql.err.MySQLError), standby.connect(*APPLICATION) as session:
                    session.cursor().execute(f"INSERT INTO {SCHEMA}.orders VALUES ({self._number}, NOW(6), 'after')")
                    self.written_at = time.monotonic()
            time.sleep(0.1)


def leave_behind(pair: Pair) -> None:
    """Leave the applier BACKLOG seconds of work, by the pace at which it has just done a batch."""
    standby, noun = pair.standby, pair.standby.words.replica
    standby.sql(f"STOP {noun} SQL_THREAD")
    begun = applied(pair)
    load(pair)
    until(lambda: received(pair) - begun >= BATCH, within=60, what="the first batch on the standby")
    standby.sql(f"START {noun} SQL_THREAD")
    began = time.monotonic()
    until(lambda: applied(pair) - begun >= BATCH, within=120, what="the first batch applied")
    pace = BATCH / (time.monotonic() - began)
    standby.sql(f"STOP {noun} SQL_THREAD")
    while received(pair) - applied(pair) < BACKLOG * pace:
        load(pair)
    standby.sql(f"START {noun} SQL_THREAD")


def load(pair: Pair) -> None:
    """One batch of commits."""

    def work() -> None:
        pair.primary.sql(f"CALL {SCHEMA}.work({TRANSACTIONS})")

    loaders = [threading.Thread(target=work, daemon=True) for _ in range(LOADERS)]
    for loader in loaders:
        loader.start()
    for loader in loaders:
        loader.join(120)


def takeover(flavour: Flavour, memory: Path) -> Run:
    """One death and one takeover; ``memory`` is where drwatch's past lies between two runs."""
    with Names(NAMES, TTL, leads_to="127.0.0.11") as names, Pair(flavour, rate=20) as pair:
        pair.primary.sql(f"CREATE TABLE {SCHEMA}.bulk (id BIGINT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(200))")
        pair.primary.sql(
            f"CREATE PROCEDURE {SCHEMA}.work(n INT) BEGIN DECLARE i INT DEFAULT 0; WHILE i < n DO"
            f" INSERT INTO {SCHEMA}.bulk (note) VALUES (REPEAT('x', 100)); SET i = i + 1; END WHILE; END"
        )
        endpoint = {"dns": ENDPOINT.rstrip("."), "resolver": f"{names.address}:{names.port}"}
        config = configuration(pair, {**SETTINGS, "clusters.shop.endpoint": endpoint})
        ledger = pair.sandbox.directory("state") / "drwatch.db"
        if memory.exists():
            shutil.copy(memory, ledger)
        clients = [Client(pair, names, number) for number in range(CLIENTS)]
        with Watching(pair, config) as watching:
            watching.wait_until_well()
            for client in clients:
                client.start()
            leave_behind(pair)
            pair.primary.kill()
            until(lambda: any("Primary" in page.title for page in pair.inbox.accepted), within=30, what="the page")
            page, paged_at = applied(pair), time.monotonic()
            time.sleep(DECIDING)
            predicted, basis = prediction(watching)
            decision, decided_at = applied(pair), time.monotonic()
            measured, end = operate(pair, names, clients)
            pace = (decision - page) / (decided_at - paged_at), (end - decision) / measured["drain"]
            cluster = watching.wait_for(lambda cluster: cluster["outages"][-1]["ended_at"] is not None, within=TTL + 30)
            dated = {part: cluster["outages"][-1]["took"][part] for part in PARTS}
        keep_the_past(ledger, memory)
    return Run(predicted, basis, measured, dated, pace)


def applied(pair: Pair) -> int:
    """Bytes of the primary's binary log; the load stays within one file."""
    return int(status(pair.standby)["Exec_Master_Log_Pos"])


def received(pair: Pair) -> int:
    return int(status(pair.standby)["Read_Master_Log_Pos"])


def prediction(watching: Watching) -> tuple[dict[str, float], dict[str, str]]:
    """What the page's reader sees now."""
    cluster = watching.wait_for(lambda cluster: cluster["recovery"][0]["seconds"] is not None)
    terms = {term["component"]: term for term in cluster["recovery"][0]["terms"] if term["component"] in PARTS}
    return {part: terms[part]["seconds"] for part in PARTS}, {part: terms[part]["basis"] for part in PARTS}


def operate(pair: Pair, names: Names, clients: list[Client]) -> tuple[dict[str, float], int]:
    """The runbook's takeover, by a stopwatch of its own; and how far the applier came."""
    standby, noun = pair.standby, pair.standby.words.replica
    began = time.monotonic()
    standby.sql(f"START {noun} SQL_THREAD")
    standby.sql(f"STOP {noun} IO_THREAD")
    drain(standby, within=300)
    drained, end = time.monotonic(), applied(pair)
    for statement in (f"STOP {noun}", f"RESET {noun} ALL", "SET GLOBAL read_only = OFF"):
        time.sleep(PACE)
        standby.sql(statement)
    time.sleep(PACE)
    with standby.connect(*APPLICATION) as session:
        session.cursor().execute(f"INSERT INTO {SCHEMA}.orders VALUES (999, NOW(6), 'the first after the takeover')")
    promoted = time.monotonic()
    names.point(standby.address)
    until(lambda: all(client.written_at for client in clients), within=TTL + 30, what="all clients on the new primary")
    switched = max(client.written_at or 0.0 for client in clients)
    return {"drain": drained - began, "promote": promoted - drained, "switch": switched - promoted}, end


def keep_the_past(ledger: Path, memory: Path) -> None:
    """Of what drwatch remembers, what past recoveries took: the next run's servers are others by the same names."""
    shutil.copy(ledger, memory)
    with closing(sqlite3.connect(memory)) as db:
        db.execute("DELETE FROM memory WHERE name NOT IN ('at', 'boot', 'outages')")
        for table in ("timeline", "incidents", "ledger", "attempts"):
            db.execute(f"DELETE FROM {table}")
        db.commit()


def main() -> None:
    asked = argparse.ArgumentParser(prog="rto-accuracy", description=__doc__.partition("\n")[0])
    asked.add_argument("--flavour", choices=[each.value for each in Flavour], default=Flavour.MARIADB.value)
    flavour = Flavour(asked.parse_args().flavour)
    runs: list[Run] = []
    print(f"{'run':>9} {'':9} " + " ".join(f"{part:>9}" for part in (*PARTS, "sum")) + "   off")
    with tempfile.TemporaryDirectory() as place:
        for number in range(RUNS + 1):
            run = takeover(flavour, Path(place) / "past.db")
            runs.append(run)
            name = f"run {number}" if number else "rehearsal"
            for words, parts in (("predicted", run.predicted), ("measured", run.measured), ("dated", run.dated)):
                seconds = [parts[part] for part in PARTS]
                total = sum(each or 0.0 for each in seconds)
                before, after = run.pace
                kept = f"   applied {before / 1000:.0f} kB/s before, {after / 1000:.0f} kB/s after"
                off = f" {run.error:+6.1%}" if words == "predicted" else kept if words == "measured" else ""
                shown = " ".join("        -" if each is None else f"{each:9.2f}" for each in (*seconds, total))
                print(f"{name if words == 'predicted' else '':>9} {words:9} {shown}{off}", flush=True)
    counted = runs[1:]
    errors = [abs(run.error) for run in counted]
    assumed = [part for run in counted for part in PARTS if run.basis[part] == "assumed"]
    least = min(run.measured["drain"] for run in counted)
    met = max(errors) <= GOAL and not assumed and least >= DRAINED
    figures = {"flavour": flavour.value, "runs": [vars(run) | {"error": run.error} for run in counted]}
    line = (
        f"{flavour.value}: drain + promote + switch off by {statistics.median(errors):.1%} median, {max(errors):.1%} at"
        f" most in {len(counted)} takeovers with {least:.1f} s or more to drain"
    )
    finish("rto-accuracy", figures, met, line)


if __name__ == "__main__":
    main()
