"""A primary that dies with what its standby lacks: the claim outlives drwatch's death, and the printed lines save it.

The lines are run as they are printed; `ssh` and `sudo` are stand-ins that run them here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drwatch.lab import binaries
from drwatch.lab.deadline import until
from drwatch.lab.faults import FAULTS
from drwatch.lab.pair import Pair
from drwatch.lab.play import Watching, configuration
from drwatch.lab.replication import caught_up, drain
from drwatch.lab.server import Flavour, Server
from drwatch.lab.writer import TABLE

pytestmark = pytest.mark.timeout(180)

FLAVOURS = [Flavour.MARIADB, Flavour.MARIADB_118_POSITION, Flavour.MYSQL_57, Flavour.MYSQL_57_GTID, Flavour.MYSQL_97]
"""From 11.4 on MariaDB keeps an index beside each binary log; by position and by GTID the lines differ."""

LOST = 60
"""Commits at the least that the standby never gets."""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory for PATH: the binary log's readers, and what stands for a shell on the dead primary's host."""
    there = tmp_path / "bin"
    there.mkdir()
    lab = binaries.find().mariadb.parent
    (there / "mariadb-binlog").symlink_to(lab / "mariadb-binlog")
    mysql = lab.parent / "servers/mysql-9.7/usr"
    if mysql.exists():
        (library,) = (mysql / "lib").glob("*-linux-gnu")
        (loader,) = library.glob("ld-linux-*.so.*")
        put(there / "mysqlbinlog", f'exec {loader} --library-path {library} {mysql}/bin/mysqlbinlog "$@"')
    put(there / "ssh", 'for last; do :; done; exec sh -c "$last"')
    put(there / "sudo", 'exec "$@"')
    return there


def put(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture(params=FLAVOURS, ids=str)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with Pair(request.param, rate=50) as pair:
        yield pair


def kill_with_real_loss(pair: Pair) -> None:
    FAULTS["replication-silent"].strike(pair)
    target = len(pair.writer.acked) + LOST + 10  # some may be on the wire already
    until(lambda: len(pair.writer.acked) >= target, within=15, what="commits that are lost")
    FAULTS["primary-killed"].strike(pair)


def frozen(cluster: dict[str, Any]) -> bool:
    return bool(cluster["settled"] and cluster["salvage"] and cluster["exposures"][0]["frozen"])


def rows(server: Server) -> set[int]:
    return {row["id"] for row in server.sql(f"SELECT id FROM {TABLE}")}


def run(line: str, tools: Path, directory: Path) -> None:
    ran = subprocess.run(
        ["bash", "-c", line], cwd=directory, env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, f"{line}\n{ran.stderr}"


def test_the_claim_outlives_a_sigkill_and_the_printed_lines_save_exactly_what_is_lost(
    pair: Pair, tools: Path, tmp_path: Path
) -> None:
    if not pair.flavour.is_mariadb and not (tools / "mysqlbinlog").exists():
        pytest.skip("MySQL's reader comes with MySQL 9.7, which this machine cannot have")
    config = configuration(pair)
    with Watching(pair, config) as watching:
        watching.wait_until_well()
        pair.primary.sql("FLUSH BINARY LOGS")  # what is lost begins in a later file than the first
        until(lambda: caught_up(pair.primary, pair.standby), within=15, what="the standby in the later file")
        kill_with_real_loss(pair)
        before = watching.wait_for(frozen)["exposures"][0]
        drain(pair.standby)
        truth = pair.writer.loss_on(pair.standby, pair.primary.died_at or 0)
        watching.kill()
        watching.start()
        after = watching.wait_for(frozen)["exposures"][0]
        seen = watching.wait_for(lambda cluster: cluster["standbys"][0]["replication"][0]["backlog_bytes"] == 0)
        page = pair.inbox.wait_for(lambda page: "PrimaryDown" in page.title, within=20)
    print(f"{pair.flavour}: claimed {before['seconds']:.2f} s, after SIGKILL {after['seconds']:.2f} s, truth {truth}")
    assert (after["seconds"], after["datum_at"]) == (before["seconds"], before["datum_at"])
    assert after["seconds"] >= truth.seconds > 0
    assert truth.transactions >= LOST

    command = [sys.executable, "-m", "drwatch", "incidents", "--json", "--config", str(config)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    (box,) = (box for line in told.splitlines() for box in json.loads(line)["blackbox"])
    assert (box["primary"], box["broken"]) == (pair.primary.name, "")
    assert box["standbys"][0]["claim"]["seconds"] == before["seconds"]

    (salvage,) = seen["salvage"]
    assert salvage["node"] == pair.standby.name
    if salvage["transactions"] is not None:
        assert 0 < salvage["transactions"] <= truth.transactions + 1  # one may be in the log whose answer was cut off
    copy, decode = (command["line"] for command in salvage["commands"])
    assert copy in page.message
    held = rows(pair.standby)
    run(copy, tools, tmp_path)
    run(decode, tools, tmp_path)
    assert not (tmp_path / "salvage/mysql-bin.000001").exists()
    lab = binaries.find().mariadb
    plugins = next(lab.parents[1].glob("root/usr/lib/*/libmariadb3/plugin"), Path("/usr/lib"))
    client = [lab, f"--socket={pair.standby.socket}", "--user=root", f"--plugin-dir={plugins}"]
    with (tmp_path / "salvage.sql").open() as sql:
        fed = subprocess.run(client, stdin=sql, capture_output=True, text=True, timeout=60, check=False)
    assert fed.returncode == 0, fed.stderr  # a transaction too many would be a duplicate key
    saved = rows(pair.standby) - held
    pair.writer.pause()
    pair.primary.start()
    assert saved == rows(pair.primary) - held
    assert {commit.id for commit in pair.writer.acked} <= held | saved
