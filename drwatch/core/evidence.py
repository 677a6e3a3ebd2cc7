"""What each chair may say of a primary, one word each, and which of two words speaks of more life.

The chairs are the witness (its connections to the server and to the host, and what else it reaches), the standby (its
receiver, and a dial from its shell to the primary's port 22), the primary itself (what its kernel says over SSH of the
server's port, binary log and disk) and the anchors outside. An error packet is proof of life; a chair that cannot be
asked never confirms anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import NamedTuple


class Server(StrEnum):
    """How far up the ladder the witness gets at the server's port."""

    ANSWERS = "answers"
    STUCK = "stuck"
    """It answers, and what it should write gets nowhere."""
    SATURATED = "saturated"
    """It has no connection left for anybody."""
    SPEAKS = "speaks"
    """Any other error packet: alive, and no use to us."""
    REFUSED = "refused"
    SILENT = "silent"
    """Its host takes the connection, and the server says not a byte."""
    STALLED = "stalled"
    """A query on the held connection got no answer; whether the host is still there, it does not say."""
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"
    """Not looked at yet, or the look failed on our side: a name that does not resolve, a bug."""


class Host(StrEnum):
    """What the witness sees of the host over SSH since the trouble began."""

    RUNS_IT = "runs it"
    STOPPED = "stopped"
    """The process is there and was stopped: state T."""
    BLOCKED = "blocked"
    """The process is there and waits for a disk or the like: state D."""
    GONE = "gone"
    """The host answers, and the process that used to be there is not."""
    STARTING = "starting"
    """No process, and systemd says that it is bringing one up or down."""
    UP = "up"
    """The host answers, and has never shown a server process."""
    MUTE = "mute"
    """Its kernel takes the connection, and sshd says not a byte: nothing that runs there does anything."""
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


NO_SHELL = (Host.MUTE, Host.REFUSED, Host.UNREACHABLE, Host.UNKNOWN)
"""What is said of a host that cannot be asked."""


class Receiver(StrEnum):
    """What the standby's receiver says of its source since the trouble began."""

    FLOWING = "flowing"
    HEARD = "heard"
    """It has heard from it since, though not lately; no heartbeat is overdue yet."""
    QUIET = "quiet"
    """It believes that it is connected and has heard nothing."""
    OVERDUE = "overdue"
    """It believes so, and a heartbeat that its source owes it has not come."""
    BROKEN = "broken"
    """It lost its source about when the witness did, by an error of the network and not of the source."""
    UNKNOWN = "unknown"
    """Nobody to ask; or stopped by hand, turned away by the source, or broken long before: no word on this."""


class Door(StrEnum):
    """Whether something answers on the primary's port 22 when the standby dials it."""

    OPEN = "open"
    MUTE = "mute"
    """Its kernel takes the connection, and nobody there says a word."""
    SHUT = "shut"
    UNKNOWN = "unknown"


class Own(StrEnum):
    """What the primary's own host says, over SSH since the trouble began, of the server's port and binary log."""

    COMMITS = "commits"
    """The binary log grows from look to look."""
    FEEDS = "feeds"
    """The port is open, nobody waits at it, and a standby is connected."""
    LISTENS = "listens"
    """The port is open, and nobody waits at it: the server takes whoever comes."""
    DEAF = "deaf"
    """The port is open, and connections wait there that the server does not take."""
    SHUT = "shut"
    """Nobody listens on the port."""
    UNKNOWN = "unknown"


class Disk(StrEnum):
    """What the primary's host says of the disk under its server."""

    STALLED = "stalled"
    """It takes nothing: I/O has been under way for long and none was finished, or it is mounted read-only."""
    FULL = "full"
    UNKNOWN = "unknown"
    """Nothing is seen to be wrong with it, or nobody can look."""


class World(StrEnum):
    """What the witness reaches besides this primary since the trouble began."""

    REACHED = "reached"
    """Something: the primary's host, a standby, another pair, an anchor."""
    SILENT = "silent"
    """Nothing at all, and every anchor was asked."""
    DARK = "dark"
    """Nothing at all, but no anchor could say so, or not every one was asked."""


