"""The state as JSON: what `drwatch status`, the demo and other programs read."""

import json
from dataclasses import replace
from typing import Any

from monitoring import world
from monitoring.world import NOW, A, B

from drwatch.core.sample import Blind, Probe, Reason, Sample
from drwatch.web.incidents import incident_json
from drwatch.web.status import status_json


def status(samples: list[Sample] | None = None) -> dict[str, Any]:
    """As it comes out at the other end of the wire."""
    assessment = world.whole() if samples is None else world.assessed(samples)
    incidents = world.living(assessment)
    return json.loads(json.dumps(status_json(assessment, incidents, [world.row(incidents[0])]), allow_nan=False))


def cluster(state: dict[str, Any], name: str = "shop") -> dict[str, Any]:
    return next(each for each in state["clusters"] if each["name"] == name)


def test_before_the_first_judgement_it_says_so() -> None:
    state = status_json(None, (), ())
    assert state["at"] is None
    assert state["unknown"] == "nothing has been judged yet"
    assert set(state) == set(status())


def test_a_figure_is_shown_with_its_bound_its_proof_and_its_objective() -> None:
    assessment = world.whole()
    view = assessment.view("shop")
    assert view is not None
    (claim,) = view.database
    (shown,) = cluster(status())["exposures"]
    assert shown["seconds"] == claim.seconds
    assert shown["transactions_seen"] == claim.transactions_seen
    assert shown["objective_seconds"] == 60.0
    assert shown["datum_at"].endswith("Z")
    assert shown["frozen"] is False
    (estimate,) = cluster(status())["recovery"]
    assert sum(term["seconds"] for term in estimate["terms"]) == estimate["seconds"]
    assert {term["basis"] for term in estimate["terms"]} == {"measured", "derived"}
    drain = next(term for term in estimate["terms"] if term["component"] == "drain")
    assert drain["measured_at"].endswith("Z")
    assert drain["age_seconds"] >= 0


def test_what_is_unknown_is_null_with_the_reason_beside_it_and_never_zero() -> None:
    state = status()
    dark = cluster(state, "dark")
    (claim,), (estimate,) = dark["exposures"], dark["recovery"]
    for shown in (claim, estimate):
        assert shown["seconds"] is None
        assert shown["unknown"]
    assert claim["transactions_seen"] is None
    assert claim["unseen_seconds"] is None
    node = dark["primary"]
    assert {node[key] for key in ("role", "writable", "gtid", "replication", "host", "connections")} == {None}
    invoices = next(each for each in cluster(state)["files"] if each["name"] == "invoices")
    assert (invoices["age_seconds"], invoices["measured"], invoices["unknown"]) == (
        None,
        False,
        "no marker was ever seen",
    )


def test_every_null_figure_has_a_reason_at_any_moment_of_a_start() -> None:
    samples = [*world.looks(), *world.dark_looks()]
    for count in range(0, len(samples) + 1, 3):
        for each in status_json(world.assessed(samples[:count]), (), ())["clusters"]:
            for shown in (*each["exposures"], *each["recovery"]):
                assert (shown["seconds"] is None) == bool(shown["unknown"]), shown
            for shown in each["files"]:
                assert (shown["age_seconds"] is None) == bool(shown["unknown"]), shown


def test_a_node_says_what_it_is_and_what_it_should_be() -> None:
    shop = cluster(status())
    primary, (standby,) = shop["primary"], shop["standbys"]
    assert (primary["name"], primary["configured_role"], primary["role"], primary["writable"]) == (
        "oslo-a",
        "primary",
        "primary",
        True,
    )
    assert (standby["role"], standby["writable"]) == ("standby", True)
    (channel,) = standby["replication"]
    assert channel["source"] == "10.0.0.1:3306"
    assert channel["io_running"] is True
    assert channel["backlog_bytes"] == 60_000
    assert channel["io_errno"] is None


def test_a_blind_probe_says_why_and_for_how_long() -> None:
    blind = world.look(A, Probe.SERVER, Blind(Reason.ACCESS_DENIED, "for 'drwatch'", 1045), NOW.plus(-3.0))
    shop = cluster(status([*world.looks(NOW.plus(-5.0)), blind]))
    probe = next(each for each in shop["primary"]["probes"] if each["probe"] == "mysql")
    assert (probe["up"], probe["reason"], probe["detail"]) == (False, "access_denied", "for 'drwatch'")
    assert probe["blind_seconds"] > 3.0
    assert probe["fact_age_seconds"] > 5.0


def test_the_verdict_comes_with_its_evidence() -> None:
    dead = [
        world.look(A, Probe.SERVER, Blind(Reason.REFUSED), NOW.plus(-4.0)),
        world.look(A, Probe.HOST, replace(world.host(NOW), processes=()), NOW.plus(-3.0)),
        world.look(B, Probe.REPLICATION, Blind(Reason.QUERY_TIMEOUT), NOW.plus(-3.0)),
    ]
    verdict = cluster(status([*world.looks(NOW.plus(-5.0)), *dead]))["verdict"]
    assert verdict["condition"] == "PrimaryDown"
    assert verdict["confidence"] == "conclusive"
    assert any("gone" in line for line in verdict["evidence"])
    assert cluster(status())["verdict"]["condition"] is None
    assert cluster(status())["verdict"]["confidence"] is None


def test_incidents_stand_with_their_cluster_and_the_witnesss_own_on_top() -> None:
    state = status()
    assert [each["condition"] for each in state["incidents"]] == ["PagingBroken"]
    assert [each["condition"] for each in cluster(state)["incidents"]] == ["StandbyWritable"]
    assert cluster(state)["incidents"][0]["age_seconds"] == 120.0
    assert [each["condition"] for each in cluster(state)["findings"]] == ["StandbyWritable"]


def test_a_page_that_waits_is_shown_without_its_body() -> None:
    """The body has commands and addresses; the API needs no secret, and those who may read it are many."""
    pages = status()["pages"]
    assert pages["pending"] == 1
    assert pages["oldest_seconds"] == 45.0
    (row,) = pages["rows"]
    assert (row["channel"], row["attempts"], row["state"]) == ("sms", 2, "due")
    assert "body" not in row


def test_channels_and_anchors_stand_on_top() -> None:
    state = status()
    assert [(each["name"], each["refused"]) for each in state["channels"]] == [("phone", False), ("sms", True)]
    assert [(each["target"], each["up"]) for each in state["anchors"]] == [(world.ANCHOR, True)]


def test_an_instant_is_utc_to_the_millisecond() -> None:
    incident = world.living(world.whole())[0]
    assert incident_json(incident)["began_at"] == "2026-11-23T02:12:07.000Z"
    assert incident_json(incident)["ended_at"] is None
