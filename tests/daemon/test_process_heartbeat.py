"""The daemon as a process beside a real pair: its outside heartbeat, and the word of a job."""

from __future__ import annotations

import http.client
from contextlib import closing
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from drwatch.lab.deadline import until
from drwatch.lab.pair import Pair
from drwatch.lab.play import Watching, configuration

pytestmark = pytest.mark.timeout(180)

TOKEN = "5ecret-of-the-nightly-dump"


def test_the_heartbeat_goes_out_while_all_is_well_and_a_job_is_heard_at_its_address() -> None:
    with Pair() as pair:
        settings = {
            "heartbeat": {"url": f"http://{pair.inbox.address}/beat/5ecret-of-the-beat", "every": "10s"},
            "clusters.shop.jobs": {"nightly-dump": {"every": "1h", "grace": "1h", "token": TOKEN}},
        }
        config: Path = configuration(pair, settings)
        with Watching(pair, config) as watching:
            watching.wait_until_well()
            until(lambda: len(pair.inbox.asked) >= 2, within=60, what="two heartbeats", every=0.1)
            assert set(pair.inbox.asked) == {"/beat/5ecret-of-the-beat"}
            listen = YAML().load(config)["web"]["listen"]
            with closing(http.client.HTTPConnection(listen, timeout=10)) as connection:
                connection.request("POST", f"/ping/{TOKEN}")
                assert connection.getresponse().read() == b"heard\n"
            job = watching.wait_for(lambda shop: shop["jobs"][0]["done_at"] is not None, within=20)["jobs"][0]
            assert job["age_seconds"] < 20
            vitals = watching.status()["drwatch"]
            assert (vitals["failing"], vitals["heartbeat"]["sends"], vitals["heartbeat"]["trouble"]) == ([], True, "")
            assert vitals["heartbeat"]["sent_at"] is not None
            log = watching.log
        assert "5ecret" not in log
