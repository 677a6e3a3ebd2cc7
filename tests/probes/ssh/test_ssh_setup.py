"""What `drwatch ssh-setup` prints does what it says, on a machine of its own that shares nothing but the programs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from drwatch.probes.ssh import ssh_setup
from drwatch.probes.ssh.shell import SCRIPT

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1dB2mQ2c3b4a5968778695a4b3c2d1e0f9e8d7c6b5a493"
LINE = f'command="exec /bin/sh /usr/local/lib/drwatch/node.sh",restrict {KEY} drwatch\n'
# The machine's own /etc is not touched: the script runs on a copy, in a mount namespace.
STAGE = """
mount --bind "$1/etc" /etc; mount --bind "$1/lib" /var/lib; mount --bind "$1/local" /usr/local/lib
exec sh -c "$2"
"""


class Machine:
    def __init__(self, place: Path) -> None:
        self.place = place
        shutil.copytree("/etc", place / "etc", symlinks=True, ignore_dangling_symlinks=True)
        for name in ("lib", "local"):
            (place / name).mkdir()

    def run(self, script: str) -> str:
        argv = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", STAGE, "stage", str(self.place), script]
        done = subprocess.run(argv, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    if os.getuid() != 0 or shutil.which("useradd") is None:
        pytest.skip("only root can make accounts, and with useradd")
    return Machine(tmp_path)


def test_a_new_account_can_start_the_script_and_nothing_else(machine: Machine) -> None:
    machine.run(ssh_setup("drwatch", KEY + " witness@oslo-w"))
    assert (machine.place / "lib/drwatch/.ssh/authorized_keys").read_text() == LINE
    assert (machine.place / "local/drwatch/node.sh").read_bytes() == SCRIPT
    assert "drwatch:/bin/sh" in machine.run("getent passwd drwatch | cut -d: -f1,7")
    # Neither a password nor a lock, which an sshd without PAM would take for a closed account.
    assert machine.run("getent shadow drwatch | cut -d: -f2") == "*\n"


def test_what_is_printed_can_be_run_again(machine: Machine) -> None:
    for _ in range(2):
        machine.run(ssh_setup("drwatch", KEY))
    assert (machine.place / "lib/drwatch/.ssh/authorized_keys").read_text() == LINE


def test_an_account_that_is_there_keeps_its_password_and_its_other_keys(machine: Machine) -> None:
    machine.run(
        "useradd --create-home --home-dir /var/lib/anna --password secret-hash anna;"
        " mkdir /var/lib/anna/.ssh; echo 'ssh-ed25519 THEIRS anna' >/var/lib/anna/.ssh/authorized_keys"
    )
    machine.run(ssh_setup("anna", KEY))
    assert (machine.place / "lib/anna/.ssh/authorized_keys").read_text() == "ssh-ed25519 THEIRS anna\n" + LINE
    assert machine.run("getent shadow anna | cut -d: -f2") == "secret-hash\n"


@pytest.mark.parametrize("user", ["", "root;id", "a b", "$(id)", "-x", "Ærlig"])
def test_what_is_no_account_is_refused(user: str) -> None:
    with pytest.raises(ValueError, match="no name of an account"):
        ssh_setup(user, KEY)


@pytest.mark.parametrize(
    "key",
    ["", "ssh-ed25519", "ssh-ed25519 AA'; id; '", KEY + "\n" + KEY, "-----BEGIN OPENSSH PRIVATE KEY-----", "x " + KEY],
)
def test_what_is_no_public_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="no public key"):
        ssh_setup("drwatch", key)


def test_the_script_says_how_the_witness_comes_by_the_hosts_key() -> None:
    """The configuration's error sends whoever lacks known_hosts here."""
    script = ssh_setup("drwatch", KEY)
    assert "ssh-keyscan ADDRESS >> /etc/drwatch/known_hosts (-p PORT where it is not 22)" in script
    assert script.index("ssh-keyscan") < script.index('ssh-keygen -lf "$key"')


def test_every_shell_understands_the_script() -> None:
    script = ssh_setup("drwatch", KEY)
    for shell in (["dash", "-n"], ["bash", "-n"], ["busybox", "sh", "-n"]):
        if shutil.which(shell[0]):
            for text in (script, SCRIPT.decode()):
                assert subprocess.run(shell, input=text, text=True, capture_output=True).stderr == ""
