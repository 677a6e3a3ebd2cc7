"""A real pair to break and mend, with the real daemon watching and a phone to read its pages on."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPException
from typing import Any, Protocol

import pymysql
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from drwatch.lab import virtual
from drwatch.lab.fault import Fault
from drwatch.lab.faults import FAULTS
from drwatch.lab.inbox import Page
from drwatch.lab.pair import Pair
from drwatch.lab.play import Watching, configuration, play
from drwatch.lab.result import Result
from drwatch.lab.scenario import Topology
from drwatch.lab.scenarios import SCENARIOS, SIMULATED
from drwatch.lab.server import Flavour

KEYS = dict(
    zip(
        "123456789abcdefghijklnorstuvwxyz",  # m, p and q have their own meaning
        (fault for fault in FAULTS.values() if fault.on_any_pair and not fault.circumstance),
        strict=False,
    )
)
PAGE_LINES = 24
TOUR = 40.0
"""Seconds that the tour without a keyboard waits for its page."""

HOLD = 10
"""Seconds for which a trouble must stay away here: the ordinary 30 are long before a screen."""

RECOVERY = 90.0
"""Seconds that it waits to be told that all is over."""

FAILURES = (TimeoutError, RuntimeError, OSError, subprocess.SubprocessError, pymysql.Error)
"""What the lab's servers can do to a demo, on a machine that is too slow, too full, or not theirs."""


class Picture(Protocol):
    """Draws the JSON of /api/v1/status; ``brief`` for a screen that has other things to show."""

    def __call__(self, status: dict[str, Any], brief: bool = False) -> RenderableType: ...


_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
"""What an arrow or a function key sends; it may hold digits."""


class NotHere(Exception):
    """No such scenario or flavour; the message names what there is."""


def flavour(name: str) -> Flavour:
    """The flavour by its name, `mariadb` for the machine's own; raises NotHere for another one."""
    try:
        return Flavour.MARIADB if name == "mariadb" else Flavour(name)
    except ValueError:
        raise NotHere(f"there is no flavour {name}: choose {', '.join(Flavour)}") from None


def listing() -> Iterator[str]:
    every = SCENARIOS | SIMULATED
    width = max(map(len, every))
    for name, scenario in every.items():
        root = " (root)" if scenario.topology is Topology.HOSTS else ""
        yield f"{name:{width}}  {scenario.sentence}{root}{' (simulated)' if name in SIMULATED else ''}"


def names() -> Mapping[str, str]:
    """The scenarios' names and what each is about."""
    return {name: scenario.sentence for name, scenario in (SCENARIOS | SIMULATED).items()}


def unattended(name: str, flavour: Flavour, say: Callable[[str], None], topology: str | None = None) -> Result:
    """Play one scenario, on its own topology or on another one; raises NotHere, also for what the flavour lacks."""
    if name in SIMULATED:
        if topology or flavour is not Flavour.MARIADB:
            raise NotHere(f"{name} is played in memory: leave out --flavour and --topology")
        say("its clock is not this machine's: it is played in memory, under virtual time")
        return virtual.unattended(SIMULATED[name])
    if name not in SCENARIOS:
        raise NotHere(f"there is no scenario {name}: 'drwatch demo --list' shows them")
    if why := SCENARIOS[name].impossible(flavour):
        raise NotHere(why)
    chosen = Topology(topology) if topology else None
    if chosen is Topology.PAIR and SCENARIOS[name].topology is Topology.HOSTS:
        raise NotHere(f"{name} needs hosts with a network of their own: leave out --topology")
    return play(SCENARIOS[name], flavour, say, chosen)


