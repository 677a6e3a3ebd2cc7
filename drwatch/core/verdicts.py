"""From evidence to verdict: the whole table, to be read from the top; the first row that fits is the verdict.

A column that is left out fits whatever its chair says. docs/verdicts.md is made from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from drwatch.core.evidence import NO_SHELL, Chairs, Disk, Door, Host, Own, Receiver, Server, World
from drwatch.core.finding import PRIMARY_AILING, PRIMARY_LOST, Condition, Confidence

SURE, LIKELY, ALONE = Confidence.CONCLUSIVE, Confidence.LIKELY, Confidence.ALONE


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: what the chairs must say, what that makes of the primary (None: it lives), how sure, and why."""

    condition: Condition | None
    confidence: Confidence
    why: str
    words: Mapping[str, tuple[StrEnum, ...]]
    """By chair, the words that fit."""

    def fits(self, chairs: Chairs) -> bool:
        return all(getattr(chairs, chair) in words for chair, words in self.words.items())


def rule(condition: Condition | None, confidence: Confidence, why: str, **words: StrEnum | tuple[StrEnum, ...]) -> Rule:
    return Rule(
        condition,
        confidence,
        why,
        {chair: said if isinstance(said, tuple) else (said,) for chair, said in words.items()},
    )


def agreed(condition: Condition, why: str, **words: StrEnum | tuple[StrEnum, ...]) -> Iterator[Rule]:
    """Four rows of one kind: the witness alone with its word is as sure of it as the standby makes it."""
    yield rule(condition, SURE, f"{why}; the standby's receiver has lost it too", receiver=Receiver.BROKEN, **words)
    if "door" not in words:
        yield rule(condition, SURE, f"{why}; the standby does not reach its host either", door=Door.SHUT, **words)
    yield rule(condition, LIKELY, f"{why}; the standby hears nothing either", receiver=HELD_IN_VAIN, **words)
    yield rule(condition, ALONE, f"{why}; no other chair has a word on it", **words)


MUTE = (Server.SILENT, Server.STALLED)
HEARS_NOTHING = (Receiver.QUIET, Receiver.OVERDUE, Receiver.BROKEN)
NOT_SEEN_TO_FLOW = (*HEARS_NOTHING, Receiver.UNKNOWN)
NOT_FLOWING = (*NOT_SEEN_TO_FLOW, Receiver.HEARD)
HELD_IN_VAIN = (Receiver.QUIET, Receiver.OVERDUE)
NOT_SEEN_TO_COMMIT = (Own.FEEDS, Own.LISTENS, Own.DEAF, Own.SHUT, Own.UNKNOWN)
NOT_SEEN_TO_BREAK = (Receiver.FLOWING, Receiver.HEARD, *HELD_IN_VAIN, Receiver.UNKNOWN)
FLOWS = (Receiver.FLOWING, Receiver.HEARD)
NOT_OPEN = (Door.SHUT, Door.UNKNOWN)
ALIVE = (Host.RUNS_IT, Host.UP)
STILL = (Host.STOPPED, Host.BLOCKED)
THERE = (*ALIVE, Host.BLOCKED)
LOST = (Receiver.BROKEN, Receiver.OVERDUE)
TAKES_OR_UNASKED = (Own.FEEDS, Own.LISTENS, Own.UNKNOWN)

