"""What the pages promise: each condition, command, metric, link and example in them is there, and says the same."""

import argparse
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from drwatch import cli
from drwatch.config import load, model
from drwatch.core.finding import SEVERITY, Condition
from drwatch.core.policy import Confirm, Limits
from drwatch.exporter import FAMILIES, Instruments
from drwatch.lab.scenarios import SCENARIOS

HOME = Path(__file__).parents[1]
README = (HOME / "README.md").read_text()
RUNBOOKS = (HOME / "docs" / "runbooks.md").read_text()
PAGES = sorted([HOME / "README.md", HOME / "CHANGELOG.md", *(HOME / "docs").rglob("*.md")])


def section(heading: str) -> str:
    """The runbooks' text below one heading of the second rank."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |^---|\Z)", RUNBOOKS, re.DOTALL | re.MULTILINE)
    assert found, f"docs/runbooks.md has no heading {heading}"
    return found[1]


def rows(text: str, words: str) -> Iterator[list[str]]:
    """The cells of the table whose first heading is ``words``."""
    table = re.search(rf"^\| {words} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table, f"README.md has no table of {words}"
    for line in table[1].splitlines():
        yield [cell.strip() for cell in line.strip("|").split(" | ")]


@pytest.mark.parametrize("condition", Condition)
def test_a_condition_has_a_runbook_that_answers_every_question(condition: Condition) -> None:
    text = section(condition)
    parts = ["**What drwatch saw.**", "**Check first.**", "**Do.**", "**Do not.**", "**Over when**"]
    places = [text.find(part) for part in parts]
    assert -1 not in places, dict(zip(parts, places, strict=True))
    assert places == sorted(places)


def test_the_readme_lists_each_condition_with_the_severity_it_has() -> None:
    listed = {}
    for cell, severity, *_ in rows(README, "condition"):
        name, link = re.fullmatch(r"\[(\w+)\]\((\S+)\)", cell).groups()
        assert link == f"docs/runbooks.md#{name.lower()}"
        listed[name] = severity
    assert listed == {str(condition): str(severity) for condition, severity in SEVERITY.items()}


def test_the_readme_gives_the_default_windows() -> None:
    confirm, limits = Confirm(), Limits()
    by_evidence = (
        f"{confirm.conclusive:g} s when two chairs agree or one saw the corpse, "
        f"{confirm.likely:g} s when it is likely, {confirm.alone:g} s when one chair"
    )
    assert by_evidence in " ".join(README.split())
    windows = {re.sub(r"\W.*", "", cell[1:]): last for cell, *_, last in rows(README, "condition")}
    assert windows["PrimaryRestarting"] == f"{confirm.restarting:g} s"
    assert windows["AccessDenied"] == f"{confirm.likely:g} s; {limits.probe_blind:g} s at its limit of connections"
    assert windows["ProbeBlind"] == f"{limits.probe_blind:g} s"
    assert windows["ReplicationSilent"] == f"1 s, after {limits.silence:g} s of silence"


def test_the_runbooks_give_the_default_limits() -> None:
    said = re.findall(r"`(paging|limits)\.(\w+)` \(([\d.]+) s\)", RUNBOOKS)
    assert said
    sections = {"paging": model.Paging(), "limits": model.Limits()}
    for name, key, seconds in said:
        assert getattr(sections[name], key) == float(seconds), f"{name}.{key}"


@pytest.mark.parametrize("condition", Condition)
def test_a_test_of_the_core_names_the_condition(condition: Condition) -> None:
    tests = "".join(file.read_text() for file in (HOME / "tests" / "core").glob("test_*.py"))
    assert re.search(rf"\bCondition\.{condition.name}\b|\b{condition}\b", tests)


def test_each_condition_is_expected_by_a_scenario() -> None:
    played = {expect.condition for scenario in SCENARIOS.values() for expect in scenario.expect}
    assert set(Condition) - played == set()


def commands() -> set[str]:
    """The subcommands that the command line has."""
    kinds = (argparse._SubParsersAction,)
    return {name for action in cli._parser()._actions if isinstance(action, kinds) for name in action.choices}


def test_the_readme_lists_the_commands_there_are() -> None:
    listed = {re.fullmatch(r"`drwatch ([a-z-]+)`", cell)[1] for cell, _ in rows(README, "command")}
    assert listed == commands()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_only_commands_there_are(page: Path) -> None:
    text = page.read_text()
    code = [
        *re.findall(r"`([^`\n]+)`", text),
        *"\n".join(re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)).splitlines(),
    ]
    named = {name for line in code for name in re.findall(r"^(?:sudo (?:-u drwatch )?)?drwatch ([a-z][a-z-]*)", line)}
    assert named <= commands()


def metrics() -> set[str]:
    """Every name that a scrape can hold."""
    instruments = {metric.name for metric in Instruments(["phone"]).collect()}
    grown = {f"{name}{ending}" for name in instruments for ending in ("_bucket", "_count", "_sum", "_total")}
    return {*FAMILIES, *instruments, *grown}


def test_the_pages_and_the_shipped_rules_name_only_metrics_there_are() -> None:
    shipped = [file for file in (HOME / "config").rglob("*") if file.suffix in (".yml", ".yaml", ".json")]
    named = {
        (name, file.name)
        for file in (*PAGES, *shipped)
        for name in re.findall(r"(?<![\w/.-])drwatch_[a-z_]+[a-z](?![\w*])", file.read_text())
    }
    assert {(name, file) for name, file in named if name not in metrics()} == set()


def anchors(page: Path) -> set[str]:
    """The headings' anchors, as a forge makes them."""
    headings = re.findall(r"^#{1,6} (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_pages_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_pages_paths_of_the_checkout_are_there(page: Path) -> None:
    named = re.findall(r"`((?:drwatch|config|scripts|systemd|tests|docs)/[\w./-]+)`", page.read_text())
    assert [path for path in named if not (HOME / path).exists()] == []


def examples() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for number, text in enumerate(
            re.findall(r"^```yaml\n(clusters:\n.*?)^```", page.read_text(), re.DOTALL | re.M)
        ):
            yield f"{page.name} {number}", text


@pytest.mark.parametrize(("name", "text"), list(examples()))
def test_a_pages_example_of_a_configuration_can_be_used(name: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "drwatch.yaml"
    file.write_text(text)
    config = load(file, {}, look=False)
    assert config.channels


def test_the_readme_has_an_example_of_a_configuration() -> None:
    assert any(name.startswith("README.md") for name, _ in examples())


def test_the_readme_shows_the_least_configuration_as_it_is() -> None:
    _, _, keys = (HOME / "config" / "minimal.yaml").read_text().partition("\n")
    assert f"```yaml\n{keys}```" in README


def test_the_architecture_says_what_each_benchmark_is_about() -> None:
    modules = [file for file in (HOME / "bench").glob("*.py") if '__name__ == "__main__"' in file.read_text()]
    _, _, tests = (HOME / "docs" / "architecture.md").read_text().partition("## Tests")
    assert [file.stem for file in modules if f"`{file.stem.replace('_', '-')}`" not in tests] == []


def tracked() -> list[Path]:
    """The files of the checkout that git knows."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=HOME, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [HOME / name for name in listed.split("\0") if name]


def test_no_file_names_the_machine_it_was_written_on_a_package_index_or_a_page_that_is_not_there() -> None:
    ours = str(HOME).encode()
    # A class of one character, so that these lines do not find themselves.
    place = re.compile(
        rb"(?<![\w.~-])/(?:wor[k]|home/[a-z]\w*|Users/\w+)/|index-url[ =]http|pypi[.]org|python[h]osted|registry[.]npm|"
        rb"deb[.]debian[.]org|snapshot[.]debian|traps[.]md"
    )
    found = []
    for file in tracked():
        if not file.is_file():
            continue
        content = file.read_bytes()
        if place.search(content) or (len(ours) > 4 and ours + b"/" in content):
            found.append(str(file.relative_to(HOME)))
    assert found == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-run.lock", "scripts/npm.lock"])
def test_a_lock_names_no_address_to_fetch_from(name: str) -> None:
    assert "://" not in (HOME / name).read_text()
