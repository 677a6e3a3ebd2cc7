"""A page on a real phone, the link in it, the real listener: from the first ring to the end of the trouble."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from drwatch.lab.deadline import until
from drwatch.lab.faults import FAULTS
from drwatch.lab.inbox import Inbox, Mood
from drwatch.lab.pair import Pair
from drwatch.lab.play import Watching, configuration

pytestmark = pytest.mark.timeout(180)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def drwatch(config: Path, *words: str) -> str:
    command = [sys.executable, "-m", "drwatch", *words, "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def follow(link: str, method: str = "GET") -> str:
    request = urllib.request.Request(link, method=method, data=b"by=Anna" if method == "POST" else None)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return str(answer.read().decode())


def in_hand(watching: Watching) -> dict[str, Any]:
    """The acknowledgement of the standby's incident, as the status has it; empty without one."""
    incidents = (watching.cluster() or {"incidents": []})["incidents"]
    acks = [each["acknowledged"] for each in incidents if each["condition"] == "StandbyWritable"]
    return (acks or [None])[0] or {}


def test_who_follows_the_link_in_a_page_and_presses_the_button_stops_the_pages(tmp_path: Path) -> None:
    """The second phone fails, and its page waits for the next attempt: that is never made.

    Meanwhile drwatch is killed: who has it in hand is known afterwards. The end is told to the phone that was told.
    """
    with Pair() as pair, Inbox() as second:
        second.mood = Mood.FAIL
        port = free_port()
        settings = {
            "paging.channels": {"phone": {"url": pair.inbox.url}, "second": {"url": second.url}},
            "paging.escalation": [{"to": ["phone", "second"]}],
            "paging.hold": "3s",
            "web.listen": f"127.0.0.1:{port}",
            "web.public_url": f"http://127.0.0.1:{port}",
        }
        config = configuration(pair, settings)
        config.chmod(0o600)
        with Watching(pair, config) as watching:
            watching.wait_until_well()
            FAULTS["standby-writable"].strike(pair)
            page = pair.inbox.wait_for(lambda page: "StandbyWritable" in page.title, within=20)
            (link,) = re.findall(r"http://\S+/ack/\S+", page.message)
            until(lambda: second.pages, within=10, what="an attempt on the second phone")
            assert "StandbyWritable" in follow(link)
            follow(link, "HEAD")
            assert in_hand(watching) == {}
            assert "Anna has it in hand" in follow(link, "POST")
            acknowledged = time.monotonic()
            until(lambda: watching.status()["pages"]["pending"] == 0, within=5, what="the end of the second's row")
            assert time.monotonic() - acknowledged < 1.0
            tried = len(second.pages)
            assert in_hand(watching)["from"] == "link to phone, from 127.0.0.1"
            second.mood = Mood.ACCEPT
            watching.kill()
            watching.start()
            until(lambda: in_hand(watching), within=15, what="the acknowledgement after the restart")
            with pytest.raises(urllib.error.HTTPError, match="403"):
                follow(link[:-1], "POST")
            follow(link, "POST")
            FAULTS["standby-writable"].mend(pair)
            pair.inbox.wait_for(lambda page: page.title.startswith("RESOLVED"), within=30)
            with pytest.raises(urllib.error.HTTPError, match="410"):
                follow(link)
            account = json.loads(drwatch(config, "explain", page.title.rpartition("[")[2].rstrip("]"), "--json"))
            assert [each["by"] for each in account["acknowledgements"]] == ["Anna", "Anna"]
            states = [each["state"] for each in account["ledger"] if each["channel"] == "second"]
            assert states[:1] == ["expired"]
            assert link.rpartition("/")[2] not in watching.log
        # It had taken no page of it: of the end it hears together with the beginning.
        assert [one.title.split()[0] for one in second.pages[tried:]] == ["MISSED"]
        assert (pair.sandbox.path / "state" / "ack.key").stat().st_mode & 0o777 == 0o600
