"""The record of a death: what was known at that moment, by whom, and nothing that came later."""

from __future__ import annotations

import json
from typing import Any

from worlds import (
    PRIMARY,
    REFUSED,
    Story,
    at,
    body,
    coordinate,
    dead_host,
    gtids,
    host,
    judged,
    primary,
    receiver,
    replication,
    seen,
    server,
    standby,
    standby_server,
    well,
)

from drwatch.core.blackbox import Death, records
from drwatch.core.finding import Condition
from drwatch.core.snapshot import Snapshot

DYING = [
    *well(0),
    *well(1, retrieved_gtid=gtids(100), executed_gtid=gtids(98), read=coordinate(500), executed=coordinate(400)),
    primary(server(gtids(105)), 2),
    primary(REFUSED, 3),
    body(dead_host(), 3),
]
NONE: frozenset[Death] = frozenset()


def written(world: Snapshot, now: float = 5) -> dict[str, Any]:
    (record,) = records(judged(world, now), (), NONE)
    made: dict[str, Any] = json.loads(json.dumps(record.body))
    return made


def test_a_death_is_put_down_with_the_last_position_and_what_each_standby_had() -> None:
    box = written(seen(DYING))
    assert (box["cluster"], box["primary"], box["died_at"]) == ("shop", "oslo-a", at(3.01).wall.isoformat())
    assert box["last_position"]["gtid"] == str(gtids(105))
    assert box["last_position"]["asked_at"] == at(2).wall.isoformat()
    (copy,) = box["standbys"]
    assert copy["received"]["gtid"] == str(gtids(100))
    assert (copy["applied"]["gtid"], copy["applied"]["binlog"]) == (str(gtids(98)), str(coordinate(400)))
    assert copy["claim"]["frozen"]
    assert copy["looked_at"] == at(1).wall.isoformat()


def test_it_names_who_saw_what_and_how_far_off_their_clocks_were() -> None:
    box = written(seen(DYING, standby(standby_server(clock=at(9).wall), 3)))
    assert box["verdict"]["condition"] == "PrimaryDown"
    assert any("oslo-a" in words for words in box["verdict"]["evidence"])
    looks = {(look["node"], look["probe"]): look["saw"] for look in box["looks"]}
    assert looks["oslo-a", "mysql"] == "refused"
    assert looks["oslo-b", "mysql"] == "answer"
    assert round(box["clock_offsets_seconds"]["oslo-b"]) == -1  # its host's word goes before its server's


def test_what_was_never_seen_is_null() -> None:
    world = seen(primary(server(gtids(5)), 0), body(host(), 0), primary(REFUSED, 3), body(dead_host(), 3))
    (copy,) = written(world)["standbys"]
    assert (copy["received"], copy["heard_at"], copy["io"], copy["claim"]["seconds"]) == (None, None, None, None)


def test_each_death_is_put_down_once() -> None:
    first = seen(DYING)
    (record,) = records(judged(first, 5), (), NONE)
    assert record.death == Death(PRIMARY, at(3.01).wall)
    assert records(judged(first, 100), (), frozenset({record.death})) == ()
    again = seen(DYING, well(50, last=200), primary(REFUSED, 60), body(dead_host(), 60))
    (second,) = records(judged(again, 65), (), frozenset({record.death}))
    assert second.death != record.death


def test_a_primary_that_is_merely_out_of_reach_is_not_put_down() -> None:
    assert records(judged(seen(well(0), primary(REFUSED, 3)), 5), (), NONE) == ()


def test_it_belongs_to_the_incident_of_that_primary() -> None:
    world, story = seen(DYING, receiver(replication(), 3.2)), Story()
    assessment = judged(world, 5)
    story.tick(5, *assessment.findings)
    (record,) = records(assessment, story.incidents, NONE)
    (incident,) = (one for one in story.incidents if one.id == record.incident)
    assert incident.condition is Condition.PRIMARY_DOWN


def test_it_waits_for_what_the_other_chairs_say() -> None:
    assessment = judged(seen(DYING), 3.5)
    assert assessment.clusters[0].verdict.pending
    assert records(assessment, (), NONE) == ()
