"""What to run on the servers and their hosts, so that drwatch may look at them: printed, for a human."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from drwatch.cli.configured import configuration
from drwatch.cli.trouble import Trouble
from drwatch.cli.words import one_line
from drwatch.config import SshSettings
from drwatch.core.sample import Flavour

_LOWEST = {Flavour.MYSQL: ("MySQL", (5, 6)), Flavour.MARIADB: ("MariaDB", (10, 0))}
"""The first versions that can be asked: SHOW ALL SLAVES STATUS came with MariaDB 10.0."""


def show_grants(arguments: argparse.Namespace) -> None:
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
    name, lowest = _LOWEST[flavour]
    if version < lowest:
        raise Trouble(
            f"drwatch watches {name} from {lowest[0]}.{lowest[1]} on, and this is {found[0]}: upgrade it first"
        )
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