def attended(flavour: Flavour, picture: Picture) -> None:
    """Bring the pair up, show what drwatch sees and let the reader break things; with no keyboard, a short tour."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=100)  # the picture is drawn for that, and a pipe has no width
    say = _teller(console)
    say("Bringing up a real primary and standby, their sshd, rsync and an application (some seconds) …")
    with Pair(flavour, rate=50) as pair, Watching(pair, configuration(pair, {"paging.hold": f"{HOLD}s"})) as watching:
        say("drwatch is looking …")
        watching.wait_until_well()
        if sys.stdin.isatty() and console.is_terminal:
            _Stage(pair, watching, picture).play()
        else:
            _tour(pair, watching, picture, console)
        say("Ending the servers and removing their directory …")


def _teller(console: Console) -> Callable[[str], None]:
    """Prints plain lines at once, never folded: whoever reads them in a file wants to copy a command."""
    return lambda words: console.print(words, markup=False, highlight=False, soft_wrap=True)


def _tour(pair: Pair, watching: Watching, picture: Picture, console: Console) -> None:
    say = _teller(console)
    say(f"\nThis is what drwatch sees; the same is at http://127.0.0.1:{pair.web_port}/ while the demo runs.")
    console.print(picture(watching.status()))
    say("\nNow the primary's server is killed (SIGKILL). drwatch makes sure for some seconds before it wakes anybody …")
    struck = FAULTS["primary-killed"].strike(pair)
    page = pair.inbox.wait_for(lambda page: True, within=TOUR)
    say(_page(page, page.received_at - struck))
    say("\nThis is what drwatch sees now:")
    console.print(picture(watching.status()))
    say(f"\nNow the primary's server is started again. That it is over is told when it has held for {HOLD} s …")
    FAULTS["primary-killed"].mend(pair)
    resolved = pair.inbox.wait_for(lambda page: page.title.startswith("RESOLVED"), within=RECOVERY)
    say(_page(resolved, resolved.received_at - struck))
    say("\nThat was the tour. In a terminal, 'drwatch demo' lets you break other things and mend them.")


class _Stage:
    """The live screen: what drwatch sees, the phone, and a menu of things to break."""

    def __init__(self, pair: Pair, watching: Watching, picture: Picture) -> None:
        self._pair, self._watching, self._picture = pair, watching, picture
        self._broken: dict[str, float] = {}
        """Faults by name, and when each was struck (monotonic seconds), in that order."""
        self._work: threading.Thread | None = None
        self._doing = ""
        self._trouble = ""
        self._mended: float | None = None
        """When all was mended (monotonic seconds), while nothing is broken."""
        self._whole: int | None = None
        """The first line shown when the phone has the whole screen."""
        self._step = 10

    def play(self) -> None:
        """Until q."""
        with _keyboard() as keys, Live(auto_refresh=False, screen=True) as live:
            pressed = ""
            while "q" not in pressed:
                for key in pressed:
                    self._press(key)
                live.update(self._screen(live.console), refresh=True)
                pressed = keys(0.5)
        if self._work is not None:
            self._work.join(5)

    def _press(self, key: str) -> None:
        if key == "p":
            self._whole = 0 if self._whole is None and self._pair.inbox.accepted else None
        elif key == " " and self._whole is not None:
            self._whole += self._step
        elif self._work is not None and self._work.is_alive():
            return
        elif key == "m" and self._broken:
            self._start(self._mend, "Mending; the servers may take half a minute to recover …")
        elif key in KEYS and self._free(KEYS[key]):
            fault = KEYS[key]
            self._start(lambda: self._strike(fault), f"Breaking: {fault.sentence} …")

    def _start(self, work: Callable[[], None], words: str) -> None:
        """Work beside the screen, which goes on showing what drwatch sees of it."""
        self._doing, self._trouble, self._mended, self._whole = words, "", None, None
        self._work = threading.Thread(target=work, name="stage", daemon=True)
        self._work.start()

    def _strike(self, fault: Fault) -> None:
        self._broken[fault.name] = time.monotonic()
        try:
            self._broken[fault.name] = fault.strike(self._pair)
        except FAILURES as error:
            self._trouble = f"{fault.name} cannot be done now, m mends all: {_reason(error)}"

    def _mend(self) -> None:
        """All at once, for one may wait for another; and again what stumbled over another."""
        for _ in range(2):
            mends = [threading.Thread(target=self._mend_one, args=(name,), daemon=True) for name in self._broken]
            for mend in mends:
                mend.start()
            for mend in mends:
                mend.join()
            if not self._broken:
                self._mended, self._trouble = time.monotonic(), ""
                return

    def _mend_one(self, name: str) -> None:
        try:
            FAULTS[name].mend(self._pair)
        except FAILURES as error:
            self._trouble = f"{name} is not mended yet, m tries again: {_reason(error)}"
        else:
            self._broken.pop(name, None)

    def _free(self, fault: Fault) -> bool:
        """Whether it can be broken now: a primary dies, hangs or loses its host, not two of them at a time."""
        taken = {name.partition("-")[0] for name in self._broken}
        return fault.name not in self._broken and not (fault.name.startswith("primary-") and "primary" in taken)

    def _screen(self, console: Console) -> RenderableType:
        width, height = console.size
        self._step = max(1, height - 5)
        heading = f" drwatch demo · {self._pair.flavour} · status page http://127.0.0.1:{self._pair.web_port}/"
        head = Text(heading, style="reverse", no_wrap=True, overflow="ellipsis")
        head.pad_right(max(0, width - head.cell_len))
        if self._whole is not None:
            parts: list[RenderableType] = [
                head,
                self._phone(console, height - 2, self._whole),
                Text("[space] next   [p] back   [q] quit"),
            ]
            return _stacked(parts, [1, height - 2, 1])
        seen, menu = self._seen(), self._menu()
        menu_height = _height(console, menu)
        seen_height = min(_height(console, seen), max(3, height - 1 - menu_height - 4))
        phone_height = max(3, height - 1 - menu_height - seen_height)
        parts = [head, seen, self._phone(console, phone_height), menu]
        return _stacked(parts, [1, seen_height, phone_height, menu_height])

    def _seen(self) -> RenderableType:
        with suppress(OSError, HTTPException, ValueError):
            return self._picture(self._watching.status(), brief=True)
        return Text("drwatch does not answer", style="red")

    def _phone(self, console: Console, height: int, start: int = 0) -> Panel:
        """The newest page in so many lines, from the line ``start`` on."""
        room, pages = height - 2, self._pair.inbox.accepted
        if not pages:
            return Panel(Text("no page yet", style="dim"), title="the phone", border_style="dim", height=height)
        page = pages[-1]
        text = Text.assemble((page.title, "bold"), "\n", page.message.rstrip())
        lines = list(text.wrap(console, console.width - 4))
        start = max(0, min(start, len(lines) - room))
        if self._whole is not None:
            self._whole = start
        shown = lines[start : start + room]
        if (left := len(lines) - start - room) > 0 and shown:
            shown[-1] = Text(f"… {left + 1} more lines: {'space' if self._whole is not None else 'p'}", style="dim")
        ago = time.monotonic() - page.received_at
        title = f"the phone: page {len(pages)}, {ago:.0f} s ago"
        return Panel(Text("\n").join(shown), title=title, title_align="left", border_style="magenta", height=height)

    def _menu(self) -> RenderableType:
        choices = []
        for key, fault in KEYS.items():
            style = "bold yellow" if fault.name in self._broken else "cyan" if self._free(fault) else "dim"
            choices.append(Text(f"[{key}] {fault.name}", style=style))
        keys = Text("[m] mend all   [p] the whole page   [q] quit", style="cyan")
        return Group(self._hint(), Columns(choices, equal=True, column_first=True), keys)

    def _hint(self) -> Text:
        """What is going on, and what to do next, in one line."""
        if self._work is not None and self._work.is_alive():
            words, style = self._doing, "yellow"
        elif self._trouble:
            words, style = self._trouble, "red"
        elif self._broken:
            words, style = self._story(), "yellow"
        else:
            words, style = self._peace(), "green"
        return Text(" ".join(words.split()), style=style, no_wrap=True, overflow="ellipsis")

    def _peace(self) -> str:
        if self._mended is None:
            return "All is well. Press 1: the primary is killed, and soon the phone rings."
        if any(page.received_at > self._mended for page in self._pair.inbox.accepted):
            return "Mended, and the phone was told. Break something else, or press q."
        return f"Mended. What was told is told as RESOLVED once it has held for {HOLD} s."

    def _story(self) -> str:
        name, struck = list(self._broken.items())[-1]
        page = next((page for page in self._pair.inbox.accepted if page.received_at > struck), None)
        if page is None:
            return f"{FAULTS[name].sentence}, {time.monotonic() - struck:.0f} s ago: drwatch makes sure first."
        return f"{FAULTS[name].sentence}: the phone rang after {page.received_at - struck:.1f} s. Press m to mend it."


def _reason(error: Exception) -> str:
    """The words of a driver's error come after its number."""
    return str(error.args[-1] if isinstance(error, pymysql.Error) and error.args else error)


