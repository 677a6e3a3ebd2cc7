"""Each node's sshd is a real one, with a host key of its own."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from drwatch.lab.binaries import Binaries
from drwatch.lab.deadline import until
from drwatch.lab.sandbox import MARK, Sandbox
from drwatch.lab.sshd import Sshd


@pytest.fixture
def sshd(sandbox: Sandbox, binaries: Binaries) -> Iterator[Sshd]:
    sshd = Sshd(sandbox, binaries, "oslo-b", "127.0.0.12")
    sshd.start()
    yield sshd
    sshd.kill()


def client(sshd: Sshd, binaries: Binaries, known_hosts: str, *command: str) -> "subprocess.Popen[str]":
    known = sshd.home / "client_known_hosts"
    known.write_text(known_hosts)
    options: list[str | Path] = ["-F", "/dev/null", "-i", sshd.key, "-p", str(sshd.port), "-l", sshd.user]
    options += ["-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={known}", "-o", "GlobalKnownHostsFile=/dev/null"]
    return subprocess.Popen(
        [binaries.ssh, *options, sshd.address, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_strict_client_gets_in(sshd: Sshd, binaries: Binaries) -> None:
    out, err = client(sshd, binaries, sshd.known_hosts, "echo", "hello").communicate(timeout=10)
    assert out == "hello\n", err


def test_a_changed_host_key_is_noticed_until_it_is_restored(sshd: Sshd, binaries: Binaries) -> None:
    known = sshd.known_hosts
    sshd.change_host_key()
    _, err = client(sshd, binaries, known, "true").communicate(timeout=10)
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in err
    sshd.restore_host_key()
    assert sshd.known_hosts == known
    with client(sshd, binaries, known, "true") as session:
        assert session.wait(10) == 0


def test_what_runs_in_a_session_bears_the_sandboxs_mark(sshd: Sshd, binaries: Binaries, sandbox: Sandbox) -> None:
    """By which it is ended after a run that was SIGKILLed: sshd's own environment does not get there."""
    out, _ = client(sshd, binaries, sshd.known_hosts, "env").communicate(timeout=10)
    assert f"{MARK}={sandbox.path}" in out.splitlines()


def test_its_death_ends_the_sessions_too(sshd: Sshd, binaries: Binaries) -> None:
    with client(sshd, binaries, sshd.known_hosts, "echo up; sleep 1000") as session:
        assert session.stdout
        assert session.stdout.readline() == "up\n"
        sshd.kill()
        assert session.wait(10) == 255


def test_a_frozen_one_keeps_its_sessions_silent(sshd: Sshd, binaries: Binaries) -> None:
    with client(sshd, binaries, sshd.known_hosts, "while :; do echo tick; sleep 0.05; done") as session:
        assert session.stdout
        assert session.stdout.readline() == "tick\n"
        sshd.freeze()
        with pytest.raises(subprocess.TimeoutExpired):
            session.wait(0.3)
        sshd.kill()
        assert session.wait(10) == 255


def test_a_forced_command_is_all_that_runs(sandbox: Sandbox, binaries: Binaries) -> None:
    sshd = Sshd(sandbox, binaries, "oslo-a", "127.0.0.11", force_command="echo forced")
    sshd.start()
    out, _ = client(sshd, binaries, sshd.known_hosts, "echo", "mine").communicate(timeout=10)
    assert out == "forced\n"
    until(lambda: "Accepted publickey" in sshd.log.read_text(), within=5, what="the log line")
