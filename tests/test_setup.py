"""`make setup`: gets what is missing, once, and disturbs nothing."""

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from drwatch.lab.binaries import MissingPart, Unavailable, cache, find
from drwatch.lab.flavour import TABLE, Flavour

ROOT = Path(__file__).parent.parent


def run(*command: object, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    words, environment = [str(word) for word in command], {**os.environ, **(env or {})}
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_help_names_every_target() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    shown = re.findall(r"^make ([a-z-]+) +\w", run("make", "--no-print-directory", "help").stdout, re.MULTILINE)
    assert {"setup", "servers", "check", "test", "demo", "bench", "image-test", "lock", "clean"} <= set(shown)
    assert shown == targets


def test_a_second_setup_has_nothing_to_do() -> None:
    made = identity(ROOT / ".venv/.made-from")
    again = run("scripts/setup")
    assert again.returncode == 0, again.stderr
    assert again.stderr == ""
    assert identity(ROOT / ".venv/.made-from") == made


def test_a_setup_waits_for_another_one() -> None:
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        setup = subprocess.Popen([ROOT / "scripts/setup"], stdout=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            setup.wait(1.5)
        fcntl.flock(lock, fcntl.LOCK_UN)
    assert setup.wait(30) == 0


def test_the_programs_of_the_environment_start_from_where_it_was_moved_to() -> None:
    for program in (ROOT / ".venv/bin").iterdir():
        assert b".venv.tmp" not in program.read_bytes()[:4096], program
    assert run(ROOT / ".venv/bin/drwatch", "--version").returncode == 0


def test_an_environment_that_could_not_be_finished_is_not_left_behind(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    setup = run(tmp_path / "scripts/setup", cwd=tmp_path, env={**offline, "XDG_CACHE_HOME": f"{tmp_path}/cache"})
    assert setup.returncode == 1
    assert "error: pip could not install requirements.lock: " in setup.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_program_that_is_installed_is_used_and_not_unpacked(tmp_path: Path) -> None:
    # The cache as it is, made of links, so that nothing has to be fetched.
    others = shutil.ignore_patterns("images", "templates", "unpacked")
    shutil.copytree(cache(), tmp_path / "drwatch-lab", symlinks=True, copy_function=os.symlink, ignore=others)
    for unpacked in cache().glob("*/unpacked"):
        shutil.copy(unpacked, tmp_path / "drwatch-lab" / unpacked.parent.name)
    program(tmp_path / "bin/rsync", "echo the installed one")
    env = {"XDG_CACHE_HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    parts = run("scripts/lab-parts", env=env)
    assert parts.returncode == 0, parts.stderr
    assert re.search(r"^rsync +installed +the installed one$", parts.stdout, re.MULTILINE)


def test_the_servers_keep_their_names_and_find_their_libraries() -> None:
    parts = find()
    for build, name in ((TABLE[Flavour.MARIADB].build, "mariadbd"), (TABLE[Flavour.MYSQL_57].build, "mysqld")):
        server = parts.server(build.name)
        assert server.command == (server.path,)
        assert server.path.name == name
        assert run(server.path, "--version", env=server.env).returncode == 0


@pytest.mark.parametrize("flavour", list(Flavour), ids=str)
def test_a_server_is_the_one_that_its_name_promises(flavour: Flavour) -> None:
    name = TABLE[flavour].build.name
    server = find().server(name)
    said = run(*server.command, "--no-defaults", "--version", env=server.env).stdout
    wanted, version = name.partition("-")[2], re.search(r" Ver (\d+\.\d+)", said)
    assert version, said
    # Where MySQL 9.7 comes from moves on: any later one will do.
    assert version[1] == wanted or (name == "mysql-9.7" and int(version[1].partition(".")[0]) >= 9)


def test_a_server_that_cannot_be_had_is_told_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "mysql-9.7.missing").write_text("mysql-9.7 is not available: somebody's mirror has no sid.\n")
    parts = replace(find(), servers=tmp_path)
    with pytest.raises(Unavailable, match="mirror has no sid"):
        parts.server("mysql-9.7")
    with pytest.raises(MissingPart, match="run 'make servers'"):
        parts.server("mariadb-11.8")


def test_a_machine_without_the_parts_is_told_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(MissingPart, match="run 'make setup'"):
        find()


def test_a_benchmark_that_does_not_exist_is_refused_by_name() -> None:
    bench = run("scripts/bench", "no-such")
    assert bench.returncode == 1
    assert re.match("error: There is no benchmark", bench.stderr)


def test_an_installation_may_not_remove_a_package(tmp_path: Path) -> None:
    program(tmp_path / "bin/apt-get", 'echo "$*"')
    program(tmp_path / "bin/sudo", '"$@"')
    env = {"XDG_CACHE_HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    spoken = run("bash", "-xc", ". scripts/common.sh; apt_install something", env=env)
    assert spoken.returncode == 0, spoken.stderr
    assert re.search(r"apt-get .*--no-remove --no-install-recommends install something$", spoken.stderr, re.MULTILINE)


def identity(path: Path) -> tuple[int, int]:
    return path.stat().st_ino, path.stat().st_mtime_ns


def program(path: Path, script: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