def _stacked(parts: Sequence[RenderableType], heights: list[int]) -> Layout:
    layout = Layout()
    layout.split_column(*(Layout(part, size=size) for part, size in zip(parts, heights, strict=True)))
    return layout


def _height(console: Console, part: RenderableType) -> int:
    return len(console.render_lines(part, console.options.update(height=None), pad=False))


def _page(page: Page, seconds: float) -> str:
    """A page as plain text."""
    return f"\n--- the phone, {seconds:.1f} s after the fault ---\n{page.title}\n{page.message.rstrip()}\n---"


def _phone(page: Page, seconds: float) -> Panel:
    """A page as it stands on the phone."""
    lines = page.message.splitlines()
    more = [f"… {len(lines) - PAGE_LINES} more lines"] if len(lines) > PAGE_LINES else []
    body = "\n".join([*lines[:PAGE_LINES], *more])
    title = f"the phone, {seconds:.1f} s after the fault"
    return Panel(Text.assemble((page.title, "bold"), "\n", body), title=title, border_style="magenta")


@contextmanager
def _keyboard() -> Iterator[Callable[[float], str]]:
    """The keys pressed, '' when none comes within so many seconds; the terminal is put back at the end."""
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    tty.setcbreak(number)

    def pressed(seconds: float) -> str:
        if not select.select([number], [], [], seconds)[0]:
            return ""
        keys = os.read(number, 64)
        if not keys:
            return "q"  # the terminal has gone
        return _ESCAPE.sub(b"", keys).decode(errors="replace")

    try:
        yield pressed
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)
