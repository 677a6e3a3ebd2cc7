"""``drwatch silence``: nobody is paged for a cluster, a node or a condition for a while, and who said so."""

from __future__ import annotations

import argparse
import getpass
import json
import os
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from drwatch.cli import talk
from drwatch.cli.configured import configuration
from drwatch.cli.trouble import Trouble
from drwatch.cli.words import moment, one_line
from drwatch.config.values import seconds
from drwatch.core.duration import span

LISTED = 20
"""Silences that the list shows."""


def arguments_of(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", nargs="?", metavar="CLUSTER")
    parser.add_argument("--for", dest="lasting", metavar="1h", help="how long, at most 72h: it ends by itself")
    parser.add_argument("--reason", metavar="WHY", help="whoever is paged next reads it")
    parser.add_argument(
        "--condition", default="", metavar="NAME", help="this condition only, such as ReplicationStopped"
    )
    parser.add_argument("--node", default="", metavar="NODE", help="what is about this node only")
    parser.add_argument("--by", default="", metavar="NAME", help="who asks (default: the user who runs this)")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--list", action="store_true", help="who silenced what, when and why: the latest first")
    other.add_argument("--end", metavar="ID", help="end one before its time")
    parser.add_argument("--json", action="store_true")


def obey(arguments: argparse.Namespace) -> None:
    config = configuration(arguments.config, look=False)
    zone, by = ZoneInfo(config.policy.zone), arguments.by or _user()
    if arguments.list:
        found = talk.ask(config.runtime_dir, f"/api/v1/silences?limit={LISTED}")["silences"]
        if arguments.json:
            print(json.dumps(found, ensure_ascii=False, indent=2))
        else:
            print("\n".join(_line(each, zone) for each in found) or "nothing was ever silenced")
        return
    if arguments.end:
        where = f"/api/v1/silences/{quote(arguments.end, safe='')}?by={quote(by, safe='')}"
        _say(talk.ask(config.runtime_dir, where, "DELETE"), arguments.json, zone)
        return
    if not arguments.cluster or not arguments.lasting or not arguments.reason:
        raise Trouble(
            "a silence needs CLUSTER, --for and --reason, such as: drwatch silence shop --for 1h --reason upgrade"
        )
    try:
        lasting = seconds(arguments.lasting)
    except ValueError:
        raise Trouble("--for takes a duration: write it like 30m, 1h30m or 2d") from None
    asked = {"cluster": arguments.cluster, "for_seconds": lasting, "reason": arguments.reason, "by": by}
    asked |= {"condition": arguments.condition, "node": arguments.node}
    _say(talk.ask(config.runtime_dir, "/api/v1/silences", "POST", asked), arguments.json, zone)


def _user() -> str:
    """Who runs this; behind sudo, who called that."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _say(silence: Any, as_json: bool, zone: ZoneInfo) -> None:
    print(json.dumps(silence, ensure_ascii=False) if as_json else _line(silence, zone))


def _line(silence: Any, zone: ZoneInfo) -> str:
    """One silence: id, what, from when to when, by whom and why, and what has become of it."""
    what = " ".join(filter(None, (silence["cluster"], silence["node"], silence["condition"])))
    began, until = (moment(datetime.fromisoformat(silence[key]), zone) for key in ("began_at", "until"))
    if silence["ended_at"]:
        state = f"ended {moment(datetime.fromisoformat(silence['ended_at']), zone)} by {one_line(silence['ended_by'])}"
    else:
        state = f"{span(silence['left_seconds'])} left" if silence["active"] else "over"
    who = f"{one_line(silence['by'])}: {one_line(silence['reason'])}"
    return f"{silence['id']}  {what}  from {began} to {until}  {who}  ({state})"
