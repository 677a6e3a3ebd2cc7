"""Nothing of a channel's URL, nor any password, is anywhere in what the whole daemon says, writes or shows.

The daemon runs with a channel of every kind, none of which takes a page, and a pair that is not there, so that it
pages, tries again and complains of its channels; once at each level of its log.
"""

import os
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from corpus import KINDS, leaks, urls_at
from receivers import Inbox, free_port
from ruamel.yaml import YAML

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("secrets")]

PASSWORDS = {
    "database": "x://MysqlHunter7pw",
    "alerts": "x://AlertHunter8pw",
    "token": "x://BearerHunter9tk",
    "beat": "x://HeartbeatHunter5",
    "job": "x://BackupJobHunter6",
}
"""As the search of the corpus takes them: what is behind the scheme."""

ADDRESSES = ("/", "/metrics", "/healthz", "/readyz", "/api/v1/status", "/api/v1/incidents", "/api/v1/silences")

BUG = """
from drwatch.daemon.watch import Daemon

def broken(self, changed):
    raise RuntimeError(f"a bug that shows all it has: {vars(self)} {vars(self._delivering)}")

Daemon._say = broken
from drwatch.cli import main
raise SystemExit(main())
"""


class Night:
    """A daemon under a configuration with the whole corpus, and everything that comes out of it."""

    def __init__(self, folder: Path, inbox: Inbox, level: str, form: str) -> None:
        self.urls = urls_at(inbox.port) | PASSWORDS
        self.port, self._folder = free_port(), folder
        channels: dict[str, Any] = {}
        for name in KINDS:
            channels[name] = {"url_file": self._secret(name, self.urls[name])}
        words = {name: url.partition("://")[2] for name, url in PASSWORDS.items()}
        database, alerts, token, _, job = (self._secret(name, word) for name, word in words.items())
        # An Alertmanager's address is no secret, so it is not one that a URL of the corpus has.
        self.engine = Inbox()
        beat = self._secret("heartbeat", f"http://127.0.0.1:{self.engine.port}/401/{words['beat']}")
        self.job = words["job"]
        peer = f"http://127.0.0.1:{self.engine.port}/401"
        channels["basic"] = {"alertmanager": [peer], "user": "drwatch", "password_file": alerts}
        channels["bearer"] = {"alertmanager": [peer], "token_file": token}

        def node(role: str) -> dict[str, Any]:
            return {"role": role, "mysql": {"host": "127.0.0.1", "port": free_port(), "password_file": database}}

        (folder / "run").mkdir()
        self.config, self.log = folder / "drwatch.yaml", folder / "log"
        with self.config.open("w") as file:
            YAML().dump(
                {
                    "clusters": {
                        "shop": {
                            "nodes": {"oslo-a": node("primary"), "oslo-b": node("standby")},
                            "jobs": {"dump": {"every": "1d", "grace": "2h", "token_file": job}},
                        }
                    },
                    "heartbeat": {"url_file": beat, "every": "10s"},
                    "paging": {"channels": channels, "confirm": {"conclusive": "0s", "likely": "0s", "alone": "0s"}},
                    "limits": {"probe_blind": "1s"},
                    "log": {"level": level, "format": form},
                    "web": {"listen": f"127.0.0.1:{self.port}"},
                    "state": {"directory": str(folder / "state"), "runtime": str(folder / "run")},
                },
                file,
            )
        self.process: psutil.Popen | None = None

    def _secret(self, name: str, text: str) -> str:
        file = self._folder / f"{name}.secret"
        file.write_text(text)
        file.chmod(0o600)
        return str(file)

    def run(self, *command: str) -> None:
        dead = f"http://127.0.0.1:{free_port()}"
        proxies = dict.fromkeys(("https_proxy", "HTTPS_PROXY"), dead) | {"no_proxy": "127.0.0.1"}
        with self.log.open("wb") as log:
            self.process = psutil.Popen(
                [sys.executable, *command, "run", "--config", str(self.config)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **proxies},
            )

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def processes(self) -> str:
        """What any user sees of it in the list of processes, and what its own user sees of their environments."""
        seen = b""
        for each in [self.process, *self.process.children(recursive=True)] if self.process else ():
            for name in ("cmdline", "environ"):
                with suppress(OSError):
                    seen += Path(f"/proc/{each.pid}/{name}").read_bytes()
        return seen.decode(errors="replace")

    def asked(self, address: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{address}", timeout=20) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as unwell:
            return str(unwell.read().decode())

    def disk(self) -> str:
        files = (path for path in (self._folder / "state").rglob("*") if path.is_file())
        return "".join(path.read_bytes().decode(errors="replace") for path in files)

    def tried(self) -> set[str]:
        """The channels on which an attempt is over."""
        return {channel for (channel,) in self._ask("SELECT DISTINCT channel FROM attempts")}

    def incident(self) -> str:
        """One that was told."""
        return str(self._ask("SELECT incident FROM ledger ORDER BY created LIMIT 1")[0][0])

    def _ask(self, question: str) -> list[Any]:
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(self._folder / "state" / "drwatch.db")) as db:
            return db.execute(question).fetchall()
        return []

    def close(self) -> None:
        self.engine.close()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def night(tmp_path: Path, inbox: Inbox) -> Iterator[Callable[..., Night]]:
    inbox.always = "401"
    nights: list[Night] = []

    def begin(level: str, form: str) -> Night:
        nights.append(Night(tmp_path, inbox, level, form))
        return nights[-1]

    yield begin
    for each in nights:
        each.close()


def wait(what: Callable[[], object], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("level", "form"), [("debug", "json"), ("info", "human"), ("warning", "json"), ("error", "human")]
)
def test_no_secret_is_in_the_log_the_metrics_the_ledger_the_page_the_processes_or_a_command_s_words(
    night: Callable[..., Night], level: str, form: str
) -> None:
    tonight = night(level, form)
    tonight.run("-m", "drwatch")
    seen: set[str] = set()

    def tried() -> bool:
        seen.add(tonight.processes())
        assert tonight.process is not None
        assert tonight.process.poll() is None, tonight.said
        return tonight.tried() >= {*KINDS, "basic", "bearer"}

    wait(tried)
    wait(lambda: "PagingBroken" in tonight.asked("/api/v1/status"), 10)  # channels that refuse are complained of
    assert tonight.asked(f"/ping/{tonight.job}") == "heard\n"
    assert "the heartbeat: answered 40" in tonight.said or level == "error"
    answers = {address: tonight.asked(address) for address in ADDRESSES}
    assert "drwatch_" in answers["/metrics"]
    incident = tonight.incident()
    answers["/incident"] = tonight.asked(f"/api/v1/incidents/{incident}")
    command = [sys.executable, "-m", "drwatch", "explain", incident, "--json", "--config", str(tonight.config)]
    explained = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "refused" in explained
    for where, said in {"log": tonight.said, "disk": tonight.disk(), "explain": explained, **answers}.items():
        # Of all this nothing is an error of drwatch's own.
        assert said or (where, level) == ("log", "error")
        assert leaks(said, tonight.urls) == [], where
    assert "drwatch.paging.courier" in "".join(seen)
    assert leaks("".join(seen), tonight.urls) == []


def test_a_bug_that_shows_all_the_daemon_has_shows_no_secret(night: Callable[..., Night]) -> None:
    tonight = night("info", "human")
    tonight.run("-c", BUG)
    assert tonight.process is not None
    assert tonight.process.wait(90) != 0
    assert "a bug that shows all it has" in tonight.said
    assert "Traceback" in tonight.said
    assert leaks(tonight.said, tonight.urls) == []
