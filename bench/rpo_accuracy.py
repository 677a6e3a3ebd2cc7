"""Each claim beside what was really lost: kills of a primary under load, on one real pair per flavour, one by one.

The claim is what the daemon's JSON says once it is frozen and the standby was looked at after the last event arrived.
The truth is the application's: it knows each commit that was acknowledged to it and when, and reads from the standby,
which has applied all that it received, which of them are there. Lost transactions of anybody, pt-heartbeat's beats
among them, are counted in the dead primary's own binary log.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from bench.deaths import DEATHS, RATE, Death
from bench.report import finish
from bench.rivals import PtHeartbeat, seconds_behind
from drwatch.lab.binaries import Unavailable
from drwatch.lab.deadline import until
from drwatch.lab.pair import Pair
from drwatch.lab.play import Watching, configuration
from drwatch.lab.replication import caught_up, start_replication, status
from drwatch.lab.server import Flavour, Server

LOOK = 1.0
"""Seconds between two looks at the primary's position."""

SLACK = 0.1
"""Seconds that the median claim may be above the truth beside one look."""

KILLS = 2 * len(DEATHS)


@dataclass(frozen=True)
class Kill:
    """One death; seconds are before the kill, None is what was not known or not said."""

    death: str
    claimed: float | None
    at_first: float | None
    """The claim when it was first frozen: what the standby still receives makes it smaller."""
    truth: float
    seen: int | None
    """Transactions seen missing."""
    lost: int
    """Transactions really lost, whoever's."""
    acknowledged: int
    """Those of them that the application was told are safe."""
    bytes_seen: int | None
    bytes_lost: int
    behind: float | None
    """Seconds_Behind_Master just before the kill."""
    heartbeat: float | None
    """pt-heartbeat's newest reading just before the kill."""

    @property
    def excess(self) -> float:
        """Seconds of the claim above the truth."""
        return float("inf") if self.claimed is None else self.claimed - self.truth

    @property
    def faults(self) -> list[str]:
        """The bounds that do not hold."""
        claims = [claim for claim in (self.at_first, self.claimed) if claim is not None]
        holds = (
            len(claims) == 2 and min(claims) >= self.truth,
            (self.seen or 0) <= self.lost,
            (self.bytes_seen or 0) <= self.bytes_lost,
        )
        return [bound for bound, held in zip(BOUNDS, holds, strict=True) if not held]


BOUNDS = ("claimed seconds >= truth", "transactions seen <= truth", "bytes seen <= truth")
RIVALS = (("Seconds_Behind_Master", "behind"), ("pt-heartbeat", "heartbeat"))


def main() -> None:
    asked = argparse.ArgumentParser(prog="rpo-accuracy", description=__doc__.partition("\n")[0])
    asked.add_argument("--flavour", choices=[each.value for each in Flavour], action="append", help="default: all")
    asked.add_argument("--kills", type=int, default=KILLS, help=f"of each flavour, default {KILLS}")
    asked.add_argument("--death", choices=[each.name for each in DEATHS], action="append", help="default: all in turn")
    asked.add_argument("--seed", type=int, default=1, help="of the moments at which it dies")
    options = asked.parse_args()
    deaths = [each for each in DEATHS if not options.death or each.name in options.death]
    flavours = [Flavour(each) for each in options.flavour or Flavour]
    measured, unavailable = {}, []
    for flavour in flavours:
        try:
            measured[flavour] = measure(flavour, deaths, options.kills, random.Random(options.seed))
        except Unavailable as why:
            print(f"\n{why}")
            unavailable.append(flavour.value)
    figures = {flavour.value: [asdict(kill) for kill in kills] for flavour, kills in measured.items()}
    met = [summary(flavour, kills) for flavour, kills in measured.items()]
    count = sum(map(len, measured.values()))
    sound = sum(not kill.faults for kills in measured.values() for kill in kills)
    line = f"{sound} of {count} claims hold" + "".join(f", {flavour} NOT MEASURED" for flavour in unavailable)
    finish("rpo-accuracy", {"kills": figures, "unavailable": unavailable}, bool(met) and all(met), line)


def measure(flavour: Flavour, deaths: Sequence[Death], count: int, chance: random.Random) -> list[Kill]:
    """So many kills of one pair, its primary brought back after each."""
    print(f"\n{flavour.value}\n{HEAD}", flush=True)
    kills = []
    with Pair(flavour, rate=RATE, sync_every=30) as pair, PtHeartbeat(pair) as heartbeat:
        heartbeat.listen()
        with Watching(pair, configuration(pair)) as watching:
            for number in range(count):
                watching.wait_for(_steady)
                kill = _kill(deaths[number % len(deaths)], pair, watching, heartbeat, chance)
                kills.append(kill)
                print(_row(kill), flush=True)
    return kills


def _steady(cluster: dict[str, Any]) -> bool:
    """Whether all that the claim is made of is seen, and the claim is small."""
    nodes = (cluster["primary"], *cluster["standbys"])
    blind = [each for node in nodes for each in node["probes"] if not each["up"] and each["probe"] in POSITION]
    claim = cluster["exposures"][0]
    small = claim["seconds"] is not None and claim["seconds"] < 4 and not claim["frozen"]
    return bool(cluster["settled"] and small and not blind)


POSITION = ("mysql", "replication", "host")
"""The probes that the claim is made of."""


