"""The ``drwatch`` command: one thin function a subcommand; an error is one sentence with the remedy."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import re
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

from drwatch import __version__
from drwatch.cli import history, logs, rehearse, silence, talk
from drwatch.cli.configured import DEFAULT, configuration
from drwatch.cli.ledger import ledger
from drwatch.cli.trouble import Trouble
from drwatch.cli.words import one_line
from drwatch.config import Config, SshSettings


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
    check.add_argument("--json", action="store_true", help="the answer as one object")
    checked = command("check-config", check_config, "say everything that is wrong with the configuration", config=False)
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
    past = command("incidents", show_incidents, "the incidents so far, newest first")
    past.add_argument("--limit", type=_count, default=20, metavar="N", help="at most so many (default 20)")
    past.add_argument("--json", action="store_true", help="one object a line")
    explained = command("explain", show_account, "one incident: who said what, what was concluded, who was told")
    explained.add_argument("incident", metavar="INCIDENT", help="its six letters, or a page's event")
    explained.add_argument("--json", action="store_true", help="the account as one object")
    test = command("page-test", page_test, "send a test page through every channel, or one")
    test.add_argument("channel", nargs="?", metavar="CHANNEL")
    test.add_argument("--json", action="store_true", help="one object a line")
    grants = command("grants", show_grants, "print the account that drwatch needs on the servers", config=False)
    grants.add_argument("--flavour", choices=("mysql", "mariadb"), required=True, help="what the servers are")
    grants.add_argument(
        "--version", dest="server_version", required=True, help="such as 5.7, 10.11 or what SELECT VERSION() says"
    )
    grants.add_argument("--user", default="drwatch", help="the account's name (default drwatch)")
    grants.add_argument("--host", required=True, help="the witness's address, as the server sees it")
    grants.add_argument("--tls", action="store_true", help="the account must use TLS")
    setup = command("ssh-setup", ssh_setup, "print what to run on the nodes for drwatch's shell")
    setup.add_argument("node", nargs="?", metavar="NODE", help="for this node only")
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


def check_config(arguments: argparse.Namespace) -> None:
    from drwatch.paging.apprise import CourierBroken, check

    path = arguments.file or arguments.config
    config = configuration(path)
    try:
        wrong = asyncio.run(check({name: url.reveal() for name, url in config.channels.items()}))
    except CourierBroken as broken:
        raise Trouble(f"the channels could not be checked: {broken}") from None
    if wrong:
        lines = (f"{path}: paging.channels.{name}: {sentence}" for name, sentence in wrong.items())
        raise Trouble("\n".join(lines))
    for notice in config.notices:
        print(f"note: {notice}")
    nodes = ", ".join(f"{node.node.name} ({node.role})" for node in config.nodes)
    print(f"{path} is good: {nodes}; channels {', '.join(config.channels) or 'none'}")


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
            fields = {name: getattr(line, name) for name in line.__slots__}
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


def page_test(arguments: argparse.Namespace) -> int:
    from drwatch.core.finding import Severity
    from drwatch.core.paging import Outcome
    from drwatch.paging.apprise import Courier

    config = configuration(arguments.config)
    if not config.channels:
        raise Trouble("paging.channels is empty: drwatch would wake nobody. Add a channel to the configuration")
    names = [arguments.channel] if arguments.channel else list(config.channels)
    if unknown := [name for name in names if name not in config.channels]:
        raise Trouble(f"there is no channel {unknown[0]}: the configuration has {', '.join(config.channels)}")

    async def send() -> int:
        courier = Courier({name: config.channels[name].reveal() for name in names})
        await courier.start()
        try:
            title = "TEST drwatch: this is a test page, nothing is wrong [TEST.1]"
            body = "If you can read this, drwatch can wake you through this channel."
            came = await asyncio.gather(
                *(courier.send(name, title, body, Severity.WARNING, False, "TEST.1") for name in names)
            )
        finally:
            await courier.close()
        for name, delivery in zip(names, came, strict=True):
            if arguments.json:
                fields = {"channel": name, "outcome": delivery.outcome, "seconds": round(delivery.seconds, 3)}
                print(json.dumps({**fields, "detail": delivery.detail}, ensure_ascii=False))
                continue
            detail = f": {one_line(delivery.detail)}" if delivery.detail not in ("", delivery.outcome) else ""
            print(f"{name}: {delivery.outcome} in {delivery.seconds:.2f} s{detail}")
        return int(any(delivery.outcome is not Outcome.ACCEPTED for delivery in came))

    return asyncio.run(send())


def show_grants(arguments: argparse.Namespace) -> None:
    from drwatch.core.sample import Flavour
    from drwatch.probes.mysql import grants

    found = re.match(r"[0-9]{1,3}\.[0-9]{1,3}(\.[0-9]{1,3})?(?![0-9])", arguments.server_version)
    if found is None:
        raise Trouble("--version takes what SELECT VERSION() says, such as 5.7 or 10.11.6")
    version = tuple(int(part) for part in found[0].split("."))
    flavour = Flavour(arguments.flavour)
    if "mariadb" in arguments.server_version.lower() and flavour is not Flavour.MARIADB:
        raise Trouble(f"{one_line(arguments.server_version)} is a MariaDB: take --flavour mariadb")
    if flavour is Flavour.MARIADB and (5, 6) <= version < (10, 0):
        raise Trouble(f"there is no MariaDB {found[0]}: if SELECT VERSION() says so, take --flavour mysql")
    if flavour is Flavour.MYSQL and (10, 0) <= version < (13, 0):
        raise Trouble(f"there is no MySQL {found[0]}: if SELECT VERSION() says so, take --flavour mariadb")
    if not arguments.host.strip() or not arguments.user.strip():
        # An empty host is any host to the server, and an empty user anybody.
        raise Trouble("--host and --user may not be empty: --host is the witness's address, as the server sees it")
    print("-- On the primary alone: it replicates. Put a password of its own in the place of <password>.")
    for statement in grants(flavour, version, arguments.user, arguments.host, tls=arguments.tls):
        print(statement)


def ssh_setup(arguments: argparse.Namespace) -> None:
    """A script for each account and key; hosts that share both share it."""
    from drwatch.probes.ssh import ssh_setup as setup

    config = configuration(arguments.config, look=False)
    names = [node.node.name for node in config.nodes]
    if arguments.node is not None and arguments.node not in names:
        raise Trouble(f"there is no node {arguments.node}: the configuration has {', '.join(names)}")
    hosts: dict[str, list[str]] = {}
    for node in config.nodes:
        if node.ssh is not None and arguments.node in (None, node.node.name):
            key = _public_key(node.ssh)
            try:
                script = setup(node.ssh.user, key)
            except ValueError as error:
                raise Trouble(f"{node.node.name} cannot be set up: {error}; check ssh.user and ssh.key_file") from None
            hosts.setdefault(script, []).append(f"{node.node.name} ({node.ssh.address.host})")
    if not hosts:
        raise Trouble("no node has ssh: give it 'ssh: {}', else a dead server cannot be told from a dead host")
    for script, where in hosts.items():
        print(f"# On {' and on '.join(where)}, as root.")
        print(script, end="")


def _public_key(ssh: SshSettings) -> str:
    path = Path(f"{ssh.key_file}.pub")
    # Root makes it, and the service that reads it is another user.
    make = f"'ssh-keygen -t ed25519 -N \"\" -f {ssh.key_file} && chown drwatch: {ssh.key_file} {path}'"
    try:
        return path.read_text()
    except FileNotFoundError:
        raise Trouble(f"{path} is not there: make the key with {make}") from None
    except (OSError, UnicodeDecodeError) as error:
        why = (isinstance(error, OSError) and error.strerror) or "it is no text"
        raise Trouble(f"{path} cannot be read ({why}): let this user read it, or make another with {make}") from None


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
