"""One trouble from its detection to its end, told to two phones by a real daemon that is killed on the way."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from drwatch.lab.binaries import parts
from drwatch.lab.deadline import until
from drwatch.lab.failpoints import FAILPOINTS, STOPPED, Failpoint, Stage
from drwatch.lab.inbox import Inbox, Page
from drwatch.lab.sandbox import Process, Sandbox

CONFIG = """\
clusters:
  shop:
    nodes:
      oslo-a: {{role: primary, mysql: {{host: 10.0.0.1, user: drwatch, password_file: {pw}}}}}
      oslo-b: {{role: standby, mysql: {{host: 10.0.0.2, user: drwatch, password_file: {pw}}}}}
paging:
  channels: {{phone: {{url_file: {phone}}}, pager: {{url_file: {pager}}}}}
  escalation: [{{to: [phone]}}, {{to: [pager], after: 1s}}]
  confirm: {{conclusive: 1s}}
  hold: 2s
state: {{directory: {state}, runtime: {runtime}}}
web: {{listen: "127.0.0.1:0"}}
"""

PATIENCE = 90.0
"""Seconds until what is waited for is not coming: a loaded machine takes twenty to start drwatch."""

QUIET = 1.5
"""Seconds after the last page in which a further copy would show itself."""


@dataclass(frozen=True)
class Told:
    """What came of one story."""

    where: str
    killed: int
    """How often drwatch was killed."""
    lost: tuple[str, ...]
    copies: int
    """The most of one page on one channel beyond the first."""
    ids: bool
    """Whether all copies of a page had the same event id."""
    resent_after: float | None
    """Seconds from the start after the kill until a page that had been committed came, less those that drwatch, and
    then its courier, were ready to run while others did; None where no page was due."""
    extra: tuple[str, ...] = ()
    """Pages of something else."""

    @property
    def good(self) -> bool:
        soon = self.resent_after is None or self.resent_after <= 5.0
        return not (self.lost or self.extra) and self.copies <= self.killed and self.ids and soon and self.killed > 0


class Story:
    """The daemon, its ledger and its phones. A context manager: everything is gone at its end."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.sandbox = Sandbox()
        self.phone, self.pager = Inbox(), Inbox()
        self.since = time.monotonic()
        self.kills = 0
        self.started_at = 0.0
        self.process: Process | None = None
        place = self.sandbox.path
        self.fault, self.log = place / "fault", place / "drwatch.log"
        self.ledger = self.sandbox.directory("state") / "drwatch.db"
        for name, text in (("pw", "secret"), ("phone.url", self.phone.url), ("pager.url", self.pager.url)):
            (place / name).touch(mode=0o600)
            (place / name).write_text(text)
        self.config = place / "drwatch.yaml"
        self.config.write_text(
            CONFIG.format(
                pw=place / "pw",
                phone=place / "phone.url",
                pager=place / "pager.url",
                state=place / "state",
                runtime=self.sandbox.directory("runtime"),
            )
        )

    def __enter__(self) -> Story:
        self.phone.__enter__()
        self.pager.__enter__()
        self.fault.touch()
        return self

    def __exit__(self, *error: object) -> None:
        self.sandbox.close()
        self.phone.__exit__()
        self.pager.__exit__()

    def start(self, point: Failpoint | None = None) -> None:
        words = [point.name if point else "nowhere", str(self.fault), str(self.since)]
        command = [sys.executable, "-m", "drwatch.lab.failpoints"]
        self.started_at = time.monotonic()
        self.process = self.sandbox.spawn([*command, *words, "run", "--config", self.config], log=self.log)

    def kill(self, *_: object) -> None:
        assert self.process is not None
        self.process.signal(signal.SIGKILL)

    @property
    def dead(self) -> bool:
        assert self.process is not None
        if not self.process.alive and self.process.returncode != -signal.SIGKILL:
            raise RuntimeError(f"drwatch ended by itself: {self.log.read_text()[-1500:]}")
        return not self.process.alive

    def waiting(self) -> int:
        """Rows in the ledger that nobody has accepted."""
        with suppress(sqlite3.Error), closing(sqlite3.connect(self.ledger)) as db:
            return int(db.execute("SELECT count(*) FROM ledger WHERE state IN ('due', 'sending')").fetchone()[0])
        return 0

    def told(self, resolved: bool) -> bool:
        """Whether both phones have the trouble, or its end."""
        return all(any(_over(page) is resolved for page in inbox.accepted) for inbox in (self.phone, self.pager))

    def go_on(self, point: Failpoint | None = None) -> float | None:
        """Start again after a kill; seconds until a page that was committed came, None where none was due."""
        self.kills += 1
        due, before = self.waiting(), len(self.phone.pages) + len(self.pager.pages)
        self.start(point)
        if not due or point is not None:
            return None
        assert self.process is not None
        pid = self.process.pid
        courier = until(lambda: _courier(pid), within=PATIENCE, what="the courier")
        waited = _waited(pid)
        until(lambda: len(self.phone.pages) + len(self.pager.pages) > before, within=PATIENCE, what="the page again")
        return time.monotonic() - self.started_at - waited - _waited(courier)

    def until(self, condition: Callable[[], bool], what: str) -> bool:
        """Wait for that, or for a kill; whether it was the kill."""
        until(lambda: self.dead or condition(), within=PATIENCE, what=f"{what} ({self.where})")
        return self.dead

    def end(self, resent: Sequence[float | None]) -> Told:
        until(lambda: self.told(resolved=False), within=PATIENCE, what=f"the trouble on both phones ({self.where})")
        self.fault.unlink(missing_ok=True)
        until(lambda: self.told(resolved=True), within=PATIENCE, what=f"its end on both phones ({self.where})")
        time.sleep(QUIET)
        assert self.process is not None
        self.process.signal(signal.SIGTERM)
        self.process.wait(45)
        return self._account(resent)

    def _account(self, resent: Sequence[float | None]) -> Told:
        channels = {"phone": self.phone, "pager": self.pager}
        pages = [(name, page) for name, inbox in channels.items() for page in inbox.accepted]
        mine = [(name, page) for name, page in pages if "StandbyWritable" in page.title]
        counts = Counter((name, _over(page)) for name, page in mine)
        ids = Counter((name, _over(page), _event(page)) for name, page in mine)
        required = [(name, over) for name in channels for over in (False, True)]
        waits = [seconds for seconds in resent if seconds is not None]
        return Told(
            where=self.where,
            killed=self.kills,
            lost=tuple(
                f"{'RESOLVED' if over else 'the page'} on {name}" for name, over in required if not counts[name, over]
            ),
            copies=max(counts.values(), default=0) - 1,
            ids=len(ids) == len(counts),
            resent_after=max(waits, default=None),
            extra=tuple(page.title for name, page in pages if (name, page) not in mine),
        )


