"""What a lost primary holds and a standby lacks: the list as far as it is known, and the lines that save it.

For a human to run. The copy comes first: a binary log on the disk of a dead server needs no server to be read.
The line that makes SQL of it leaves out what the standby holds, so that it also brings what nobody saw.
"""

from __future__ import annotations

from dataclasses import dataclass

from drwatch.core.binlog import Coordinate, bytes_between
from drwatch.core.exposure import received
from drwatch.core.finding import PRIMARY_LOST, Condition
from drwatch.core.gtid import GtidPosition, GtidSet
from drwatch.core.policy import Cluster, NodePolicy
from drwatch.core.roles import feed, former
from drwatch.core.sample import Flavour, Node, Probe, ServerFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.timeline import Position

READERS = {Flavour.MARIADB: "mariadb-binlog", Flavour.MYSQL: "mysqlbinlog"}

STARTS_AT_GTIDS = (10, 8)
"""MariaDB's --start-position takes GTIDs from here on (MDEV-4989)."""

TOLD = 300
"""Characters of the list that a sentence holds; a set of many gaps is long, and ``known`` has all of it."""

ALL_FILES = 999999
"""More binary logs than a server keeps."""


@dataclass(frozen=True, slots=True)
class Command:
    """A line to paste, where, and why."""

    why: str
    line: str


@dataclass(frozen=True, slots=True)
class Salvage:
    """For one standby; ``known`` is what was seen to be at the source alone, empty when nothing was."""

    source: Node
    standby: Node
    known: str
    """GTIDs, or a range of coordinates."""
    transactions: int | None
    """How many those are; None where coordinates count bytes."""
    bytes: int | None
    whole: bool
    """The source was asked since its last commit: there is no more than that."""
    copy: Command
    decode: Command

    @property
    def words(self) -> str:
        """One sentence."""
        source, standby = self.source.name, self.standby.name
        if not self.known and self.whole:
            return f"{source} holds nothing that {standby} lacks"
        if not self.known:
            return f"nothing was seen that {source} holds and {standby} lacks; its binary log has what nobody saw"
        known = self.known if len(self.known) <= TOLD else f"{self.known[:TOLD]}…"
        count = f"{self.transactions} transactions" if self.transactions is not None else f"{self.bytes} bytes of log"
        return f"{source} holds {'exactly' if self.whole else 'at least'} {count} that {standby} lacks: {known}"


def salvage(snapshot: Snapshot, source: NodePolicy, standby: Node) -> Salvage:
    """What to save from ``source`` that ``standby`` lacks."""
    had, whole = _had(snapshot, source.node)
    have = received(snapshot, standby) or Position(None, None)
    start = _start(snapshot, standby)
    known, count, octets = _missing(had, have, start)
    fact = snapshot.server(source.node)
    reader = READERS[fact.flavour if fact else Flavour.MYSQL]
    selection = _selection(fact, had, have, start, whole)
    # The newest binary log of the standby's own numbering is of no use here: only its source's names count.
    base = start.base if start else had.binlog.base if had.binlog else "*-bin"
    # Not FILE.000001.idx, which MariaDB keeps beside each from 11.4 on, and not the index.
    logs = f"ls -v {base}.*[0-9]"
    first = start.file if start else ""
    wait = f", once {standby.name} has applied all it received" if "--start-position" in selection else ""
    return Salvage(
        source=source.node,
        standby=standby,
        known=known,
        transactions=count,
        bytes=octets,
        whole=whole,
        copy=Command(
            f"Copy the binary logs of {source.node.name} from {first or 'the first'} on",
            _copy(source, fact, f"{logs} | grep -A{ALL_FILES} -xF {first}" if first else logs),
        ),
        decode=Command(
            f"Make SQL of what {standby.name} lacks{wait}",
            f"(cd salvage && {reader} {selection}$({logs})) > salvage.sql",
        ),
    )


