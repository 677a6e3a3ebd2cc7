"""The ``drwatch`` command: one thin function a subcommand; an error is one sentence with the remedy."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from drwatch import __version__
from drwatch.cli import logs, talk
from drwatch.cli.configured import DEFAULT, configuration
from drwatch.cli.trouble import Trouble
from drwatch.config import Config, NodeSettings


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.command(arguments) or 0)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return trouble.status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 141


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
    check.add_argument("--json", action="store_true")
    checked = command("check-config", check_config, "say everything that is wrong with the configuration", config=False)
    checked.add_argument("config", type=Path, nargs="?", default=DEFAULT, metavar="FILE")
    status = command("status", show_status, "what the running daemon sees now")
    status.add_argument("--watch", action="store_true", help="go on showing it")
    status.add_argument("--json", action="store_true")
    past = command("incidents", show_incidents, "the incidents so far, newest first")
    past.add_argument("--limit", type=int, default=20)
    past.add_argument("--json", action="store_true")
    test = command("page-test", page_test, "send a test page through every channel, or one")
    test.add_argument("channel", nargs="?")
    grants = command("grants", show_grants, "print the account that drwatch needs on the servers", config=False)
    grants.add_argument("--flavour", choices=("mysql", "mariadb"), required=True)
    grants.add_argument("--version", dest="server_version", required=True, help="such as 5.7 or 10.11")
    grants.add_argument("--user", default="drwatch")
    grants.add_argument("--host", required=True, help="the witness's address, as the server sees it")
    command("ssh-setup", ssh_setup, "print what to run on the nodes for drwatch's shell")
    demo = command("demo", show_demo, "a real pair in a sandbox, to break and mend", config=False)
    demo.add_argument("--scenario", metavar="NAME", help="play one unattended")
    demo.add_argument(
        "--flavour",
        default="mariadb",
        help="mariadb (this Debian release's, such as mariadb-10.11), mysql-5.7 or mysql-5.7-gtid",
    )
    demo.add_argument("--list", action="store_true", help="the scenarios there are")
    demo.add_argument("--json", action="store_true")
    return parser


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
    import os

    from drwatch.config import load

    return load(path, os.environ)


def look_once(arguments: argparse.Namespace) -> int:
    from drwatch.cli import look

    try:
        config = configuration(arguments.config)
    except Trouble as trouble:
        # 2 would read as CRITICAL.
        raise Trouble(f"DRWATCH UNKNOWN - {trouble}", look.State.UNKNOWN) from None
    answer = asyncio.run(look.look_once(config))
    print(look.plugin_json(answer) if arguments.json else look.plugin_line(answer))
    return answer.state


def check_config(arguments: argparse.Namespace) -> None:
    from drwatch.paging.apprise import CourierBroken, check

    config = configuration(arguments.config)
    try:
        wrong = asyncio.run(check({name: url.reveal() for name, url in config.channels.items()}))
    except CourierBroken as broken:
        raise Trouble(f"the channels could not be checked: {broken}") from None
    if wrong:
        lines = (f"{arguments.config}: paging.channels.{name}: {sentence}" for name, sentence in wrong.items())
        raise Trouble("\n".join(lines))
    for notice in config.notices:
        print(f"note: {notice}")
    nodes = ", ".join(f"{node.node.name} ({node.role})" for node in config.nodes)
    print(f"{arguments.config} is good: {nodes}; channels {', '.join(config.channels)}")


def show_status(arguments: argparse.Namespace) -> None:
    from drwatch.cli import screen

    runtime = configuration(arguments.config, look=False).runtime_dir
    if arguments.json:
        print(json.dumps(talk.ask(runtime, "/api/v1/status"), ensure_ascii=False, indent=2))
    elif arguments.watch:
        screen.watch(lambda: talk.ask(runtime, "/api/v1/status"))
    else:
        screen.show(talk.ask(runtime, "/api/v1/status"))


def show_incidents(arguments: argparse.Namespace) -> None:
    from drwatch.store import StoreError, read_history

    config = configuration(arguments.config, look=False)
    path = config.state_dir / "drwatch.db"
    if not path.exists():
        raise Trouble(f"{path} is not there: drwatch has not run with this configuration yet", 3)
    try:
        past = read_history(path, arguments.limit)
    except StoreError as error:
        raise Trouble(str(error), 3) from None
    if not past and not arguments.json:
        print("no incident so far")
    for line in past:
        if arguments.json:
            fields = {name: getattr(line, name) for name in line.__slots__}
            print(json.dumps(fields, ensure_ascii=False, default=lambda value: value.isoformat()))
        else:
            end = line.ended.strftime("%H:%M:%S") if line.ended else "now"
            print(
                f"{line.id}  {line.began:%Y-%m-%d %H:%M:%S}–{end} UTC  {line.phase:9}  {line.cluster} "
                f"{line.condition} {line.subject}: {line.summary} ({line.told} pages)"
            )


def page_test(arguments: argparse.Namespace) -> int:
    from drwatch.core.finding import Severity
    from drwatch.core.paging import Outcome
    from drwatch.paging.apprise import Courier

    config = configuration(arguments.config)
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
            detail = f": {delivery.detail}" if delivery.detail else ""
            print(f"{name}: {delivery.outcome} in {delivery.seconds:.2f} s{detail}")
        return int(any(delivery.outcome is not Outcome.ACCEPTED for delivery in came))

    return asyncio.run(send())


def show_grants(arguments: argparse.Namespace) -> None:
    from drwatch.core.sample import Flavour
    from drwatch.probes.mysql import grants

    try:
        version = tuple(int(part) for part in arguments.server_version.split("."))
    except ValueError:
        raise Trouble("--version takes numbers such as 5.7 or 10.11.6") from None
    for statement in grants(Flavour(arguments.flavour), version, arguments.user, arguments.host):
        print(statement)


def ssh_setup(arguments: argparse.Namespace) -> None:
    from drwatch.probes.ssh import ssh_setup as setup

    config = configuration(arguments.config, look=False)
    for node in config.nodes:
        if node.ssh is not None:
            print(f"# on {node.node.name} ({node.ssh.address}), as root:")
            print(setup(node.ssh.user, _public_key(node)))


def _public_key(node: NodeSettings) -> str:
    assert node.ssh is not None
    path = Path(f"{node.ssh.key_file}.pub")
    try:
        return path.read_text().strip()
    except OSError:
        raise Trouble(
            f"{path} cannot be read: make the key with 'ssh-keygen -t ed25519 -N \"\" -f {node.ssh.key_file}'"
        ) from None


def show_demo(arguments: argparse.Namespace) -> int:
    from drwatch.cli import screen
    from drwatch.lab import demo
    from drwatch.lab.binaries import MissingPart

    if arguments.list:
        print("\n".join(demo.listing()))
        return 0
    say = (lambda words: print(words, file=sys.stderr)) if arguments.json else print
    try:
        flavour = demo.flavour(arguments.flavour)
        if arguments.scenario is None:
            demo.attended(flavour, screen.picture)
            return 0
        result = demo.unattended(arguments.scenario, flavour, say)
    except (MissingPart, demo.NotHere) as error:
        raise Trouble(str(error)) from None
    except TimeoutError as error:
        raise Trouble(f"the demo came to nothing: {error}", 1) from None
    print(result.json() if arguments.json else result.told())
    return 0 if result.passed else 1