def _over(page: Page) -> bool:
    return page.title.startswith("RESOLVED")


def _event(page: Page) -> str:
    found = re.search(r"\[(\w+\.\d+)\]$", page.title)
    return found[1] if found else page.title


def crash(point: Failpoint) -> Told:
    """The story with a kill there; a start is killed after a first kill that left a page due."""
    with Story(point.name) as story:
        if point.stage is Stage.STARTED:
            story.start(FAILPOINTS["committing: back in the loop"])
            story.until(lambda: story.told(resolved=False), "the first kill")
            story.go_on(point)
        else:
            story.start(point)
        killed = story.until(lambda: story.told(resolved=False), "the trouble on both phones")
        if not killed:
            story.fault.unlink()
            killed = story.until(lambda: story.told(resolved=True), "its end on both phones")
            with suppress(TimeoutError):
                # A phone has the page before drwatch knows that it has.
                killed = until(lambda: story.dead, within=QUIET, what="the kill")
        return story.end([story.go_on()] if killed else [])


def crash_at_the_phone(answered: bool) -> Told:
    """Killed by the phone itself: the provider has the page, and has or has not said so."""
    words = "has answered" if answered else "has not answered yet"
    with Story(f"the phone: it has the page and {words}") as story:

        def received(page: Page) -> None:
            story.phone.on_receive = lambda page: None
            if not answered:
                story.kill()
                return

        story.phone.on_receive = received
        story.start()
        until(lambda: bool(story.phone.pages), within=PATIENCE, what="the page")
        if answered:
            story.kill()
        story.until(lambda: False, "the kill")
        return story.end([story.go_on()])


def syscalls() -> Counter[str]:
    """How often a thread of drwatch makes each system call between the decision to page and the mark of its acceptance.

    strace counts by thread too: a kill at the third is at the third of the thread that first comes to one.
    """
    with Story("counting") as story:
        story.start(STOPPED)
        trace = story.sandbox.path / "trace"
        with _Traced(story, ["-o", str(trace)]):
            until(lambda: bool(story.phone.accepted) and not story.waiting(), within=PATIENCE, what="the mark")
        made = Counter(re.findall(r"^(\d+) +(?:<\.\.\. )?([a-z_0-9]+)\(", trace.read_text(), re.MULTILINE))
    most: Counter[str] = Counter()
    for (_, call), count in made.items():
        most[call] = max(most[call], count)
    return most


def crash_at(call: str, number: int) -> Told | None:
    """The story with a kill at that system call, the ``number``th of its thread; None where it made no such call."""
    with Story(f"{call} {number}") as story:
        story.start(STOPPED)
        inject = f"inject={call}:signal=SIGKILL:when={number}"
        with _Traced(story, ["-o", "/dev/null", "-e", f"trace={call}", "-e", inject]):
            killed = story.until(lambda: story.told(resolved=False), "the kill")
        return story.end([story.go_on()]) if killed else None


class _Traced:
    """The daemon under strace from the decision on."""

    def __init__(self, story: Story, words: list[str]) -> None:
        self._story, self._words = story, words
        self._strace: Process | None = None

    def __enter__(self) -> None:
        process = self._story.process
        assert process is not None
        until(lambda: _state(process.pid) == "T", within=PATIENCE, what="the decision to page")
        command = [str(_strace()), "-f", "-q", "-p", str(process.pid), *self._words]
        self._strace = self._story.sandbox.spawn(command, log=self._story.sandbox.path / "strace.log")
        until(lambda: self._traced(process.pid), within=30, what="strace's hold")
        process.signal(signal.SIGCONT)

    def _traced(self, pid: int) -> bool:
        """Whether every thread is."""
        states = [each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/status")]
        return bool(states) and all("TracerPid:\t0\n" not in text for text in states)

    def __exit__(self, *error: object) -> None:
        if self._strace is not None and self._strace.alive:
            self._strace.signal(signal.SIGINT)
            with suppress(TimeoutError):
                self._strace.wait(10)


def _strace() -> Path:
    return Path(shutil.which("strace") or parts() / "bin" / "strace")


def _courier(pid: int) -> int:
    """The process that sends, once it is there; else 0."""
    with suppress(FileNotFoundError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else 0
    return 0


def _waited(pid: int) -> float:
    """Seconds that a process was ready to run while others did."""
    with suppress(FileNotFoundError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    return 0.0


def _state(pid: int) -> str:
    with suppress(FileNotFoundError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""
