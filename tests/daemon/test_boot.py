"""Which boot of the machine this is: what ages are counted by across restarts, in the shipped unit's sandbox too."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from drwatch.daemon.clock import boot

UNIT = Path(__file__).parent.parent.parent / "systemd/drwatch.service"
KERNEL = Path("/proc/sys/kernel/random/boot_id")

SANDBOX = """mount -t proc -o subset=pid,hidepid=invisible proc /proc || exit 9
! test -e /proc/sys || exit 8
exec "$@"
"""
"""As systemd mounts it for ProtectProc=invisible and ProcSubset=pid."""


def given_by_the_unit() -> dict[str, str]:
    """The environment of the unit; systemd writes the boot (%b) without dashes."""
    lines = re.findall(r"^Environment=(.*)$", UNIT.read_text(), re.MULTILINE)
    pairs = [word.split("=", 1) for line in lines for word in line.split()]
    return {name: value.replace("%b", KERNEL.read_text().strip().replace("-", "")) for name, value in pairs}


def test_the_boot_is_known_in_the_sandbox_of_the_unit_and_is_the_same_as_outside() -> None:
    assert "ProcSubset=pid" in UNIT.read_text(), "else nothing hides it"
    asked = [sys.executable, "-c", "from drwatch.daemon.clock import boot; print(boot())"]
    root = [] if os.getuid() == 0 else ["--map-root-user"]
    inside = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", *root, "sh", "-c", SANDBOX, "sh", *asked],
        env={**os.environ, **given_by_the_unit()},
        capture_output=True,
        text=True,
    )
    if inside.returncode == 9 or "unshare:" in inside.stderr:
        pytest.skip(f"no /proc of its own can be mounted here: {inside.stderr.strip()}")
    assert inside.stdout.strip() == boot() == KERNEL.read_text().strip()


def test_a_boot_that_is_none_is_no_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRWATCH_BOOT", "%b")
    assert boot(Path("/nowhere")) == ""