# fmt: off
TABLE: tuple[Rule, ...] = (
    # Its disk, before all that follows from it.
    rule(Condition.PRIMARY_DISK_STALLED, SURE, "its disk takes nothing, and no chair sees it commit",
        disk=Disk.STALLED, receiver=NOT_SEEN_TO_FLOW, own=NOT_SEEN_TO_COMMIT),

    # It speaks: it is alive, whatever the others say.
    rule(None, SURE, "it answers a query", server=Server.ANSWERS),
    rule(None, SURE, "an error packet is proof of life", server=Server.SPEAKS),
    rule(Condition.PRIMARY_DISK_FULL, SURE, "it answers, its disk is full, and nothing is committed",
        server=(Server.STUCK, Server.SATURATED), disk=Disk.FULL),
    rule(Condition.PRIMARY_WRITES_STALLED, LIKELY, "it answers, and what it should write gets nowhere",
        server=Server.STUCK),
    rule(Condition.PRIMARY_SATURATED, SURE, "it says itself that it has no connection left", server=Server.SATURATED),

    # Nobody calls dead what commits. A receiver that flows is no such proof beside a corpse: kernels still deliver.
    rule(None, ALONE, "its binary log grows, and the witness's own look failed",
        own=Own.COMMITS, server=Server.UNKNOWN),
    rule(Condition.PRIMARY_UNSEEN, SURE, "its binary log grows: it commits, and only the witness cannot see it",
        own=Own.COMMITS),

    # One chair that saw the corpse, or the midwife.
    rule(Condition.PRIMARY_DOWN, SURE, "its host answers, and the process that was there is gone", host=Host.GONE),
    rule(Condition.PRIMARY_RESTARTING, SURE, "systemd says that it is bringing it up or down", host=Host.STARTING),

    # Nothing answers the witness, whomever it asks: then it knows nothing of the primary.
    rule(Condition.WITNESS_ISOLATED, SURE, "neither the pair nor another nor an anchor answers the witness",
        world=World.SILENT),
    rule(Condition.WITNESS_ISOLATED, LIKELY, "nobody answers the witness, and no anchor can say whose fault it is",
        world=World.DARK),

    # The process is there and does not run; kernels still deliver what it wrote before.
    rule(Condition.PRIMARY_DISK_FULL, SURE, "its process stands still, and its disk is full",
        host=STILL, server=(Server.REFUSED, Server.SILENT, Server.STALLED, Server.UNREACHABLE), disk=Disk.FULL),
    rule(Condition.PRIMARY_HUNG, SURE, "its host shows its process stopped, and it answers nobody",
        host=STILL, server=(Server.SILENT, Server.STALLED, Server.UNREACHABLE)),
    rule(Condition.PRIMARY_HUNG, SURE, "its host shows its process stopped: it neither serves nor starts",
        host=Host.STOPPED),

    # The witness cannot look, as when no name resolves; the standby is the one chair that can.
    rule(Condition.PRIMARY_HUNG, ALONE,
        "the witness cannot look; the standby hears nothing now, and only a kernel takes its dial",
        server=Server.UNKNOWN, host=NO_SHELL, receiver=NOT_FLOWING, door=Door.MUTE),
    rule(Condition.PRIMARY_HOST_DOWN, ALONE,
        "the witness cannot look; the standby hears nothing, and does not reach its host",
        server=Server.UNKNOWN, host=NO_SHELL, receiver=HEARS_NOTHING, door=Door.SHUT),
    rule(Condition.PRIMARY_DOWN, ALONE, "the witness cannot look, and the standby has lost the server",
        server=Server.UNKNOWN, host=NO_SHELL, receiver=Receiver.BROKEN),
    rule(Condition.PRIMARY_HUNG, ALONE, "the witness cannot look, and the server owes the standby a heartbeat",
        server=Server.UNKNOWN, host=NO_SHELL, receiver=Receiver.OVERDUE),
    rule(Condition.PRIMARY_HUNG, LIKELY,
        "the witness cannot look; connections wait at its port in vain, and the standby has lost it",
        server=Server.UNKNOWN, host=THERE, own=Own.DEAF, receiver=LOST),
    rule(Condition.PRIMARY_DOWN, ALONE,
        "the witness cannot look; nobody listens at its port, and the standby has lost it",
        server=Server.UNKNOWN, host=THERE, own=Own.SHUT, receiver=LOST),
    rule(None, ALONE, "the witness's own look failed, and nobody has seen a corpse: ProbeBlind says so",
        server=Server.UNKNOWN),

    # It serves others: what fails is the way between it and the witness.
    rule(Condition.PRIMARY_UNSEEN, SURE, "its own kernel takes connections there: a firewall keeps the witness out",
        host=ALIVE, server=(Server.REFUSED, Server.UNREACHABLE), own=(Own.FEEDS, Own.LISTENS),
        receiver=NOT_SEEN_TO_BREAK),
    rule(Condition.PRIMARY_UNSEEN, SURE, "its host answers, and the standby still receives from it",
        host=ALIVE, server=(Server.SILENT, Server.STALLED, Server.UNREACHABLE), receiver=FLOWS,
        own=TAKES_OR_UNASKED),
    rule(Condition.PRIMARY_HUNG, LIKELY, "its kernel takes connections, sshd is mute, its standby hears nothing now",
        host=Host.MUTE, receiver=Receiver.HEARD),
    rule(Condition.PRIMARY_HUNG, LIKELY, "only a kernel takes the standby's dial, and the standby hears nothing now",
        host=(Host.REFUSED, Host.UNREACHABLE, Host.UNKNOWN), door=Door.MUTE, receiver=Receiver.HEARD),
    rule(Condition.PRIMARY_UNSEEN, ALONE,
        "the standby still receives; but one that shuts down feeds it to the last, its port closed",
        receiver=FLOWS, own=TAKES_OR_UNASKED),

    # The host answers the witness, and its server does not.
    rule(Condition.PRIMARY_DISK_FULL, SURE, "its process is there, its port is shut, and its disk is full",
        host=Host.RUNS_IT, server=Server.REFUSED, disk=Disk.FULL),
    rule(Condition.PRIMARY_RESTARTING, LIKELY,
        "its process is there and its own kernel takes connections: a firewall refuses the witness and the standby",
        host=(Host.RUNS_IT, Host.BLOCKED), server=Server.REFUSED, own=(Own.FEEDS, Own.LISTENS),
        receiver=Receiver.BROKEN),
    rule(Condition.PRIMARY_RESTARTING, SURE, "its process is there, and its port is shut",
        host=(Host.RUNS_IT, Host.BLOCKED), server=Server.REFUSED),
    rule(Condition.PRIMARY_DISK_FULL, SURE, "its host answers, its server does not, and its disk is full",
        host=ALIVE, server=(Server.SILENT, Server.STALLED, Server.UNREACHABLE), disk=Disk.FULL),
    rule(Condition.PRIMARY_HUNG, ALONE, "its process is there and tells the witness nothing, yet nobody waits there",
        host=Host.RUNS_IT, server=MUTE, own=(Own.FEEDS, Own.LISTENS),
        receiver=(*HELD_IN_VAIN, Receiver.UNKNOWN)),
    rule(Condition.PRIMARY_HUNG, SURE, "its process is there, and says nothing to the witness",
        host=Host.RUNS_IT, server=MUTE),
    rule(Condition.PRIMARY_DOWN, SURE, "its host answers, its port is shut, and the standby has lost it too",
        host=Host.UP, server=Server.REFUSED, receiver=Receiver.BROKEN),
    rule(Condition.PRIMARY_DOWN, SURE, "its host answers, and says itself that nobody listens there",
        host=Host.UP, server=Server.REFUSED, own=Own.SHUT),
    rule(Condition.PRIMARY_DOWN, LIKELY, "its host answers, its port is shut; its process is not for us to see",
        host=Host.UP, server=Server.REFUSED),
    rule(Condition.PRIMARY_HUNG, SURE, "its host answers, it says nothing, and the standby has lost it too",
        host=Host.UP, server=MUTE, receiver=Receiver.BROKEN),
    rule(Condition.PRIMARY_HUNG, SURE, "its host answers, and says itself that connections wait there in vain",
        host=Host.UP, server=MUTE, own=Own.DEAF),
    rule(Condition.PRIMARY_HUNG, LIKELY, "its host answers, it takes a connection and says nothing",
        host=Host.UP, server=MUTE),
    rule(Condition.PRIMARY_HUNG, SURE, "its queue of connections is full, says its own kernel",
        host=ALIVE, server=Server.UNREACHABLE, own=Own.DEAF),
    rule(Condition.PRIMARY_HUNG, LIKELY,
        "its host answers and takes connections there, yet a firewall keeps the witness and the standby out",
        host=ALIVE, server=Server.UNREACHABLE, own=(Own.FEEDS, Own.LISTENS), receiver=Receiver.BROKEN),
    rule(Condition.PRIMARY_HUNG, LIKELY, "its host answers, its port does not, and the standby has lost it too",
        host=ALIVE, server=Server.UNREACHABLE, receiver=Receiver.BROKEN),
    rule(Condition.PRIMARY_HUNG, ALONE, "its host answers, its port does not: a full queue, or a firewall before it",
        host=ALIVE, server=Server.UNREACHABLE),

    # The host does not answer the witness.
    rule(Condition.PRIMARY_HUNG, SURE, "its kernel takes the witness's connection and the standby's, and nobody speaks",
        server=Server.SILENT, door=Door.MUTE),
    rule(Condition.PRIMARY_HUNG, SURE, "its kernel takes both the witness's and the standby's dial, and sshd is mute",
        host=Host.MUTE, door=Door.MUTE),
    *agreed(Condition.PRIMARY_HUNG, "a kernel takes the connection, the server says nothing, and its host neither",
            server=Server.SILENT),
    *agreed(Condition.PRIMARY_HUNG, "its kernel takes a connection, and sshd says nothing: its host stands still",
            host=Host.MUTE),
    rule(Condition.PRIMARY_HUNG, SURE,
        "its kernel takes the standby's connections, nobody there says a word, and the standby has lost it too",
        door=Door.MUTE, receiver=Receiver.BROKEN),
    rule(Condition.PRIMARY_HUNG, LIKELY, "its kernel takes the standby's connections, and nobody there says a word",
        door=Door.MUTE),
    *agreed(Condition.PRIMARY_HUNG, "a query gets no answer, and nobody can ask its host",
            server=Server.STALLED, host=Host.UNKNOWN, door=NOT_OPEN),
    *agreed(Condition.PRIMARY_DOWN, "its port is shut, and nobody can ask its host: that may well be up",
            server=Server.REFUSED, host=Host.UNKNOWN),
    rule(Condition.PRIMARY_DOWN, LIKELY, "the standby reaches its host, the witness does not, and neither the server",
        door=Door.OPEN, receiver=Receiver.BROKEN),
    rule(Condition.PRIMARY_HUNG, LIKELY,
        "the standby reaches its host, the witness does not, and the server owes it a heartbeat",
        door=Door.OPEN, receiver=Receiver.OVERDUE),
    rule(Condition.PRIMARY_UNSEEN, ALONE, "the standby reaches its host, the witness does not", door=Door.OPEN),
    *agreed(Condition.PRIMARY_HOST_DOWN, "neither the server nor its host answers"),
)
# fmt: on


@cache
def decide(chairs: Chairs) -> Rule:
    """The one verdict for what the chairs say; the table has a row for everything."""
    return next(rule for rule in TABLE if rule.fits(chairs))


DEADNESS: Mapping[Condition | None, int] = {
    None: 0,
    Condition.PRIMARY_UNSEEN: 1,
    Condition.WITNESS_ISOLATED: 1,
    **dict.fromkeys(PRIMARY_AILING, 1),
    Condition.PRIMARY_RESTARTING: 2,
    Condition.PRIMARY_DISK_STALLED: 3,
    **dict.fromkeys(PRIMARY_LOST, 3),
}
"""How dead each verdict says that the primary is. More evidence of life (``evidence.MORE_LIFE``) never raises it."""
