"""`drwatch explain`: what was seen, concluded and told, from the ledger alone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from commands import drwatch
from test_cli_input import config  # noqa: F401 - a fixture

from drwatch.lab import virtual
from drwatch.lab.scenarios import SCENARIOS, SIMULATED
from drwatch.store import read_history


@pytest.fixture
async def told(config: Path) -> str:  # noqa: F811
    """The identity of the incident that a killed primary leaves in the ledger of ``config``."""
    state = config.parent / "state"
    state.mkdir()
    await virtual.play(SCENARIOS["primary-killed"], state)
    (line,) = [past for past in read_history(state / "drwatch.db") if past.condition == "PrimaryDown"]
    return line.id


@pytest.mark.looptime
async def test_every_vote_every_page_and_every_attempt_is_told(config: Path, told: str) -> None:  # noqa: F811
    ran = await asyncio.to_thread(drwatch, "explain", told, "--config", config)
    assert (ran.status, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].startswith(f"{told} CRITICAL shop: PrimaryDown oslo-a: ")
    assert any(line.startswith("PrimaryDown, conclusive, as it stood at ") for line in lines)
    votes = [line.strip() for line in lines if "counts)" in line or "abstains)" in line]
    assert any(line.startswith("witness, database: refused (") for line in votes)
    assert any(line.startswith("witness, SSH to oslo-a: gone (") for line in votes)
    assert any(line.startswith("standby oslo-b, receiver: broken (") for line in votes)
    assert "  so: its host answers, and the process that was there is gone" in lines
    assert any(line.startswith(f"Page {told}.1 to phone (first, accepted): CRITICAL") for line in lines)
    assert any(line.startswith("  tried ") and ": accepted" in line for line in lines)
    assert any(line.startswith("Black box, record 1: oslo-a was proved dead at ") for line in lines)


@pytest.mark.looptime
async def test_the_same_for_a_script_by_a_pages_event(config: Path, told: str) -> None:  # noqa: F811
    ran = await asyncio.to_thread(drwatch, "explain", f"{told.lower()}.1", "--json", "--config", config)
    said = json.loads(ran.out)
    assert said["id"] == told
    (verdict,) = said["verdicts"]
    assert (verdict["condition"], verdict["confidence"]) == ("PrimaryDown", "conclusive")
    assert {vote["chair"] for vote in verdict["votes"]} >= {"witness, database", "standby oslo-b, receiver"}
    assert all(isinstance(vote["counts"], bool) for vote in verdict["votes"])
    (page,) = said["ledger"]
    assert [attempt["outcome"] for attempt in page["attempts"]] == ["accepted"]
    assert said["blackbox"][0]["primary"] == "oslo-a"


@pytest.mark.looptime
async def test_who_had_an_incident_in_hand_is_explained_and_listed(config: Path) -> None:  # noqa: F811
    state = config.parent / "state"
    state.mkdir()
    await virtual.play(SIMULATED["in-hand"], state)
    (line,) = [past for past in read_history(state / "drwatch.db") if past.condition == "PrimaryDown"]
    words = (await asyncio.to_thread(drwatch, "explain", line.id, "--config", config)).out
    assert "\nanna had it in hand from " in words
    assert "(socket)" in words
    for command, form in (("explain", (line.id,)), ("incidents", ())):
        out = (await asyncio.to_thread(drwatch, command, *form, "--json", "--config", config)).out
        found = next(each for each in map(json.loads, out.splitlines()) if each["id"] == line.id)
        assert [(ack["by"], ack["origin"]) for ack in found["acknowledgements"]] == [("anna", "socket")]
    listed = (await asyncio.to_thread(drwatch, "incidents", "--config", config)).out
    assert "(2 pages, anna had it in hand)" in listed


@pytest.mark.looptime
async def test_an_incident_that_never_was_is_named_in_a_sentence(config: Path, told: str) -> None:  # noqa: F811
    ran = await asyncio.to_thread(drwatch, "explain", "NOSUCH", "--config", config)
    assert (ran.status, ran.out) == (3, "")
    assert ran.sentence == "there is no incident NOSUCH: 'drwatch incidents' lists those there are"


def test_before_the_first_run_there_is_nothing_to_explain(config: Path) -> None:  # noqa: F811
    ran = drwatch("explain", "ABCDEF", "--config", config)
    assert (ran.status, ran.out) == (3, "")
    assert "has not run with this configuration yet" in ran.sentence
