"""`drwatch explain`: what was seen, concluded and told, from the ledger alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import drwatch
from test_cli_input import config  # noqa: F401 - a fixture

from drwatch.core.decision import Decision, Stand
from drwatch.core.finding import Condition, Confidence, Severity
from drwatch.core.incident import Incident, Phase
from drwatch.core.paging import Outcome, PageReason, Row, RowState
from drwatch.core.sample import Moment
from drwatch.core.silence import Silence
from drwatch.lab import virtual
from drwatch.lab.scenarios import SCENARIOS, SIMULATED
from drwatch.store import Attempt, Store, read_history


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
    assert any(line.startswith("  1. tried ") and ": accepted" in line for line in lines)
    assert "Paged: it was confirmed and nothing greater explained it; one page, 1 accepted." in lines
    assert any(line.endswith(", because nobody had been told of it") for line in lines)
    assert any(line.startswith("Black box, record 1: oslo-a was proved dead at ") for line in lines)
    story = lines[lines.index("What was decided, and when:") + 1 :]
    assert story[0].startswith("  2026-")
    assert f"open; PrimaryDown, critical; page {told}.1 to phone (first), because nobody had been told" in story[0]


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
    assert [(attempt["number"], attempt["outcome"]) for attempt in page["attempts"]] == [(1, "accepted")]
    assert said["why"].startswith("Paged: ")
    decided = said["decisions"][0]
    assert (decided["number"], decided["phase"], decided["told"]) == (1, "open", "PrimaryDown")
    assert (decided["event"], decided["reason"], decided["channels"]) == (f"{told}.1", "first", ["phone"])
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


NIGHT = datetime(2026, 11, 23, 2, 14, tzinfo=UTC)


def at(seconds: float) -> Moment:
    return Moment(5000 + seconds, NIGHT + timedelta(seconds=seconds))


def lag(phase: Phase = Phase.OPEN, **fields: Any) -> Incident:
    """It began at the night's first second, was confirmed after 15 s and, if it has ended, was over after 60."""
    return Incident(
        id="LAGLAG",
        cluster="shop",
        topic="lag",
        subject="oslo-b",
        condition=Condition.REPLICATION_STOPPED,
        severity=Severity.WARNING,
        summary="oslo-b applies what is 80 s old",
        evidence=("the applier is busy",),
        confidence=Confidence.LIKELY,
        phase=phase,
        began=at(0),
        condition_began=at(0),
        last_true=at(50),
        confirmed=None if phase is Phase.HEALED else at(15),
        ended=at(60) if phase in (Phase.HEALED, Phase.RESOLVED) else None,
        **fields,
    )


async def explained(config: Path, *options: str) -> str:  # noqa: F811
    ran = await asyncio.to_thread(drwatch, "explain", "LAGLAG", *options, "--config", config)
    assert (ran.status, ran.err) == (0, "")
    return ran.out


async def written(
    config: Path,  # noqa: F811
    incident: Incident,
    rows: Sequence[Row] = (),
    decided: Sequence[Decision] = (),
) -> Store:
    store = await Store.open(config.parent / "state" / "drwatch.db")
    await store.commit([incident], rows, decided)
    return store


async def test_who_silenced_it_why_and_until_when_is_told(config: Path) -> None:  # noqa: F811
    store = await written(config, lag(Phase.RESOLVED))
    mine = Silence("SAAAAAA", "shop", at(-30), 3600.0, "a report runs", "kari", Condition.REPLICATION_STOPPED, "oslo-b")
    other = Silence("SBBBBBB", "shop", at(70), 60.0, "too late for it", "bo")
    elsewhere = Silence("SCCCCCC", "shop", at(-30), 60.0, "of another node", "bo", None, "oslo-a")
    await store.silence([replace(mine, ended=at(100), ended_by="bo"), other, elsewhere])
    await store.close()
    said = await explained(config)
    assert "Nobody was paged: it was silenced (SAAAAAA)." in said
    assert "Silenced by kari (SAAAAAA): a report runs" in said
    assert "  ended by bo " in said
    assert "SBBBBBB" not in said
    assert "SCCCCCC" not in said
    assert json.loads(await explained(config, "--json"))["silences"][0]["by"] == "kari"