def _kill(death: Death, pair: Pair, watching: Watching, heartbeat: PtHeartbeat, chance: random.Random) -> Kill:
    death.before(pair)
    time.sleep(death.lasts + chance.random())
    death.last(pair)
    behind, beat = seconds_behind(pair.standby), heartbeat.said
    died = pair.primary.kill()
    death.after(pair)
    first = _claim(watching.wait_for(lambda cluster: cluster["exposures"][0]["frozen"]))
    if death.arrives:
        until(lambda: _lost_its_source(pair.standby), within=30, what="the standby to lose its source")
    loss = pair.writer.loss_on(pair.standby, died)
    settled = time.time()
    last = _claim(watching.wait_for(lambda cluster: _looked_at(cluster, settled)))
    file, position = _held(pair.standby)
    # MariaDB from 11.4 on keeps an index of GTIDs beside each, mysql-bin.000001.idx.
    logs = [log for log in sorted(pair.primary.datadir.glob("mysql-bin.[0-9]*[0-9]")) if log.name >= file]
    octets = sum(log.stat().st_size for log in logs) - position
    pair.writer.pause()
    pair.primary.on_up = lambda: None  # nobody writes, and the standby gets nothing, until it is counted
    pair.primary.start()
    lost = _commits(pair.primary, [log.name for log in logs], position)
    if lost < loss.transactions:
        raise RuntimeError(
            f"the lab miscounts: {loss.transactions} acknowledged are lost, and {lost} in the binary log"
        )
    _recover(pair)
    return Kill(
        death=death.name,
        claimed=last["seconds"],
        at_first=first["seconds"],
        truth=loss.seconds,
        seen=last["transactions_seen"],
        lost=lost,
        acknowledged=loss.transactions,
        bytes_seen=last["bytes_seen"],
        bytes_lost=octets,
        behind=behind,
        heartbeat=beat,
    )


def _claim(cluster: dict[str, Any]) -> dict[str, Any]:
    claim: dict[str, Any] = cluster["exposures"][0]
    return claim


def _looked_at(cluster: dict[str, Any], since: float) -> bool:
    """Whether the standby's received position was asked for after that (epoch seconds)."""
    probes = cluster["standbys"][0]["probes"]
    asked = [datetime.fromisoformat(each["asked_at"]).timestamp() for each in probes if each["probe"] in POSITION]
    return min(asked) > since and _claim(cluster)["frozen"]


def _lost_its_source(standby: Server) -> bool:
    return str(status(standby)["Slave_IO_Running"]) != "Yes"


def _recover(pair: Pair) -> None:
    """The same pair again: the dead primary is back with all that it had, and the standby gets what it lacked."""
    pair.link.refuses()
    pair.link.passes()
    pair.primary.on_up = pair.link.listen
    if not pair.flavour.by_gtid:
        # In the middle of a torn transaction MariaDB's receiver does not go on by itself (errno 1595).
        file, position = _held(pair.standby)
        pair.standby.sql(f"STOP {pair.standby.words.replica}")
        at = {"File": file, "Position": position}
        start_replication(pair.primary, pair.standby, pair.link.address, pair.link.port, at)
    until(pair.replicates, within=30, what="replication at work again")
    until(lambda: caught_up(pair.primary, pair.standby), within=30, what="the standby to catch up")
    pair.writer.rate, pair.writer.rows = RATE, 1
    pair.writer.resume()


def _held(standby: Server) -> tuple[str, int]:
    """The source's coordinate after the last transaction that the standby has applied."""
    before = None

    def noted() -> tuple[str, int] | None:
        nonlocal before
        row = status(standby)
        before, same = (at := (row["Relay_Master_Log_File"], row["Exec_Master_Log_Pos"])), before == at
        return at if same else None

    # Several workers: it is noted a third of a second after it was applied.
    return until(noted, within=10, what="the coordinate that the standby has applied", every=0.5)


def _commits(primary: Server, logs: Sequence[str], position: int) -> int:
    """How many are in those binary logs, in the first from that position on."""
    ranges = [f"SHOW BINLOG EVENTS IN '{log}' FROM {position if log == logs[0] else 4}" for log in logs]
    return sum(event["Event_type"] == "Xid" for each in ranges for event in primary.sql(each))


HEAD = f"{'death':34} {'claim':>6} {'truth':>6} {'above':>6} {'seen':>5} {'lost':>5} {'S_B_M':>6} {'pt-hb':>6}"


def _row(kill: Kill) -> str:
    seconds = (kill.claimed, kill.truth, kill.excess)
    cells = [f"{kill.death:34}", *map(_seconds, seconds), _count(kill.seen), _count(kill.lost)]
    broken = [f"NOT {bound}" for bound in kill.faults]
    return " ".join([*cells, _seconds(kill.behind), _seconds(kill.heartbeat), *broken])


def _seconds(value: float | None) -> str:
    return f"{'-' if value is None else format(value, '.2f'):>6}"


def _count(value: int | None) -> str:
    return f"{'-' if value is None else value:>5}"


def summary(flavour: Flavour, kills: Sequence[Kill]) -> bool:
    """Print one flavour's figures; whether all bounds hold and the goal is met."""
    above = [kill.excess for kill in kills]
    median = statistics.median(above)
    print(f"\n{flavour.value}: {len(kills)} kills, {sum(kill.truth > 0 for kill in kills)} of them with a loss")
    for bound in BOUNDS:
        print(f"  {bound:28} {sum(bound not in kill.faults for kill in kills)} of {len(kills)}")
    print(f"  {'claim - truth':28} median {median:.2f} s, max {max(above):.2f} s; goal: median <= {LOOK + SLACK:g} s")
    for name, said in RIVALS:
        off = [reading - kill.truth for kill in kills if (reading := getattr(kill, said)) is not None]
        if not off:
            print(f"  {name:28} said nothing")
            continue
        low = sum(each < 0 for each in off)
        print(f"  {name:28} below the truth {low} times of {len(off)}; off it by {min(off):+.2f} to {max(off):+.2f} s")
    return median <= LOOK + SLACK and not any(kill.faults for kill in kills)


if __name__ == "__main__":
    main()
