"""Announcing a drill, and what the humans do in it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from drwatch.cli import talk
from drwatch.cli.configured import configuration
from drwatch.cli.lasting import lasting
from drwatch.cli.trouble import Trouble
from drwatch.cli.words import moment

Json = dict[str, Any]
USUAL, LONGEST = "2h", "7d"
"""For how long a drill is announced as a rule, and at most."""


def arguments_of(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cluster", metavar="CLUSTER")
    how = parser.add_mutually_exclusive_group()
    words = f"how long it may last (default {USUAL}, at most {LONGEST})"
    how.add_argument("--for", dest="lasting", default=USUAL, metavar=USUAL, help=words)
    how.add_argument("--end", action="store_true", help="say that it is over")
    parser.add_argument("--json", action="store_true", help="the drill and its plans as one object")


def drill(arguments: argparse.Namespace) -> None:
    """Print the plan, and only then say that it begins; or that it is over."""
    config, duration = configuration(arguments.config, look=False), lasting(arguments.lasting, "drill", LONGEST)
    zone, where = ZoneInfo(config.policy.zone), f"/api/v1/clusters/{quote(arguments.cluster, safe='')}/drill"
    if arguments.end:
        over = talk.ask(config.runtime_dir, where, "DELETE")
        words = f"the drill of {arguments.cluster} is over: 'drwatch status' says what it measured"
        print(json.dumps(over) if arguments.json else words)
        return
    asked = talk.ask(config.runtime_dir, where)
    if asked["refused"]:
        raise Trouble(f"no drill was announced: {asked['refused']}", 1)
    plans = [each for each in asked["plans"] if each["decision"] != "NO-GO"] or asked["plans"]
    if not asked["drill"] and plans[0]["decision"] == "NO-GO":
        raise Trouble(f"no drill was announced: NO-GO, {'; '.join(_against(plans[0]))}", 1)
    for plan in plans[:1] if not arguments.json else ():
        print("\n".join(_plan(arguments.cluster, plan)), flush=True)
    begun = talk.ask(config.runtime_dir, f"{where}?for={duration}", "POST")
    if arguments.json:
        print(json.dumps({**asked, **begun}, ensure_ascii=False))
        return
    until = moment(datetime.fromisoformat(begun["drill"]["until"]), zone)
    print(
        f"The drill is {'prolonged' if asked['drill'] else 'announced'} until {until}. drwatch dates what it sees of"
        " these steps, and does none of them. Pages still go out, and are marked DRILL."
    )


def _against(plan: Json) -> Iterator[str]:
    return (check["sentence"] for check in plan["checks"] if check["passed"] is False)


def _plan(cluster: str, plan: Json) -> Iterator[str]:
    yield f"DRILL OF {cluster}, A PLANNED TAKEOVER with {plan['standby']}: {plan['decision']}"
    for check in plan["checks"]:
        yield f" {({True: '+', False: '-', None: '?'})[check['passed']]} {check['sentence']}"
    for number, step in enumerate(plan["steps"], 1):
        yield f"{number}. {step['why']}" + (f":\n   {step['line']}" if step["line"] else "")
