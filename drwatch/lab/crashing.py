"""One trouble from its detection to its end, told to two phones by a real daemon that is killed on the way."""

from __future__ import annotations

import re
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from drwatch.lab.deadline import until
from drwatch.lab.failpoints import FAILPOINTS, Failpoint, Stage
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

COMES_ROUND = 8.0
"""Seconds in which every place of a running daemon is reached: what it remembers is written each five."""

WAITING = frozenset({"due", "sending"})
"""States of a row that nobody has settled."""

ENDS = frozenset({"resolved", "missed"})
"""Reasons of a page that tells of an end."""


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
    """Pages of something else, or that the ledger knows nothing of."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """How many pages came, by why they were due."""
    states: Mapping[str, int] = field(default_factory=dict)
    """How many rows of the ledger ended in which state."""
    unaccounted: tuple[str, ...] = ()
    """Pages that came more often than there are attempts in the record."""

    @property
    def good(self) -> bool:
        soon = self.resent_after is None or self.resent_after <= 5.0
        return (
            not (self.lost or self.extra or self.unaccounted)
            and self.copies <= self.killed
            and self.ids
            and soon
            and self.killed > 0
        )


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

    def told(self, resolved: bool, by: Callable[[Iterable[bool]], bool] = all) -> bool:
        """Whether both phones, or any of them, have the trouble, or its end."""
        return by(any(_over(page) is resolved for page in inbox.accepted) for inbox in (self.phone, self.pager))

    def go_on(self, point: Failpoint | None = None) -> float | None:
        """Start again after a kill; seconds until a page that was committed came, None where none was due."""
        self.kills += 1
        due, before = self.waiting(), len(self.phone.pages) + len(self.pager.pages)
        self.start(point)
        if not due or point is not None:
            return None
        assert self.process is not None
        pid = self.process.pid
        courier = until(lambda: courier_of(pid), within=PATIENCE, what="the courier")
        waited = _waited(pid)
        until(lambda: len(self.phone.pages) + len(self.pager.pages) > before, within=PATIENCE, what="the page again")
        return time.monotonic() - self.started_at - waited - _waited(courier)

    def until(self, condition: Callable[[], bool], what: str) -> bool:
        """Wait for that, or for a kill; whether it was the kill."""
        until(lambda: self.dead or condition(), within=PATIENCE, what=f"{what} ({self.where})")
        return self.dead

    def dies(self, within: float) -> bool:
        """Whether it is killed by then: a phone has a page before drwatch knows that it has."""
        with suppress(TimeoutError):
            return until(lambda: self.dead, within=within, what="the kill")
        return False

    def end(self, resent: Sequence[float | None], by: Callable[[Iterable[bool]], bool] = all) -> Told:
        """See it to its end. ``by`` says whether both phones must have the trouble, or any."""
        until(lambda: self.told(False, by), within=PATIENCE, what=f"the trouble on the phones ({self.where})")
        self.fault.unlink(missing_ok=True)
        until(lambda: self.told(resolved=True), within=PATIENCE, what=f"its end on both phones ({self.where})")
        time.sleep(QUIET)
        assert self.process is not None
        self.process.signal(signal.SIGTERM)
        self.process.wait(45)
        return self._account(resent, by)

    def _account(self, resent: Sequence[float | None], by: Callable[[Iterable[bool]], bool]) -> Told:
        with closing(sqlite3.connect(self.ledger)) as db:
            lines = db.execute("SELECT event, channel, reason, state FROM ledger WHERE title LIKE '%StandbyWritable%'")
            rows = {(event, channel): (reason, state) for event, channel, reason, state in lines}
            tried = Counter(db.execute("SELECT event, channel FROM attempts").fetchall())
        channels = {"phone": self.phone, "pager": self.pager}
        pages = [(name, page) for name, inbox in channels.items() for page in inbox.accepted]
        came = Counter((_event(page), name) for name, page in pages if (_event(page), name) in rows)
        why = Counter((name, rows[event, name][0]) for event, name in came)
        lost = [
            f"{words} on {name}"
            for words, over, needed in (("the trouble", False, by), ("its end", True, all))
            for name in channels
            if not any(channel == name and (reason in ENDS) is over for channel, reason in why)
            and not (needed is any and any((reason in ENDS) is over for _, reason in why))
        ]
        lost += [
            f"{event} on {name} is left {state}"
            for (event, name), (_, state) in rows.items()
            # What is waiting is given up at its next turn once a later page of the same trouble has come.
            if state in WAITING and not any(later > event and channel == name for later, channel in came)
        ]
        lost += [
            f"{event} on {name} is accepted and never came"
            for (event, name), (_, state) in rows.items()
            if state == "accepted" and not came[event, name]
        ]
        ending = {event for (event, _), (reason, _) in rows.items() if reason in ENDS}
        lost += [
            f"{event} came nowhere"
            for event in {event for event, _ in rows}
            # A later page takes its place, unless that is the end.
            if not any(other >= event and (other in ending) is (event in ending) for other, _ in came)
        ]
        waits = [seconds for seconds in resent if seconds is not None]
        return Told(
            where=self.where,
            killed=self.kills,
            lost=tuple(lost),
            copies=max(came.values(), default=0) - 1,
            ids=max(why.values(), default=0) <= 1,
            resent_after=max(waits, default=None),
            extra=tuple(page.title for name, page in pages if (_event(page), name) not in rows),
            reasons=Counter(rows[key][0] for key in came.elements()),
            states=Counter(state for _, state in rows.values()),
            unaccounted=tuple(
                f"{event} on {name}" for (event, name), times in came.items() if times > tried[event, name]
            ),
        )


def _over(page: Page) -> bool:
    return page.title.startswith(("RESOLVED", "MISSED"))


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
        if not killed and point.stage is not Stage.RESOLVED:
            killed = story.dies(COMES_ROUND)
        if not killed:
            story.fault.unlink()
            killed = story.until(lambda: story.told(resolved=True), "its end on both phones") or story.dies(COMES_ROUND)
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


def courier_of(pid: int) -> int:
    """The process that sends, once it is there; else 0. It is not the first: a library asks ldconfig at its start."""
    with suppress(FileNotFoundError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if b"drwatch.paging.courier" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    return 0


def _waited(pid: int) -> float:
    """Seconds that a process was ready to run while others did."""
    with suppress(FileNotFoundError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    return 0.0
