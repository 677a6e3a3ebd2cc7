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
from drwatch.cli.trouble import Trouble
from drwatch.cli.words import moment
from drwatch.config.values import seconds

Json = dict[str, Any]
LASTING = 2 * 3600.0
"""Seconds that a drill is announced for as a rule."""


def lasting(text: str) -> float:
    """The value of ``--for``."""
    try:
        duration = seconds(text)
    except ValueError:
        raise argparse.ArgumentTypeError("expected a duration: write it like 45m, 2h or 1h30m") from None
    if not 1 <= duration <= 7 * 86400 or duration % 1:
        raise argparse.ArgumentTypeError("expected whole seconds, from 1s to 7d")
    return duration


def drill(arguments: argparse.Namespace) -> None:
    """Print the plan, and only then say that it begins; or that it is over."""
    config = configuration(arguments.config, look=False)
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
    begun = talk.ask(config.runtime_dir, f"{where}?for={arguments.lasting:.0f}", "POST")
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
