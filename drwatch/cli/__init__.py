"""The ``drwatch`` command: one thin function a subcommand; an error is one sentence with the remedy."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import re
import resource
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

from drwatch import __version__
from drwatch.cli import ack, checking, history, logs, paging, rehearse, setup, silence, talk
from drwatch.cli.configured import DEFAULT, configuration
from drwatch.cli.ledger import ledger
from drwatch.cli.trouble import Trouble
from drwatch.config import Config


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no "≤" gets a "?"
    try:
        status = _obey(words)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone, as in `| head -1`: nothing is to be said, not even by the interpreter at its end.
        _hush()
        return 141
    except OSError as error:
        if error.filename is not None or words[:1] == ["run"]:
            raise
        _hush()
        print(f"the output cannot be written: {error.strerror or error}", file=sys.stderr)
        return 1
    return status


def _obey(words: list[str]) -> int:
    try:
        arguments = _parser().parse_args(words)
    except SystemExit as left:
        if words[:1] == ["check"] and left.code == 2:
            # To Nagios 2 is CRITICAL, and it reads nothing but stdout.
            print("DRWATCH UNKNOWN - drwatch does not know these arguments: see 'drwatch check --help'")
            return 3
        if sys.stdout is not None:
            sys.stdout.flush()
        raise
    try:
        return int(arguments.command(arguments) or 0)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return trouble.status
    except KeyboardInterrupt:
        return 130


def _hush() -> None:
    """Let the interpreter's own flush at the end write to nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="drwatch", description="The witness for a MySQL or MariaDB warm standby. It watches, it never promotes."
    )
    parser.add_argument("--version", action="version", version=f"drwatch {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: object, help: str, config: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=help)
        made.set_defaults(command=function)
        if config:
            made.add_argument("--config", type=Path, default=DEFAULT, metavar="FILE", help=f"default {DEFAULT}")
        return made

    command("run", run, "watch, measure and page, until SIGTERM")
    check = command("check", look_once, "one look at everything, with the exit status of a Nagios plugin")
    check.description = (
        f"{check.description}. It needs no daemon and has no memory: it takes each configured node to exist, and the"
        " configured primary to lead unless that one look shows another."
    )
    check.add_argument("--json", action="store_true", help="the answer as one object")
    checked = command(
        "check-config", checking.check_config, "say everything that is wrong with the configuration", config=False
    )
    file = checked.add_mutually_exclusive_group()
    file.add_argument("file", type=Path, nargs="?", metavar="FILE", help=f"the configuration (default {DEFAULT})")
    file.add_argument("--config", type=Path, default=DEFAULT, metavar="FILE", help="the same, as in other commands")
    status = command("status", show_status, "what the running daemon sees now")
    form = status.add_mutually_exclusive_group()
    form.add_argument("--watch", action="store_true", help="go on showing it, until ctrl-C")
    form.add_argument("--json", action="store_true", help="what /api/v1/status answers")
    rebuilt = command("rebuilt", say_rebuilt, "say that you have rebuilt a standby: PrimaryRewound is over for it")
    rebuilt.add_argument("cluster", metavar="CLUSTER")
    rebuilt.add_argument("node", metavar="NODE", help="the standby that was made anew from its primary")
    drill = command(
        "drill", rehearse.drill, "announce a takeover drill: print its steps, and date what is done of them"
    )
    rehearse.arguments_of(drill)
    silence.arguments_of(command("silence", silence.obey, "page nobody for a cluster for a while, at most 72h"))
    ack.arguments_of(
        command("ack", ack.obey, "say that you have an incident in hand: nobody is told of it again for an hour")
    )
    past = command("incidents", show_incidents, "the incidents so far, newest first")
    past.add_argument("--limit", type=_count, default=20, metavar="N", help="at most so many (default 20)")
    past.add_argument("--json", action="store_true", help="one object a line")
    explained = command("explain", show_account, "one incident: who said what, what was concluded, who was told")
    explained.add_argument(
        "incident", metavar="INCIDENT", help="its six letters, a page's event, TEST, DIGEST or DIGEST.DAY"
    )
    explained.add_argument("--json", action="store_true", help="the account as one object")
    test = command("page-test", paging.page_test, "send a test page through every channel, or one")
    test.add_argument("channel", nargs="?", metavar="CHANNEL")
    test.add_argument("--json", action="store_true", help="one object a line")
    grants = command("grants", setup.show_grants, "print the account that drwatch needs on the servers", config=False)
    grants.add_argument("--flavour", choices=("mysql", "mariadb"), required=True, help="what the servers are")
    grants.add_argument(
        "--version", dest="server_version", required=True, help="such as 5.7, 10.11 or what SELECT VERSION() says"
    )
    grants.add_argument("--user", default="drwatch", help="the account's name (default drwatch)")
    grants.add_argument("--host", required=True, help="the witness's address, as the server sees it")
    grants.add_argument("--tls", action="store_true", help="the account must use TLS")
    shell = command("ssh-setup", setup.ssh_setup, "print what to run on the nodes for drwatch's shell")
    shell.add_argument("node", nargs="?", metavar="NODE", help="for this node only")
    demo = command("demo", show_demo, "a real pair in a sandbox, to break and mend", config=False)
    demo.add_argument("--scenario", metavar="NAME", help="play one unattended")
    demo.add_argument(
        "--flavour",
        default="mariadb",
        help="mariadb (this Debian release's), mariadb-10.11, mariadb-11.8, either with -position, mysql-5.7, "
        "mysql-5.7-gtid or mysql-9.7",
    )
    demo.add_argument(
        "--topology",
        choices=("pair", "hosts"),
        help="play it on loopback, or on hosts with a network of their own (root); default: where it needs to be",
    )
    demo.add_argument("--list", action="store_true", help="the scenarios there are")
    demo.add_argument("--json", action="store_true", help="with --scenario or --list: one object")
    return parser


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,6}", text) or not int(text):
        raise argparse.ArgumentTypeError("expected a whole number from 1 to 999999")
    return int(text)


