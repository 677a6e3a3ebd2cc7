"""The memory on the disk: one row an entry of a timeline, one row for each other part, written when it has changed."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, get_type_hints

from drwatch.core.actuals import Outage
from drwatch.core.drill import Drill
from drwatch.core.memory import Memory, Passage, passage
from drwatch.core.sample import Moment, Node
from drwatch.core.timeline import Entry, Position, Timeline
from drwatch.store.plain import plain, value_of
from drwatch.store.values import text, wall

log = logging.getLogger("drwatch")

HINTS: Final = get_type_hints(Memory)
PARTS: Final = tuple(name for name in HINTS if name not in ("at", "rebooted", "sure"))
"""A row each. That of the timelines holds them without their entries, which have a table of their own."""

HERE: Final = Passage(0.0, rebooted=False, sure=True)
"""Of what holds no moment, or is to be read as it was written."""


@dataclass(frozen=True, slots=True)
class Written:
    """What the file is known to hold, so that only changes are written. Empty: everything is written anew."""

    parts: Mapping[str, str] = field(default_factory=dict)
    entries: Mapping[Node, Mapping[float, float]] = field(default_factory=dict)
    """Per node, when each entry was first and when it was last seen, by the loop's hand."""


def load(db: sqlite3.Connection, boot: str, now: Moment) -> Memory:
    """What an earlier run wrote, on this run's clock. What cannot be read is forgotten."""
    parts = {line["name"]: line["value"] for line in db.execute("SELECT * FROM memory")}
    written = _read("at", Moment, parts, HERE)
    if written is None:
        # An earlier drwatch wrote nothing else, and no time to it.
        alive = _read("alive", HINTS["alive"], parts, HERE)
        return Memory(at=now, alive=alive or frozenset())
    same_boot = bool(boot) and _read("boot", str, parts, HERE) == boot
    over = passage(written, same_boot, now)
    found = {name: held for name in PARTS if (held := _read(name, HINTS[name], parts, over)) is not None}
    lines = _with_entries(db, found.pop("timelines", {}), over)
    return Memory(at=over.of(written), rebooted=over.rebooted, sure=over.sure, timelines=lines, **found)


def rehearsed(db: sqlite3.Connection) -> tuple[tuple[Drill, ...], tuple[Outage, ...]]:
    """The drills and the outages that are remembered, their moments as they were written."""
    parts = {line["name"]: line["value"] for line in db.execute("SELECT * FROM memory")}
    drills, outages = (_read(name, HINTS[name], parts, HERE) for name in ("drills", "outages"))
    return drills or (), outages or ()


def _read(name: str, kind: Any, parts: Mapping[str, str], over: Passage) -> Any:
    if name not in parts:
        return None
    try:
        return value_of(kind, json.loads(parts[name]), over.of)
    except ValueError as error:
        log.warning("what was remembered as %s is forgotten: %s", name, error, extra={"event": "ledger"})
        return None


def _with_entries(db: sqlite3.Connection, lines: Mapping[Node, Timeline], over: Passage) -> Mapping[Node, Timeline]:
    entries: dict[Node, list[Entry]] = {}
    for row in db.execute("SELECT * FROM timeline ORDER BY asked"):
        try:
            position: Position = value_of(Position, json.loads(row["position"]), over.of)
            asked = over.of(Moment(row["asked"], wall(row["wall"])))
        except ValueError:
            continue  # an entry less can only make a claim larger
        known = asked.plus(row["since"] - row["asked"])
        entries.setdefault(Node(row["cluster"], row["node"]), []).append(Entry(asked, position, known))
    held = {node: replace(line, entries=tuple(entries.get(node, ()))) for node, line in lines.items()}
    return MappingProxyType(held)


def save(db: sqlite3.Connection, memory: Memory, boot: str, before: Written) -> Written:
    """Bring the file up to this memory; call it in a transaction."""
    lines = {node: replace(line, entries=()) for node, line in memory.timelines.items()}
    bare = replace(memory, timelines=lines)
    parts = {name: json.dumps(plain(getattr(bare, name))) for name in PARTS}
    parts |= {"at": json.dumps(plain(memory.at)), "boot": json.dumps(boot)}
    if not before.parts:
        db.execute("DELETE FROM timeline")
    changed = [(name, held) for name, held in parts.items() if before.parts.get(name) != held]
    db.executemany("INSERT OR REPLACE INTO memory VALUES (?, ?)", changed)
    entries = {node: _save(db, node, line, before.entries.get(node, {})) for node, line in memory.timelines.items()}
    return Written(parts, entries)


def _save(db: sqlite3.Connection, node: Node, line: Timeline, there: Mapping[float, float]) -> Mapping[float, float]:
    # Two entries that were first seen at one instant are one row: an entry less can only make a claim larger.
    here = {entry.since.loop: entry for entry in line.entries}
    gone = [(*node, since) for since in there if since not in here]
    db.executemany("DELETE FROM timeline WHERE cluster = ? AND node = ? AND since = ?", gone)
    rows = [
        (*node, since, entry.asked.loop, text(entry.asked), json.dumps(plain(entry.position)))
        for since, entry in here.items()
        if there.get(since) != entry.asked.loop
    ]
    db.executemany("INSERT OR REPLACE INTO timeline VALUES (?, ?, ?, ?, ?, ?)", rows)
    return {since: entry.asked.loop for since, entry in here.items()}
