"""Two real Alertmanagers as one cluster, and the webhook that they notify."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from real import Running, program
from receivers import Inbox, free_port, until
from ruamel.yaml import YAML


class Cluster:
    """Both peers. The second waits a second for the first, so that a page is notified once.

    That is less than the interval in which both look at their groups, as it is with what they come with: else one of
    them would notify what it saw before the other had told the end.
    """

    def __init__(self, folder: Path, hook: Inbox, repeats: bool = False) -> None:
        self._folder, self._hook, self._repeats = folder, hook, repeats
        self.ports = [free_port(), free_port()]
        self._gossip = [free_port(), free_port()]
        self.peers = [self._start(0), self._start(1)]
        self.addresses = [f"http://127.0.0.1:{port}" for port in self.ports]

    def _start(self, number: int) -> Running:
        place = self._folder / f"am{number}"
        place.mkdir()
        hook = {"url": self._hook.url("hook", "http"), "send_resolved": True}
        route = {"receiver": "bell", "group_by": ["..."], "group_wait": "0s", "group_interval": "3s"}
        route |= {"repeat_interval": "3s"} if self._repeats else {}
        with (place / "config.yml").open("w") as file:
            YAML().dump({"route": route, "receivers": [{"name": "bell", "webhook_configs": [hook]}]}, file)
        port = self.ports[number]
        command = [
            program("prometheus-alertmanager"),
            f"--config.file={place / 'config.yml'}",
            f"--storage.path={place}",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--cluster.listen-address=127.0.0.1:{self._gossip[number]}",
            f"--cluster.peer=127.0.0.1:{self._gossip[0]}",
            "--cluster.gossip-interval=50ms",
            "--cluster.settle-timeout=1s",
            "--cluster.peer-timeout=1s",
        ]
        return Running(command, place / "log", lambda: self._ready(port))

    def _ready(self, port: int) -> bool:
        with suppress(OSError, ValueError):
            return bool(self.ask(port, "status")["cluster"]["status"] == "ready")
        return False

    def ask(self, port: int, what: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/{what}", timeout=5) as answer:
            return json.load(answer)

    def firing(self) -> list[list[str]]:
        """What each peer that lives holds for firing."""
        lives = [port for port, peer in zip(self.ports, self.peers, strict=True) if peer.lives]
        return [sorted(alert["labels"]["alertname"] for alert in self.ask(port, "alerts")) for port in lives]

    def silences(self) -> list[list[tuple[str, str]]]:
        """By peer that lives who has silenced something and why, of what is silenced now."""
        lives = [port for port, peer in zip(self.ports, self.peers, strict=True) if peer.lives]
        return [
            [
                (each["createdBy"], each["comment"])
                for each in self.ask(port, "silences")
                if each["status"]["state"] == "active"
            ]
            for port in lives
        ]

    def close(self) -> None:
        for peer in self.peers:
            peer.kill()


def notified(inbox: Inbox) -> list[tuple[str, str]]:
    """(status, alertname) of every notification that came, in its order."""
    return [
        (alert["status"], alert["labels"]["alertname"]) for page in inbox.at("hook") for alert in page.body["alerts"]
    ]


async def settled(what: Callable[[], object]) -> None:
    """Wait for what two peers and their webhook come to: they wait for each other."""
    await until(what, 15.0)
