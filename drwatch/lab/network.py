"""The lab's own network: hosts as network namespaces, each with one cable to a switch in a namespace of its own.

A namespace lives as long as the mount that names it, and these lie in the sandbox: whatever removes a sandbox, the
sweep after a SIGKILL included, unmounts what is below it, and interfaces, addresses and firewalls go with it.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from drwatch.lab.binaries import Binaries
from drwatch.lab.disk import NotPermitted, unmount_below
from drwatch.lab.host import Host
from drwatch.lab.sandbox import NETWORK, Sandbox, inside

NEIGHBOURS = ("10.77.0.%", "fd77::%")

SWITCH = "switch"


class Network:
    """Hosts by name, in the order of their addresses; `up` and `down` are their cables."""

    def __init__(self, sandbox: Sandbox, binaries: Binaries, names: Sequence[str]) -> None:
        if os.getuid() != 0:
            raise NotPermitted("hosts with a network of their own are network namespaces, and only root may make them")
        self._binaries, self._place = binaries, sandbox.directory(NETWORK)
        self._sandbox = sandbox
        self.hosts = {
            name: Host(f"10.77.0.{number}", f"fd77::{number}", self._place / name, self._etc(name), NEIGHBOURS)
            for number, name in enumerate(names, start=1)
        }
        lines = [f"{host.address} {name}\n{host.address6} {name}\n" for name, host in self.hosts.items()]
        for host in self.hosts.values():
            assert host.etc is not None
            (host.etc / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n" + "".join(lines))
            (host.etc / "resolv.conf").write_text(f"nameserver {[*self.hosts.values()][-1].address}\n")

    def __enter__(self) -> Self:
        try:
            self._make(SWITCH)
            self._ip(SWITCH, "link add switch type bridge", "link set switch up")
            for name, host in self.hosts.items():
                self._make(name)
                self._ip(
                    SWITCH,
                    f"link add {port(name)} type veth peer name eth0 netns {host.namespace}",
                    f"link set {port(name)} master switch",
                    f"link set {port(name)} up",
                )
                self._ip(
                    name,
                    "link set lo up",
                    f"addr add {host.address}/24 dev eth0",
                    f"addr add {host.address6}/64 dev eth0 nodad",
                    "link set eth0 up",
                )
        except subprocess.CalledProcessError as error:
            self.close()
            raise NotPermitted(f"no network of its own can be made here: {error.stderr.strip()}") from error
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End what runs on the hosts, and remove them."""
        for name in self.hosts:
            for pid in self.processes(name):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        unmount_below(self._place)

    def processes(self, name: str) -> Iterator[int]:
        """What runs on that host, by its network and not by its parents."""
        return inside(self._place / name)

    def plug(self, name: str, plugged: bool) -> None:
        """Plug the host's cable in at the switch, or pull it."""
        self._ip(SWITCH, f"link set {port(name)} {'up' if plugged else 'down'}")

    def rule(self, where: str, table: str, rules: str) -> None:
        """Set up an nftables table, such as "inet wall", on a host or on the switch, in the place of the one there."""
        self._run(where, [self._binaries.nft, "-f", "-"], f"table {table}\ndelete table {table}\n{rules}")

    def unrule(self, where: str, table: str) -> None:
        self._run(where, [self._binaries.nft, "-f", "-"], f"table {table}\ndelete table {table}\n")

    def _etc(self, name: str) -> Path:
        return self._sandbox.directory(f"etc/{name}")

    def _make(self, name: str) -> None:
        (self._place / name).touch()
        _run(["unshare", f"--net={self._place / name}", "true"])

    def _ip(self, where: str, *commands: str) -> None:
        self._run(where, [self._binaries.ip, "-batch", "-"], "\n".join(commands))

    def _run(self, where: str, command: list[str | Path], text: str) -> None:
        _run(["nsenter", f"--net={self._place / where}", *command], text)


def _run(command: Sequence[str | Path], text: str = "") -> None:
    subprocess.run(command, input=text, check=True, capture_output=True, text=True)


def port(name: str) -> str:
    """The switch's end of a host's cable: at most 15 characters (IFNAMSIZ)."""
    return f"to-{name}"[:15]