def run(arguments: argparse.Namespace) -> None:
    from drwatch.daemon import service
    from drwatch.store import StoreError
    from drwatch.web.listen import ListenError

    # A dump of what it has in memory would be one of every password and channel.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    config = configuration(arguments.config)
    logs.start(config.log.format, config.log.level)
    try:
        asyncio.run(service.run(config, lambda: configuration_again(arguments.config)))
    except (StoreError, ListenError) as error:
        raise Trouble(str(error), 1) from None
    except BaseExceptionGroup as group:
        expected, rest = group.split((StoreError, ListenError))
        if rest is not None or expected is None:
            raise
        raise Trouble("; ".join(str(error) for error in expected.exceptions), 1) from None


def configuration_again(path: Path) -> Config:
    """The configuration for a SIGHUP; ConfigErrors goes to the daemon, which keeps the old one."""
    from drwatch.config import load

    return load(path, os.environ)


def look_once(arguments: argparse.Namespace) -> int:
    from drwatch.cli import look

    try:
        config = configuration(arguments.config)
        answer = asyncio.run(look.look_once(config))
    except Trouble as trouble:
        print(look.unable("; ".join(str(trouble).splitlines()), arguments.json))
        return look.State.UNKNOWN
    except Exception as bug:  # noqa: BLE001 - a bug's own exit status would be WARNING to Nagios, and its words unread
        traceback.print_exc()
        print(
            look.unable(f"drwatch itself failed ({type(bug).__name__}): please report what stderr says", arguments.json)
        )
        return look.State.UNKNOWN
    print(look.plugin_json(answer) if arguments.json else look.plugin_line(answer))
    return answer.state


def show_status(arguments: argparse.Namespace) -> None:
    from drwatch.cli import screen

    config = configuration(arguments.config, look=False)
    runtime, zone = config.runtime_dir, ZoneInfo(config.policy.zone)
    if arguments.json:
        print(json.dumps(talk.ask(runtime, "/api/v1/status"), ensure_ascii=False, indent=2))
    elif arguments.watch:
        if not sys.stdout.isatty():
            raise Trouble("--watch draws on a terminal: take --json, or the status alone, for a file or a pipe")
        screen.watch(lambda: talk.ask(runtime, "/api/v1/status"), zone)
    else:
        screen.show(talk.ask(runtime, "/api/v1/status"), zone)


def say_rebuilt(arguments: argparse.Namespace) -> None:
    runtime = configuration(arguments.config, look=False).runtime_dir
    where = "/".join(quote(part, safe="") for part in (arguments.cluster, arguments.node))
    print(talk.ask(runtime, f"/api/v1/nodes/{where}/rebuilt", "POST")["done"])


def show_incidents(arguments: argparse.Namespace) -> None:
    from drwatch.store import read_blackbox, read_drills, read_history

    config = configuration(arguments.config, look=False)
    with ledger(config) as path:
        past = read_history(path, arguments.limit)
        drills, outages = read_drills(path)
        boxes = {line.id: read_blackbox(path, line.id) for line in past} if arguments.json else {}
    if arguments.json:
        for line in past:
            fields = {name: getattr(line, name) for name in line.__slots__ if name != "acks"}
            fields["acknowledgements"] = [asdict(ack) for ack in line.acks]
            fields["blackbox"] = [{"broken": boxed.broken, **boxed.body} for boxed in boxes[line.id]]
            print(json.dumps(fields, ensure_ascii=False, default=lambda value: value.isoformat()))
        return
    zone = ZoneInfo(config.policy.zone)
    told = [(line.began, history.incident(line, zone)) for line in past]
    told += [(each.began.wall, history.drill(each, outages, zone)) for each in drills]
    for _, words in sorted(told, reverse=True)[: arguments.limit]:
        print(words)
    if not told:
        print("no incident so far")


def show_account(arguments: argparse.Namespace) -> None:
    from drwatch.cli import explain

    explain.explain(arguments.incident, arguments.config, arguments.json)


def show_demo(arguments: argparse.Namespace) -> int:
    from drwatch.cli import screen
    from drwatch.lab import demo
    from drwatch.lab.binaries import MissingPart

    if arguments.list:
        print(json.dumps(demo.names(), ensure_ascii=False, indent=2) if arguments.json else "\n".join(demo.listing()))
        return 0
    if arguments.topology and arguments.scenario is None:
        raise Trouble("--topology goes with --scenario NAME: the demo itself is a pair on loopback")
    if arguments.json and arguments.scenario is None:
        raise Trouble("--json goes with --scenario NAME or with --list: the demo itself is for people")
    try:
        flavour = demo.flavour(arguments.flavour)
        if arguments.scenario is None:
            demo.attended(flavour, screen.picture)
            return 0
        say = _aside if arguments.json else _at_once
        result = demo.unattended(arguments.scenario, flavour, say, arguments.topology)
    except (MissingPart, demo.NotHere) as error:
        raise Trouble(str(error)) from None
    except demo.FAILURES as error:
        raise Trouble(f"the demo came to nothing: {error}", 1) from None
    print(result.json() if arguments.json else result.told())
    return 0 if result.passed else 1


def _aside(words: str) -> None:
    print(words, file=sys.stderr)


def _at_once(words: str) -> None:
    print(words, flush=True)
