"""docs/api.md has each key that the API answers with, and no other."""

import re
from pathlib import Path
from typing import Any

from monitoring import world
from starlette.applications import Starlette
from worlds import POLICY, REFUSED, START, body, dead_host, judged, primary, seen, well

from drwatch.core.blackbox import records
from drwatch.core.preflight import rehearsal
from drwatch.core.silence import Wish, silence
from drwatch.store import Boxed
from drwatch.web.drills import rehearsal_json
from drwatch.web.incidents import boxed_json, incident_json, past_json
from drwatch.web.silences import silence_json
from drwatch.web.status import status_json
from web.asking import World
from web.test_answers import past

DEATH = [primary(REFUSED, 3), body(dead_host(), 3)]
PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


def written() -> dict[str, set[str]]:
    """The keys in the tables of the page, by heading; a key's own keys are in the text of its row."""
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0]: set(re.findall(r"^\| `(\w+)` \|", part, flags=re.MULTILINE)) for part in sections}


def test_the_page_has_every_key_and_no_other() -> None:
    assessment = world.whole()
    incidents = world.living(assessment)
    state = status_json(assessment, incidents, [world.row(incidents[0])])
    dead = judged(seen(well(0), DEATH), 5)
    salvage = status_json(dead, (), ())["clusters"][0]["salvage"][0]
    box = Boxed(1, dict(records(dead, (), frozenset())[0].body), "", "")
    shop = next(each for each in state["clusters"] if each["name"] == "shop")
    standby = shop["standbys"][0]
    rehearsed = rehearsal_json(rehearsal(assessment.clusters[0], assessment.snapshot, world.SHOP.standbys[0]))
    answered: dict[str, dict[str, Any]] = {
        "Status": state,
        "Cluster": shop,
        "Vote": status_json(dead, (), ())["clusters"][0]["verdict"]["votes"][0],
        "Path": shop["links"][0],
        "Exposure": shop["exposures"][0],
        "Salvage": salvage,
        "Recovery time": shop["recovery"][0],
        "Choice": shop["choice"],
        "Endpoint": shop["endpoint"],
        "Drill": shop["drills"][0],
        "Rehearsal": rehearsed,
        "Outage": shop["outages"][0],
        "File set": shop["files"][0],
        "Job": shop["jobs"][0],
        "Node": standby,
        "Replication channel": standby["replication"][0],
        "Host": standby["host"],
        "Probe": standby["probes"][0],
        "Incident": incident_json(incidents[0]) | past_json(past(incidents[0])) | {"blackbox": []},
        "Silence": silence_json(silence(Wish("shop", 60, "why", "who"), POLICY, START), START),
        "Black-box record": boxed_json(box),
        "Finding": shop["findings"][0],
        "Paging channel": state["channels"][0],
        "Page": state["pages"]["rows"][0],
    }
    assert written() == {heading: set(keys) for heading, keys in answered.items()}
    within = {
        "pages": state["pages"],
        "objectives": shop["objectives"],
        "verdict": shop["verdict"],
        "repair": shop["choice"]["repair"],
        "take_over": shop["choice"]["take_over"],
        "took": shop["outages"][0]["took"],
        "checks": rehearsed["checks"][0],
        "steps": rehearsed["steps"][0],
        "terms": shop["recovery"][0]["terms"][0],
        "last_position": box.body["last_position"],
        "standbys": box.body["standbys"][0],
        "commands": salvage["commands"][0],
        "looks": box.body["looks"][0],
        "processes": standby["host"]["processes"][0],
        "disks": standby["host"]["disks"][0],
        "filesystems": standby["host"]["filesystems"][0],
    }
    for key, keys in within.items():
        line = "".join(re.findall(rf"^\| `{key}` \|.*$", PAGE, flags=re.MULTILINE))
        assert set(keys) <= set(re.findall(r"`(\w+)`", line)), key


def test_the_page_has_every_address_and_no_other() -> None:
    app = World().application()
    assert isinstance(app, Starlette)
    served = {re.sub(r"{(\w+)}", lambda found: found[1].upper(), getattr(route, "path", "")) for route in app.routes}
    assert set(re.findall(r"^\| `(/[^`?]*)", PAGE, flags=re.MULTILINE)) == served