@pytest.mark.parametrize(
    ("incident", "why"),
    [
        (lag(Phase.HEALED), "Nobody was paged: it was over after 60 s, before its window had passed."),
        (
            lag(suppressed_by=Condition.PRIMARY_DOWN),
            "Nobody was paged: PrimaryDown explained it, and that is what was told.",
        ),
        (lag(silence="SAAAAAA"), "Nobody was paged: it was silenced (SAAAAAA)."),
    ],
    ids=["healed", "explained", "silenced"],
)
async def test_why_nobody_was_paged_is_told(config: Path, incident: Incident, why: str) -> None:  # noqa: F811
    await (await written(config, incident)).close()
    assert why in (await explained(config)).splitlines()


def quiet(config: Path, hours: str) -> None:  # noqa: F811
    """Let the phone be still in these hours."""
    text = config.read_text()
    assert "url_file: phone.url" in text
    config.write_text(text.replace("url_file: phone.url", f"url_file: phone.url, quiet: {hours}"))


async def test_what_quiet_hours_hold_back_is_told_with_until_when(config: Path) -> None:  # noqa: F811
    now = datetime.now(UTC)
    before, after = (f"{(now + timedelta(minutes=minutes)):%H:%M}" for minutes in (-60, 60))
    quiet(config, f"{{from: '{before}', to: '{after}'}}")
    await (await written(config, lag())).close()
    (line,) = [line for line in (await explained(config)).splitlines() if "quiet hours" in line]
    assert line.startswith("Nobody is paged yet: quiet hours keep it from phone until ")
    assert f"{after}:00" in line
    held = json.loads(await explained(config, "--json"))["held_back"]
    assert list(held) == ["phone"]


async def test_what_was_over_before_quiet_hours_ended_is_told_so(config: Path) -> None:  # noqa: F811
    quiet(config, "{from: '02:00', to: '03:00'}")
    await (await written(config, lag(Phase.RESOLVED))).close()
    said = "Nobody was paged: quiet hours kept it from phone, and it was over before they ended."
    assert said in (await explained(config)).splitlines()


async def test_every_attempt_is_told_with_its_number_its_end_and_what_came_of_it(config: Path) -> None:  # noqa: F811
    row = Row("LAGLAG.1", "phone", "LAGLAG", PageReason.FIRST, Severity.WARNING, "WARNING lag", "words", at(15), at(15))
    store = await written(config, lag(), [row])
    failed = replace(row, attempts=1, detail="connection refused")
    await store.mark(failed, Attempt(at(15), at(17), Outcome.FAILED, failed.detail))
    perhaps = replace(row, attempts=2, detail="no answer in time, after the message had left: it may have arrived")
    await store.mark(perhaps, Attempt(at(20), at(35), Outcome.AMBIGUOUS, perhaps.detail))
    await store.mark(replace(row, attempts=3, state=RowState.EXPIRED, detail="it is no longer news"), Attempt(at(60)))
    await store.close()
    lines = (await explained(config)).splitlines()
    attempts = [line.split(":", 3)[-1].strip() for line in lines if ". tried " in line]
    assert [line.split()[0] for line in lines if ". tried " in line] == ["1.", "2.", "3."]
    assert attempts[0].endswith("failed in 2.0 s (connection refused)")
    assert "ambiguous in 15 s (no answer in time" in attempts[1]
    assert "cut off" in attempts[2]
    told = json.loads(await explained(config, "--json"))["ledger"][0]
    assert [(each["number"], each["outcome"]) for each in told["attempts"]] == [
        (1, "failed"),
        (2, "ambiguous"),
        (3, None),
    ]
    assert told["attempts"][0]["ended"] == "2026-11-23T02:14:17+00:00"
    assert (told["state"], told["detail"]) == ("expired", "it is no longer news")


STOPPED = Condition.REPLICATION_STOPPED
OPEN = Stand(Phase.OPEN, STOPPED, Severity.WARNING)
NIGHTLY = replace(OPEN, kept=("phone",))


