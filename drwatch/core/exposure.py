"""Data at risk: what would be lost if the primary were gone for good, as bounds that say their direction.

Seconds are an upper bound: ``as_of - asked_at`` of the newest timeline entry that the standby is known to hold,
asked_at being the moment before the question was sent. They are never below the age of the last look of the primary.
Transactions and bytes are lower bounds: those *seen* missing, published with the window that nobody has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drwatch.core import binlog, gtid
from drwatch.core.ailing import full_disks
from drwatch.core.chain import upstream
from drwatch.core.duration import at_most
from drwatch.core.gtid import Gtids, GtidSet
from drwatch.core.policy import Cluster, FileSet
from drwatch.core.receipt import whole
from drwatch.core.roles import feed, former, path
from drwatch.core.sample import Channel, Flavour, MarkerFact, Moment, Node, Probe, ServerFact
from drwatch.core.snapshot import Snapshot
from drwatch.core.timeline import Position, Timeline


@dataclass(frozen=True, slots=True)
class Exposure:
    """The claim for one standby and one kind of data. ``seconds`` is None exactly when ``unknown`` says why."""

    node: Node
    data: str
    """'mysql', 'files/NAME', or 'all' for the worst of them."""
    seconds: float | None
    unknown: str = ""
    datum: Moment | None = None
    """When the proof behind the figure was made."""
    frozen: bool = False
    """The primary is proved dead: the claim stands still."""
    transactions_seen: int | None = None
    bytes_seen: int | None = None
    unseen_seconds: float | None = None
    """Length of the window before ``as_of`` in which nobody looked at the primary."""
    filtered: tuple[str, ...] = ()
    """What the standby leaves out: the claim is for the rest, this is lost with the primary."""

    @property
    def known(self) -> bool:
        return self.seconds is not None


def _applied(server: ServerFact | None, channel: Channel | None) -> Gtids | None:
    applied: Gtids | None = None
    if server is not None:
        # On MariaDB gtid_binlog_pos would count the standby's own writes as the primary's.
        applied = server.gtid_applied if server.flavour is Flavour.MARIADB else server.gtid
    return gtid.union(applied, channel.executed_gtid) if channel else applied


def _void(snapshot: Snapshot, standby: Node, channel: Channel) -> bool:
    """Whether the standby has restarted since it said what it had received: it may have thrown that away."""
    held = snapshot.receipts.get((standby, channel.name))
    return held is not None and held.void


def received(snapshot: Snapshot, standby: Node) -> Position | None:
    """Everything the standby is known to hold, applied or not; None while nothing is known of it."""
    server, channel = snapshot.server(standby), feed(snapshot, standby)
    if server is None and channel is None:
        return None
    applied = _applied(server, channel)
    if channel is None:
        return Position(applied, None)
    if _void(snapshot, standby, channel):
        return Position(applied, channel.executed, by_coordinate=not channel.uses_gtid)
    complete = whole(channel, applied, server.version if server else ())
    return Position(gtid.union(complete, applied), channel.read, by_coordinate=not channel.uses_gtid)


def arrived(snapshot: Snapshot, standby: Node, channel: Channel) -> Position:
    """Everything that may have come by a channel, a torn transaction included: what is beyond it has surely not."""
    came = gtid.union(channel.retrieved_gtid, _applied(snapshot.server(standby), channel))
    return Position(came, channel.read, by_coordinate=not channel.uses_gtid)


@dataclass(frozen=True, slots=True)
class Lost:
    """What a standby had received and holds no more, counted in whichever unit it can be."""

    transactions: int | None
    octets: int | None


def lost_again(snapshot: Snapshot, standby: Node) -> Lost | None:
    """What the standby once received and has neither received anew nor applied; None when nothing is known to be so."""
    channel, have = feed(snapshot, standby), received(snapshot, standby)
    if channel is None or have is None or _void(snapshot, standby, channel):
        return None
    held = snapshot.receipts.get((standby, channel.name))
    if held is None or held.furthest is None or not held.furthest.beyond(have):
        return None
    if have.by_coordinate and have.binlog is not None and held.furthest.binlog is not None:
        return Lost(None, binlog.bytes_between(have.binlog, held.furthest.binlog))
    if held.furthest.gtid is None or have.gtid is None:
        return None
    return Lost(gtid.missing(held.furthest.gtid, have.gtid), None)


def _seen_missing(snapshot: Snapshot, line: Timeline, standby: Node, direct: bool) -> tuple[int | None, int | None]:
    """Transactions and bytes that the primary was seen to have before the standby was seen to lack them.

    Bytes only where the primary itself feeds it (``direct``): another's coordinates are of another log.
    """
    look, channel = snapshot.newest(standby, Probe.REPLICATION), feed(snapshot, standby)
    if channel is None or look is None:
        return None, None
    had = next((entry.position.gtid for entry in line.known_by(look.asked) if entry.position.gtid is not None), None)
    places = (entry.position.binlog for entry in line.known_by(look.asked))
    written = next((place for place in places if place is not None), None)
    # All that may have come, the torn one included, or the count would not be a lower bound.
    arrived = channel.retrieved_gtid
    if arrived is not None and (channel.uses_gtid or isinstance(arrived, GtidSet)):
        arrived = gtid.union(arrived, _applied(snapshot.server(standby), channel))
    else:
        # MariaDB keeps no count of what it received by coordinate.
        arrived = None
    transactions = gtid.missing(had, arrived) if had is not None and arrived is not None else None
    octets = None
    if direct and written is not None and channel.read is not None:
        octets = binlog.bytes_between(channel.read, written, {} if channel.read.file == written.file else line.sizes)
    if octets == 0 and transactions is None and not channel.uses_gtid:
        transactions = 0
    return transactions, octets


def of_database(cluster: Cluster, snapshot: Snapshot, standby: Node, now: Moment) -> Exposure:
    """The claim for the database on one standby."""
    primary = cluster.primary.node

    def unknown(why: str) -> Exposure:
        return Exposure(standby, "mysql", None, why)

    if standby == former(cluster, snapshot):
        return unknown(f"{standby.name} led before {primary.name} took over, and is no standby yet")
    line = snapshot.timelines.get(primary)
    if line is None or line.newest is None:
        return unknown(f"{primary.name} has not been seen to have a position yet")
    if standby in line.rewound:
        return unknown(
            f"the position of {primary.name} went back (restored, or its logs were reset): rebuild {standby.name} "
            f"from it, then say so: drwatch rebuilt {standby.cluster} {standby.name}"
        )
    have = received(snapshot, standby)
    if have is None:
        return unknown(f"{standby.name} has not been seen yet")
    way = path(cluster, snapshot, standby)
    if way.astray is not None:
        return unknown(f"{standby.name} replicates from {way.astray} and not from {primary.name}")
    nearest = standby
    if way.through:
        # Coordinates are those of its own source's log; in the primary's they would stand for another place.
        led = None if have.binlog is None else upstream(snapshot, standby, have.binlog, way.through)
        if have.gtid is not None:
            have = Position(have.gtid, None)
        elif led is not None and led.standby not in line.rewound:
            have, nearest = Position(None, led.place, by_coordinate=True), led.standby
        else:
            via = way.through[0].name
            return unknown(f"what {standby.name} received through {via} could not be placed in what {primary.name} had")
    # A standby whose status has not been read may well follow by coordinate.
    doubt = line.doubts.get(nearest) if have.by_coordinate or feed(snapshot, standby) is None else None
    held = line.newest_within(have, doubt.since if doubt else None)
    if held is None:
        return unknown(f"nothing that {standby.name} has received could be placed in what {primary.name} had")
    if line.sure_from is not None and held.asked.loop <= line.sure_from.loop:
        return unknown(
            f"when {standby.name} last held all of {primary.name} is not known: the machine of drwatch has restarted "
            "since, and its clock went back"
        )
    death = snapshot.deaths.get(primary)
    as_of = death or now
    transactions, octets = _seen_missing(snapshot, line, standby, direct=not way.through)
    status = snapshot.sight(standby, Probe.REPLICATION)
    if status is not None and status.blind is not None:
        # That nothing was missing when the standby last told is nothing that can be seen now.
        transactions, octets = transactions or None, octets or None
    if full_disks(snapshot, primary):
        # The server counts a transaction that waits for room and that nobody was told is safe: no lower bound.
        transactions = octets = None
    # In a chain, what one of those before it leaves out does not come to it either.
    feeds = (feed(snapshot, node) for node in (*reversed(way.through), standby))
    return Exposure(
        node=standby,
        data="mysql",
        seconds=max(0.0, as_of - held.asked),
        datum=held.asked,
        frozen=death is not None,
        transactions_seen=transactions,
        bytes_seen=octets,
        unseen_seconds=max(0.0, as_of - line.newest.asked),
        filtered=tuple(each for channel in feeds if channel for each in channel.filters),
    )


def of_files(snapshot: Snapshot, standby: Node, files: FileSet, now: Moment) -> Exposure | None:
    """The claim for one file set: the age of the start of the last sync that finished; None until a marker was seen.

    A set that never had a marker is unmeasured, which is not the same as lost sight of.
    """
    sight = snapshot.sight(standby, Probe.MARKER, files.name)
    if sight is None or sight.fact is None or not isinstance(sight.fact.found, MarkerFact):
        return None
    if sight.blind is not None and now - sight.fact.answered > files.stale_after:
        return Exposure(standby, f"files/{files.name}", None, "its marker can no longer be read")
    marker = sight.fact.found
    return Exposure(
        node=standby,
        data=f"files/{files.name}",
        # The host read its clock somewhere between question and answer; from the question on it is an upper bound.
        seconds=max(0.0, marker.age + (now - sight.fact.asked)),
        datum=sight.fact.answered,
    )


@dataclass(frozen=True, slots=True)
class Coherent:
    """The claim for all data of one standby together: a database and files of different age do not fit."""

    claim: Exposure
    meaning: str
    """One sentence; empty where there is nothing but a database."""


def coherent(standby: Node, database: Sequence[Exposure], files: Sequence[Exposure]) -> Coherent:
    """The worst of all claims; unknown as soon as one is, since that one may be greater."""
    claims = (*database, *files)
    unknown = "; ".join(f"{_noun(claim)}: {claim.unknown}" for claim in claims if claim.seconds is None)
    if unknown or not claims:
        return Coherent(Exposure(standby, "all", None, unknown or "nothing is replicated"), "")
    worst = max(claims, key=lambda claim: claim.seconds or 0.0)
    claim = Exposure(standby, "all", worst.seconds, datum=worst.datum, frozen=worst.frozen)
    if not files:
        return Coherent(claim, "")
    ages = ", ".join(f"{_noun(each)} {at_most(each.seconds or 0.0)}" for each in claims)
    misfit = "files may lie there that no row names" if worst in database else "rows may point at missing files"
    return Coherent(claim, f"{ages}: effective {at_most(worst.seconds or 0.0)}, {misfit}")


def _noun(claim: Exposure) -> str:
    return "database" if claim.data == "mysql" else claim.data.removeprefix("files/")