class Chairs(NamedTuple):
    """What every chair says: the evidence that one verdict is made from."""

    server: Server
    host: Host = Host.UNKNOWN
    receiver: Receiver = Receiver.UNKNOWN
    door: Door = Door.UNKNOWN
    own: Own = Own.UNKNOWN
    disk: Disk = Disk.UNKNOWN
    world: World = World.REACHED


@dataclass(frozen=True, slots=True)
class Vote:
    """One chair's word, as a reader is told it."""

    chair: str
    """Who looks at what, such as 'witness, SSH'."""
    said: str
    """Its word, in the table's terms."""
    sentence: str
    age: float | None
    """Seconds since it was asked, by drwatch's own clock; None while it was not."""
    counts: bool
    """It has a word on this trouble. One that cannot be asked, or whose word is stale, abstains: it is one of the
    chairs all the same, and confirms nothing."""


WORDS: Mapping[str, tuple[StrEnum, ...]] = {
    chair: tuple(words)
    for chair, words in zip(Chairs._fields, (Server, Host, Receiver, Door, Own, Disk, World), strict=True)
}
"""Every word of every chair."""

_NO_ANSWER = (Server.REFUSED, Server.SILENT, Server.STALLED, Server.UNREACHABLE)
_SOME_LIFE = (Server.SPEAKS, Server.SATURATED, Server.STUCK)

MORE_LIFE: Mapping[str, Mapping[StrEnum, tuple[StrEnum, ...]]] = {
    "server": {
        **dict.fromkeys(_NO_ANSWER, (*_SOME_LIFE, Server.ANSWERS)),
        Server.UNKNOWN: (Server.SPEAKS, Server.ANSWERS),
        **dict.fromkeys(_SOME_LIFE, (Server.ANSWERS,)),
    },
    "host": {
        Host.GONE: tuple(word for word in Host if word is not Host.GONE),
        Host.STOPPED: (Host.BLOCKED, Host.RUNS_IT),
        Host.BLOCKED: (Host.RUNS_IT,),
        Host.UP: (Host.RUNS_IT,),
    },
    "receiver": {
        Receiver.BROKEN: (Receiver.OVERDUE, Receiver.QUIET, Receiver.UNKNOWN, Receiver.HEARD, Receiver.FLOWING),
        Receiver.OVERDUE: (Receiver.QUIET, Receiver.UNKNOWN, Receiver.HEARD, Receiver.FLOWING),
        Receiver.QUIET: (Receiver.HEARD, Receiver.FLOWING),
        Receiver.UNKNOWN: (Receiver.HEARD, Receiver.FLOWING),
        Receiver.HEARD: (Receiver.FLOWING,),
    },
    "door": {
        Door.SHUT: (Door.UNKNOWN, Door.OPEN),
        Door.MUTE: (Door.OPEN,),
        Door.UNKNOWN: (Door.OPEN,),
    },
    "own": {
        Own.SHUT: (Own.DEAF, Own.UNKNOWN, Own.LISTENS, Own.FEEDS, Own.COMMITS),
        Own.DEAF: (Own.UNKNOWN, Own.LISTENS, Own.FEEDS, Own.COMMITS),
        Own.UNKNOWN: (Own.LISTENS, Own.FEEDS, Own.COMMITS),
        Own.LISTENS: (Own.FEEDS, Own.COMMITS),
        Own.FEEDS: (Own.COMMITS,),
    },
    "disk": {Disk.STALLED: (Disk.FULL, Disk.UNKNOWN)},
}
"""By chair, which of its words speak of more life than this one.

What the witness could not look at may be well or ailing. Two silences are not to be compared: a host that answers puts
the blame for a port that does not on the server, a host out of reach may put it on the path. Nor are two troubles of a
process that is there: that it starts, or that it hangs.
A full disk and the world outside say nothing of life: they say what is the matter, and with whom.
"""


def every() -> tuple[Chairs, ...]:
    """All that the chairs can say together."""
    return tuple(Chairs(*words) for words in product(Server, Host, Receiver, Door, Own, Disk, World))
