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
from drwatch.cli.lasting import lasting
from drwatch.cli.trouble import Trouble
from drwatch.cli.words import moment, one_line
from drwatch.config import Config
from drwatch.core.duration import span

LISTED = 20
"""Silences that the list shows."""

SOUGHT = 500
"""Among so many of the latest those of one cluster are sought: as many as one answer may hold."""

LONGEST = "72h"


def arguments_of(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", nargs="?", metavar="CLUSTER")
    parser.add_argument("--for", dest="lasting", metavar="1h", help=f"how long, at most {LONGEST}: it ends by itself")
    parser.add_argument("--reason", metavar="WHY", help="whoever is paged next reads it")
    parser.add_argument(
        "--condition", default="", metavar="NAME", help="this condition only, such as ReplicationStopped"
    )
    parser.add_argument("--node", default="", metavar="NODE", help="what is about this node only")
    parser.add_argument("--by", default="", metavar="NAME", help="who asks (default: the user who runs this)")
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--list", action="store_true", help="who silenced what, when and why, of one CLUSTER or all: the latest first"
    )
    other.add_argument("--end", metavar="ID", help="end one before its time")
    parser.add_argument("--json", action="store_true", help="the silence, or the list of them, as the HTTP API has it")


def obey(arguments: argparse.Namespace) -> None:
    config = configuration(arguments.config, look=False)
    zone, by = ZoneInfo(config.policy.zone), arguments.by or user()
    other = "--list" if arguments.list else "--end" if arguments.end is not None else None
    if other and (idle := next((key for key in _OF_A_NEW_ONE if getattr(arguments, key)), None)):
        raise Trouble(f"{other} takes no --{_OF_A_NEW_ONE[idle]}")
    if arguments.list:
        found = _listed(config, arguments.cluster)
        if arguments.json:
            print(json.dumps(found, ensure_ascii=False, indent=2))
        else:
            print("\n".join(_line(each, zone) for each in found) or "nothing was ever silenced")
        return
    if arguments.end is not None:
        where = f"/api/v1/silences/{quote(arguments.end, safe='')}?by={quote(by, safe='')}"
        _say(talk.ask(config.runtime_dir, where, "DELETE"), arguments.json, zone)
        return
    if not arguments.cluster or not arguments.lasting or not arguments.reason:
        raise Trouble(
            "a silence needs CLUSTER, --for and --reason, such as: drwatch silence shop --for 1h --reason upgrade"
        )
    duration = lasting(arguments.lasting, "silence", LONGEST)
    asked = {"cluster": arguments.cluster, "for_seconds": duration, "reason": arguments.reason, "by": by}
    asked |= {"condition": arguments.condition, "node": arguments.node}
    _say(talk.ask(config.runtime_dir, "/api/v1/silences", "POST", asked), arguments.json, zone)


_OF_A_NEW_ONE = {"lasting": "for", "reason": "reason", "condition": "condition", "node": "node"}
"""What belongs to a silence that is asked for: where the arguments keep it, and its option."""


def _listed(config: Config, cluster: str | None) -> list[Any]:
    names = [each.name for each in config.policy.clusters]
    if cluster is not None and cluster not in names:
        raise Trouble(f"there is no cluster {one_line(cluster)}: the configuration has {', '.join(names)}")
    found = talk.ask(config.runtime_dir, f"/api/v1/silences?limit={SOUGHT if cluster else LISTED}")["silences"]
    return [each for each in found if cluster in (None, each["cluster"])][:LISTED]


def user() -> str:
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
