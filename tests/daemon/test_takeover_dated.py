"""A takeover on real servers, dated step by step by the real daemon, which goes on knowing of it after a restart."""

from datetime import datetime

import pytest

from drwatch.lab.deadline import until
from drwatch.lab.names import ENDPOINT, Names
from drwatch.lab.pair import Pair
from drwatch.lab.play import Watching, configuration
from drwatch.lab.replication import APPLICATION, SCHEMA, drain

pytestmark = pytest.mark.timeout(120)


def test_a_real_takeover_is_dated_followed_and_learnt_from() -> None:
    with Names("127.0.0.45", ttl=1, leads_to="127.0.0.11") as names, Pair(rate=50) as pair:
        settings = {
            "clusters.shop.endpoint": {"dns": ENDPOINT.rstrip("."), "resolver": f"{names.address}:{names.port}"},
            "probes.endpoint.every": "1s",
            "probes.replication.every": "500ms",
            "paging.confirm.conclusive": "0s",
        }
        with Watching(pair, configuration(pair, settings)) as watching:
            watching.wait_until_well()
            assert watching.wait_for(lambda cluster: cluster["endpoint"]["leads_to"] == ["oslo-a"])
            pair.primary.kill()
            until(lambda: pair.inbox.accepted, within=15, what="the page")
            body = pair.inbox.accepted[0].message
            assert "REPAIR: about 5 min after its death (assumed), loses nothing" in body
            assert "TAKE OVER with oslo-b: about " in body
            assert "Taking over is better from " in body

            noun = pair.standby.words.replica
            for statement in (f"START {noun} SQL_THREAD", f"STOP {noun} IO_THREAD"):
                pair.standby.sql(statement)
            watching.wait_for(lambda cluster: any(each["standby"] for each in cluster["outages"]))
            drain(pair.standby)
            for statement in (f"STOP {noun}", f"RESET {noun} ALL", "SET GLOBAL read_only = OFF"):
                pair.standby.sql(statement)
            with pair.standby.connect(*APPLICATION) as session:
                session.cursor().execute(f"INSERT INTO {SCHEMA}.orders VALUES (1, NOW(6), 'after the takeover')")
            names.point(pair.standby.address)

            cluster = watching.wait_for(lambda cluster: any(each["ended_at"] for each in cluster["outages"]))
            (outage,) = cluster["outages"]
            assert (outage["lost"], outage["standby"]) == ("oslo-a", "oslo-b")
            assert {part for part, seconds in outage["took"].items() if seconds is None} == {"repair"}
            assert sum(seconds or 0.0 for seconds in outage["took"].values()) < 60
            assert outage["loss_seconds"] < 5
            assert datetime.fromisoformat(outage["fault_at"])
            assert cluster["endpoint"]["leads_to"] == ["oslo-b"]

            watching.stop()
            watching.start()
            again = watching.wait_for(lambda cluster: bool(cluster["outages"]))
            assert again["outages"] == [outage]
            basis = {term["component"]: term["basis"] for term in again["recovery"][0]["terms"]}
            assert [basis[part] for part in ("detect", "decide", "promote")] == ["measured"] * 3
