"""The terminal's picture of a status: what a human without a browser decides by."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from monitoring import world
from rich.console import Console
from worlds import POLICY, START

from drwatch.cli.screen import picture
from drwatch.core.assessment import Assessment
from drwatch.core.audit import Check, Vitals
from drwatch.core.finding import Condition, Finding
from drwatch.core.job import Heard
from drwatch.core.silence import Wish, silence
from drwatch.web.status import status_json


def shown() -> str:
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(picture(status_json(world.whole(), (), ())))
    return " ".join(console.export_text().split())


def test_repair_and_takeover_stand_one_below_the_other_with_what_each_takes_and_loses() -> None:
    words = shown()
    assert "if it is lost: repair about 5 min* loses nothing" in words
    assert "if it is lost: take over, oslo-b about " in words
    assert "better 10 min after its death" in words


def test_the_paths_stand_in_one_line() -> None:
    assert "paths: witness–oslo-a up, witness–oslo-b up" in shown()


def test_what_is_unknown_is_a_word_there_too() -> None:
    assert "if it is lost: take over, bergen-b UNKNOWN loses UNKNOWN" in shown()


def test_a_silence_in_force_is_said_below_the_clusters() -> None:
    made = silence(Wish("shop", 3600, "upgrade", "anna", node="oslo-b"), POLICY, START)
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(picture(status_json(replace(world.whole(), silences=(made,)), (), ())))
    assert f"nobody is paged for shop oslo-b until 2026-11-23 04:14:00+0000 (anna: upgrade) [{made.id}]" in (
        console.export_text()
    )


def drawn(status: dict[str, Any]) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(picture(status))
    return " ".join(console.export_text().split())


def with_job(heard: Heard | None) -> Assessment:
    """The world judged with what was heard of its one job."""
    seen = {("shop", "nightly-dump"): heard} if heard else {}
    return replace(world.whole(), snapshot=replace(world.whole().snapshot, jobs=seen))


def test_jobs_stand_there_with_when_they_were_done_last() -> None:
    assert "job nightly-dump not heard of yet every 24 h 0 min, grace 2 h 0 min" in drawn(
        status_json(with_job(None), (), ())
    )
    done = with_job(Heard(since=START, done=world.NOW.plus(-3600)))
    assert "job nightly-dump done 60 min ago every" in drawn(status_json(done, (), ()))
    late = Finding(Condition.JOB_MISSED, "shop", "nightly-dump", "the job nightly-dump says that it failed, 5 s ago")
    missed = replace(done, findings=(*done.findings, late))
    assert "job nightly-dump the job nightly-dump says that it failed, 5 s ago" in drawn(status_json(missed, (), ()))


def test_the_outside_heartbeat_is_said_with_what_keeps_it_back() -> None:
    assert "heartbeat" not in drawn(status_json(world.whole(), (), (), (), Vitals()))
    sent = Vitals(beats=True, beaten=START)
    assert "heartbeat: sent 2026-11-23 03:14:00+0000" in drawn(status_json(world.whole(), (), (), (), sent))
    held = Vitals({Check.LEDGER: "a page is overdue by 90 s"}, beats=True, trouble="HTTP 500")
    words = drawn(status_json(world.whole(), (), (), (), held))
    assert "heartbeat: not sent yet; a page is overdue by 90 s; HTTP 500" in words


def test_what_quiet_hours_keep_from_a_channel_is_said_with_until_when() -> None:
    assessment = world.whole()
    (incident, *_) = [each for each in world.living(assessment) if each.cluster == "shop"]
    held = {incident.id: {"phone": START.plus(3600).wall}}
    words = drawn(status_json(assessment, [incident], (), (), Vitals(), held))
    assert "(kept from phone until 2026-11-23 04:14:00+0000 by its quiet hours)" in words


def titled(**changed: object) -> str:
    """The first line of a cluster that is well, but for what is changed of its status."""
    policy = replace(world.POLICY, clusters=(replace(world.SHOP, files=()),))
    status = status_json(world.assessed(world.looks(writable=False), policy=policy), (), ())
    status["clusters"][0] |= changed
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(picture(status))
    return console.export_text(styles=True).splitlines()[0]


def test_all_is_well_is_said_of_a_pair_that_is_protected_and_known() -> None:
    assert "shop: all is well" in titled()
    assert "\x1b[32m" in titled()
    for state in ("unknown", "unprotected", "over_objective", "taken_over"):
        line = titled(protection={"state": state, "since": "2026-11-23T02:14:07Z", "why": []})
        assert "shop: nothing is confirmed, and not all is well" in line
        assert "\x1b[33m" in line
    assert "shop: looking …" in titled(settled=False)
    assert "\x1b[33m" in titled(settled=False)
    unknown = {"node": "oslo-b", "seconds": None, "unknown": "it cannot be asked", "objective_seconds": 60.0}
    assert "shop: nothing is confirmed, and not all is well" in titled(exposures=[unknown])


def test_the_times_are_those_of_the_readers_zone() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(picture(status_json(world.whole(), (), ()), zone=ZoneInfo("Europe/Oslo")))
    words = console.export_text()
    assert "unprotected since 2026-11-23 03:14:07+0100" in words
    assert not re.search(r"\dT\d", words)