@pytest.mark.parametrize(
    ("stands", "why"),
    [
        ([NIGHTLY], "Nobody was paged: quiet hours kept it from phone, and it was over before they ended."),
        (
            [replace(OPEN, suppressed_by=Condition.PRIMARY_DOWN), OPEN, NIGHTLY],
            "Nobody was paged: PrimaryDown explained it; then quiet hours kept it from phone, and it was over before "
            "they ended.",
        ),
        (
            [NIGHTLY, replace(OPEN, suppressed_by=Condition.PRIMARY_DOWN)],
            "Nobody was paged: quiet hours kept it from phone; then PrimaryDown explained it, and that is what was "
            "told.",
        ),
        (
            [replace(OPEN, silence="SAAAAAA"), OPEN],
            "Nobody was paged: it was silenced (SAAAAAA); then no step of the escalation was due while it was open.",
        ),
        (
            [replace(OPEN, flaps=True)],
            "Nobody was paged: it came and went too often to be told each time, and Flapping says so.",
        ),
        ([OPEN], "Nobody was paged: no step of the escalation was due while it was open."),
        ([replace(OPEN, in_hand="anna")], "Nobody was paged: anna had it in hand."),
    ],
    ids=["quiet", "explained, then quiet", "quiet, then explained", "silenced", "flapped", "too early", "in hand"],
)
async def test_why_nobody_was_paged_is_told_as_it_was_decided_whatever_the_configuration_says_today(
    config: Path,  # noqa: F811
    stands: Sequence[Stand],
    why: str,
) -> None:
    ended = replace(OPEN, phase=Phase.RESOLVED)
    decided = [
        Decision("LAGLAG", at(0).wall, number, at(15 + number - 1).wall, stand)
        for number, stand in enumerate([*stands, ended], 1)
    ]
    store = await written(config, lag(Phase.RESOLVED), decided=decided)
    await store.close()
    assert why in (await explained(config)).splitlines()
    assert json.loads(await explained(config, "--json"))["why"] == why


async def test_what_was_decided_is_told_as_a_story(config: Path) -> None:  # noqa: F811
    stands = [
        OPEN,
        replace(OPEN, silence="SAAAAAA", withheld="LAGLAG.1"),
        replace(OPEN, severity=Severity.CRITICAL, told=STOPPED, in_hand="anna", withheld="LAGLAG.1"),
        replace(OPEN, flaps=True, withheld="LAGLAG.1"),
        replace(OPEN, phase=Phase.RESOLVED, withheld="LAGLAG.1"),
    ]
    began = at(0).wall
    decided = [Decision("LAGLAG", began, n, at(15 + n).wall, stand) for n, stand in enumerate(stands, 1)]
    page = {"event": "LAGLAG.2", "reason": PageReason.CHANGED, "channels": ("phone", "mail")}
    decided[2] = replace(decided[2], **page)  # type: ignore[arg-type]
    await (await written(config, lag(Phase.RESOLVED), decided=decided)).close()
    lines = (await explained(config)).splitlines()
    story = lines[lines.index("What was decided, and when:") + 1 :][:5]
    assert [line.split(" ", 4)[-1] for line in story] == [
        "open; ReplicationStopped, warning",
        "silenced (SAAAAAA); page LAGLAG.1 is kept back, because what it tells of is not so",
        "ReplicationStopped, critical; no longer silenced (SAAAAAA); anna has it in hand; page LAGLAG.2 to phone, mail "
        "(changed), because it had another face, and kept it, or had become critical",
        "ReplicationStopped, warning; anna no longer has it in hand; comes and goes too often to be told each time; "
        "what was to be told of it is withdrawn, because none of it can have arrived",
        "resolved; no longer comes and goes",
    ]