def _had(snapshot: Snapshot, source: Node) -> tuple[Position, bool]:
    """The newest that the source was seen to have, in each unit, and whether it can have written nothing since."""
    line, died = snapshot.timelines.get(source), snapshot.deaths.get(source)
    entries = line.entries if line else ()
    gtids = next((entry for entry in reversed(entries) if entry.position.gtid is not None), None)
    places = next((entry for entry in reversed(entries) if entry.position.binlog is not None), None)
    newest = gtids or places
    alive = isinstance(snapshot.latest(source, Probe.SERVER), ServerFact)
    at_rest = died is not None and newest is not None and newest.asked.loop >= died.loop
    return (
        Position(gtids.position.gtid if gtids else None, places.position.binlog if places else None),
        alive or at_rest,
    )


def _start(snapshot: Snapshot, standby: Node) -> Coordinate | None:
    """The end of the last whole transaction: what was only received may end inside one."""
    channel = feed(snapshot, standby) or snapshot.fed.get(standby)
    return channel.executed if channel else None


def _missing(had: Position, have: Position, start: Coordinate | None) -> tuple[str, int | None, int | None]:
    match had.gtid, have.gtid:
        case GtidSet() as theirs, GtidSet() as ours:
            lacking = theirs - ours
            return str(lacking), lacking.count, None
        case GtidPosition() as theirs, GtidPosition() as ours:
            there = {domain: sequence for domain, _, sequence in ours.domains}
            words = [
                f"{domain}-{server}-{held + 1} to {domain}-{server}-{last}"
                for domain, server, last in theirs.domains
                if (held := there.get(domain, last)) < last
            ]
            return ", ".join(words), theirs.ahead_of(ours), None
    if start is None or had.binlog is None:
        return "", None, None
    octets = bytes_between(start, had.binlog)
    return (f"{start} to {had.binlog}" if octets else ""), None, octets


def _selection(fact: ServerFact | None, had: Position, have: Position, start: Coordinate | None, whole: bool) -> str:
    """The reader's option that leaves out what the standby holds."""
    match had.gtid, have.gtid:
        case GtidSet() as theirs, GtidSet() as ours:
            lacking = theirs - ours
            return f"--include-gtids='{lacking}' " if whole and lacking.count else f"--exclude-gtids='{ours}' "
        case GtidPosition() as theirs, GtidPosition() as ours if (
            not have.by_coordinate and fact is not None and fact.version >= STARTS_AT_GTIDS
        ):
            # A domain that the log never reaches is an error to the reader.
            domains = {domain for domain, *_ in theirs.domains}
            there = GtidPosition(tuple(gtid for gtid in ours.domains if gtid[0] in domains))
            return f"--start-position='{there}' " if there.domains else ""
    return f"--start-position={start.position} " if start else ""


def _copy(source: NodePolicy, fact: ServerFact | None, files: str) -> str:
    where = fact.binlog_dir if fact and fact.binlog_dir else source.datadir
    pack = f"sudo sh -c 'cd {where} && {files} | tar -cf - -T -'"
    if source.ssh_host is None:
        return f"# on {source.node.name}: {pack} > salvage.tar"
    return f'mkdir -p salvage && {shell(source)} "{pack}" | tar -xf - -C salvage'


def shell(node: NodePolicy, terminal: bool = False) -> str:
    """The beginning of a command line on that node, as the human's own user: drwatch's may run its one script only."""
    if node.ssh_host is None:
        return f"# on {node.node.name}:"
    port = "" if node.ssh_port == 22 else f" -p {node.ssh_port}"
    return f"ssh{' -t' if terminal else ''}{port} {node.ssh_host}"


def salvages(cluster: Cluster, snapshot: Snapshot, condition: Condition | None) -> tuple[Salvage, ...]:
    """One for each standby while the primary is lost, and one for whoever led before a takeover and is not rebuilt."""
    lost = cluster.standbys if condition in PRIMARY_LOST else ()
    old = former(cluster, snapshot)
    made = [salvage(snapshot, node, cluster.primary.node) for node in cluster.nodes if node.node == old]
    made += [salvage(snapshot, cluster.primary, standby.node) for standby in lost if standby.node != old]
    return tuple(each for each in made if each.known or not each.whole)
