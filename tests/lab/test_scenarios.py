"""A scenario is a small file, and one that is wrong says where."""

from pathlib import Path

import pytest

from drwatch.core.finding import Condition, Severity
from drwatch.core.paging import PageReason
from drwatch.lab.page import Told
from drwatch.lab.scenario import Act, Expect, Scenario, judge
from drwatch.lab.scenarios import BadScenario, read


def test_a_file_says_what_is_broken_and_what_must_be_told(tmp_path: Path) -> None:
    file = tmp_path / "killed-and-mended.yaml"
    file.write_text(
        "sentence: it dies and comes back\n"
        "faults: [{at: 0, strike: primary-killed}, {at: 9, mend: primary-killed}]\n"
        "expect: [{page: PrimaryDown, within: 6.5}, {resolved: PrimaryDown, within: 25}]\n"
    )
    scenario = read(file)
    assert scenario.name == "killed-and-mended"
    assert scenario.acts == (Act(0, "primary-killed"), Act(9, "primary-killed", mend=True))
    assert scenario.expect == (
        Expect(Condition.PRIMARY_DOWN, 6.5),
        Expect(Condition.PRIMARY_DOWN, 25, resolved=True),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sentence: x\nwatches: 3\n", "bad.yaml: watches: Extra inputs are not permitted"),
        ("sentence: x\nfaults: [{at: 0, strike: primary-kiled}]\n", "no fault is called 'primary-kiled'"),
        ("sentence: x\nfaults: [{at: 0}]\n", "faults.0: Value error, expected either strike or mend"),
        ("sentence: x\nexpect: [{page: PrimaryDead, within: 3}]\n", "expect.0.page"),
        ("sentence: x\nexpect: [{page: PrimaryDown, after: 5, within: 5}]\n", "expected after to be less than within"),
        ("sentence: x\nsmall_disk: everything\n", "expected one of binlog, data"),
        ("sentence: [x\n", "bad.yaml is no YAML"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_place(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(BadScenario) as refused:
        read(file)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("came", "why"),
    [
        (4.9, ["PrimaryDown came after 4.9 s, before 5 s"]),
        (5.0, []),
        (6.5, []),
        (6.6, ["PrimaryDown came after 6.6 s, not within 6.5 s"]),
    ],
)
def test_a_page_that_comes_before_its_window_fails_as_one_that_is_late(came: float, why: list[str]) -> None:
    scenario = Scenario("x", "x", expect=(Expect(Condition.PRIMARY_DOWN, 6.5, after=5.0),))
    page = Told(came, Condition.PRIMARY_DOWN, Severity.CRITICAL, PageReason.FIRST, "CRITICAL", "", "ABCDEF.1")
    assert judge(scenario, [page]) == (why, [])
