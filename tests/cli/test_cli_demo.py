"""The demo: unattended, as a tour through a pipe, and with keys on a terminal. Nothing of it is left at its end."""

import json
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from commands import drwatch, left_in, own_tmp, start
from terminal import ALTERNATE, NORMAL, Terminal

from drwatch.lab.demo import KEYS
from drwatch.lab.scenario import Topology
from drwatch.lab.scenarios import SCENARIOS, SIMULATED

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def tmp() -> Iterator[Path]:
    with own_tmp() as path:
        yield path


def test_list_names_every_scenario() -> None:
    listed = drwatch("demo", "--list")
    assert listed.status == 0
    every = SCENARIOS | SIMULATED
    lines = dict(zip(every, listed.out.splitlines(), strict=True))
    assert [line.split()[0] for line in lines.values()] == list(every)
    # Two columns, and whoever is not root reads beforehand what only root can play, and what no server plays.
    assert {line.rindex(every[name].sentence) for name, line in lines.items()} == {max(map(len, every)) + 2}
    rooted = {name for name, line in lines.items() if line.endswith(" (root)")}
    assert rooted == {name for name, each in SCENARIOS.items() if each.topology is Topology.HOSTS}
    assert {name for name, line in lines.items() if line.endswith(" (simulated)")} == set(SIMULATED)
    assert list(json.loads(drwatch("demo", "--list", "--json").out)) == list(every)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scenario", "nope"], "drwatch demo --list"),
        (["--flavour", "oracle-23"], "mysql-5.7"),
        (["--flavour", "mariadb-4.2"], "there is no flavour mariadb-4.2: choose mariadb-10.11, "),
        (["--json"], "--scenario"),
        (["--topology", "hosts"], "--scenario"),
        (["--scenario", "witness-cut-off", "--topology", "pair"], "leave out --topology"),
        (["--scenario", "clocks-go-back", "--topology", "hosts"], "played in memory: leave out"),
        (["--scenario", "clocks-go-back", "--flavour", "mysql-9.7"], "played in memory: leave out"),
    ],
)
def test_what_there_is_not_is_said_in_one_sentence(arguments: list[str], words: str) -> None:
    ran = drwatch("demo", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert words in ran.sentence


def test_a_scenario_prints_one_json_object_and_leaves_nothing(tmp: Path) -> None:
    ran = drwatch("demo", "--scenario", "primary-killed-at-once", "--json", env={"TMPDIR": str(tmp)})
    assert ran.status == 0, ran.out + ran.err
    said = json.loads(ran.out)
    assert said.keys() >= {
        "scenario", "passed", "flavour", "version", "fault_at", "pages", "time_to_page_s", "rpo", "expected",
        "unexpected",
    }  # fmt: skip
    assert said["passed"] is True
    assert said["unexpected"] == []
    assert re.fullmatch(r"mariadb-\d+\.\d+", said["flavour"])
    page = said["pages"][0]
    assert page.keys() == {"after_s", "condition", "severity", "reason", "title", "body", "channel"}
    assert (page["condition"], page["severity"], page["channel"]) == ("PrimaryDown", "critical", "phone")
    assert page["after_s"] == said["time_to_page_s"]
    assert said["rpo"]["claimed_seconds"] >= said["rpo"]["actual_seconds"]
    assert left_in(tmp) == []


def test_a_scenario_that_needs_a_clock_of_its_own_is_played_in_memory(tmp: Path) -> None:
    ran = drwatch("demo", "--scenario", "on-duty", "--json", env={"TMPDIR": str(tmp)})
    assert ran.status == 0, ran.out + ran.err
    said = json.loads(ran.out)
    assert (said["passed"], said["flavour"], said["topology"]) == (True, "simulated", "simulated")
    # It begins where its file says, some seconds after a Monday's 07:59 UTC, and its pages say so.
    assert 0 < said["fault_at"] - datetime(2026, 11, 23, 7, 59, tzinfo=UTC).timestamp() < 30
    pages = [(page["condition"], page["reason"], page["channel"]) for page in said["pages"]]
    assert pages == [
        ("PrimaryDown", "first", "anna-phone"),
        ("PrimaryDown", "still", "bo-phone"),
        ("PrimaryDown", "resolved", "anna-phone"),
        ("PrimaryDown", "resolved", "bo-phone"),
    ]
    assert said["pages"][0]["after_s"] == said["time_to_page_s"]
    assert left_in(tmp) == []


def test_a_simulated_scenario_is_told_to_people_without_the_daemons_log(tmp: Path) -> None:
    ran = drwatch("demo", "--scenario", "in-hand", env={"TMPDIR": str(tmp)})
    assert ran.status == 0, ran.out + ran.err
    assert ran.err == ""
    assert "s after the fault, on phone:\nCRITICAL shop: PrimaryDown oslo-a" in ran.out
    assert ran.out.endswith("in-hand, simulated: passed\n")


def test_the_tour_is_plain_text_and_ends_by_itself(tmp: Path) -> None:
    ran = drwatch("demo", env={"TMPDIR": str(tmp), "COLUMNS": "80"})
    assert ran.status == 0, ran.out + ran.err
    assert "\x1b" not in ran.out
    story = ["http://127.0.0.1:", "all is well", "SIGKILL", "CRITICAL shop: PrimaryDown oslo-a", "TAKEOVER WITH oslo-b",
             "PrimaryDown", "started again", "RESOLVED shop: PrimaryDown oslo-a", "That was the tour"]  # fmt: skip
    at = 0
    for words in story:
        at = ran.out.index(words, at) + 1
    # A command can be copied: it stands on one line, whatever the width.
    assert re.search(r"^   ssh .*systemctl start mysql.*'$", ran.out, re.MULTILINE)
    assert left_in(tmp) == []


def test_ctrl_c_in_the_middle_of_the_tour_leaves_nothing(tmp: Path) -> None:
    with start("demo", env={"TMPDIR": str(tmp)}) as tour:
        assert tour.stdout is not None
        assert tour.stderr is not None
        assert any("SIGKILL" in line for line in tour.stdout)
        tour.send_signal(signal.SIGINT)
        assert tour.wait(20) == 130
        assert tour.stderr.read() == ""
    assert left_in(tmp) == []


def test_a_newcomer_breaks_and_mends_with_single_keys(tmp: Path) -> None:
    with Terminal("demo", env={"TMPDIR": str(tmp)}) as terminal:
        screen = terminal.wait_for("[q] quit", within=60)
        assert ALTERNATE in screen
        for words in ("all is well", "oslo-a", "primary", "(RPO)", "(RTO)", "(marker)", "the phone", "status page"):
            assert words in screen
        terminal.press("\x1b[3~")  # the delete key holds a 3, and breaks nothing
        terminal.press(next(key for key, fault in KEYS.items() if fault.name == "standby-writable"))
        terminal.wait_for("StandbyWritable oslo-b", within=10)
        page = terminal.wait_for("Press m to mend it", within=20)
        assert "WARNING shop: StandbyWritable oslo-b" in page
        assert "primary-killed" in page
        terminal.press("p")
        terminal.wait_for("[p] back", within=5)
        terminal.press("pm")
        terminal.wait_for("Mended", within=20)
        terminal.wait_for("RESOLVED shop: StandbyWritable", within=40)
        assert "PrimaryHung" not in terminal.said
        terminal.press("q")
        assert terminal.wait(20) == 0
        assert NORMAL in terminal.said
        assert terminal.settings == terminal.before
    assert "Traceback" not in terminal.said
    assert left_in(tmp) == []
