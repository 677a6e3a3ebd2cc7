"""What is installed: the unit and the image. `make image-test` runs both for real; here is what needs no root."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest

from drwatch.lab.binaries import find

ROOT = Path(__file__).parent.parent
UNIT = ROOT / "systemd/drwatch.service"
VENV = ROOT / ".venv/bin"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with the program where it is here: systemd refuses a unit whose program does not exist."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/drwatch/bin", str(VENV)))
    return copy


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([find().systemd_analyze, *map(str, arguments)], capture_output=True, text=True)


def test_systemd_has_nothing_to_say_about_the_unit(unit: Path) -> None:
    verdict = analyze("verify", unit)
    assert verdict.returncode == 0
    assert [line for line in verdict.stderr.splitlines() if UNIT.stem in line] == []


def test_systemd_rates_the_units_sandbox_below_two_of_ten(unit: Path) -> None:
    verdict = analyze("security", "--offline=true", "--threshold=20", unit)
    level = re.search(r"exposure level.*?: ([\d.]+)", verdict.stdout)
    assert level, verdict.stderr
    print(f"systemd-analyze security: {level[1]}")
    assert float(level[1]) < 2.0


def test_the_unit_gives_the_daemon_the_directories_of_the_default_configuration() -> None:
    service = read(UNIT)["Service"]
    defaults = (ROOT / "config/drwatch.yaml").read_text()
    assert re.search(rf"directory: /var/lib/{service['StateDirectory']}\s", defaults)
    assert re.search(rf"runtime: /run/{service['RuntimeDirectory']}\s", defaults)


def test_the_units_user_is_the_one_that_is_created() -> None:
    kind, name = (ROOT / "systemd/drwatch.sysusers").read_text().splitlines()[-1].split()[:2]
    service = read(UNIT)["Service"]
    assert (kind, name, name) == ("u", service["User"], service["Group"])


def test_production_gets_the_very_versions_that_were_tested() -> None:
    tested, installed = (pins((ROOT / name).read_text()) for name in ("requirements.lock", "requirements-run.lock"))
    assert installed.items() <= tested.items()
    assert not installed.keys() & {"pytest", "mypy", "ruff"}


def test_the_image_is_made_of_the_program_and_nothing_else_of_the_checkout() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert "*" in lines
    assert {name for names in copied for name in names.split()} == allowed


def test_the_image_and_the_unit_run_the_same_command() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    command = re.findall(r'"([^"]+)"', "".join(re.findall(r"^(?:ENTRYPOINT|CMD) (.+)$", dockerfile, re.MULTILINE)))
    assert read(UNIT)["Service"]["ExecStart"] == f"/opt/drwatch/bin/{' '.join(command)}"


def read(unit: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit)
    return parser


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", lock, re.MULTILINE))
