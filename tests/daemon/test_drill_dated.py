"""A planned takeover on real servers: announced, dated by the real daemon across a restart, and learnt from."""

import json
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from drwatch.lab.deadline import until
from drwatch.lab.names import ENDPOINT, Names
from drwatch.lab.pair import Pair
from drwatch.lab.play import Watching, configuration
from drwatch.lab.replication import APPLICATION, SCHEMA, caught_up, drain

pytestmark = pytest.mark.timeout(120)


def drwatch(config: Path, *words: str) -> str:
    command = [sys.executable, "-m", "drwatch", words[0], "--config", str(config), *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def scraped(port: int) -> str:
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()


def test_a_real_switchover_in_a_drill_is_dated_exported_and_learnt_from() -> None:
    with Names("127.0.0.46", ttl=1, leads_to="127.0.0.11") as names, Pair(rate=50) as pair:
        settings = {
            "clusters.shop.endpoint": {"dns": ENDPOINT.rstrip("."), "resolver": f"{names.address}:{names.port}"},
            "probes.endpoint.every": "1s",
            "probes.replication.every": "500ms",
            "paging.confirm.NobodyWritable": "1s",
        }
        config = configuration(pair, settings)
        with Watching(pair, config) as watching:
            watching.wait_until_well()
            said = drwatch(config, "drill", "shop", "--for", "10m")
            plan = [said.index(words) for words in ("with oslo-b: GO", "Close oslo-a", "Move DNS", "announced until")]
            assert plan == sorted(plan)
            watching.wait_for(lambda cluster: any(each["on"] for each in cluster["drills"]))
            assert 'drwatch_drill_announced{cluster="shop"} 1.0' in scraped(pair.web_port)

            pair.writer.pause()
            pair.primary.sql("SET GLOBAL read_only = ON")
            until(lambda: caught_up(pair.primary, pair.standby), within=15, what="the standby caught up")
            until(lambda: pair.inbox.accepted, within=15, what="the page that nobody takes writes")
            message = pair.inbox.accepted[0]
            assert message.title.startswith("DRILL CRITICAL shop: NobodyWritable oslo-a")
            assert message.message.startswith("DRILL of shop until ")
            watching.stop()
            watching.start()
            watching.wait_for(lambda cluster: bool(cluster["outages"]))

            noun = pair.standby.words.replica
            pair.standby.sql(f"STOP {noun} IO_THREAD")
            watching.wait_for(lambda cluster: any(each["standby"] for each in cluster["outages"]))
            drain(pair.standby)
            for statement in (f"STOP {noun}", f"RESET {noun} ALL", "SET GLOBAL read_only = OFF"):
                pair.standby.sql(statement)
            with pair.standby.connect(*APPLICATION) as session:
                session.cursor().execute(f"INSERT INTO {SCHEMA}.orders VALUES (1, NOW(6), 'after the drill')")
            names.point(pair.standby.address)

            cluster = watching.wait_for(lambda cluster: any(each["ended_at"] for each in cluster["outages"]))
            (outage,) = cluster["outages"]
            assert (outage["kind"], outage["lost"], outage["standby"]) == ("drill", "oslo-a", "oslo-b")
            measured = {part for part, seconds in outage["took"].items() if seconds is not None}
            assert measured == {"drain", "promote", "switch"}
            assert sum(outage["took"][part] for part in measured) < 60
            assert outage["loss_seconds"] < 10

            series = scraped(pair.web_port)
            for part in measured:
                assert f'drwatch_rto_actual_seconds{{cluster="shop",component="{part}",kind="drill"}}' in series
            assert 'drwatch_rpo_actual_seconds{cluster="shop",kind="drill"}' in series
            assert 'kind="incident"' not in series
            terms = {term["component"]: term for term in cluster["recovery"][0]["terms"]}
            assert terms["promote"]["basis"] == "measured"
            assert terms["promote"]["note"].startswith("measured in a drill on 20")
            assert terms["promote"]["seconds"] == outage["took"]["promote"]
            assert terms["decide"]["basis"] == "assumed"

            assert not json.loads(drwatch(config, "drill", "shop", "--end", "--json"))["drill"]["on"]
            (drill,) = watching.wait_for(lambda cluster: not any(each["on"] for each in cluster["drills"]))["drills"]
            assert drill["began_at"] < drill["until"]
            assert "oslo-a to oslo-b: drain " in drwatch(config, "incidents")
