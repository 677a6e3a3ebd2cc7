"""A primary and two standbys, side by side and in a chain, on real servers under the real daemon."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from drwatch.lab.deadline import until
from drwatch.lab.play import THE_MACHINES, Watching, configuration
from drwatch.lab.replication import status as replica
from drwatch.lab.server import Flavour, Server
from drwatch.lab.trio import Trio

pytestmark = pytest.mark.timeout(90)

QUICK = {
    "paging.confirm.conclusive": "0s",
    "paging.confirm.likely": "1s",
    "paging.confirm.alone": "1s",
    "paging.confirm.ReplicationStopped": "1s",
    "paging.confirm.ReplicationWrongSource": "1s",
    "limits.silence": "2s",
    "probes.replication.every": "500ms",
}

Json = dict[str, Any]


@contextmanager
def watched(trio: Trio, config: Path) -> Iterator[Watching]:
    with Watching(trio, config) as watching:
        watching.wait_until_well()
        yield watching


def claims(cluster: Json) -> dict[str, float | None]:
    return {claim["node"]: claim["seconds"] for claim in cluster["exposures"]}


def findings(cluster: Json) -> set[tuple[str, str, str | None]]:
    return {
        (each["condition"], each["subject"], each["suppressed_by"])
        for each in cluster["findings"]
        if each["condition"] not in THE_MACHINES
    }


def stopped(cluster: Json, name: str) -> bool:
    return any(condition == "ReplicationStopped" and subject == name for condition, subject, _ in findings(cluster))


def told(trio: Trio) -> set[tuple[str, ...]]:
    """Condition and subject of each page."""
    return {tuple(page.title.split()[2:4]) for page in trio.inbox.accepted}


def stop_receiving(standby: Server) -> None:
    standby.sql(f"STOP {standby.words.replica} IO_THREAD")


def test_of_two_standbys_the_one_that_lost_its_stream_is_named_and_the_other_is_the_better() -> None:
    with Trio() as trio, watched(trio, configuration(trio, QUICK)) as watching:
        stop_receiving(trio.standby)
        until(lambda: ("ReplicationStopped", "oslo-b") in told(trio), within=15, what="the page of the stopped one")
        cluster = watching.wait_for(lambda cluster: (claims(cluster)["oslo-b"] or 0) > 4)
        assert (claims(cluster)["oslo-c"] or 0) < 3
        assert not stopped(cluster, "oslo-c")
        assert cluster["choice"]["take_over"]["node"] == "oslo-c"
        assert told(trio) == {("ReplicationStopped", "oslo-b")}

        died = trio.primary.kill()
        until(lambda: ("PrimaryDown", "oslo-a") in told(trio), within=15, what="the page of its death")
        body = next(page.message for page in trio.inbox.accepted if "PrimaryDown" in page.title)
        assert body.index("TAKEOVER WITH oslo-c") < body.index("TAKEOVER WITH oslo-b")
        assert "oslo-c would lose least" in body
        assert "TAKE OVER with oslo-c" in body
        last = claims(watching.wait_for(lambda cluster: all(claim["frozen"] for claim in cluster["exposures"])))
        for standby in (trio.standby, trio.third):
            claim, truth = last[standby.name], trio.writer.loss_on(standby, died).seconds
            assert claim is not None
            assert truth <= claim < truth + 5
        assert {subject for condition, subject in told(trio) if condition == "ReplicationStopped"} == {"oslo-b"}


def test_the_death_of_the_middle_of_a_chain_is_told_and_explains_the_silence_behind_it() -> None:
    with Trio(chain=True) as trio, watched(trio, configuration(trio, QUICK)) as watching:
        # Both claims were small and nothing was wrong: `watched` waits for that.
        assert set(claims(watching.wait_for(bool))) == {"oslo-b", "oslo-c"}
        trio.standby.kill()
        until(lambda: ("StandbyDown", "oslo-b") in told(trio), within=20, what="the page of the middle's death")
        explained = "ReplicationStopped", "oslo-c", "StandbyDown"
        watching.wait_for(lambda cluster: explained in findings(cluster))
        first = until(lambda: trio.writer.missing_on(trio.third), within=5, what="a commit that oslo-c lacks")[0]
        for seconds in (3, 5):
            status = until(partial(lagging, watching, seconds), within=15, what="a growing claim")
            truth = datetime.fromisoformat(status["at"]).timestamp() - first.acked_wall
            assert truth <= (claims(status["clusters"][0])["oslo-c"] or 0) < truth + 5
        assert {subject for _, subject, cause in findings(status["clusters"][0]) if cause is None} == {"oslo-b"}
        assert told(trio) == {("StandbyDown", "oslo-b")}


@pytest.mark.parametrize("flavour", [Flavour.MYSQL_57, Flavour.MARIADB_1011_POSITION])
def test_in_a_chain_by_file_and_position_what_the_end_of_it_lacks_is_claimed(flavour: Flavour) -> None:
    with Trio(flavour, chain=True) as trio, watched(trio, configuration(trio, QUICK)) as watching:
        # Both claims are known and small: `watched` waits for that.
        stop_receiving(trio.third)
        first = until(lambda: trio.writer.missing_on(trio.third), within=10, what="a commit that oslo-c lacks")[0]
        for seconds in (3, 6):
            status = until(partial(lagging, watching, seconds), within=15, what="a growing claim")
            truth = datetime.fromisoformat(status["at"]).timestamp() - first.acked_wall
            assert truth <= (claims(status["clusters"][0])["oslo-c"] or 0) < truth + 5
            assert (claims(status["clusters"][0])["oslo-b"] or 0) < 3


def lagging(watching: Watching, beyond: float) -> Json | None:
    """What the daemon says, once it claims more than so many seconds of oslo-c."""
    status = watching.status()
    return status if (claims(status["clusters"][0])["oslo-c"] or 0) > beyond else None


def test_a_standby_that_is_pointed_at_a_server_outside_its_cluster_is_told() -> None:
    with Trio(Flavour.MYSQL_57_GTID) as trio:
        config = configuration(trio, QUICK)
        document = YAML().load(config)
        del document["clusters"]["shop"]["nodes"]["oslo-b"]
        YAML().dump(document, config)
        with watched(trio, config):
            follow(trio.third, trio.standby)
            until(lambda: told(trio), within=15, what="the page of the stranger")
            assert told(trio) == {("ReplicationWrongSource", "oslo-c")}
            stranger = f"{trio.standby.address}:{trio.standby.port}"
            assert f"replicates from {stranger}, not from oslo-a" in trio.inbox.accepted[0].message


def follow(standby: Server, source: Server) -> None:
    """Repoint it, as one who mistook the host would."""
    words = standby.words
    standby.sql(f"STOP {words.replica}")
    standby.sql(f"{words.change} {words.source}_HOST=%s, {words.source}_PORT={source.port}", source.address)
    standby.sql(f"START {words.replica}")
    until(lambda: replica(standby)["Slave_IO_Running"] == "Yes", within=15, what="its receiver at the stranger's")