async def test_an_attempt_that_a_kill_cut_off_is_told(config: Path) -> None:  # noqa: F811
    row = Row("LAGLAG.1", "phone", "LAGLAG", PageReason.FIRST, Severity.WARNING, "WARNING lag", "words", at(15), at(15))
    sending = replace(row, state=RowState.SENDING, attempts=1)
    store = await written(config, lag(), [row])
    await store.mark(sending, Attempt(at(15)))
    tried = [line for line in (await explained(config)).splitlines() if ". tried " in line]
    assert [line.endswith("under way, or cut off") for line in tried] == [True]
    await store.mark(sending, Attempt(at(30)))
    await store.mark(replace(row, state=RowState.ACCEPTED), Attempt(at(30), at(31), Outcome.ACCEPTED))
    await store.close()
    tried = [line for line in (await explained(config)).splitlines() if ". tried " in line]
    assert [line.split(": ")[-1] for line in tried] == ["cut off", "accepted in 1.0 s"]


def note(event: str, reason: PageReason, channel: str = "phone") -> Row:
    return Row(event, channel, event, reason, Severity.WARNING, f"words of [{event}]", "", at(0), at(0))


async def test_a_test_and_a_digest_are_explained_by_their_day(config: Path) -> None:  # noqa: F811
    tests = [note(f"TEST.2026-11-{day}T10:0{n}", PageReason.TEST) for day in (27, 28) for n in (1, 2)]
    digest = note("DIGEST.2026-11-28", PageReason.DIGEST, "mail")
    store = await written(config, lag(), [*tests, digest])
    await store.mark(replace(tests[2], state=RowState.ACCEPTED), Attempt(at(1), at(3), Outcome.ACCEPTED))
    await store.close()
    for named in ("test", "TEST.2026-11-28"):
        ran = await asyncio.to_thread(drwatch, "explain", named, "--config", config)
        assert (ran.status, ran.err) == (0, "")
        first, *lines = ran.out.splitlines()
        assert first == "TEST.2026-11-28 Tests of the channels: 2 sent, 1 accepted."
        assert [line.split()[1] for line in lines if line.startswith("Page ")] == [each.event for each in tests[2:]]
        assert any(line.endswith(": accepted in 2.0 s") for line in lines)
        assert any(line.endswith("because each channel is tried once a day") for line in lines)
    ran = await asyncio.to_thread(drwatch, "explain", "DIGEST.2026-11-28", "--json", "--config", config)
    said = json.loads(ran.out)
    assert (said["id"], [page["channel"] for page in said["ledger"]]) == ("DIGEST.2026-11-28", ["mail"])


async def test_a_test_that_never_was_is_named_in_a_sentence(config: Path) -> None:  # noqa: F811
    await (await written(config, lag())).close()
    for named, said in {
        "TEST.2026-01-01": "there is no TEST.2026-01-01: 'drwatch explain TEST' has the last ones",
        "DIGEST": "there is no DIGEST yet",
    }.items():
        ran = await asyncio.to_thread(drwatch, "explain", named, "--config", config)
        assert (ran.status, ran.sentence) == (3, said)


def test_before_the_first_run_there_is_nothing_to_explain(config: Path) -> None:  # noqa: F811
    ran = drwatch("explain", "ABCDEF", "--config", config)
    assert (ran.status, ran.out) == (3, "")
    assert "has not run with this configuration yet" in ran.sentence


async def test_a_channel_that_stood_in_is_told_with_whom_it_replaced_and_one_that_was_not_needed_is_not(
    config: Path,  # noqa: F811
) -> None:
    row = Row("LAGLAG.1", "phone", "LAGLAG", PageReason.FIRST, Severity.WARNING, "WARNING lag", "words", at(15), at(15))
    refused = replace(row, state=RowState.EXPIRED, detail="it is no longer news")
    stood_in = replace(row, channel="mail", state=RowState.ACCEPTED, instead="phone")
    missed = replace(row, event="LAGLAG.2", reason=PageReason.MISSED, state=RowState.ACCEPTED)
    spare = replace(row, channel="sms", state=RowState.RESERVE)
    await (await written(config, lag(), [refused, stood_in, spare, missed])).close()
    said = await explained(config)
    assert "Page LAGLAG.1 to mail instead of phone (first, accepted): WARNING lag" in said
    assert "because it was over, and no page of it can have arrived here while it lasted" in said
    assert "3 pages, 2 accepted" in said
    assert "sms" not in said
