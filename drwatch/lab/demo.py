"""A real pair to break and mend, with the real daemon watching and a phone to read its pages on."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from drwatch.lab.binaries import find
from drwatch.lab.faults import FAULTS, Fault
from drwatch.lab.inbox import Page
from drwatch.lab.pair import Pair
from drwatch.lab.play import Result, Watching, configuration, play
from drwatch.lab.scenario import SCENARIOS
from drwatch.lab.server import Flavour

Picture = Callable[[dict[str, Any]], RenderableType]
"""Draws the JSON of /api/v1/status."""

KEYS = dict(zip("123456789abcdefgh", FAULTS.values(), strict=False))
PAGE_LINES = 24
TOUR = 40.0
"""Seconds that the tour without a keyboard waits for its page."""


class NotHere(Exception):
    """No such scenario or flavour; the message names what there is."""


def flavour(name: str) -> Flavour:
    """The flavour by its name, with or without this machine's MariaDB version; raises NotHere for another one."""
    if name.startswith("mariadb-"):
        here = installed()
        if name != here:
            raise NotHere(f"{name} is not on this machine, whose Debian release has {here}")
        return Flavour.MARIADB
    try:
        return Flavour(name)
    except ValueError:
        raise NotHere(f"there is no flavour {name}: choose {installed()}, mysql-5.7 or mysql-5.7-gtid") from None


def installed() -> str:
    """The machine's own MariaDB, such as mariadb-10.11."""
    binaries = find()
    words = subprocess.run(
        [binaries.mariadbd, "--no-defaults", "--version"],
        env={**os.environ, **binaries.env},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.search(r"(\d+\.\d+)\.\d+-MariaDB", words)
    return f"mariadb-{found[1]}" if found else "mariadb"


def listing() -> Iterator[str]:
    for scenario in SCENARIOS.values():
        yield f"{scenario.name:28} {scenario.sentence}"


def unattended(name: str, flavour: Flavour, say: Callable[[str], None]) -> Result:
    """Play one scenario; raises NotHere."""
    if name not in SCENARIOS:
        raise NotHere(f"there is no scenario {name}: 'drwatch demo --list' shows them")
    return play(SCENARIOS[name], flavour, say)


def attended(flavour: Flavour, picture: Picture) -> None:
    """Bring the pair up, show what drwatch sees and let the reader break things; with no keyboard, a short tour."""
    console = Console()
    console.print("Bringing up a real primary and standby, their sshd, rsync and an application …")
    with Pair(flavour, rate=50) as pair, Watching(pair, configuration(pair)) as watching:
        watching.wait_until_well()
        if sys.stdin.isatty() and console.is_terminal:
            _menu(pair, watching, picture)
        else:
            _tour(pair, watching, picture, console)


def _tour(pair: Pair, watching: Watching, picture: Picture, console: Console) -> None:
    console.print(picture(watching.status()))
    console.print("\nKilling the primary's server (SIGKILL) …")
    struck = FAULTS["primary-killed"].strike(pair)
    page = pair.inbox.wait_for(lambda page: True, within=TOUR)
    console.print(_phone(page, page.received_at - struck))
    console.print(picture(watching.status()))
    console.print("Mending …")
    FAULTS["primary-killed"].mend(pair)
    resolved = pair.inbox.wait_for(lambda page: page.title.startswith("RESOLVED"), within=90)
    console.print(_phone(resolved, resolved.received_at - struck))


def _menu(pair: Pair, watching: Watching, picture: Picture) -> None:
    broken: dict[str, Fault] = {}
    last = ""
    with _keyboard() as key, Live(auto_refresh=False, screen=True) as live:
        while True:
            live.update(_screen(pair, watching, picture, broken, last), refresh=True)
            pressed = key(0.5)
            if pressed == "q":
                return
            if pressed == "m":
                for fault in broken.values():
                    fault.mend(pair)
                last, broken = "mended", {}
            elif pressed in KEYS and KEYS[pressed].name not in broken:
                fault = KEYS[pressed]
                fault.strike(pair)
                broken[fault.name], last = fault, fault.sentence


def _screen(pair: Pair, watching: Watching, picture: Picture, broken: dict[str, Fault], last: str) -> RenderableType:
    choices = "   ".join(f"[{key}] {fault.name}" for key, fault in KEYS.items() if fault.name not in broken)
    menu = Text(f"{choices}\n[m] mend all   [q] quit", style="cyan")
    pages = pair.inbox.accepted
    shown = _phone(pages[-1], time.monotonic() - pages[-1].received_at, ago=True) if pages else Text("no page yet")
    cluster = watching.cluster()
    seen = picture(watching.status()) if cluster else Text("drwatch does not answer", style="red")
    state = Text(f"broken: {', '.join(broken) or 'nothing'}   {last}", style="yellow")
    address = Text(f"status page: http://127.0.0.1:{pair.web_port}/")
    return Group(seen, shown, state, menu, address)


def _phone(page: Page, seconds: float, ago: bool = False) -> Panel:
    when = f"{seconds:.0f} s ago" if ago else f"{seconds:.1f} s after the fault"
    lines = page.message.splitlines()
    more = [f"… {len(lines) - PAGE_LINES} more lines"] if len(lines) > PAGE_LINES else []
    body = "\n".join([*lines[:PAGE_LINES], *more])
    return Panel(Text.assemble((page.title, "bold"), "\n", body), title=f"the phone, {when}", border_style="magenta")


@contextmanager
def _keyboard() -> Iterator[Callable[[float], str]]:
    """Single key presses, '' when none comes within so many seconds; the terminal is put back at the end."""
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    tty.setcbreak(number)

    def pressed(seconds: float) -> str:
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return sys.stdin.read(1) if ready else ""

    try:
        yield pressed
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)
