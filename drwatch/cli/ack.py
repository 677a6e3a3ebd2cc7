"""``drwatch ack``: somebody has an incident in hand, and nobody else is told of it for a while."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from drwatch.cli import talk
from drwatch.cli.configured import configuration
from drwatch.cli.silence import user
from drwatch.cli.words import moment, one_line


def arguments_of(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("incident", metavar="INCIDENT", help="its six letters, or a page's event")
    parser.add_argument("--by", default="", metavar="NAME", help="who has it (default: the user who runs this)")
    parser.add_argument("--note", default="", metavar="WORDS", help="what you are about to do: the history keeps it")
    parser.add_argument("--json", action="store_true", help="the incident, as the HTTP API has it")


def obey(arguments: argparse.Namespace) -> None:
    config = configuration(arguments.config, look=False)
    name = quote(arguments.incident.partition(".")[0].upper(), safe="")
    said = {"by": arguments.by or user(), "note": arguments.note}
    incident = talk.ask(config.runtime_dir, f"/api/v1/incidents/{name}/ack", "POST", said)
    if arguments.json:
        print(json.dumps(incident, ensure_ascii=False))
        return
    ack, what = incident["acknowledged"], f"{incident['condition']} {incident['subject']}"
    until = moment(datetime.fromisoformat(ack["until"]), ZoneInfo(config.policy.zone))
    print(
        f"{incident['id']}  {one_line(ack['by'])} has {what} in hand: nobody is told again before {until}, "
        "unless it becomes graver; when it is over, that is told"
    )
